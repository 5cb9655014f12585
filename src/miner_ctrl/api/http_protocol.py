"""One HTTP connection: uvicorn's protocol on httptools, bounded.

As it comes it takes headers without end and waits for them without end. Here a head has a size and a time, a request
has a size, pipelined requests and connections have a number, and everything it refuses by itself is answered with the
envelope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from miner_ctrl.api.errors import envelope, status_of
from miner_ctrl.errors import BadInput, MinerCtrlError

if TYPE_CHECKING:
    from miner_ctrl.api.serving import HttpServing

WEBSOCKET_MESSAGE_BYTES = 4096
PING_EVERY_S = 20.0
DEAD_AFTER_S = 40.0
LOOKS = 8
"""A WebSocket without a pong, or anything being read, for this long after a ping."""

_logger = logging.getLogger("miner_ctrl.api.http")
_logger.setLevel(logging.ERROR)  # uvicorn tells of each request that is none

Admit = Callable[[asyncio.Transport], bool]
"""Whether the process at the other end may speak here at all."""


class _Refused(Exception):
    """Raised in a parser callback to stop the parser."""


class HttpProtocol(HttpToolsProtocol):
    """A connection of ``serving``. ``admit`` is asked first; a connection it refuses is cut without a word."""

    def __init__(self, serving: HttpServing, admit: Admit | None = None) -> None:
        super().__init__(serving.config, serving.state, serving.scope_state)
        self.logger = _logger
        self.access_log = False
        self._serving = serving
        self._admit = admit
        self._limits = serving.limits
        self._refusal: MinerCtrlError | None = None
        self._in_head = False
        self._head_received_bytes = 0
        self._head_parsed_bytes = 0
        self._request_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._upgraded = False
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._serving.closing.is_set() or (self._admit is not None and not self._admit(transport)):
            transport.abort()
        elif len(self.connections) > self._limits.connections:
            self._refuse(
                MinerCtrlError(
                    "This node has as many connections as it takes.",
                    suggestion="Try again in a moment.",
                    code="TOO_MANY_CONNECTIONS",
                )
            )
        else:
            self._arm_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm_head_timer()
        self._disarm_unread_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._limits.unread_within_s is not None and self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self._limits.unread_within_s, self.abort)

    def resume_writing(self) -> None:
        self._disarm_unread_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_received_bytes += len(data)
        self._request_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._upgraded:
            return
        if self._in_head and self._head_received_bytes > self._limits.head_bytes:
            self._refuse(self._head_too_large())
        elif self._request_bytes > self._limits.request_bytes:
            self._refuse(BadInput("The request is too large.", code="BODY_TOO_LARGE"))
        elif self._in_head or self._idle:
            self._arm_head_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_received_bytes = self._head_parsed_bytes = self._request_bytes = 0
        self.server_state.default_headers = self._serving.default_headers()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm_head_timer()
        if len(self.pipeline) >= self._limits.pipelined:
            self._stop(BadInput("Too many requests at once on one connection.", suggestion="Wait for the answers."))
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(self._refusal or BadInput("This is not an HTTP request.", code="BAD_REQUEST"))

    def shutdown(self) -> None:
        if self.flow.write_paused:  # it does not read: there is nothing to wait for
            self.transport.abort()
        else:
            super().shutdown()

    def abort(self) -> None:
        """Cut the connection now; what its request still answers goes nowhere."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to a WebSocket."""
        from miner_ctrl.api.websocket_protocol import WebSocketProtocol  # noqa: PLC0415 - for who follows the feed

        if not self._idle:
            self.abort()  # it has not waited for the answer before
            return
        self._upgraded = True
        self._disarm_head_timer()
        self._disarm_unread_timer()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        head = [self.scope["method"].encode(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            head += [name, b": ", value, b"\r\n"]
        socket = WebSocketProtocol(self._serving, self.app_state, self.upgraded_lost)
        socket.begin(self.transport, b"".join([*head, b"\r\n"]))

    def upgraded_lost(self) -> None:
        """The connection was handed over, and is gone now."""

    def _should_upgrade(self) -> bool:
        """Whether the request is one for the WebSocket there is; others are answered as the plain ones they are."""
        return (
            self._get_upgrade() == b"websocket"
            and self.scope["method"] == "GET"
            and self.url.partition(b"?")[0] == self._serving.websocket_path
            and any(name == b"sec-websocket-key" for name, _ in self.headers)
        )

    def _unsupported_upgrade_warning(self) -> None:
        """Answer the request as the plain one that it is; after it, nothing more is read as HTTP."""
        self.cycle.keep_alive = False

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _count_head(self, size: int) -> None:
        self._head_parsed_bytes += size
        if self._head_parsed_bytes > self._limits.head_bytes:
            self._stop(self._head_too_large())

    def _stop(self, error: MinerCtrlError) -> None:
        self._refusal = error
        raise _Refused(error.message)

    def _head_too_large(self) -> BadInput:
        return BadInput(
            f"The request's headers are larger than {self._limits.head_bytes // 1024} KiB.",
            suggestion="Send fewer or shorter headers.",
            code="HEADERS_TOO_LARGE",
        )

    def _refuse(self, error: MinerCtrlError) -> None:
        """Answer ``error`` and close; in the middle of another answer, just cut."""
        self._disarm_head_timer()
        if not self._idle or self.transport.is_closing():
            self.transport.abort()
            return
        self._serving.counts.note_refusal(status_of(error))
        body = envelope(error)
        length = str(len(body)).encode()
        headers = b"content-type: application/json\r\ncontent-length: %s\r\nconnection: close\r\n" % length
        more = b"".join(b"%s: %s\r\n" % header for header in self._serving.refusal_headers)
        self.transport.write(STATUS_LINE[status_of(error)] + headers + more + b"\r\n" + body)
        self.transport.close()

    def _arm_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_within_s, self._head_too_slow)

    def _disarm_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _disarm_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(
                BadInput(
                    f"The request's head was not there within {self._limits.head_within_s:g} seconds.",
                    suggestion="Send the request again.",
                    code="REQUEST_TOO_SLOW",
                )
            )
        else:
            self.transport.close()
