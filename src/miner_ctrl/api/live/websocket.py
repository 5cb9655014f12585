"""``WS /ws/events``: the feed through a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from miner_ctrl.api.errors import envelope, no_identity, status_of
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.live.reader import Reader
from miner_ctrl.api.routes import caller_of
from miner_ctrl.api.veil import sees_hashes, veiled_text
from miner_ctrl.errors import BadInput, MinerCtrlError

PATH = "/ws/events"
CLOSE_WITHIN_S = 2.0


class LiveSocket:
    """The ASGI application of the WebSocket. Who may not follow is told so by the status of the upgrade."""

    def __init__(self, faces: Callable[[], Faces]) -> None:
        self._faces = faces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise BadInput(
                "This route speaks WebSocket, and this is a plain request.",
                suggestion="Open a WebSocket here, or follow GET /events?topics=fleet with curl -N.",
                code="NOT_A_WEBSOCKET",
            )
        wake, room = asyncio.Event(), asyncio.Event()
        try:
            reader = self._reader(scope, wake)
        except MinerCtrlError as error:
            await _refuse(send, error)
            return
        hearing: asyncio.Task[None] | None = None
        try:
            await receive()  # websocket.connect
            await send({"type": "websocket.accept"})
            hearing = asyncio.create_task(_hear(reader, receive, wake, room), name="live: what a reader asks")
            await _tell(reader, send, wake, room, hearing)
        finally:
            reader.close()
            if hearing is not None:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    def _reader(self, scope: Scope, wake: asyncio.Event) -> Reader:
        caller = caller_of(scope)
        feed = self._faces().live
        if feed is None:
            raise no_identity()
        return feed.reader(caller, wake.set)


async def _tell(
    reader: Reader, send: Send, wake: asyncio.Event, room: asyncio.Event, hearing: asyncio.Task[None]
) -> None:
    """Send what there is, whenever there is something, until the reader is gone or is to go."""
    while True:
        while not hearing.done() and reader.ended is None and (said := reader.pull()) is not None:
            room.set()
            text = said.text if sees_hashes(reader.caller) else veiled_text(said.text)
            await send({"type": "websocket.send", "text": text})
            await asyncio.sleep(0)  # between two parts of a large snapshot others have their turn
        if hearing.done():
            return
        if reader.ended is not None:
            code, reason = reader.ended
            with suppress(TimeoutError):  # who does not read does not hear why; it is cut
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        wake.clear()
        await wake.wait()


async def _hear(reader: Reader, receive: Receive, wake: asyncio.Event, room: asyncio.Event) -> None:
    """Take in what the reader asks, until it is gone; while it does not read the answers, nothing more.

    ``room`` is set when an answer was read.
    """
    try:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            reader.ask(message["bytes"] if text is None else text)
            while not reader.hears:
                room.clear()
                await room.wait()
    finally:
        wake.set()


async def _refuse(send: Send, error: MinerCtrlError) -> None:
    body = envelope(error)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "websocket.http.response.start", "status": status_of(error), "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
