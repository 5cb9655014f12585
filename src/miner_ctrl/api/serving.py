"""Serving the application in the running loop: what all doors share.

uvicorn's HTTP protocol without uvicorn's server: that one takes the process's signals, wakes ten times a second, calls
``sys.exit`` when it cannot start and takes seconds to stop. A door makes its own listener with ``HttpServing.protocol``
as the factory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from miner_ctrl.api.counting import counted
from miner_ctrl.api.http_protocol import (
    DEAD_AFTER_S,
    PING_EVERY_S,
    WEBSOCKET_MESSAGE_BYTES,
    Admit,
    HttpProtocol,
)
from miner_ctrl.api.routes import CALLER
from miner_ctrl.api.streams import CLOSING
from miner_ctrl.metrics import RequestCounts
from miner_ctrl.model.callers import Caller

WEBSOCKET_PATH = "/api/v1/mining/ws/events"
CLOSE_WITHIN_S = 1.0
"""For requests that run when a door closes; then their connections are cut."""


@dataclass(frozen=True)
class HttpLimits:
    """What one door takes. ``request_bytes`` bounds a whole request with its chunk framing and trailers;
    ``unread_within_s`` is how long a reader may leave an answer unread (``None``: as long as it likes)."""

    head_bytes: int = 32 * 1024
    head_within_s: float = 10.0
    request_bytes: int = 2 * 1024 * 1024
    pipelined: int = 16
    connections: int = 128
    keep_alive_s: int = 30
    unread_within_s: float | None = None


class Connection(Protocol):
    """What all connections of a door can."""

    def abort(self) -> None: ...


class HttpServing:
    """The connections of one door. ``now`` is Unix time in seconds, for the ``Date`` header; ``caller`` is who
    comes through it, ``None`` where each request has to say so; ``refusal_headers`` are those of answers that the
    application has no part in; ``counts`` are those of the node's doors together."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: HttpLimits | None = None,
        now: Callable[[], float] = time.time,
        caller: Caller | None = None,
        refusal_headers: Sequence[tuple[bytes, bytes]] = (),
        counts: RequestCounts | None = None,
        websocket_path: str = WEBSOCKET_PATH,
    ) -> None:
        self.counts = counts or RequestCounts()
        self.refusal_headers = refusal_headers
        self.websocket_path = websocket_path.encode()
        self.limits = limits or HttpLimits()
        self.state = ServerState()
        self.closing = asyncio.Event()
        self.scope_state: dict[str, object] = {CLOSING: self.closing, CALLER: caller}
        self.config = Config(
            self._stoppable,
            http=HttpProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=self.limits.keep_alive_s,
            ws_max_size=WEBSOCKET_MESSAGE_BYTES,
            ws_ping_interval=PING_EVERY_S,
            ws_ping_timeout=DEAD_AFTER_S,
            ws_per_message_deflate=False,
        )
        self.config.load()
        self._app = app
        self._now = now
        self._dated: tuple[int, list[tuple[bytes, bytes]]] = (-1, [])

    def protocol(self, admit: Admit | None = None) -> HttpProtocol:
        """Return the protocol for one new connection."""
        return HttpProtocol(self, admit)

    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of every answer: the date. They say nothing of the software."""
        second = int(self._now())
        if self._dated[0] != second:
            self._dated = second, [(b"date", formatdate(second, usegmt=True).encode())]
        return self._dated[1]

    async def close(self, *, within_s: float = CLOSE_WITHIN_S) -> None:
        """End every connection: streams at once, requests that run after at most ``within_s``.

        The door's listener is closed first.
        """
        self.closing.set()
        for connection in tuple(self.state.connections):
            connection.shutdown()
        if self.state.tasks:
            await asyncio.wait(tuple(self.state.tasks), timeout=within_s)
        for left in cast("tuple[Connection, ...]", tuple(self.state.connections)):
            left.abort()
        running = tuple(self.state.tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _stoppable(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await counted(self._app, self.counts, scope, receive, send)
        except asyncio.CancelledError:
            # The door has given this request up, and its connection with it: not an error to log.
            if not self.closing.is_set():
                raise
