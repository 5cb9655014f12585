"""A live session with one peer: messages out, messages in, and the duties of a session that stands
(protocol.md, "Signatures", "Message", "Sessions")."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from miner_ctrl.errors import MinerCtrlError, ProtocolViolation, Unreachable
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.text import one_line
from miner_ctrl.protocol.codec import MESSAGE_CLASS, TYPE_NAMES, DecodeFailed, decode, encode, to_json
from miner_ctrl.protocol.messages import REQUESTS, SIGNED, Checkpoint, Disconnect, Hello, Message, Payload, Ping, Pong
from miner_ctrl.session import Opened, Session
from miner_ctrl.transport.correlation import Correlation, Subscription
from miner_ctrl.transport.keepalive import Coverage, Keepalive, Pulse
from miner_ctrl.transport.link import NORMAL, PROTOCOL_ERROR, WRITE_LIMIT_BYTES, Link
from miner_ctrl.transport.serving import Serving
from miner_ctrl.transport.shared import Shared

logger = logging.getLogger(__name__)
_VERIFY_EVERY_S = 1.0
"""How often a signature is checked that came with nothing to act on."""


class Channel:
    """Both directions of one session. Made by ``Endpoint``; usable until ``closed``.

    ``opened_at`` is on the endpoint's monotonic clock; ``dialled`` is the address, if this node dialled.
    """

    __slots__ = (
        "_correlation",
        "_coverage_received",
        "_coverage_sent",
        "_drained",
        "_keepalive",
        "_link",
        "_local_id",
        "_retire_by",
        "_serving",
        "_unverified",
        "_verified_at",
        "closed",
        "dialled",
        "fingerprint",
        "hello",
        "node_id",
        "opened_at",
        "session",
        "shared",
    )

    def __init__(self, shared: Shared, link: Link, session: Session, hello: Hello, dialled: Address | None) -> None:
        self.shared = shared
        self.session = session
        self.hello = hello
        self.dialled = dialled
        self.fingerprint = session.remote.fingerprint
        self.node_id: str = session.remote.node_id
        self.opened_at = shared.clock()
        self.closed = False
        self._link = link
        self._local_id: str = session.local.node_id
        self._correlation = Correlation()
        self._keepalive = Keepalive(shared.attentive_now)
        self._coverage_sent = Coverage()
        self._coverage_received = Coverage()
        self._verified_at = shared.attentive_now
        self._unverified: Opened | None = None
        self._serving = Serving(self)
        self._drained: list[asyncio.Future[None]] | None = None
        self._retire_by: float | None = None
        link.widen()
        link.on_frame = self.frame_arrived
        link.on_closed = self._link_closed
        link.on_writable = self._link_writable

    @property
    def keys(self) -> PublicKeys:
        """The peer's public keys."""
        return self.session.remote

    @property
    def is_initiator(self) -> bool:
        return self.session.is_initiator

    @property
    def remote_host(self) -> str:
        return self._link.remote[0]

    @property
    def writable(self) -> bool:
        """Whether a stream may go on sending; if not, await ``drained`` first."""
        return self._link.writable

    # --- asking -----------------------------------------------------------------------------------------

    async def request(self, payload: Payload, *, timeout_s: float, message_id: str | None = None) -> Payload:
        """Return the peer's reply.

        Raises:
            RequestTimedOut: none came in ``timeout_s`` seconds.
            Unreachable: the session ended first.
            Conflict: a request with this ``message_id`` is under way.
            MinerCtrlError: the peer's own error (``protocol.codes.error_from_wire``).
        """
        message_id = message_id or self.shared.new_id()
        future = self.ask(payload, timeout_s=timeout_s, message_id=message_id)
        try:
            return await future
        finally:
            if future.cancelled():
                self._correlation.forget(message_id)

    def ask(self, payload: Payload, *, timeout_s: float, message_id: str | None = None) -> asyncio.Future[Payload]:
        """Send a request at once and return the future of its reply; it fails as ``request`` does."""
        if self.closed:
            raise self._gone()
        message_id = message_id or self.shared.new_id()
        future: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._correlation.wait(message_id, future, type(payload), self.shared.clock() + timeout_s)
        self.shared.hasten()
        try:
            self._send(payload, message_id, None)
        except ProtocolViolation:
            self._correlation.forget(message_id)
            raise
        return future

    def subscribe(
        self, payload: Payload, on_reply: Callable[[Payload], None], on_end: Callable[[MinerCtrlError], None]
    ) -> Subscription:
        """Send a request that is answered many times.

        Raises:
            Unreachable: the session is over.
            RateLimited: too many subscriptions are open in it.
        """
        if self.closed:
            raise self._gone()
        message_id = self.shared.new_id()
        subscription = self._correlation.subscribe(message_id, type(payload), on_reply, on_end)
        self._send(payload, message_id, None)
        return subscription

    def post(self, payload: Payload, *, reply_to: str | None = None) -> None:
        """Send a message that awaits no reply; on a closed channel nothing happens.

        Raises:
            ProtocolViolation: it is too large; the session goes on.
        """
        if not self.closed:
            self._send(payload, self.shared.new_id(), reply_to)

    async def ping(self, timeout_s: float) -> tuple[float, float]:
        """Return the round trip in seconds and the peer's clock minus ours in ms.

        Raises:
            RequestTimedOut, Unreachable: as ``request``.
        """
        before, before_ms = self.shared.clock(), self.shared.now_ms()
        pong = await self.request(Ping(), timeout_s=timeout_s)
        rtt_s = self.shared.clock() - before
        assert isinstance(pong, Pong)  # noqa: S101 - nothing else answers a ping
        return rtt_s, pong.clock_ms - (before_ms + self.shared.now_ms()) / 2

    async def drained(self) -> None:
        """Return once the channel is ``writable``.

        Raises:
            Unreachable: the session ended first.
        """
        if self.closed:
            raise self._gone()
        if self._link.writable:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._drained is None:
            self._drained = []
        self._drained.append(future)
        await future

    async def close(self, reason: str) -> None:
        """End the session on purpose: a signed disconnect, then the link."""
        self.disconnect(reason)

    def disconnect(self, reason: str) -> None:
        """As ``close``, at once."""
        if self.closed:
            return
        with contextlib.suppress(ProtocolViolation):  # if the session is broken, there is nothing left to say
            self._send(Disconnect(reason=reason[:1000]), self.shared.new_id(), None)
        self.end(reason, clean=True)

    def retire(self, reason: str) -> None:
        """Another session has taken this one's place: end it when nothing is under way in it any more."""
        if self._correlation.waiting or self._serving.busy:
            self._retire_by = self.shared.clock() + self.shared.timings.retire_within_s
            self.shared.hasten()
        else:
            self.disconnect(reason)

    # --- what the endpoint calls ------------------------------------------------------------------------

    @property
    def urgent(self) -> bool:
        """Whether a request of ours waits for its answer, or this session is to end soon."""
        return self._correlation.waiting > 0 or self._retire_by is not None

    def tick(self) -> None:
        """Do what time asks for."""
        shared, now = self.shared, self.shared.attentive_now
        timings, session = shared.timings, self.session
        clock = shared.clock()
        self._correlation.expire(clock)
        pulse = self._keepalive.check(now, timings)
        if pulse is Pulse.OFFLINE:
            self.end(f"no sign of life for {timings.offline_after_s:g} s", clean=False, cut=True)
            return
        if pulse is Pulse.SEND:
            self._put(session.seal_keepalive())
        if self._coverage_sent.waiting_s(now, session.uncovered_sent) >= timings.checkpoint_after_s:
            self._send_checkpoint()
        if now - self._verified_at >= _VERIFY_EVERY_S:
            self._verify_put_off()
        if self._coverage_received.waiting_s(now, session.uncovered_received) >= timings.uncovered_at_most_s:
            self.broken(ProtocolViolation("The peer did not sign what it sent in time."))
        elif clock - self.opened_at >= timings.session_at_most_s:
            self.disconnect("the session has lasted as long as one may")
        elif self._retire_by is not None and (
            clock >= self._retire_by or not (self._correlation.waiting or self._serving.busy)
        ):
            self.disconnect("replaced by a newer session")

    def verify(self, opened: Opened) -> None:
        """Check a signature; everything up to it is covered."""
        self.session.verify(opened)
        self._coverage_received.covered()
        self._verified_at = self.shared.attentive_now
        self._unverified = None

    def _verify_put_off(self) -> None:
        if self._unverified is not None:
            try:
                self.verify(self._unverified)
            except ProtocolViolation as error:
                self.broken(error)

    def broken(self, error: ProtocolViolation) -> None:
        """The peer broke the protocol: the session ends."""
        if not self.closed:
            logger.warning("session with %s ended: %s", self.node_id, error.message)
            self.end(error.message, clean=False, code=PROTOCOL_ERROR)

    def end(self, reason: str, *, clean: bool, code: int = NORMAL, cut: bool = False) -> None:
        """End the session: what is pending fails at once."""
        if self.closed:
            return
        self.closed = True
        if cut:
            self._link.abort()
        else:
            self._link.close(code)
        self._serving.end()
        self._correlation.fail_all(lambda: Unreachable(f"The session with {self.hello.name} ended: {reason}."))
        for future in self._drained or ():
            if not future.done():
                future.set_exception(self._gone())
        self.shared.on_ended(self, reason, clean)

    # --- what comes -------------------------------------------------------------------------------------

    def frame_arrived(self, frame: bytes) -> None:
        """Take one frame of the peer's. The boundary: nothing a peer sends gets an exception past here."""
        if self.closed:
            return
        self.shared.counts.received_bytes += len(frame)
        try:
            opened = self.session.open(frame)
            self._keepalive.heard = True
            if not opened.keepalive:
                self._message_arrived(opened)
        except ProtocolViolation as error:
            self.broken(error)
        except Exception:
            logger.exception("a message from %s could not be handled", self.node_id)
            self.end("internal error", clean=False)

    def _message_arrived(self, opened: Opened) -> None:
        try:
            message: Message[Any] = decode(opened.message)
        except DecodeFailed as error:
            self._serving.undecodable(error)
            return
        if self.shared.trace is not None:
            self.shared.trace(f"← {to_json(message)}")
        if message.sender != self.node_id or message.recipient != self._local_id:
            raise ProtocolViolation("A message names other nodes than those of its session.")
        kind = type(message.payload)
        if opened.signature is None and kind in SIGNED:
            raise ProtocolViolation(f"A {TYPE_NAMES[kind]} came without a signature.")
        if message.reply_to is not None:
            self._reply_arrived(message.reply_to, message.payload, kind, opened)
        elif kind in REQUESTS:
            self._serving.serve(message, opened)
        elif kind is Checkpoint:
            self._checkpoint_arrived(opened)
        elif kind is Disconnect:
            self.verify(opened)
            self.end(one_line(message.payload.reason) or "the peer ended it", clean=True)
        elif kind is Hello:
            raise ProtocolViolation("A second hello came.")

    def _reply_arrived(self, reply_to: str, payload: Payload, kind: type[Payload], opened: Opened) -> None:
        entry = self._correlation.get(reply_to)
        if entry is None:  # it came too late, or was never asked for
            self._put_off(opened)
            return
        if kind in SIGNED:
            if isinstance(entry, Subscription) and not self._serving.admits_signed_reply():
                raise ProtocolViolation("The peer sent more signed replies than it may.")
            self.verify(opened)
        self._correlation.settle(reply_to, entry, payload)

    def _checkpoint_arrived(self, opened: Opened) -> None:
        """Checked when it covers enough or enough time has gone by, so that a flood of them costs nothing."""
        timings = self.shared.timings
        if (
            self.session.uncovered_received > timings.checkpoint_after_messages // 2
            or self.shared.attentive_now - self._verified_at >= timings.checkpoint_after_s / 2
        ):
            self.verify(opened)
        else:
            self._put_off(opened)

    def _put_off(self, opened: Opened) -> None:
        """Have a signature that nothing waits for checked soon: of a flood of them, the last one alone."""
        if opened.signature is not None:
            self._unverified = msgspec.structs.replace(opened, message=b"")

    # --- what goes --------------------------------------------------------------------------------------

    def _send(self, payload: Payload, message_id: str, reply_to: str | None) -> None:
        kind = type(payload)
        message = MESSAGE_CLASS[kind](
            id=message_id,
            sender=self._local_id,
            recipient=self.node_id,
            ts=self.shared.now_ms(),
            payload=payload,
            reply_to=reply_to,
        )
        data = encode(message)
        if self.shared.trace is not None:
            self.shared.trace(f"→ {to_json(message)}")
        sign = kind in SIGNED
        link = self._link
        session = self.session
        self._put(session.seal(data, sign=sign))
        session.settle()
        self._keepalive.spoke = True
        if sign:
            self._coverage_sent.covered()
        elif session.uncovered_sent >= self.shared.timings.checkpoint_after_messages:
            self._send_checkpoint()
        if not link.writable and link.buffered > WRITE_LIMIT_BYTES:
            self.end("the peer does not read what it is sent", clean=False, cut=True)

    def _put(self, frame: bytes) -> None:
        self.shared.counts.sent_bytes += len(frame)
        self._link.send(frame)

    def _send_checkpoint(self) -> None:
        self._send(Checkpoint(), self.shared.new_id(), None)

    def _link_closed(self) -> None:
        self.end("the connection was cut", clean=False)

    def _link_writable(self) -> None:
        waiting, self._drained = self._drained, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    def _gone(self) -> Unreachable:
        return Unreachable(f"The session with {self.hello.name} is over.", suggestion="It reconnects by itself.")
