"""The CPU's temperature: which sensor file has it, found once and then only read."""

from __future__ import annotations

from miner_ctrl.telemetry.procfs import entries, read_line, read_text

CPU_CHIPS = frozenset({"coretemp", "k10temp", "zenpower", "k8temp", "cpu_thermal", "cpu-thermal", "scpi_sensors"})
CPU_ZONES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "cpu0-thermal")
LOOK_AGAIN_AFTER = 60
"""Readings without a sensor until it is looked for again: its driver may have been loaded meanwhile."""
MAX_FILES = 64


class CpuTemperature:
    """Reads the hottest sensor of the CPU.

    Of a chip that has one for each package, only these are read: reading a core's own interrupts what it computes. Of
    an AMD chip with Tdie, Tctl is left out, which on some is 10 to 27 degrees too high, to steer fans by.
    """

    def __init__(self, root: str = "/") -> None:
        self._hwmon = f"{root.rstrip('/')}/sys/class/hwmon"
        self._thermal = f"{root.rstrip('/')}/sys/class/thermal"
        self._files: tuple[str, ...] = ()
        self._until_next_look = 0

    @property
    def found(self) -> bool:
        """Whether there is a sensor."""
        return bool(self._files)

    def read(self) -> float | None:
        """Return the temperature in °C, or ``None`` when no sensor tells one."""
        if not self._files:
            if self._until_next_look > 0:
                self._until_next_look -= 1
                return None
            self._until_next_look = LOOK_AGAIN_AFTER
            self._files = tuple(self._look())[:MAX_FILES]
        hottest = max(
            (value for path in self._files if (value := celsius(read_text(path, 32))) is not None), default=None
        )
        if hottest is None:
            self._files = ()
        else:
            self._until_next_look = 0  # if this one goes, look at once
        return hottest

    def _look(self) -> list[str]:
        found: list[str] = []
        for chip in entries(self._hwmon):
            folder = f"{self._hwmon}/{chip}"
            if read_line(f"{folder}/name", 40) in CPU_CHIPS:
                found += _of_chip(folder)
        if found:
            return found
        zones = (f"{self._thermal}/{name}" for name in entries(self._thermal) if name.startswith("thermal_zone"))
        return [f"{zone}/temp" for zone in zones if read_line(f"{zone}/type", 40) in CPU_ZONES]


def _of_chip(folder: str) -> list[str]:
    inputs = [name for name in entries(folder) if name.startswith("temp") and name.endswith("_input")]
    labels = {name: read_line(f"{folder}/{name.removesuffix('_input')}_label", 40) for name in inputs}
    whole = [name for name in inputs if labels[name].startswith(("Package id", "Physical id"))]
    if not whole and "Tdie" in labels.values():
        whole = [name for name in inputs if labels[name] != "Tctl"]
    return [f"{folder}/{name}" for name in whole or inputs]


def celsius(text: str) -> float | None:
    """Return a temperature written in thousandths of a degree, if a working sensor can have written it."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 6:  # at or below zero: no sensor of a CPU that runs
        return None
    value = int(text) / 1000
    return value if 0 < value < 150 else None
