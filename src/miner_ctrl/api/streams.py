"""Answers that go on: server-sent events, pulled at the reader's pace and ended when it is gone.

A stream pulls one event, sends it, and pulls the next only when the connection has taken it: what a slow reader has
not read waits in the source (which coalesces or says what it skipped), never in a queue here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from miner_ctrl.api.errors import status_of
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.views import View

CLOSING = "miner_ctrl.closing"
"""Key in ``scope["state"]``: an ``asyncio.Event`` that a door sets when it closes."""
KEEPALIVE_EVERY_S = 15.0
ERROR_STATUS_WITHIN_S = 2.0
"""An error this early is answered with its status; a later one is the stream's last event."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Event(NamedTuple):
    """One server-sent event: its name, what is sent as JSON, and its number, if it has one."""

    name: str
    data: object
    id: int | None = None


class EndView(View, frozen=True, kw_only=True, omit_defaults=True):
    """The last event (``end``): why the stream ended well, or the error envelope with its HTTP ``status``."""

    reason: str = ""
    error: str = ""
    code: str = ""
    details: dict[str, object] = msgspec.field(default_factory=dict)
    suggestion: str = ""
    status: int = 0


@dataclass(frozen=True)
class Stream:
    """What a handler returns to answer with events. ``events`` is closed when the stream ends, however it ends."""

    events: AsyncGenerator[Event, None]


async def send_stream(
    stream: Stream,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    keepalive_s: float = KEEPALIVE_EVERY_S,
    veil: Callable[[bytes], bytes] | None = None,
) -> None:
    """Send ``stream`` until it ends, the reader is gone, or the door closes; through ``veil`` where the reader may not
    see all of it.

    Raises:
        MinerCtrlError: the first thing that came was an error; nothing has been sent yet.
    """
    events = stream.events
    if scope["method"] == "HEAD":
        await events.aclose()
        await _start(send)
        await send({"type": "http.response.body", "body": b""})
        return
    over = asyncio.create_task(until_over(receive, scope), name="api stream: reader gone or door closing")
    pulled = _pull(events)
    try:
        await asyncio.wait({pulled, over}, timeout=ERROR_STATUS_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if pulled.done() and isinstance(pulled.exception(), MinerCtrlError):
            pulled.result()
        await _start(send)
        while True:
            done, _ = await asyncio.wait({pulled, over}, timeout=keepalive_s, return_when=asyncio.FIRST_COMPLETED)
            if over in done:
                await _finish(send, EndView(reason="This node is stopping."))
                return
            if not done:
                await send(_chunk(b": still here\n\n"))
                continue
            try:
                event = pulled.result()
            except StopAsyncIteration:
                await _finish(send, EndView(reason="There is no more."))
                return
            except MinerCtrlError as error:
                await _finish(send, _end_of(error))
                return
            body = _encoded(event)
            await send(_chunk(body if veil is None else veil(body)))
            pulled = _pull(events)
    finally:
        for task in (pulled, over):
            task.cancel()
        await asyncio.gather(pulled, over, return_exceptions=True)
        await events.aclose()


async def close_with(source: AsyncIterator[Any]) -> None:
    """Close ``source`` if it is a generator: what it holds (a subscription, a file) is let go at once."""
    if isinstance(source, AsyncGenerator):
        await source.aclose()


def _pull(events: AsyncGenerator[Event, None]) -> asyncio.Task[Event]:
    return asyncio.create_task(_next(events), name="api stream: next event")


async def _next(events: AsyncGenerator[Event, None]) -> Event:
    return await anext(events)


async def until_over(receive: Receive, scope: Scope) -> bool:
    """Wait until an answer that goes on must end; return whether its reader is gone (else the door closes)."""
    gone = asyncio.create_task(_reader_gone(receive), name="api answer: reader gone")
    waits: set[asyncio.Task[Any]] = {gone}
    closing = scope.get("state", {}).get(CLOSING)
    if closing is not None:
        waits.add(asyncio.create_task(closing.wait(), name="api answer: door closing"))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return gone.done()
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _reader_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})


async def _finish(send: Send, end: EndView) -> None:
    await send({"type": "http.response.body", "body": _encoded(Event("end", end)), "more_body": False})


def _end_of(error: MinerCtrlError) -> EndView:
    return EndView(
        error=error.message,
        code=error.code,
        details=error.details,
        suggestion=error.suggestion,
        status=status_of(error),
    )


def _encoded(event: Event) -> bytes:
    number = b"" if event.id is None else b"id: %d\n" % event.id
    return b"%sevent: %s\ndata: %s\n\n" % (number, event.name.encode(), msgspec.json.encode(event.data, enc_hook=str))


def _chunk(body: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": True}
