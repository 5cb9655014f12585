"""What this machine is, and where it can be reached."""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import socket
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """Operating system and hardware in short; ``ram_bytes`` in bytes, ``cpu_cores`` logical."""

    os: str
    architecture: str
    cpu: str
    cpu_cores: int
    ram_bytes: int


def read_machine() -> Machine:
    """Return what this machine is."""
    import psutil  # noqa: PLC0415 - a megabyte, for who asks

    return Machine(
        os=_os_name(),
        architecture=platform.machine(),
        cpu=_cpu_name(),
        cpu_cores=os.cpu_count() or 0,
        ram_bytes=psutil.virtual_memory().total,
    )


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return f"{platform.system()} {platform.release()}".strip()


def _cpu_name() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()[:200]
    except OSError:
        pass
    return platform.processor()[:200]


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
