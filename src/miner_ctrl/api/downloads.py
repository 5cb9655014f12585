"""Answers that are files: made while they are sent, at the reader's pace, however long they get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from miner_ctrl.api.streams import until_over


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
    over = asyncio.create_task(until_over(receive, scope), name="api download: reader gone or door closing")
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
                    if over.result():
                        return
                    raise ConnectionAbortedError("this node is stopping")
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)
        await parts.aclose()
