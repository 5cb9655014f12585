"""Which reply belongs to which of our requests."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from miner_ctrl.errors import Conflict, MinerCtrlError, ProtocolViolation, RateLimited, RequestTimedOut
from miner_ctrl.protocol.codes import error_from_wire
from miner_ctrl.protocol.messages import (
    AuditHeads,
    AuditHeadTold,
    Deploy,
    DeployAck,
    DeployChunk,
    Error,
    FollowLogs,
    GetHistory,
    GetInfo,
    GetLogs,
    GetStats,
    History,
    Info,
    Logs,
    MinerAck,
    PauseMiner,
    Payload,
    Ping,
    Pong,
    RestartMiner,
    ResumeMiner,
    RollbackMiner,
    SetLock,
    StartMiner,
    Stats,
    StopMiner,
    SubscribeStats,
)
from miner_ctrl.transport.limits import STREAMS_OPEN

logger = logging.getLogger(__name__)

REPLY_TO: dict[type[Payload], type[Payload]] = {
    Ping: Pong,
    GetStats: Stats,
    SubscribeStats: Stats,
    GetLogs: Logs,
    FollowLogs: Logs,
    GetInfo: Info,
    StartMiner: MinerAck,
    StopMiner: MinerAck,
    RestartMiner: MinerAck,
    PauseMiner: MinerAck,
    ResumeMiner: MinerAck,
    Deploy: DeployAck,
    DeployChunk: DeployAck,
    RollbackMiner: DeployAck,
    SetLock: MinerAck,
    GetHistory: History,
    AuditHeadTold: AuditHeads,
}
"""The one type that answers each request, besides ``Error``."""


class Waiting:
    """A request that awaits its one reply."""

    __slots__ = ("deadline", "expected", "future")

    def __init__(self, future: asyncio.Future[Payload], expected: type[Payload], deadline: float) -> None:
        self.future = future
        self.expected = expected
        self.deadline = deadline


class Subscription:
    """A request with many replies. They go to ``on_reply`` until ``cancel``, an error or the session's end; the
    latter two are told to ``on_end``, once."""

    __slots__ = ("_correlation", "_on_end", "_on_reply", "expected", "id")

    def __init__(
        self,
        correlation: Correlation,
        message_id: str,
        expected: type[Payload],
        on_reply: Callable[[Payload], None],
        on_end: Callable[[MinerCtrlError], None],
    ) -> None:
        self.id = message_id
        self.expected = expected
        self._correlation = correlation
        self._on_reply = on_reply
        self._on_end = on_end

    def cancel(self) -> None:
        """Forget it here; what still comes is ignored. Sends nothing."""
        self._correlation.forget(self.id)

    def take(self, payload: Payload) -> None:
        """One reply came."""
        try:
            self._on_reply(payload)
        except Exception:  # the boundary to whoever subscribed: its failure must not end the peer's session
            logger.exception("a subscriber failed on a reply")

    def end(self, error: MinerCtrlError) -> None:
        """No more will come."""
        try:
            self._on_end(error)
        except Exception:  # as above
            logger.exception("a subscriber failed when its subscription ended")


class Correlation:
    """The requests of one session that are not answered yet, by message id."""

    __slots__ = ("_next_deadline", "_open", "_subscriptions")

    def __init__(self) -> None:
        self._open: dict[str, Waiting | Subscription] = {}
        self._subscriptions = 0
        self._next_deadline = math.inf

    @property
    def waiting(self) -> int:
        """How many requests await their reply; subscriptions are not among them."""
        return len(self._open) - self._subscriptions

    def wait(self, message_id: str, future: asyncio.Future[Payload], kind: type[Payload], deadline: float) -> None:
        """Expect one reply to a request of ``kind`` until ``deadline``.

        Raises:
            Conflict: a request with this id is under way.
        """
        self._check_free(message_id)
        self._open[message_id] = Waiting(future, REPLY_TO[kind], deadline)
        self._next_deadline = min(self._next_deadline, deadline)

    def subscribe(
        self,
        message_id: str,
        kind: type[Payload],
        on_reply: Callable[[Payload], None],
        on_end: Callable[[MinerCtrlError], None],
    ) -> Subscription:
        """Expect many replies to a request of ``kind``.

        Raises:
            RateLimited: too many subscriptions in this session.
            Conflict: a request with this id is under way.
        """
        if self._subscriptions >= STREAMS_OPEN:
            raise RateLimited(
                f"{STREAMS_OPEN} subscriptions are open at this peer already.", suggestion="End some of them first."
            )
        self._check_free(message_id)
        subscription = Subscription(self, message_id, REPLY_TO[kind], on_reply, on_end)
        self._open[message_id] = subscription
        self._subscriptions += 1
        return subscription

    def get(self, message_id: str) -> Waiting | Subscription | None:
        """Return what awaits a reply to ``message_id``."""
        return self._open.get(message_id)

    def forget(self, message_id: str) -> None:
        """Expect nothing any more for ``message_id``."""
        if isinstance(self._open.pop(message_id, None), Subscription):
            self._subscriptions -= 1

    def settle(self, message_id: str, entry: Waiting | Subscription, payload: Payload) -> None:
        """Hand a reply to what awaits it.

        Raises:
            ProtocolViolation: the reply is of a type that does not answer this request.
        """
        kind = type(payload)
        if kind is entry.expected:
            if isinstance(entry, Subscription):
                entry.take(payload)
                return
            self._open.pop(message_id, None)
            if not entry.future.done():
                entry.future.set_result(payload)
            return
        if not isinstance(payload, Error):
            raise ProtocolViolation(f"A request was answered with a {kind.__name__}.")
        self.forget(message_id)
        self._fail(entry, error_from_wire(payload))

    def expire(self, now: float) -> None:
        """Fail the requests whose deadline has passed."""
        if now < self._next_deadline:
            return
        self._next_deadline = math.inf
        for message_id, entry in list(self._open.items()):
            if isinstance(entry, Subscription):
                continue
            if entry.deadline <= now:
                self.forget(message_id)
                self._fail(entry, RequestTimedOut("The peer did not answer in time.", suggestion="Try again."))
            elif entry.deadline < self._next_deadline:
                self._next_deadline = entry.deadline

    def fail_all(self, new_error: Callable[[], MinerCtrlError]) -> None:
        """The session is over: nothing will be answered any more."""
        entries, self._open, self._subscriptions = list(self._open.values()), {}, 0
        for entry in entries:
            self._fail(entry, new_error())

    def _check_free(self, message_id: str) -> None:
        if message_id in self._open:
            raise Conflict("A request with this id is under way in this session.", suggestion="Wait for its answer.")

    @staticmethod
    def _fail(entry: Waiting | Subscription, error: MinerCtrlError) -> None:
        if isinstance(entry, Subscription):
            entry.end(error)
        elif not entry.future.done():
            entry.future.set_exception(error)
