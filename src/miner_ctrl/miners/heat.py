"""Whether a miner makes the machine too hot. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from miner_ctrl.miners.contract import Reading
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.rig import WatchdogSettings


class Heat(NamedTuple):
    """``hot``: which temperature is over its limit, one sentence, or empty; ``cool``: those that matter are known, and
    all are well under their limits."""

    hot: str = ""
    cool: bool = True


def heat_of(
    settings: WatchdogSettings,
    machine: MachineStats | None,
    reading: Reading | None,
    config: MinerConfig | None,
    part: str,
) -> Heat:
    """Return whether what this miner uses (the CPU, GPUs or both) is too hot."""
    hot, cool = "", True
    known = False
    for what, temperature_c, limit_c in _temperatures(settings, machine, reading, config, part):
        known = True
        if temperature_c > limit_c and not hot:
            hot = f"{what} is {temperature_c:.0f} °C hot, over the limit of {limit_c:.0f} °C."
        cool = cool and temperature_c <= limit_c - settings.cool_by_c
    return Heat(hot, cool and known)


def _temperatures(
    settings: WatchdogSettings,
    machine: MachineStats | None,
    reading: Reading | None,
    config: MinerConfig | None,
    part: str,
) -> Iterator[tuple[str, float, float]]:
    devices = reading.devices if reading else ()
    asks_gpu = part == "gpu" or bool(config and (config.opencl or config.cuda))
    only_gpu = part == "gpu" or bool(config and not config.cpu) or bool(devices and reading and not reading.threads_hps)
    if settings.cpu_limit_c is not None and not only_gpu and machine and machine.cpu_temperature_c is not None:
        yield "The CPU", machine.cpu_temperature_c, settings.cpu_limit_c
    if settings.gpu_limit_c is None or not (devices or asks_gpu):
        return
    told = [(device.index, device.temperature_c) for device in devices if device.temperature_c is not None]
    if not told and machine:
        wanted = config.devices if config else ()
        told = [
            (gpu.index, gpu.temperature_c)
            for gpu in machine.gpus
            if gpu.temperature_c is not None and (not wanted or gpu.index in wanted)
        ]
    for index, temperature_c in told:
        yield f"GPU {index}", temperature_c, settings.gpu_limit_c
