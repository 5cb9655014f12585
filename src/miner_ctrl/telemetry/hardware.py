"""What this machine is made of. Read once: on a large machine it is thousands of small files."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import msgspec

from miner_ctrl.model.machine import MAX_GPUS, GpuStats, Hardware
from miner_ctrl.model.text import one_line
from miner_ctrl.telemetry.amd_gpus import AmdGpus
from miner_ctrl.telemetry.nvidia_gpus import NvidiaGpus
from miner_ctrl.telemetry.procfs import MAX_CPUS, count, cpu_list, entries, key_values, read_line, read_text

FEATURES = ("aes", "avx2", "avx512f", "pdpe1gb", "vaes")
"""The instruction sets that miners care about."""
CPUINFO_BYTES = 32 * 1024
"""Holds the first CPU whole; the others say the same."""


def read_hardware(root: str | Path = "/") -> Hardware:
    """Return what this machine has. Blocks where there are many CPUs or a GPU's driver is slow: for a thread."""
    if not sys.platform.startswith("linux") and str(root) == "/":
        from miner_ctrl.telemetry.portable import read_portable_hardware  # noqa: PLC0415 - imports psutil

        return read_portable_hardware(one_line(platform.processor(), 200))
    at = str(root).rstrip("/")
    first = dict(reversed(list(key_values(read_text(f"{at}/proc/cpuinfo", CPUINFO_BYTES)))))
    cpus = _online(at)
    caches = _caches(at, cpus)
    return Hardware(
        cpu=one_line(first.get("model name") or first.get("Hardware") or platform.processor(), 200).strip(),
        packages=_distinct(at, cpus, "topology/physical_package_id"),
        cores=_distinct(at, cpus, "topology/core_cpus_list") or _distinct(at, cpus, "topology/thread_siblings_list"),
        threads=len(cpus) or None,
        numa_nodes=len(cpu_list(read_line(f"{at}/sys/devices/system/node/online"))) or None,
        l2_cache_bytes=caches.get(2),
        l3_cache_bytes=caches.get(3),
        features=cpu_features(root),
        memory_total_bytes=_memory(at),
        gpus=_gpus(at or "/"),
    )


def cpu_name(root: str | Path = "/") -> str:
    """Return the CPU's model; empty when the system does not tell it."""
    text = read_text(f"{str(root).rstrip('/')}/proc/cpuinfo", CPUINFO_BYTES)
    named = (value for key, value in key_values(text) if key == "model name")
    return one_line(next(named, ""), 200) or one_line(platform.processor(), 200)


def cpu_features(root: str | Path = "/") -> tuple[str, ...]:
    """Return those of ``FEATURES`` that the CPU has; none where the system does not tell."""
    text = read_text(f"{str(root).rstrip('/')}/proc/cpuinfo", CPUINFO_BYTES)
    named = (value for key, value in key_values(text) if key in ("flags", "Features"))
    flags = set(next(named, "").split())
    return tuple(name for name in FEATURES if name in flags)


def _online(at: str) -> list[int]:
    return cpu_list(read_line(f"{at}/sys/devices/system/cpu/online", 1000))[:MAX_CPUS]


def _distinct(at: str, cpus: list[int], file: str) -> int | None:
    """Return how many different values the CPUs' ``file`` has; ``None`` when none has it."""
    values = {read_line(f"{at}/sys/devices/system/cpu/cpu{cpu}/{file}", 400) for cpu in cpus}
    return len(values - {""}) or None


def _caches(at: str, cpus: list[int]) -> dict[int, int]:
    """Return the bytes of each level's caches together; one that several CPUs share counts once."""
    seen: set[tuple[str, str, str]] = set()
    sizes: dict[int, int] = {}
    for cpu in cpus:
        folder = f"{at}/sys/devices/system/cpu/cpu{cpu}/cache"
        for index in entries(folder):
            level = read_line(f"{folder}/{index}/level", 4)
            if level not in ("2", "3"):
                continue
            kind, shared = read_line(f"{folder}/{index}/type", 20), read_line(f"{folder}/{index}/shared_cpu_list", 400)
            size = _size(read_line(f"{folder}/{index}/size", 20))
            if size is not None and (level, kind, shared) not in seen:
                seen.add((level, kind, shared))
                sizes[int(level)] = sizes.get(int(level), 0) + size
    return sizes


def _size(text: str) -> int | None:
    """Return the bytes of ``512K`` or ``32M``."""
    number = count(text[:-1])
    unit = {"K": 1024, "M": 1024**2, "G": 1024**3}.get(text[-1:])
    return number * unit if number is not None and number < 2**30 and unit else None


def _memory(at: str) -> int | None:
    for key, value in key_values(read_text(f"{at}/proc/meminfo")):
        if key == "MemTotal":
            kilobytes = count(value.removesuffix("kB"))
            return None if kilobytes is None else min(kilobytes * 1024, 2**53)
    return None


def _gpus(root: str) -> tuple[GpuStats, ...]:
    nvidia = NvidiaGpus(root)
    try:
        found = [_lasting(gpu) for gpu in nvidia.read().gpus]
    finally:
        nvidia.close()
    amd = AmdGpus(root).names()
    found += [msgspec.structs.replace(gpu, index=index) for index, gpu in enumerate(amd, start=len(found))]
    return tuple(found[:MAX_GPUS])


def _lasting(gpu: GpuStats) -> GpuStats:
    return GpuStats(
        index=gpu.index,
        name=gpu.name,
        uuid=gpu.uuid,
        driver=gpu.driver,
        memory_total_bytes=gpu.memory_total_bytes,
    )
