"""Links over websockets' sans-I/O layer: the second implementation, for platforms that picows has no wheel for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.addresses import Address
from miner_ctrl.protocol.limits import MAX_FRAME_BYTES, MAX_HANDSHAKE_BYTES, MESSAGE_1_WITHIN_S
from miner_ctrl.transport import dial_errors, sockets
from miner_ctrl.transport.half_open import Visit
from miner_ctrl.transport.link import (
    CLOSE_WITHIN_S,
    NARROW_TOTAL_BYTES,
    NORMAL,
    PATH,
    PROTOCOL_ERROR,
    UNSUPPORTED,
    WRITE_HIGH_BYTES,
    WRITE_LOW_BYTES,
    Link,
    Listening,
    Reception,
)

_SILENT = logging.getLogger("miner_ctrl.transport.websockets")
_SILENT.setLevel(logging.CRITICAL)  # what hostile peers do is reported by the sessions, not by the library
_UPGRADE_BYTES = 16 * 1024


class WebsocketsLink(asyncio.Protocol):
    """One WebSocket, and the TCP connection under it."""

    def __init__(self, protocol: ServerProtocol | ClientProtocol) -> None:
        self.remote = ("", 0)
        self.on_frame: Callable[[bytes], None] = _ignore_frame
        self.on_closed: Callable[[], None] = _ignore
        self.on_writable: Callable[[], None] = _ignore
        self.tcp: Any = None
        self._protocol = protocol
        self._closed = False
        self._paused = False
        self._wide = False
        self._heard_bytes = 0
        self._cut: asyncio.TimerHandle | None = None

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def writable(self) -> bool:
        return not self._paused

    @property
    def buffered(self) -> int:
        return int(self.tcp.get_write_buffer_size())

    def send(self, frame: bytes) -> None:
        if not self._closed:
            self._protocol.send_binary(frame)
            self._flush()

    def widen(self) -> None:
        self._wide = True
        self._protocol.max_message_size = MAX_FRAME_BYTES

    def close(self, code: int = NORMAL) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(InvalidState):  # then the library has sent its own
            self._protocol.send_close(code)
        self._flush()
        self._end()

    def abort(self) -> None:
        self._closed = True
        self.tcp.abort()

    # --- called by the loop -----------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.tcp = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES, low=WRITE_LOW_BYTES)
        peer = transport.get_extra_info("peername")
        self.remote = (str(peer[0]), int(peer[1])) if peer else ("", 0)

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        if not self._wide:
            self._heard_bytes += len(data)
            if self._heard_bytes > NARROW_TOTAL_BYTES + _UPGRADE_BYTES:
                self.abort()
                return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            self._take(event)
            if self.closed:
                return
        if not self._paused:  # a peer that does not read its pongs gets no more of them
            self._flush()
        if self._protocol.state is not State.OPEN and self._protocol.close_expected():
            self._closed = True
            self._end()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._cut is not None:
            self._cut.cancel()
        on_closed = self.on_closed
        self.on_frame, self.on_closed, self.on_writable = _ignore_frame, _ignore, _ignore
        on_closed()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.on_writable()

    # ----------------------------------------------------------------------------------------------------

    def _take(self, event: Request | Response | Frame) -> None:
        if not isinstance(event, Frame):
            self._handshake(event)
        elif event.opcode is Opcode.BINARY and event.fin:
            self.on_frame(bytes(event.data))
        elif event.opcode is Opcode.TEXT and event.fin:
            self.close(UNSUPPORTED)
        elif event.opcode in (Opcode.CONT, Opcode.TEXT, Opcode.BINARY):
            self.close(PROTOCOL_ERROR)

    def _handshake(self, event: Request | Response) -> None:
        """The upgrade's request or answer came."""

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self.tcp.write(data)

    def _end(self) -> None:
        self.tcp.close()
        self._cut = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self.tcp.abort)


class _ServerLink(WebsocketsLink):
    """A connection that came in: admitted by the reception before a byte of it is read."""

    def __init__(self, reception: Reception) -> None:
        self._server = ServerProtocol(max_size=MAX_HANDSHAKE_BYTES, logger=_SILENT)
        super().__init__(self._server)
        self._reception = reception
        self._visit: Visit | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._visit = self._reception.admit(self.remote[0], transport.abort)
        if self._visit is None:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._visit is not None:
            self._reception.left(self._visit)
        super().connection_lost(exc)

    def _handshake(self, event: Request | Response) -> None:
        assert isinstance(event, Request)  # noqa: S101 - a server receives nothing else
        if event.path != PATH:
            response = self._server.reject(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
        elif "Origin" in event.headers:
            response = self._server.reject(HTTPStatus.FORBIDDEN, HTTPStatus.FORBIDDEN.phrase)
        else:
            response = self._server.accept(event)
        self._server.send_response(response)
        self._flush()
        if self._server.state is not State.OPEN:
            self._closed = True
            self._end()
            return
        visit, self._visit = self._visit, None
        assert visit is not None  # noqa: S101 - admitted, and it stands only once
        self._reception.arrived(visit, self)


class _ClientLink(WebsocketsLink):
    """A connection that goes out. ``stands`` ends when the upgrade does, one way or the other."""

    def __init__(self, address: Address) -> None:
        host = f"[{address.host}]" if ":" in address.host else address.host
        uri = parse_uri(f"{'wss' if address.tls else 'ws'}://{host}:{address.port}{PATH}")
        self._client = ClientProtocol(uri, max_size=MAX_HANDSHAKE_BYTES, logger=_SILENT)
        super().__init__(self._client)
        self.stands: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def heard_anything(self) -> bool:
        return self._heard_bytes > 0

    @property
    def failure(self) -> Exception | None:
        """Why the upgrade failed, if it did."""
        return self._client.handshake_exc

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._client.send_request(self._client.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.receive_eof()
        super().connection_lost(exc)
        self._settle()

    def _settle(self) -> None:
        if not self.stands.done() and (self._closed or self._client.state is not State.CONNECTING):
            self.stands.set_result(None)


class WebsocketsLinks:
    """Makes links over websockets."""

    async def listen(
        self, host: str | None, port: int, *, tls: ssl.SSLContext | None, reception: Reception
    ) -> Listening:
        """See ``LinkFactory``."""
        return await sockets.serve(lambda: _ServerLink(reception), host, port, tls=tls, tls_within_s=MESSAGE_1_WITHIN_S)

    async def connect(self, address: Address, *, tls: ssl.SSLContext | None, timeout_s: float) -> Link:
        """See ``LinkFactory``."""
        connection = await sockets.connect(lambda: _ClientLink(address), address, tls=tls, timeout_s=timeout_s)
        link = connection.protocol
        try:
            async with asyncio.timeout_at(connection.deadline):
                await link.stands
        except TimeoutError:
            link.abort()
            if link.heard_anything:
                raise dial_errors.not_miner_ctrl(address, "its first bytes are not a WebSocket answer") from None
            raise dial_errors.silent(address, timeout_s) from None
        except asyncio.CancelledError:
            link.abort()
            raise
        if link.failure is not None or link.closed:
            link.abort()
            if not link.heard_anything:
                raise dial_errors.hung_up(address)
            raise dial_errors.not_miner_ctrl(address, _describe(link.failure))
        try:
            sockets.check_pin(connection.transport, address)
        except OperationFailed:
            link.abort()
            raise
        return link


def _describe(error: Exception | None) -> str:
    if isinstance(error, InvalidStatus):
        return f"an HTTP server answers with status {error.response.status_code}"
    return "its answer is not a WebSocket's"


def _ignore() -> None:
    """Nobody listens yet, or any more."""


def _ignore_frame(frame: bytes) -> None:
    """Nobody listens yet, or any more."""
