"""One WebSocket connection: uvicorn's protocol on websockets' sans-I/O core, bounded.

As it comes it answers pings of a client that reads nothing without end, takes fragments without number, logs what
hostile clients do, ends a slow client because its pong is late, and waits for ever for one that is to be closed. Here
a message has a size, frames have a rate, who reads slowly is waited for as long as something is read, and what is
closed is cut after a moment. Compression is off: it costs memory for each connection and time for each message.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request

from miner_ctrl.api.http_protocol import DEAD_AFTER_S, LOOKS

if TYPE_CHECKING:
    from miner_ctrl.api.serving import HttpServing

MAX_FRAGMENTS = 16
FRAMES_PER_S = 20.0
FRAMES_AT_ONCE = 200.0
CLOSE_WITHIN_S = 2.0
UNSENT_BYTES = 128 * 1024
"""What the kernel takes before it has to be read: what waits there is old already."""
_NOT_SENT_LOW_WATER = 25
"""``TCP_NOTSENT_LOWAT`` of Linux, which Python names from 3.12 on."""

_logger = logging.getLogger("miner_ctrl.api.websocket")
_logger.setLevel(logging.ERROR)  # uvicorn tells of each connection


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """A connection of ``serving`` that asked for a WebSocket; ``lost`` is called when it is gone."""

    def __init__(self, serving: HttpServing, app_state: dict[str, Any], lost: Callable[[], None]) -> None:
        super().__init__(serving.config, serving.state, app_state)
        self._lost = lost
        self.default_headers = serving.default_headers()
        self.logger = self.conn.logger = _logger
        self.close_timeout = CLOSE_WITHIN_S
        self._allowed_frames = FRAMES_AT_ONCE
        self._frame_s = 0.0
        self._alive_s = 0.0
        self._unsent = 0
        self._is_text = False

    def begin(self, transport: asyncio.Transport, head: bytes) -> None:
        """Take over the connection whose request was ``head``."""
        self.connection_made(transport)
        self._frame_s = self._alive_s = self.loop.time()
        tcp = transport.get_extra_info("socket")
        if tcp is not None and tcp.family in (socket.AF_INET, socket.AF_INET6) and sys.platform == "linux":
            tcp.setsockopt(socket.IPPROTO_TCP, _NOT_SENT_LOW_WATER, UNSENT_BYTES)
        transport.set_protocol(self)
        self.data_received(head)
        if not self.handshake_initiated:
            transport.abort()

    def abort(self) -> None:
        """Cut the connection now."""
        self.transport.abort()

    # --- called by the transport and uvicorn -------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost()

    def shutdown(self) -> None:
        """The door closes."""
        self.stop_keepalive()
        if self.handshake_complete and not self.close_sent and self.writable.is_set():
            self._fail(CloseCode.GOING_AWAY, "This node is stopping.")
        else:  # it does not read, or is not there yet: there is nothing to wait for
            self.transport.abort()

    def handle_events(self) -> None:
        for event in self.conn.events_received():
            if isinstance(event, Request):
                self.handle_connect(event)
            elif isinstance(event, Frame) and not self.transport.is_closing():
                self._take(event)

    def handle_parser_exception(self) -> None:
        sent = self.conn.close_sent
        code = sent.code if sent is not None else CloseCode.PROTOCOL_ERROR
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
        self._write_and_close()

    def keepalive_timeout(self) -> None:
        """Look, while a pong is awaited, whether what waits is being read: the pong may be behind it."""
        now_s, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._alive_s, self._unsent = now_s, unsent
        if self.close_sent or now_s - self._alive_s >= DEAD_AFTER_S:
            self.transport.abort()
        else:
            self.pong_timer = self.loop.call_later(DEAD_AFTER_S / LOOKS, self.keepalive_timeout)

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            self._cut_later()

    async def send(self, message: Any) -> None:
        """Send, and return when the client has read enough for the next message."""
        if self.close_sent and self.handshake_complete:
            raise ClientDisconnected
        await super().send(message)
        await self.writable.wait()

    # --- frames -----------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if not self._may_send():
            self._fail(CloseCode.POLICY_VIOLATION, "Too many frames.")
            return
        self._alive_s = self.loop.time()
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                self.frames = [bytes(frame.data)]
                self._complete(frame)
            case Opcode.CONT:
                self.frames.append(bytes(frame.data))
                self._complete(frame)
            case Opcode.PING:
                pong = b"".join(self.conn.data_to_send())
                if self.writable.is_set():  # who does not read gets no more pongs
                    self.transport.write(pong)
            case Opcode.PONG:
                self.handle_pong(frame)
            case Opcode.CLOSE:
                self.handle_close(frame)
                self._cut_later()

    def _complete(self, frame: Frame) -> None:
        if not frame.fin:
            if len(self.frames) > MAX_FRAGMENTS:
                self._fail(CloseCode.MESSAGE_TOO_BIG, "Too many fragments.")
            return
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self._is_text:
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "A text message has to be UTF-8.")
                return
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _may_send(self) -> bool:
        now_s = self.loop.time()
        self._allowed_frames = min(FRAMES_AT_ONCE, self._allowed_frames + (now_s - self._frame_s) * FRAMES_PER_S)
        self._frame_s = now_s
        self._allowed_frames -= 1
        return self._allowed_frames >= 0

    # --- ending -----------------------------------------------------------------------------------------

    def _fail(self, code: CloseCode, reason: str) -> None:
        """End the connection with a word."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.conn.close_sent is None:
            self.conn.send_close(code, reason)
        self._write_and_close()

    def _write_and_close(self) -> None:
        self.stop_keepalive()
        self.close_sent = True
        if self.writable.is_set():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
            self._cut_later()
        else:
            self.transport.abort()

    def _cut_later(self) -> None:
        self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)
