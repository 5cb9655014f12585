"""Links inside one process: the same contract without sockets, for demonstrations and tests of what stands on it."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import Callable

from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.addresses import Address
from miner_ctrl.protocol.limits import MAX_FRAME_BYTES, MAX_HANDSHAKE_BYTES
from miner_ctrl.transport import dial_errors
from miner_ctrl.transport.link import NORMAL, TOO_BIG, WRITE_HIGH_BYTES, WRITE_LOW_BYTES, Link, Listening, Reception

HOST = "memory"
_FIRST_PORT = 49152


class MemoryLink:
    """One end. What it sends arrives at the other in a later turn of the loop, in order."""

    def __init__(self, remote: tuple[str, int]) -> None:
        self.remote = remote
        self.on_frame: Callable[[bytes], None] = _ignore_frame
        self.on_closed: Callable[[], None] = _ignore
        self.on_writable: Callable[[], None] = _ignore
        self.peer: MemoryLink = self
        self._closed = False
        self._gone = False
        self._limit_bytes = MAX_HANDSHAKE_BYTES
        self._outgoing: deque[bytes] = deque()
        self._outgoing_bytes = 0
        self._writable = True
        self._delivery: asyncio.Handle | None = None

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def writable(self) -> bool:
        return self._writable

    @property
    def buffered(self) -> int:
        return self._outgoing_bytes

    def send(self, frame: bytes) -> None:
        if self._closed:
            return
        self._outgoing.append(frame)
        self._outgoing_bytes += len(frame)
        if self._outgoing_bytes > WRITE_HIGH_BYTES:
            self._writable = False
        if self._delivery is None:
            self._delivery = asyncio.get_running_loop().call_soon(self._deliver)

    def widen(self) -> None:
        self._limit_bytes = MAX_FRAME_BYTES

    def close(self, code: int = NORMAL) -> None:
        if self._closed:
            return
        self._closed = True
        if self._delivery is None:
            self._delivery = asyncio.get_running_loop().call_soon(self._deliver)

    def abort(self) -> None:
        self._closed = True
        self._outgoing.clear()
        self._outgoing_bytes = 0
        self.close()
        if self._delivery is None:
            self._delivery = asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        self._delivery = None
        while self._outgoing:
            frame = self._outgoing.popleft()
            self._outgoing_bytes -= len(frame)
            self.peer.receive(frame)
        if not self._writable and self._outgoing_bytes <= WRITE_LOW_BYTES:
            self._writable = True
            if not self._closed:
                self.on_writable()
        if self._closed:
            self.go()
            self.peer.go()

    def receive(self, frame: bytes) -> None:
        """The other end sent ``frame``."""
        if self._closed:
            return
        if len(frame) > self._limit_bytes:
            self.close(TOO_BIG)
            return
        self.on_frame(frame)

    def go(self) -> None:
        """The connection is gone."""
        self._closed = True
        if self._gone:
            return
        self._gone = True
        on_closed = self.on_closed
        self.on_frame, self.on_closed, self.on_writable = _ignore_frame, _ignore, _ignore
        on_closed()


class _MemoryListening:
    def __init__(self, listeners: dict[int, Reception], port: int) -> None:
        self._listeners = listeners
        self._port = port
        self.addresses = [(HOST, port)]

    def close(self) -> None:
        self._listeners.pop(self._port, None)


class MemoryLinks:
    """A network of its own: endpoints that share one of these reach each other at ``memory:PORT``."""

    def __init__(self) -> None:
        self._listeners: dict[int, Reception] = {}
        self._ports = itertools.count(_FIRST_PORT)

    async def listen(
        self, host: str | None, port: int, *, tls: ssl.SSLContext | None, reception: Reception
    ) -> Listening:
        """See ``LinkFactory``; ``tls`` changes nothing."""
        port = port or next(self._ports)
        if port in self._listeners:
            raise OperationFailed(f"Something listens at {HOST}:{port} already.", code="CANNOT_LISTEN")
        self._listeners[port] = reception
        return _MemoryListening(self._listeners, port)

    async def connect(self, address: Address, *, tls: ssl.SSLContext | None, timeout_s: float) -> Link:
        """See ``LinkFactory``."""
        reception = self._listeners.get(address.port)
        if reception is None or address.host != HOST:
            raise dial_errors.no_connection(address, ConnectionRefusedError())
        here, there = MemoryLink((HOST, address.port)), MemoryLink((HOST, next(self._ports)))
        here.peer, there.peer = there, here
        visit = reception.admit(HOST, there.abort)
        if visit is None:
            raise dial_errors.hung_up(address)
        reception.arrived(visit, there)
        return here


def _ignore() -> None:
    """Nobody listens yet, or any more."""


def _ignore_frame(frame: bytes) -> None:
    """Nobody listens yet, or any more."""
