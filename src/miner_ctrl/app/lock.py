"""The owner's lock of a rig, read and given its desk."""

from __future__ import annotations

import time

from miner_ctrl.config import Home
from miner_ctrl.lock import OwnersLock
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.times import now_ms
from miner_ctrl.worker.lock_desk import LockDesk


def open_lock(home: Home, identity: Identity, fingerprint: str) -> LockDesk | None:
    """Return the desk of this rig's lock; ``None`` for a node that runs no miners.

    Raises:
        StateDamaged: the lock cannot be read.
    """
    if not identity.role.works:
        return None
    lock = OwnersLock(home.lock_json, home.lock_mark, rig=fingerprint)
    lock.open()
    return LockDesk(lock, now_ms=now_ms, clock=time.monotonic)
