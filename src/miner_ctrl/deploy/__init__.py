"""Miner programs on their way to a rig: described, signed, received, unpacked, switched to, rolled back."""

from miner_ctrl.deploy.incoming import Incoming
from miner_ctrl.deploy.programs import ProgramStore

__all__ = ["Incoming", "ProgramStore"]
