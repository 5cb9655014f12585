"""What a program's first bytes say of the machine it is for."""

from __future__ import annotations

import platform
import struct
from typing import NamedTuple

HEAD_BYTES = 4096
_ELF_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64", 0x28: "armv7l", 0x03: "i686", 0xF3: "riscv64"}
_PE_MACHINES = {0x8664: "x86_64", 0xAA64: "aarch64", 0x014C: "i686"}
_NAMES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i386": "i686"}


class Platform(NamedTuple):
    """What a program runs on. ``architecture`` is empty for a script, which does not say."""

    system: str
    architecture: str


def this_platform() -> Platform:
    """Return what this machine is."""
    machine = platform.machine().lower()
    return Platform(platform.system().lower(), _NAMES.get(machine, machine))


def platform_of(head: bytes) -> Platform | None:
    """Return what the program that begins with ``head`` runs on; ``None`` for what is no program."""
    if head.startswith(b"\x7fELF") and len(head) >= 20:
        order = ">" if head[5] == 2 else "<"
        [machine] = struct.unpack_from(f"{order}H", head, 18)
        return Platform("linux", _ELF_MACHINES.get(machine, f"elf-{machine}"))
    if head.startswith(b"MZ") and len(head) >= 64:
        [at] = struct.unpack_from("<L", head, 60)
        if head[at : at + 4] == b"PE\0\0" and len(head) >= at + 6:
            [machine] = struct.unpack_from("<H", head, at + 4)
            return Platform("windows", _PE_MACHINES.get(machine, f"pe-{machine}"))
    if head.startswith(b"#!"):
        return Platform("", "")
    return None
