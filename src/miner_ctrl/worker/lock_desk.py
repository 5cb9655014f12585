"""The owner's lock at work: the gate that every start passes, and what a change of the lock does to what runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from miner_ctrl.errors import MinerCtrlError, NotFound, Refused
from miner_ctrl.lock import OwnersLock
from miner_ctrl.miners import Miners
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.rig import Lock
from miner_ctrl.model.text import one_line
from miner_ctrl.profiles import validate

log = logging.getLogger(__name__)

NOTED_EVERY_S = 1.0
"""Refusals are noted and logged at most this often for each who asks."""
REMEMBERED_ASKERS = 1024
OWNER = "owner"

_asking: ContextVar[str] = ContextVar("asking", default="")


@contextmanager
def asked_by(who: str) -> Iterator[None]:
    """What is refused within was asked for by ``who``: a node ID, ``watchdog``, ``schedule`` or ``owner``."""
    token = _asking.set(who)
    try:
        yield
    finally:
        _asking.reset(token)


class LockDesk:
    """Keeps this rig to its owner's lock. ``clock`` is monotonic, ``now_ms`` Unix time.

    ``note`` gets what the journal is to know, and ``miners`` is what the lock holds for: both are set where the node
    serves; for the moment of a command there are none.
    """

    def __init__(self, lock: OwnersLock, *, now_ms: Callable[[], int], clock: Callable[[], float]) -> None:
        self._lock = lock
        self._now_ms = now_ms
        self._clock = clock
        self._changing = asyncio.Lock()
        self._noted_s: dict[str, float] = {}
        self.note: Callable[[RigEvent], None] = lambda event: None
        self.miners: Miners | None = None

    def allow(self, config: MinerConfig) -> None:
        """Return if the lock allows ``config``; a refusal is noted with who asked.

        Raises:
            Refused: it does not (``WALLET_LOCKED``).
        """
        try:
            self._lock.allow(config)
        except Refused as error:
            self._refused(error.message)
            raise

    @property
    def locked(self) -> bool:
        """Whether wallets and pools are pinned."""
        return self._lock.locked

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the lock, each one sentence."""
        problem = self._lock.problem
        return (problem,) if problem else ()

    def operator_keys(self) -> tuple[bytes, ...]:
        """The keys (Ed25519, public) whose programs count while the lock holds; none without a lock."""
        return self._lock.operator_keys()

    def operator_only(self) -> bool:
        """Whether only programs count that one of ``operator_keys`` has signed."""
        return self._lock.operator_only()

    # --- changing it ------------------------------------------------------------------------------------

    def get(self) -> Lock | None:
        """Return the lock, or ``None`` if there is none.

        Raises:
            StateDamaged: it has vanished, or cannot be read.
        """
        return self._lock.current

    async def set(self, lock: Lock) -> tuple[Lock, tuple[str, ...]]:
        """Set the lock on the owner's word; return it with the miners that were stopped for it.

        Raises:
            BadInput: it has an entry that can allow nothing.
            OperationFailed: it could not be written.
        """
        async with self._changing:
            lock = await asyncio.to_thread(self._lock.set, lock)
            return lock, await self._changed(OWNER)

    async def clear(self) -> None:
        """Have no lock any more, on the owner's word. Raises as ``set``."""
        async with self._changing:
            await asyncio.to_thread(self._lock.clear)
            self._event("lock", OWNER, "The owner has cleared the lock.")

    async def change(self, document: bytes, signature: bytes, *, by: str) -> tuple[str, ...]:
        """Set the lock that a signed document names; return the miners that were stopped for it.

        Raises:
            Refused, Conflict, BadInput, OperationFailed: as ``OwnersLock.change``.
        """
        async with self._changing:
            try:
                await asyncio.to_thread(self._lock.change, document, signature)
            except MinerCtrlError as error:
                with asked_by(by):
                    self._refused(error.message)
                raise
            return await self._changed(by)

    async def _changed(self, by: str) -> tuple[str, ...]:
        """Note the new lock, and stop what it forbids."""
        lock = self._lock.current
        self._event("lock", by, f"The lock was set (serial {0 if lock is None else lock.serial}).")
        return await self.enforce(by)

    async def enforce(self, by: str = OWNER) -> tuple[str, ...]:
        """Stop the miners that the lock forbids, and return their names. One that has vanished forbids starts only:
        what runs was allowed by it."""
        miners = self.miners
        if miners is None or self._lock.problem:
            return ()
        stopped: list[str] = []
        for stats in miners.latest():
            if stats.adopted:
                if self.locked:
                    self._event("lock", by, "Somebody else started it: what it mines to is not known.", stats.name)
                continue
            reason = self._forbidden(miners, stats.name)
            if reason:
                try:
                    await miners.stop(stats.name)
                except NotFound:
                    continue  # it has gone meanwhile
                stopped.append(stats.name)
                self._event("stopped", by, f"The lock forbids what it mined to. {reason}", stats.name)
        return tuple(stopped)

    def _forbidden(self, miners: Miners, name: str) -> str:
        if not self.locked:
            return ""
        try:
            profile = miners.profile_of(name)
            self._lock.allow(validate(profile.miner_type, profile.config))
        except NotFound:
            return ""
        except MinerCtrlError as error:
            return error.message
        return ""

    # --- within -----------------------------------------------------------------------------------------

    def _refused(self, sentence: str) -> None:
        who, now_s = _asking.get(), self._clock()
        if now_s - self._noted_s.get(who, float("-inf")) < NOTED_EVERY_S:
            return
        if len(self._noted_s) >= REMEMBERED_ASKERS:
            self._noted_s.clear()
        self._noted_s[who] = now_s
        log.warning("Refused to %s: %s", one_line(who, 40) or "this rig itself", sentence)
        self._event("refused", who, sentence)

    def _event(self, kind: str, by: str, text: str, miner: str = "") -> None:
        self.note(RigEvent(at_ms=self._now_ms(), kind=kind, miner=miner, by=by, text=text[:1000]))
