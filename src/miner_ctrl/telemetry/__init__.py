"""This machine: hardware, sensors, addresses. Reads only; absence is an empty value, never an error."""

from miner_ctrl.telemetry.hardware import read_hardware
from miner_ctrl.telemetry.nvidia_gpus import GpuReading
from miner_ctrl.telemetry.readings import StatsReader, is_read_only, read_stats

__all__ = ["GpuReading", "StatsReader", "is_read_only", "read_hardware", "read_stats"]
