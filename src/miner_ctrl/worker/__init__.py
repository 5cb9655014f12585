"""A worker: answers, pushes what was asked for, and carries out commands at most once."""

from miner_ctrl.worker.local import LocalRig
from miner_ctrl.worker.machine import MachineWatch
from miner_ctrl.worker.rig_schedule import RigSchedule
from miner_ctrl.worker.worker import Worker

__all__ = ["LocalRig", "MachineWatch", "RigSchedule", "Worker"]
