"""NVIDIA GPUs through NVML, the library that comes with their driver. Where there is none, nothing is loaded.

Calls of NVML can take long, and for ever where a driver has crashed: call from a thread.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from miner_ctrl.model.machine import MAX_GPUS, GpuStats
from miner_ctrl.model.text import one_line
from miner_ctrl.telemetry.procfs import MAX_COUNT, read_text

if TYPE_CHECKING:
    from types import ModuleType

log = logging.getLogger(__name__)

GRAPHICS_CLOCK, MEMORY_CLOCK, GPU_SENSOR = 0, 2, 0
LOOK_AGAIN_AFTER = 360
"""Readings without a library until it is tried again."""
_LOST = frozenset({"NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_RESET_REQUIRED", "NVML_ERROR_NOT_FOUND"})
_MISMATCH = "NVML_ERROR_LIB_RM_VERSION_MISMATCH"


class GpuReading(NamedTuple):
    """The GPUs, and what is wrong with one of them, each one sentence."""

    gpus: tuple[GpuStats, ...] = ()
    problems: tuple[str, ...] = ()


class NvidiaGpus:
    """Opens NVML at the first reading, and again after it failed as a whole.

    ``root`` is where ``/proc`` and ``/dev`` are looked into for a driver: without one, NVML is not even tried.
    """

    def __init__(self, root: str = "/") -> None:
        self._root = root.rstrip("/")
        self._nvml: ModuleType | None = None
        self._driver = ""
        self._handles: list[_Gpu] = []
        self._until_next_try = 0
        self._problem = ""
        self._wsl: bool | None = None

    def present(self) -> bool:
        """Whether a driver is loaded."""
        if sys.platform == "win32":
            return True  # loading the library is the only way to know there
        if self._wsl is None:  # Linux under Windows: the driver is the host's
            self._wsl = "microsoft" in read_text(f"{self._root}/proc/sys/kernel/osrelease", 200).lower()
        return self._wsl or bool(read_text(f"{self._root}/proc/driver/nvidia/version", 64))

    def read(self) -> GpuReading:
        """Return every GPU that the driver has had since it was opened. Blocks."""
        if self._nvml is None and not self._open():
            return GpuReading((), (self._problem,) if self._problem else ())
        assert self._nvml is not None  # noqa: S101 - opened above
        found = [gpu.read(self._nvml, self._driver) for gpu in self._handles]
        lost = [_lost_sentence(stats) for stats, gone in found if gone]
        if found and len(lost) == len(found):
            self.close()  # the driver may be back, or another one
        return GpuReading(tuple(stats for stats, _ in found), tuple(lost))

    def close(self) -> None:
        """Let go of the library."""
        if self._nvml is not None:
            nvml, self._nvml = self._nvml, None
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()

    def _open(self) -> bool:
        if self._until_next_try > 0:
            self._until_next_try -= 1
            return False
        self._until_next_try = LOOK_AGAIN_AFTER
        self._problem = ""
        if not self.present():
            return False
        try:
            import pynvml  # noqa: PLC0415 - 5 MB, for machines that have such a GPU
        except ImportError:
            return False
        try:
            pynvml.nvmlInit()
            self._driver = _text(pynvml.nvmlSystemGetDriverVersion())
            number = min(int(pynvml.nvmlDeviceGetCount()), MAX_GPUS)
        except (pynvml.NVMLError, OSError) as error:
            self._problem = _cannot_ask(pynvml, error)
            if self._problem:
                log.warning("%s", self._problem)
            return False
        self._nvml = pynvml
        self._handles = [_Gpu(index) for index in range(number)]
        self._until_next_try = 0
        return True


class _Gpu:
    """One GPU: its handle and names are asked once."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._handle: Any = None
        self._name = self._uuid = ""
        self._memory: int | None = None

    def read(self, nvml: ModuleType, driver: str) -> tuple[GpuStats, bool]:
        """Return what it tells, and whether it is lost."""
        lost = False

        def ask(question: Callable[..., Any], *more: object) -> Any:
            nonlocal lost
            if lost:
                return None
            try:
                return question(self._handle, *more)
            except nvml.NVMLError as error:
                lost = _code(nvml, error) in _LOST
                return None
            except (TypeError, ValueError, AttributeError):  # a driver too old or too new for the question
                return None

        if self._handle is None:
            try:
                self._handle = nvml.nvmlDeviceGetHandleByIndex(self._index)
            except nvml.NVMLError as error:
                return self._stats(driver), _code(nvml, error) in _LOST
            self._name, self._uuid = _text(ask(nvml.nvmlDeviceGetName)), _text(ask(nvml.nvmlDeviceGetUUID))
        memory, load = ask(nvml.nvmlDeviceGetMemoryInfo), ask(nvml.nvmlDeviceGetUtilizationRates)
        self._memory = _whole(getattr(memory, "total", None)) or self._memory
        stats = self._stats(
            driver,
            temperature_c=_real(ask(nvml.nvmlDeviceGetTemperature, GPU_SENSOR), 200),
            fan_percent=_real(ask(nvml.nvmlDeviceGetFanSpeed), 200),
            power_w=_real(ask(nvml.nvmlDeviceGetPowerUsage), 10_000_000, 1000),
            power_limit_w=_real(ask(nvml.nvmlDeviceGetEnforcedPowerLimit), 10_000_000, 1000),
            core_mhz=_real(ask(nvml.nvmlDeviceGetClockInfo, GRAPHICS_CLOCK), 100_000),
            memory_mhz=_real(ask(nvml.nvmlDeviceGetClockInfo, MEMORY_CLOCK), 100_000),
            memory_used_bytes=_whole(getattr(memory, "used", None)),
            load_percent=_real(getattr(load, "gpu", None), 100),
        )
        return (self._stats(driver), True) if lost else (stats, False)

    def _stats(self, driver: str, **values: Any) -> GpuStats:
        return GpuStats(
            index=self._index,
            name=self._name,
            uuid=self._uuid,
            driver=driver,
            memory_total_bytes=self._memory,
            **values,
        )


def _lost_sentence(stats: GpuStats) -> str:
    named = f" ({stats.name})" if stats.name else ""
    return (
        f"GPU {stats.index}{named} is lost: the driver cannot reach it any more. "
        "Restart the rig; if it comes again, see to its riser, its power and its overclock."
    )


def _cannot_ask(nvml: ModuleType, error: Exception) -> str:
    """Return why NVML cannot be opened, or nothing where that only means that there is no such GPU."""
    code = _code(nvml, error)
    if code == _MISMATCH:
        return "The NVIDIA driver was updated, and the old one still runs: GPUs cannot be watched. Restart the rig."
    if code in ("NVML_ERROR_LIBRARY_NOT_FOUND", "NVML_ERROR_DRIVER_NOT_LOADED"):
        return ""
    return f"The NVIDIA driver does not answer ({code or 'its library is damaged'}): GPUs cannot be watched."


def _code(nvml: ModuleType, error: Exception) -> str:
    """Return the name of an NVML error, which its library need not know."""
    value = getattr(error, "value", None)
    names = (name for name in vars(nvml) if name.startswith("NVML_ERROR_"))
    return next((name for name in names if getattr(nvml, name) == value), "")


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return one_line(text, 100).strip() if isinstance(text, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= MAX_COUNT else None


def _real(value: object, most: float, unit: float = 1) -> float | None:
    return value / unit if isinstance(value, int) and 0 <= value <= most else None
