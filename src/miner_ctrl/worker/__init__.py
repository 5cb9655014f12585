"""A worker: answers, pushes what was asked for, and carries out commands at most once."""

from miner_ctrl.worker.machine import MachineWatch
from miner_ctrl.worker.worker import Worker

__all__ = ["MachineWatch", "Worker"]
