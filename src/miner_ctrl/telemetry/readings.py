"""The machine at this moment. On Linux from ``/proc`` and ``/sys`` directly; elsewhere through psutil."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from miner_ctrl.model.machine import MAX_GPUS, GpuStats, MachineStats
from miner_ctrl.telemetry.hardware import cpu_features
from miner_ctrl.telemetry.nvidia_gpus import GpuReading
from miner_ctrl.telemetry.procfs import count, number, read_count, read_text
from miner_ctrl.telemetry.sensors import CpuTemperature

if TYPE_CHECKING:
    from miner_ctrl.telemetry.amd_gpus import AmdGpus
    from miner_ctrl.telemetry.nvidia_gpus import NvidiaGpus

_MEMORY = re.compile(
    r"^(MemTotal|MemAvailable|HugePages_Total|HugePages_Free|Hugepagesize):[ \t]+(\d{1,16})\b", re.MULTILINE
)
_2MB_IN_KB = 2048


class StatsReader:
    """Reads this machine, again and again; what does not change is looked for once.

    ``root`` is ``/``, or where a copy of ``/proc`` and ``/sys`` is.
    """

    def __init__(self, root: str | Path = "/") -> None:
        root = str(root).rstrip("/")
        self._root = root
        self._uptime, self._load, self._cpu = f"{root}/proc/uptime", f"{root}/proc/loadavg", f"{root}/proc/stat"
        self._memory, self._pages = f"{root}/proc/meminfo", f"{root}/sys/kernel/mm/hugepages/hugepages-2048kB"
        self._temperature = CpuTemperature(root or "/")
        self._busy: tuple[int, int] | None = None
        self._features: tuple[str, ...] | None = None
        self._gpus: tuple[NvidiaGpus, AmdGpus] | None = None

    def read(self, data_dir: Path, *, gpus: tuple[GpuStats, ...] = ()) -> MachineStats:
        """Return everything but the GPUs, which are passed in: ``read_gpus`` can block, this does not.

        ``cpu_percent`` is the mean since the reading before; the first one has none.
        """
        if not sys.platform.startswith("linux"):
            from miner_ctrl.telemetry.portable import read_portable_stats  # noqa: PLC0415 - imports psutil

            return msgspec.structs.replace(read_portable_stats(data_dir), gpus=gpus)
        memory = {key: count(value) for key, value in _MEMORY.findall(read_text(self._memory))}
        pages_total, pages_free = self._huge_pages(memory)
        disk_total, disk_free = disk_space(data_dir)
        return MachineStats(
            uptime_s=int(number(read_text(self._uptime, 64).partition(" ")[0]) or 0),
            load_1m=number(read_text(self._load, 64).partition(" ")[0]),
            cpu_percent=self._cpu_percent(),
            cpu_temperature_c=self._temperature.read(),
            memory_total_bytes=_bytes(memory.get("MemTotal")),
            memory_available_bytes=_bytes(memory.get("MemAvailable")),
            disk_total_bytes=disk_total,
            disk_free_bytes=disk_free,
            huge_pages_total=pages_total,
            huge_pages_free=pages_free,
            gpus=gpus,
        )

    def read_gpus(self) -> GpuReading:
        """Return the GPUs of this machine, NVIDIA's first, and what is wrong with them. Blocks: for a thread."""
        nvidia, amd = self._gpu_readers()
        first = nvidia.read()
        second = amd.read()
        numbered = [
            msgspec.structs.replace(gpu, index=index) for index, gpu in enumerate(second, start=len(first.gpus))
        ]
        return GpuReading((*first.gpus, *numbered)[:MAX_GPUS], first.problems)

    def has_aes(self) -> bool | None:
        """Return whether the CPU has AES instructions; ``None``: not known. Read once."""
        if self._features is None:
            self._features = cpu_features(self._root or "/")
        return "aes" in self._features if self._features else None

    def may_have_gpus(self) -> bool:
        """Whether ``read_gpus`` has anything to ask. Does not block, and loads no library."""
        nvidia, amd = self._gpu_readers()
        return nvidia.present() or bool(amd.names())

    def _gpu_readers(self) -> tuple[NvidiaGpus, AmdGpus]:
        if self._gpus is None:
            from miner_ctrl.telemetry.amd_gpus import AmdGpus  # noqa: PLC0415 - most rigs' first reading is without
            from miner_ctrl.telemetry.nvidia_gpus import NvidiaGpus  # noqa: PLC0415

            self._gpus = NvidiaGpus(self._root or "/"), AmdGpus(self._root or "/")
        return self._gpus

    def _huge_pages(self, memory: dict[str, int | None]) -> tuple[int | None, int | None]:
        if memory.get("Hugepagesize") == _2MB_IN_KB:
            return memory.get("HugePages_Total"), memory.get("HugePages_Free")
        return read_count(f"{self._pages}/nr_hugepages"), read_count(f"{self._pages}/free_hugepages")

    def _cpu_percent(self) -> float | None:
        """Return how busy all CPUs were together since the last call."""
        before = self._busy
        first, *fields = read_text(self._cpu, 512).partition("\n")[0].split()[:9] or [""]
        times = [count(field) for field in fields]
        if first != "cpu" or len(times) < 5 or None in times:
            self._busy = None
            return None
        known = [time or 0 for time in times]
        self._busy = total, idle = sum(known), known[3] + known[4]
        if before is None or total <= before[0]:
            return None
        return round(min(max(100 * (1 - (idle - before[1]) / (total - before[0])), 0.0), 100.0), 1)


def disk_space(folder: Path) -> tuple[int | None, int | None]:
    """Return size and what this user may still use of the disk that holds ``folder``, in bytes."""
    if sys.platform == "win32":
        import shutil  # noqa: PLC0415 - Linux needs none of it

        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            return None, None
        return usage.total, usage.free
    try:
        status = os.statvfs(folder)
    except OSError:
        return None, None
    return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize


def is_read_only(folder: Path) -> bool:
    """Whether the file system that holds ``folder`` takes no writes, as after an error of its disk."""
    if sys.platform == "win32":
        return False
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def read_stats(data_dir: Path) -> MachineStats:
    """Return the machine as it is now; GPUs too, so it can block where there are some."""
    reader = _own_reader()
    return reader.read(data_dir, gpus=reader.read_gpus().gpus if reader.may_have_gpus() else ())


@cache
def _own_reader() -> StatsReader:
    return StatsReader()


def _bytes(kilobytes: int | None) -> int | None:
    return None if kilobytes is None else min(kilobytes * 1024, 2**53)
