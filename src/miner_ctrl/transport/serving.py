"""A peer's requests: limits, signatures, grants, handlers, in this order (protocol.md, "Sessions")."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from miner_ctrl.errors import MinerCtrlError, OperationFailed, ProtocolViolation, RateLimited, Refused
from miner_ctrl.protocol.codec import TYPE_NAMES, DecodeFailed
from miner_ctrl.protocol.codes import WireCode, error_to_wire
from miner_ctrl.protocol.messages import COMMANDS, SIGNED, Error, Message, Payload
from miner_ctrl.session import Opened
from miner_ctrl.transport.limits import Answer, LogLines, RequestLimits
from miner_ctrl.transport.request import STREAMS, Handler, Request

if TYPE_CHECKING:
    from miner_ctrl.transport.channel import Channel

logger = logging.getLogger(__name__)


class Serving:
    """Serves one peer in one session. A handler that is slow or fails costs that peer's requests only."""

    __slots__ = ("_channel", "_limits", "_refusal_log", "_streams", "_tasks")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        shared = channel.shared
        self._limits = RequestLimits(shared.timings.excess_at_most_s, shared.command_limits(channel.fingerprint))
        self._streams: dict[str, Request] = {}
        self._tasks: set[asyncio.Future[Payload | None]] | None = None
        self._refusal_log: LogLines | None = None

    @property
    def busy(self) -> bool:
        """Whether requests other than streams are under way."""
        return self._limits.in_flight > 0

    def serve(self, message: Message[Any], opened: Opened) -> None:
        """Take one request.

        Raises:
            ProtocolViolation: a bad signature, or ten seconds of excess: the session ends.
        """
        channel = self._channel
        kind = type(message.payload)
        if not self._admits(kind, message):
            self._excess(message.id)
            return
        if kind in SIGNED:
            channel.verify(opened)
        route = channel.shared.routes.find(kind)
        if route is None:
            self._refuse(message.id, OperationFailed(f"That node does not answer {TYPE_NAMES[kind]}."))
            return
        lacking = route.lacking(message.payload, lambda: channel.shared.grants_of(channel.fingerprint))
        if lacking is not None:
            self._log_refusal(kind)
            self._refuse(message.id, Refused(f"That node has not granted {lacking} to this one."))
        else:
            self._call(route.handler, self._begin(message, opened))

    def _admits(self, kind: type[Payload], message: Message[Any]) -> bool:
        limits = self._limits
        if kind in COMMANDS:
            return limits.admits_command(self._channel.shared.clock())
        if kind in STREAMS:
            if message.payload.cancel is None:
                return limits.admits_stream() and message.id not in self._streams
            cancelled = self._streams.get(message.payload.cancel)
            if cancelled is not None:
                cancelled.finish()
        return limits.admits_request()

    def _call(self, handler: Handler, request: Request) -> None:
        try:
            answer = handler(request)
        except MinerCtrlError as error:
            self._failed(request, error)
        except Exception:  # the boundary to a handler: its fault is ours, not the peer's
            logger.exception("the handler of %s failed", TYPE_NAMES[type(request.payload)])
            self._crashed(request)
        else:
            if isinstance(answer, Payload):
                self._answered(request, answer)
            elif answer is not None:
                self._await(request, answer)

    def undecodable(self, error: DecodeFailed) -> None:
        """A message came that is not one of ours: answered with an error where it may be.

        Raises:
            ProtocolViolation: ten seconds of excess.
        """
        if error.message_id is None:
            if not self._limits.admits_error(self._channel.shared.clock()):
                self._note_excess()
            return
        code = WireCode.UNKNOWN_TYPE if error.unknown_type else WireCode.INVALID_MESSAGE
        self._send_limited(error.message_id, Error(code=code, message=error.message))

    def admits_signed_reply(self) -> bool:
        """Whether one more signature that was not asked for one by one may be checked."""
        return self._limits.admits_signed_reply(self._channel.shared.clock())

    def end(self) -> None:
        """The session is over. What was commanded goes on; what was asked is moot."""
        for request in list(self._streams.values()):
            request.finish()
        for task in list(self._tasks or ()):
            task.cancel()

    # --- one request ------------------------------------------------------------------------------------

    def _begin(self, message: Message[Any], opened: Opened) -> Request:
        request = Request(self._channel, message, opened, self._finished)
        if request.stream:
            self._limits.streams += 1
            self._streams[request.id] = request
        else:
            self._limits.in_flight += 1
            self._limits.commands.under_way += type(request.payload) in COMMANDS
        return request

    def _finished(self, request: Request) -> None:
        if request.stream:
            self._limits.streams -= 1
            self._streams.pop(request.id, None)
        else:
            self._limits.in_flight -= 1
            self._limits.commands.under_way -= type(request.payload) in COMMANDS

    def _answered(self, request: Request, answer: Payload) -> None:
        try:
            request.reply(answer)
        except ProtocolViolation as error:
            logger.warning("the answer to %s cannot be sent: %s", TYPE_NAMES[type(request.payload)], error.message)
            self._send_error(request.id, error_to_wire(OperationFailed("The answer is too large to be sent.")))
            request.finish()
        if not request.stream:
            request.finish()

    def _failed(self, request: Request, error: MinerCtrlError) -> None:
        request.finish()
        self._refuse(request.id, error)

    def _crashed(self, request: Request) -> None:
        request.finish()
        self._send_limited(request.id, Error(code=WireCode.UNKNOWN, message="Internal error."))

    def _await(self, request: Request, answer: Awaitable[Payload | None]) -> None:
        task = asyncio.ensure_future(answer)
        self._channel.shared.keep(task)
        if type(request.payload) not in COMMANDS:
            if self._tasks is None:
                self._tasks = set()
            self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(request, done))

    def _done(self, request: Request, task: asyncio.Future[Payload | None]) -> None:
        """A handler that took its time has ended."""
        if self._tasks is not None:
            self._tasks.discard(task)
        if task.cancelled():
            request.finish()
            return
        try:
            self._conclude(request, task)
        except ProtocolViolation as violation:
            self._channel.broken(violation)

    def _conclude(self, request: Request, task: asyncio.Future[Payload | None]) -> None:
        error = task.exception()
        if error is None:
            answer = task.result()
            if answer is not None:
                self._answered(request, answer)
            elif not request.stream:
                request.finish()
        elif isinstance(error, MinerCtrlError):
            self._failed(request, error)
        else:
            logger.error("the handler of %s failed", TYPE_NAMES[type(request.payload)], exc_info=error)
            self._crashed(request)

    # --- what is not served -----------------------------------------------------------------------------

    def _refuse(self, message_id: str, error: MinerCtrlError) -> None:
        self._send_limited(message_id, error_to_wire(error))

    def _send_limited(self, message_id: str, error: Error) -> None:
        """Each error costs a signature: what a peer causes of them is bounded."""
        if self._limits.admits_error(self._channel.shared.clock()):
            self._send_error(message_id, error)
        else:
            self._excess(message_id)

    def _excess(self, message_id: str) -> None:
        if self._note_excess() is Answer.ERROR:
            error = RateLimited("Too many requests: slow down.", suggestion="Wait a few seconds, then try again.")
            self._send_error(message_id, error_to_wire(error))

    def _note_excess(self) -> Answer:
        answer = self._limits.excess(self._channel.shared.clock())
        if answer is Answer.END:
            raise ProtocolViolation("The peer kept sending more than it may.")
        return answer

    def _send_error(self, message_id: str, error: Error) -> None:
        if not self._channel.closed:
            self._channel.post(error, reply_to=message_id)

    def _log_refusal(self, kind: type[Payload]) -> None:
        now = self._channel.shared.clock()
        if self._refusal_log is None:
            self._refusal_log = LogLines(1, 1, now)
        more = self._refusal_log.admit(now)
        if more is not None:
            logger.warning("refused %s from %s: not granted%s", TYPE_NAMES[kind], self._channel.node_id, more)
            if kind in COMMANDS:
                self._channel.shared.on_refused(self._channel, TYPE_NAMES[kind], Refused.default_code)
