"""Answers that are files: sent in parts as they are made, however long they are."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.types import Scope, Send

from miner_ctrl.errors import MinerCtrlError


@dataclass(frozen=True)
class Download:
    """What a handler returns to answer with a file. ``parts`` is closed when it ends, however it ends; ``name`` is what
    a browser calls the file (letters, digits, ``.`` and ``-``)."""

    media_type: str
    name: str
    parts: AsyncGenerator[bytes, None]


async def send_download(download: Download, scope: Scope, send: Send) -> None:
    """Send all of it. A reader that is gone ends it with its next part; an error after the first part cuts the answer,
    which its reader sees.

    Raises:
        MinerCtrlError: the first thing that came was an error; nothing has been sent yet.
    """
    parts = download.parts
    headers = [
        (b"content-type", download.media_type.encode()),
        (b"content-disposition", f'attachment; filename="{download.name}"'.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    try:
        first = b"" if scope["method"] == "HEAD" else await anext(parts, b"")
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if first:
            await send({"type": "http.response.body", "body": first, "more_body": True})
            try:
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            except MinerCtrlError as error:
                raise CutShort from error
        await send({"type": "http.response.body", "body": b""})
    finally:
        await parts.aclose()


class CutShort(Exception):
    """A file could not be made to its end: the connection is cut, so that nobody takes it for whole."""
