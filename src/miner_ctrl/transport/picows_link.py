"""Links over picows (core API), the default. What picows leaves to its user is done here: which request is accepted,
which frames are refused, CLOSE, PING, and every bound."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

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
    TOO_BIG,
    UNSUPPORTED,
    WRITE_HIGH_BYTES,
    WRITE_LOW_BYTES,
    Link,
    Listening,
    Reception,
)

if TYPE_CHECKING:

    class WSProtocol(asyncio.BufferedProtocol):
        """What picows' own connections are made of; it has it, but does not declare it."""

        transport: object
        listener: object

        def __init__(self, *args: object) -> None: ...
        async def wait_until_handshake_complete(self) -> None: ...

else:
    from picows.picows import WSProtocol

_READ_BUFFER_BYTES = 2048
_UPGRADE_WITHIN_S = MESSAGE_1_WITHIN_S


class _Silent(logging.LoggerAdapter[logging.Logger]):
    """picows logs each connection at INFO, and what hostile peers do at ERROR; what matters of it is reported by the
    sessions. Being an adapter, it also keeps picows from making a logger for each connection."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the standard library's name
        return level >= logging.CRITICAL


_SILENT = _Silent(logging.getLogger("miner_ctrl.transport.picows"), {})


class PicowsLink(WSListener):
    """One WebSocket of picows."""

    __slots__ = ("_arrived", "_closed", "_cut", "_paused", "_transport", "on_closed", "on_frame", "on_writable",
                 "remote", "wide")  # fmt: skip

    def __init__(self) -> None:
        self.on_frame: Callable[[bytes], None] = _ignore_frame
        self.on_closed: Callable[[], None] = _ignore
        self.on_writable: Callable[[], None] = _ignore
        self.remote = ("", 0)
        self.wide = False
        self._arrived: Callable[[], None] = _ignore
        self._transport: Any = None
        self._cut: asyncio.TimerHandle | None = None
        self._closed = False
        self._paused = False

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def writable(self) -> bool:
        return not self._paused

    @property
    def buffered(self) -> int:
        return int(self._transport.underlying_transport.get_write_buffer_size())

    def send(self, frame: bytes) -> None:
        if not self._closed:
            self._transport.send(_BINARY, frame)

    def widen(self) -> None:
        self.wide = True

    def close(self, code: int = NORMAL) -> None:
        if self._closed:
            return
        self._closed = True
        self._transport.send_close(WSCloseCode(code))
        self._transport.disconnect()
        self._cut = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self.abort)

    def abort(self) -> None:
        self._closed = True
        self._transport.disconnect(False)

    def when_it_stands(self, arrived: Callable[[], None]) -> None:
        """Call ``arrived`` once the upgrade is done on both sides."""
        self._arrived = arrived

    # --- called by picows -------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        underlying = transport.underlying_transport
        underlying.set_write_buffer_limits(high=WRITE_HIGH_BYTES, low=WRITE_LOW_BYTES)
        peer = underlying.get_extra_info("peername")
        self.remote = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        arrived, self._arrived = self._arrived, _ignore
        arrived()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closed or transport.is_close_frame_sent:  # picows goes on reading for a moment after a violation
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3 or not frame.fin:
            self.close(PROTOCOL_ERROR)
        elif frame.msg_type == _BINARY:
            if not self.wide and frame.payload_size > MAX_HANDSHAKE_BYTES:
                self.close(TOO_BIG)
            else:
                self.on_frame(frame.get_payload_as_bytes())
        else:
            self._other_frame(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
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

    def _other_frame(self, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.PING:
            if not self._paused:  # a peer that does not read its pongs gets no more of them
                self._transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self.close(NORMAL)
        elif kind == WSMsgType.TEXT:
            self.close(UNSUPPORTED)
        elif kind == WSMsgType.CONTINUATION:
            self.close(PROTOCOL_ERROR)


_BINARY = WSMsgType.BINARY


class _Protocol(WSProtocol):
    """picows' connection, with a bound on what may come before the session stands."""

    __slots__ = ("_narrow_bytes", "_tcp", "link")

    def __init__(self, host: str | None, factory: Callable[..., object], link: PicowsLink) -> None:
        dials = host is not None
        super().__init__(
            host,
            PATH if dials else None,
            dials,
            factory,
            _SILENT,
            True,  # disconnect on an exception
            None if dials else _UPGRADE_WITHIN_S,
            False,  # no pings of its own
            10,
            10,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # no pongs of its own: they would not be bounded
            MAX_FRAME_BYTES,
            None,  # no further headers
            _READ_BUFFER_BYTES,
        )
        self.link = link
        self._narrow_bytes = 0
        self._tcp: Any = None

    def connection_made(self, transport: Any) -> None:
        self._tcp = transport
        super().connection_made(transport)

    def buffer_updated(self, nbytes: int) -> None:
        if not self.link.wide:
            self._narrow_bytes += nbytes
            if self._narrow_bytes > NARROW_TOTAL_BYTES:
                self._tcp.abort()
                return
        super().buffer_updated(nbytes)

    @property
    def heard_anything(self) -> bool:
        return self._narrow_bytes > 0

    def cut(self) -> None:
        self._tcp.abort()


class _ServerProtocol(_Protocol):
    """A connection that came in: admitted by the reception before a byte of it is read."""

    __slots__ = ("_admitted", "_reception", "_visit")

    def __init__(self, reception: Reception) -> None:
        super().__init__(None, self._upgrade, PicowsLink())
        self._reception = reception
        self._visit: Visit | None = None
        self._admitted = False

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        self._visit = self._reception.admit(str(peer[0]), transport.abort) if peer else None
        if self._visit is None:
            transport.abort()
            return
        self._admitted = True
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._visit is not None:
            self._reception.left(self._visit)
        if self._admitted:
            super().connection_lost(exc)

    def _upgrade(self, request: WSUpgradeRequest) -> object:
        if request.path != PATH.encode():
            return _refusal(HTTPStatus.NOT_FOUND)
        if "Origin" in request.headers:
            return _refusal(HTTPStatus.FORBIDDEN)
        self.link.when_it_stands(self._arrived)
        return self.link

    def _arrived(self) -> None:
        visit, self._visit = self._visit, None
        assert visit is not None  # noqa: S101 - admitted, and it stands only once
        self._reception.arrived(visit, self.link)


class PicowsLinks:
    """Makes links over picows."""

    async def listen(
        self, host: str | None, port: int, *, tls: ssl.SSLContext | None, reception: Reception
    ) -> Listening:
        """See ``LinkFactory``."""
        return await sockets.serve(
            lambda: _ServerProtocol(reception), host, port, tls=tls, tls_within_s=_UPGRADE_WITHIN_S
        )

    async def connect(self, address: Address, *, tls: ssl.SSLContext | None, timeout_s: float) -> Link:
        """See ``LinkFactory``."""
        link = PicowsLink()
        host = f"[{address.host}]" if ":" in address.host else address.host
        connection = await sockets.connect(
            lambda: _Protocol(f"{host}:{address.port}", lambda *_: link, link), address, tls=tls, timeout_s=timeout_s
        )
        protocol = connection.protocol
        try:
            async with asyncio.timeout_at(connection.deadline):
                await protocol.wait_until_handshake_complete()
        except TimeoutError:
            protocol.cut()
            if protocol.heard_anything:
                raise dial_errors.not_miner_ctrl(address, "its first bytes are not a WebSocket answer") from None
            raise dial_errors.silent(address, timeout_s) from None
        except asyncio.CancelledError:
            protocol.cut()
            raise
        except (WSError, RuntimeError, ValueError) as error:  # whatever comes of bytes that are not an answer
            protocol.cut()
            raise dial_errors.not_miner_ctrl(address, _describe(error)) from None
        if protocol.transport is None or protocol.listener is None:
            if protocol.heard_anything:
                raise dial_errors.not_miner_ctrl(address, "it closed the connection instead of upgrading it")
            raise dial_errors.hung_up(address)
        try:
            sockets.check_pin(connection.transport, address)
        except OperationFailed:
            link.abort()
            raise
        return link


def _describe(error: Exception) -> str:
    if isinstance(error, WSInvalidStatusError) and error.response is not None:
        return f"an HTTP server answers with status {int(error.response.status)}"
    return "its answer is not a WebSocket's"


def _refusal(status: HTTPStatus) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(status, status.phrase.encode()), None)


def _ignore() -> None:
    """Nobody listens yet, or any more."""


def _ignore_frame(frame: bytes) -> None:
    """Nobody listens yet, or any more."""
