"""Counting requests where all of them pass, whoever answers: the application, what guards it, or the protocol."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from miner_ctrl.metrics import RequestCounts

_FOUND = "miner_ctrl.found"
"""Key in ``scope["state"]``: a list with the pattern of the route that was found, if one was."""


def note_route(scope: Scope, pattern: str) -> None:
    """Say which route answers: what is counted is its pattern, nothing of what was asked for."""
    found = scope.get("state", {}).get(_FOUND)
    if found is not None:
        found[:] = [pattern]


async def counted(app: ASGIApp, counts: RequestCounts, scope: Scope, receive: Receive, send: Send) -> None:
    """Have ``app`` answer, and count how."""
    if scope["type"] != "http":
        await app(scope, receive, send)
        return
    began_s = time.perf_counter()
    status, streams = 0, False
    found: list[str] = []
    scope["state"] = {**scope.get("state", {}), _FOUND: found}

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
            counts.answered(scope["method"], found[0] if found else "", status, took_s)
