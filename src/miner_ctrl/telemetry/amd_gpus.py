"""AMD GPUs, as far as the kernel's driver tells of them in ``/sys/class/drm``."""

from __future__ import annotations

import os
import re

from miner_ctrl.model.machine import MAX_GPUS, GpuStats
from miner_ctrl.telemetry.procfs import count, entries, read_count, read_line, read_text
from miner_ctrl.telemetry.sensors import celsius

AMD = "0x1002"
_CARD = re.compile(r"card\d{1,4}")


class AmdGpus:
    """Looks for the cards once, then reads their sensors. A card that sleeps is not woken: it has only a name."""

    def __init__(self, root: str = "/") -> None:
        self._drm = f"{root.rstrip('/')}/sys/class/drm"
        self._cards: tuple[_Card, ...] | None = None

    def read(self) -> tuple[GpuStats, ...]:
        """Return each card with what it tells now."""
        return tuple(card.read(index) for index, card in enumerate(self._known()))

    def names(self) -> tuple[GpuStats, ...]:
        """Return each card without what changes."""
        return tuple(card.name(index) for index, card in enumerate(self._known()))

    def _known(self) -> tuple[_Card, ...]:
        if self._cards is None:
            folders = (f"{self._drm}/{name}/device" for name in entries(self._drm) if _CARD.fullmatch(name))
            amd = [folder for folder in folders if read_line(f"{folder}/vendor", 20) == AMD]
            self._cards = tuple(_Card(folder) for folder in amd[:MAX_GPUS])
        return self._cards


class _Card:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        monitors = entries(f"{folder}/hwmon")
        self._sensors = f"{folder}/hwmon/{monitors[0]}" if monitors else ""
        model = read_line(f"{folder}/product_name", 100) or f"AMD GPU {read_line(f'{folder}/device', 20)}".strip()
        self._model = model
        self._uuid = read_line(f"{folder}/unique_id", 40) or os.path.basename(os.path.realpath(folder))[:40]  # noqa: PTH119
        self._driver = _driver_of(folder)
        self._memory = read_count(f"{folder}/mem_info_vram_total")

    def name(self, index: int) -> GpuStats:
        return GpuStats(
            index=index, name=self._model, uuid=self._uuid, driver=self._driver, memory_total_bytes=self._memory
        )

    def read(self, index: int) -> GpuStats:
        if read_line(f"{self._folder}/power/runtime_status", 20) == "suspended":
            return self.name(index)
        at = self._sensors
        return GpuStats(
            index=index,
            name=self._model,
            uuid=self._uuid,
            driver=self._driver,
            temperature_c=celsius(read_text(f"{at}/temp1_input", 32)) if at else None,
            fan_percent=_share(at, "pwm1", 255) if at else None,
            power_w=_scaled(at, ("power1_average", "power1_input"), 1e6),
            power_limit_w=_scaled(at, ("power1_cap",), 1e6),
            core_mhz=_scaled(at, ("freq1_input",), 1e6),
            memory_mhz=_scaled(at, ("freq2_input",), 1e6),
            memory_used_bytes=read_count(f"{self._folder}/mem_info_vram_used"),
            memory_total_bytes=self._memory,
            load_percent=_share(self._folder, "gpu_busy_percent", 100),
        )


def _driver_of(folder: str) -> str:
    try:
        return os.path.basename(os.readlink(f"{folder}/driver"))[:40]  # noqa: PTH115, PTH119 - plain strings, as above
    except OSError:
        return ""


def _scaled(folder: str, names: tuple[str, ...], unit: float) -> float | None:
    """Return the first of the files that holds a number, in ``unit``; nothing above what a card can have."""
    for name in names if folder else ():
        found = count(read_text(f"{folder}/{name}", 32))
        if found is not None and found / unit < 100_000:
            return found / unit
    return None


def _share(folder: str, name: str, full: int) -> float | None:
    found = read_count(f"{folder}/{name}")
    return round(100 * found / full, 1) if found is not None and found <= full else None
