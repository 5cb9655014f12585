"""Counting requests where all of them pass, whoever answers: the application, what guards it, or the protocol."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from miner_ctrl.metrics import RequestCounts

ROUTE = "miner_ctrl.route"
"""Key in a scope: the pattern of the route that was found, set by who finds it."""


async def counted(app: ASGIApp, counts: RequestCounts, scope: Scope, receive: Receive, send: Send) -> None:
    """Have ``app`` answer, and count how."""
    if scope["type"] != "http":
        await app(scope, receive, send)
        return
    began_s = time.perf_counter()
    status, streams = 0, False

    async def noting(message: Message) -> None:
        nonlocal status, streams
        if message["type"] == "http.response.start":
            status = message["status"]
            streams = any(key == b"content-type" and b"event-stream" in value for key, value in message["headers"])
            counts.streams += streams
        await send(message)

    try:
        await app(scope, receive, noting)
    finally:
        counts.streams -= streams
        if status:
            took_s = None if streams else time.perf_counter() - began_s
            counts.answered(scope["method"], scope.get(ROUTE, ""), status, took_s)
