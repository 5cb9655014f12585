"""The raw echo: a bare WebSocket server and client over picows, with nothing of ours in between."""

from __future__ import annotations

import asyncio
from collections import deque

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)


class _Echo(WSListener):
    """Answers each message with as many bytes as its first four say."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        data = frame.get_payload_as_bytes()
        transport.send(WSMsgType.BINARY, bytes(int.from_bytes(data[:4], "big")))


class RawServer:
    """The echo's server."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on loopback and return the port."""

        def accept(_request: WSUpgradeRequest) -> _Echo:
            return _Echo()

        self._server = await ws_create_server(accept, "127.0.0.1", 0, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()


class RawClient(WSListener):
    """One connection to it."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_bytes()
        self._waiting.popleft().set_result(None)

    def ask(self, ask_bytes: int, answer_bytes: int) -> asyncio.Future[None]:
        """Send a message and return the future of its answer; answers come in the order of asking."""
        assert self._transport is not None
        future = self._loop.create_future()
        self._waiting.append(future)
        self._transport.send(WSMsgType.BINARY, answer_bytes.to_bytes(4, "big") + bytes(ask_bytes - 4))
        return future

    def hang_up(self) -> None:
        """End the connection."""
        assert self._transport is not None
        self._transport.disconnect()


async def raw_connect(port: int) -> RawClient:
    """Return a connection to the echo at ``port``."""
    _, client = await ws_connect(RawClient, f"ws://127.0.0.1:{port}/")
    assert isinstance(client, RawClient)
    return client
