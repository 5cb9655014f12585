"""This machine and this process: what was measured on, file descriptors, memory."""

from __future__ import annotations

import gc
import os
import platform
import resource
from pathlib import Path

import msgspec
import psutil

from miner_ctrl import __version__

DESCRIPTORS = 8192


class Machine(msgspec.Struct, frozen=True, rename="camel"):
    """What the figures were measured on."""

    cpu: str
    cores: int
    ram_gib: float
    system: str
    python: str
    version: str

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.cpu}, {self.ram_gib:.1f} GiB, {self.system}, "
            f"Python {self.python}, miner-ctrl {self.version}"
        )


def this_machine() -> Machine:
    """Return what this machine is."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return Machine(
        cpu=names[0] if names else platform.machine(),
        cores=len(psutil.Process().cpu_affinity()),
        ram_gib=psutil.virtual_memory().total / 2**30,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        version=__version__,
    )


def load() -> float:
    """Return how many processes wanted a core, on average over the last minute."""
    return os.getloadavg()[0]


def raise_descriptor_limit() -> None:
    """Let this process open as many sockets as the figures need, within the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def take_core(number: int) -> None:
    """Keep this process on one core, where there are two or more.

    Left to itself the scheduler puts both ends of a loopback connection on one core as soon as something else runs
    on the machine: then they take turns, and a round trip has no wake-up of another core in it.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def own_memory_bytes() -> int:
    """Return the memory that is this process's alone, after a collection."""
    gc.collect()
    return int(psutil.Process().memory_full_info().uss)
