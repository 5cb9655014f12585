"""Profiles: what a miner should run, checked and kept."""

from miner_ctrl.profiles.store import ProfileStore
from miner_ctrl.profiles.validation import validate

__all__ = ["ProfileStore", "validate"]
