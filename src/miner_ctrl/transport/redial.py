"""Keeps dialling the peers that should be connected, for ever (protocol.md, "Sessions")."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from miner_ctrl.errors import IdentityMismatch, MinerCtrlError
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.transport.backoff import Backoff
from miner_ctrl.transport.channel import Channel
from miner_ctrl.transport.shared import Shared

logger = logging.getLogger(__name__)
_AT_ONCE = 64

DialPinned = Callable[[Address, bytes], Awaitable[Channel]]


class _Target:
    __slots__ = ("address", "backoff", "due_at", "failure", "task")

    def __init__(self, address: Address, backoff: Backoff, due_at: float) -> None:
        self.address = address
        self.backoff = backoff
        self.due_at = due_at
        self.failure: MinerCtrlError | None = None
        self.task: asyncio.Task[None] | None = None


class Redial:
    """One target a peer; the endpoint's ticker starts what is due, 64 dials at once at most."""

    def __init__(self, shared: Shared, dial: DialPinned, connected: Callable[[bytes], bool]) -> None:
        self._shared = shared
        self._dial = dial
        self.on_failure: list[Callable[[bytes, MinerCtrlError], None]] = []
        self._connected = connected
        self._targets: dict[bytes, _Target] = {}
        self._dialling = 0

    def keep(self, fingerprint: bytes, address: Address) -> None:
        """Dial until connected, and again whenever the session ends. A new address replaces the old."""
        target = self._targets.get(fingerprint)
        if target is not None and target.address == address:
            return
        self.stop(fingerprint)
        timings = self._shared.timings
        backoff = Backoff(timings.reconnect_first_s, timings.reconnect_last_s)
        self._targets[fingerprint] = _Target(address, backoff, self._shared.clock())
        self.tick()

    def stop(self, fingerprint: bytes) -> None:
        """Dial no more."""
        target = self._targets.pop(fingerprint, None)
        if target is not None and target.task is not None:
            target.task.cancel()

    def now(self, fingerprint: bytes) -> None:
        """Do not wait for the back-off."""
        target = self._targets.get(fingerprint)
        if target is not None:
            target.due_at = self._shared.clock()
            self.tick()

    def failure(self, fingerprint: bytes) -> MinerCtrlError | None:
        """Return why the last attempt failed; ``None`` after a success or before the first."""
        target = self._targets.get(fingerprint)
        return target.failure if target is not None else None

    def ended(self, fingerprint: bytes, stood_s: float) -> None:
        """A session with the peer is over."""
        target = self._targets.get(fingerprint)
        if target is not None:
            target.backoff.stood(stood_s)
            self._wait(target)

    def close(self) -> None:
        """Dial nobody any more."""
        for fingerprint in list(self._targets):
            self.stop(fingerprint)

    @property
    def urgent(self) -> bool:
        """Whether somebody is to be dialled, or is being dialled."""
        return any(not self._connected(fingerprint) for fingerprint in self._targets)

    def tick(self) -> None:
        """Start the dials that are due, those first that have waited longest: peers that let every dial run into its
        time-out must not keep the others from theirs."""
        now = self._shared.clock()
        due = [
            (target.due_at, fingerprint)
            for fingerprint, target in self._targets.items()
            if target.task is None and target.due_at <= now and not self._connected(fingerprint)
        ]
        for _, fingerprint in sorted(due)[: _AT_ONCE - self._dialling]:
            target = self._targets[fingerprint]
            self._dialling += 1
            target.task = asyncio.get_running_loop().create_task(self._attempt(fingerprint, target), name="redial")
            self._shared.keep(target.task)

    async def _attempt(self, fingerprint: bytes, target: _Target) -> None:
        try:
            await self._dial(target.address, fingerprint)
            target.failure = None
        except MinerCtrlError as error:
            if target.failure is None or target.failure.message != error.message:
                logger.info("dialling %s failed: %s", target.address, error.message)
            target.failure = error
            for callback in self.on_failure:
                callback(fingerprint, error)
        except Exception:  # the boundary of this task: an attempt that fails for our own fault is still tried again
            logger.exception("dialling %s failed", target.address)
        finally:
            self._dialling -= 1
            target.task = None
            self._wait(target)

    def _wait(self, target: _Target) -> None:
        target.due_at = self._shared.clock() + target.backoff.next_wait_s(self._shared.random)
        self._shared.hasten()


def check_fingerprint(expected: bytes, address: Address) -> Callable[[PublicKeys], None]:
    """Return the check of a dial to a known peer.

    Raises (the check does):
        IdentityMismatch: other keys answer there.
    """

    def check(keys: PublicKeys) -> None:
        if keys.fingerprint != expected:
            raise IdentityMismatch(
                f"THE IDENTITY AT {address} HAS CHANGED: other keys answer than the ones pinned.",
                suggestion="Somebody may be in between. If that node was renewed, remove it and join it again.",
                details={"expected": expected.hex(), "found": keys.fingerprint.hex()},
            )

    return check
