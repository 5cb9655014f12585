"""What every node keeps on its disk and has at hand: whom it knows, and what a miner should run."""

from __future__ import annotations

from contextlib import AsyncExitStack

from miner_ctrl.config import Home
from miner_ctrl.model.times import now_ms
from miner_ctrl.peers import Registry
from miner_ctrl.profiles import ProfileStore


def open_stores(up: AsyncExitStack, home: Home) -> tuple[Registry, ProfileStore]:
    """Open the registry and the profiles of ``home``; ``up`` closes them.

    Raises:
        StateDamaged, HomeInUse: a file is not what a node wrote, or another process has it.
    """
    registry = Registry.open(home.peers_database, now_ms=now_ms)
    up.callback(registry.close)
    profiles = ProfileStore(home.profiles_database)
    profiles.open()
    up.callback(profiles.close)
    return registry, profiles
