"""The same through psutil, for systems without ``/proc``."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from miner_ctrl.model.machine import Hardware, MachineStats
from miner_ctrl.telemetry.sensors import CPU_CHIPS


def read_portable_stats(data_dir: Path) -> MachineStats:
    """Return what psutil knows of this machine."""
    from miner_ctrl.telemetry.readings import disk_space  # noqa: PLC0415 - it imports this one where it is needed

    memory = psutil.virtual_memory()
    disk_total, disk_free = disk_space(data_dir)
    try:
        load: float | None = psutil.getloadavg()[0]
    except OSError:
        load = None
    return MachineStats(
        uptime_s=max(0, int(time.time() - psutil.boot_time())),
        load_1m=load,
        cpu_percent=psutil.cpu_percent(),
        cpu_temperature_c=_hottest(),
        memory_total_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_total_bytes=disk_total,
        disk_free_bytes=disk_free,
    )


def read_portable_hardware(name: str) -> Hardware:
    """Return what psutil knows of the CPU called ``name``."""
    return Hardware(
        cpu=name,
        cores=psutil.cpu_count(logical=False),
        threads=psutil.cpu_count(),
        memory_total_bytes=psutil.virtual_memory().total,
    )


def _hottest() -> float | None:
    read = getattr(psutil, "sensors_temperatures", None)  # not everywhere
    if read is None:
        return None
    found = [each.current for chip, sensors in read().items() if chip in CPU_CHIPS for each in sensors]
    return max((value for value in found if 0 < value < 150), default=None)
