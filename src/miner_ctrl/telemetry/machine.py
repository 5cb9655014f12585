"""What this machine is, and where it can be reached."""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import socket
import sys
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from miner_ctrl.telemetry.hardware import cpu_name
from miner_ctrl.telemetry.procfs import read_text

_MAX_ROUTES_BYTES = 4 * 2**20
"""A machine with containers has thousands of lines of them."""


class Machine(msgspec.Struct, frozen=True):
    """Operating system and hardware in short; ``ram_bytes`` in bytes, ``cpu_cores`` logical."""

    os: str
    architecture: str
    cpu: str
    cpu_cores: int
    ram_bytes: int


def read_machine() -> Machine:
    """Return what this machine is."""
    return Machine(
        os=_os_name(),
        architecture=platform.machine(),
        cpu=cpu_name(),
        cpu_cores=os.cpu_count() or 0,
        ram_bytes=_ram_bytes(),
    )


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return f"{platform.system()} {platform.release()}".strip()


def _ram_bytes() -> int:
    if sys.platform != "linux":
        import psutil  # noqa: PLC0415 - a megabyte, where the system itself does not tell

        return psutil.virtual_memory().total
    else:  # noqa: RET505 - so that type checkers see both halves
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def own_addresses() -> list[str]:
    """Return the IP addresses of this machine's interfaces that another machine might dial, IPv4 first.

    Without link-local and loopback ones; the loopback address alone if there is no other.
    """
    addresses = map(ipaddress.ip_address, _addresses())
    found = {str(address) for address in addresses if not (address.is_loopback or address.is_link_local)}
    return sorted(found, key=lambda text: (":" in text, text)) or ["127.0.0.1"]


def _addresses() -> Iterator[str]:
    """Yield the addresses of all interfaces that are up."""
    trie = read_text("/proc/net/fib_trie", _MAX_ROUTES_BYTES).splitlines()
    if trie:
        for line, kind in pairwise(trie):  # an address stands above what it is
            if kind.strip() == "/32 host LOCAL":
                yield line.split()[-1]
        for line in read_text("/proc/net/if_inet6", _MAX_ROUTES_BYTES).splitlines():
            yield str(ipaddress.IPv6Address(bytes.fromhex(line[:32])))
        return
    import psutil  # noqa: PLC0415 - a megabyte, where the system itself does not tell

    states = psutil.net_if_stats()
    for interface, entries in psutil.net_if_addrs().items():
        if interface not in states or states[interface].isup:
            yield from (
                entry.address
                for entry in entries
                if entry.family in (socket.AF_INET, socket.AF_INET6) and "%" not in entry.address
            )


def host_name() -> str:
    """Return this machine's name with the characters that a node's name may have."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", platform.node().partition(".")[0]).strip("-")[:63]
    return name or "node"
