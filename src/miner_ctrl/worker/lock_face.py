"""The lock as the local API has it: what is said there is the owner's word."""

from __future__ import annotations

import base64
from pathlib import Path

from miner_ctrl.errors import Conflict
from miner_ctrl.model.rig import Lock
from miner_ctrl.model.views import LockView
from miner_ctrl.worker.lock_desk import LockDesk


class LockFace:
    """``desk`` is ``None`` on a node that runs no miners; ``fingerprint`` (hex) is what a signed change names."""

    def __init__(self, desk: LockDesk | None, *, file: Path, fingerprint: str) -> None:
        self._desk = desk
        self._file = file
        self._fingerprint = fingerprint

    def lock(self) -> LockView:
        """Return the lock.

        Raises:
            StateDamaged: it has vanished, or cannot be read.
            Conflict: this node runs no miners.
        """
        return self._view(self._here().get())

    async def set_lock(self, lock: Lock) -> LockView:
        """Set the lock, and stop what it forbids. Raises as ``LockDesk.set``, and ``Conflict``."""
        lock, stopped = await self._here().set(lock)
        return self._view(lock, stopped)

    async def clear_lock(self) -> LockView:
        """Have no lock any more. Raises as ``LockDesk.clear``, and ``Conflict``."""
        await self._here().clear()
        return self._view(None)

    def _here(self) -> LockDesk:
        if self._desk is None:
            raise Conflict(
                "This node is a controller: it runs no miners whose wallets could be locked.",
                suggestion="Run this on the rig.",
                code="NOT_A_RIG",
            )
        return self._desk

    def _view(self, lock: Lock | None, stopped: tuple[str, ...] = ()) -> LockView:
        file, fingerprint = str(self._file), self._fingerprint
        if lock is None:
            return LockView(locked=False, file=file, fingerprint=fingerprint)
        keys = tuple(base64.b64encode(key).decode() for key in lock.keys)
        return LockView(
            locked=True,
            wallets=lock.wallets,
            pools=lock.pools,
            keys=keys,
            serial=lock.serial,
            stopped=stopped,
            file=file,
            fingerprint=fingerprint,
        )
