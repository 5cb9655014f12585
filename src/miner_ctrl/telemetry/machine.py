"""What this machine is, and where it can be reached."""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import socket
import sys

import msgspec

from miner_ctrl.telemetry.hardware import cpu_name


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
    import psutil  # noqa: PLC0415 - a megabyte, for who asks

    states = psutil.net_if_stats()
    found: list[str] = []
    for interface, entries in psutil.net_if_addrs().items():
        if interface in states and not states[interface].isup:
            continue
        for entry in entries:
            if entry.family not in (socket.AF_INET, socket.AF_INET6) or "%" in entry.address:
                continue
            address = ipaddress.ip_address(entry.address)
            if not (address.is_loopback or address.is_link_local):
                found.append(entry.address)
    found.sort(key=lambda text: (":" in text, text))
    return found or ["127.0.0.1"]


def host_name() -> str:
    """Return this machine's name with the characters that a node's name may have."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", platform.node().partition(".")[0]).strip("-")[:63]
    return name or "node"
