"""The page at the port: its files, and its first file at every address that the page makes something of. They hold
nothing of this node: whoever may reach the port gets them. What they show comes from the API, which asks who it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from miner_ctrl.api.counting import note_route
from miner_ctrl.api.errors import method_not_allowed
from miner_ctrl.api.page_files import ASSETS, INDEX, Form, Header, PageFile, load
from miner_ctrl.api.versions import is_unchanged
from miner_ctrl.errors import NotFound

METHODS = ("GET", "HEAD")
_ASSET = f"/{ASSETS}/"
_OF_THE_API = ("api", "metrics")
_PART = r"[^/\\.\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*"
_DEEP = re.compile(rf"/(?:{_PART}/)*(?:[^/\\.\x00-\x1f\x7f]+/?)?")
"""An address of the page: no part begins with a dot, and the last has none, or it would be a file's name."""
_WEIGHT = re.compile(r"q=(?:0(?:\.0{0,3})?)")
_NOT_BUILT = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>miner-ctrl: the page is not built</title>
</head>
<body>
<h1>The page is not built</h1>
<p>This node runs from a checkout in which nobody has built the page yet. In that checkout, run</p>
<pre>make page</pre>
<p>and reload. The node, its commands and its API work without it.</p>
</body>
</html>
"""


class Page:
    """Answers what is asked of the page in ``folder``, and has ``app`` answer everything else.

    The files are read when the first of them is asked for, and kept: a page that is built anew is served by the next
    process, whose API it goes with. While there is none, each request looks again.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._folder = folder
        self._loading = asyncio.Lock()
        self._loaded: Mapping[str, PageFile] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["type"] != "http" or _is_of_the_api(path):
            await self._app(scope, receive, send)
            return
        files = await self._files()
        if path.startswith(_ASSET):
            note_route(scope, "/assets/{file}")
            await _send_file(scope, send, (files or {}).get(path), path)
        elif files is not None and path in files:
            note_route(scope, path)
            await _send_file(scope, send, files[path], path)
        elif _DEEP.fullmatch(path) is None:
            await self._app(scope, receive, send)
        elif files is None:
            note_route(scope, "/{page}")
            await _send_not_built(scope, send)
        else:
            note_route(scope, "/{page}")
            await _send_file(scope, send, files[f"/{INDEX}"], path)

    async def _files(self) -> Mapping[str, PageFile] | None:
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.to_thread(load, self._folder)
        return self._loaded


def _is_of_the_api(path: str) -> bool:
    return path.split("/", 2)[1:2] in ([name] for name in _OF_THE_API)


def takes_gzip(values: list[bytes]) -> bool:
    """Whether a request with these ``Accept-Encoding`` headers may be answered with gzip."""
    taken: dict[str, bool] = {}
    for word in b",".join(values).decode("latin-1").lower().split(","):
        coding, _, weight = word.partition(";")
        taken[coding.strip()] = _WEIGHT.fullmatch(weight.strip()) is None
    return taken.get("gzip", taken.get("*", False))


async def _send_file(scope: Scope, send: Send, file: PageFile | None, path: str) -> None:
    _check_method(scope)
    if file is None:
        raise NotFound(
            f"The page has no file {path[:200]!r}.",
            suggestion="Reload the page: this node may have a newer one than the browser.",
            code="FILE_NOT_FOUND",
        )
    codings = [value for name, value in scope["headers"] if name == b"accept-encoding"]
    form: Form = file.form(packed=takes_gzip(codings))
    headers = [*form.headers, (b"etag", form.tag.encode())]
    if is_unchanged(scope, form.tag):
        await _send(scope, send, 304, [header for header in headers if not header[0].startswith(b"content-")], b"")
    else:
        await _send(scope, send, 200, headers, form.content)


async def _send_not_built(scope: Scope, send: Send) -> None:
    _check_method(scope)
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    await _send(scope, send, 503, headers, _NOT_BUILT)


async def _send(scope: Scope, send: Send, status: int, headers: list[Header], content: bytes) -> None:
    if status != 304:
        headers = [*headers, (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content if scope["method"] == "GET" else b""})


def _check_method(scope: Scope) -> None:
    if scope["method"] not in METHODS:
        raise method_not_allowed(scope["method"], list(METHODS))
