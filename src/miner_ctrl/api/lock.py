"""``/lock``: which wallets and pools this rig may mine to; on this machine, the owner's word."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import LockFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.rig import Lock
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import LockView

LOCK = Resource("lock")


class NewLock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whole addresses; ``host``, ``host:port``, ``*.domain`` or ``proxy:host:port``; Ed25519 public keys in base64."""

    wallets: Annotated[tuple[ShortText, ...], Meta(min_length=1, max_length=100)]
    pools: Annotated[tuple[ShortText, ...], Meta(min_length=1, max_length=100)]
    keys: Annotated[tuple[Annotated[bytes, Meta(min_length=32, max_length=32)], ...], Meta(max_length=8)] = ()


@LOCK.get("/lock", errors=(503,), tag=lambda view: (view.locked, view.wallets, view.pools, view.keys, view.serial))
async def get_lock(lock: LockFace) -> LockView:
    """Return this rig's wallet lock."""
    return lock.lock()


@LOCK.put("/lock", errors=(409, 502), role=AccessRole.ADMIN, edits=get_lock)
async def set_lock(lock: LockFace, body: NewLock) -> LockView:
    """Set this rig's wallet lock; miners that it forbids are stopped."""
    return await lock.set_lock(Lock(wallets=body.wallets, pools=body.pools, keys=body.keys))


@LOCK.delete("/lock", errors=(409, 502), role=AccessRole.ADMIN, edits=get_lock)
async def clear_lock(lock: LockFace) -> LockView:
    """Have no wallet lock on this rig any more."""
    return await lock.clear_lock()
