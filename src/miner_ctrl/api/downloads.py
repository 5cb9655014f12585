"""Answers that are files: made while they are sent, at the reader's pace, however long they get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from miner_ctrl.api.streams import CLOSING


@dataclass(frozen=True)
class Download:
    """What a handler returns to answer with a file. ``name`` is a plain one (letters, digits, ``-``, ``.``); ``parts``
    is closed when the answer ends, however it ends."""

    name: str
    media_type: str
    parts: AsyncGenerator[bytes, None]


async def send_download(download: Download, scope: Scope, receive: Receive, send: Send) -> None:
    """Send ``download`` part by part: the next is made when the connection has taken the one before.

    Raises:
        MinerCtrlError: what was to be sent cannot be; if something was sent already, the connection is cut, so that
            nobody takes a part for the whole.
    """
    parts = download.parts
    over = asyncio.create_task(_over(receive, scope), name="api download: reader gone or door closing")
    try:
        first = await anext(parts, b"")
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", download.media_type.encode()),
                    (b"content-disposition", f'attachment; filename="{download.name}"'.encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ],
            }
        )
        if scope["method"] != "HEAD":
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for part in parts:
                if over.done():
                    over.result()
                    return
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)
        await parts.aclose()


async def _over(receive: Receive, scope: Scope) -> None:
    """Return when the reader is gone.

    Raises:
        ConnectionAbortedError: the door closes in the middle of it.
    """
    gone = asyncio.create_task(_reader_gone(receive), name="api download: reader gone")
    waits: set[asyncio.Task[object]] = {gone}
    closing = scope.get("state", {}).get(CLOSING)
    if closing is not None:
        waits.add(asyncio.create_task(closing.wait(), name="api download: door closing"))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            raise ConnectionAbortedError("this node is stopping")
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _reader_gone(receive: Receive) -> object:
    while (await receive())["type"] != "http.disconnect":
        pass
    return None
