"""One HTTP/1.1 exchange with a miner on this machine: small, bounded, and trusting nothing that comes back.

Miners answer with ``Content-Length``, in chunks, or end the answer by hanging up. A library would bring redirects,
pools and proxies, none of which a loopback request with a secret in it may ever use.
"""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from miner_ctrl.errors import OperationFailed, RequestTimedOut, Unreachable
from miner_ctrl.miners.contract import MinerApi

HOST = "127.0.0.1"
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 1024 * 1024
MAX_CHUNKS = 2048
"""An answer in a million pieces would cost the agent seconds, within every other bound."""
DEADLINE_S = 3.0

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")


class Answer(NamedTuple):
    """The HTTP status and the whole body."""

    status: int
    body: bytes


async def exchange(
    api: MinerApi, path: str, *, post: bytes | None = None, put: bytes | None = None, deadline_s: float = DEADLINE_S
) -> Answer:
    """GET ``path``, or POST or PUT it JSON, with the bearer token of ``api`` if it has one.

    Raises:
        Unreachable: nobody listens on the port, or the connection broke before an answer began.
        RequestTimedOut: no whole answer within ``deadline_s``.
        OperationFailed: what came is no HTTP answer, or is too large.
    """
    try:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection(HOST, api.port, limit=MAX_HEAD_BYTES)
            try:
                writer.write(_request(api, path, post=post, put=put))
                return await _read_answer(reader)
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise timed_out(api, deadline_s) from None
    except OSError as error:
        raise unreachable(api, error) from None


def timed_out(api: MinerApi, deadline_s: float) -> RequestTimedOut:
    """Return the error for a miner that takes the connection and stays silent."""
    return RequestTimedOut(
        f"The miner on local port {api.port} did not answer within {deadline_s:g} s.",
        suggestion="Look at its log; restart it if it stays silent.",
        code="MINER_TIMED_OUT",
    )


def unreachable(api: MinerApi, error: OSError) -> Unreachable:
    """Return the error for a port where nobody listens, or that hung up."""
    return Unreachable(
        f"The miner does not answer on local port {api.port}: {error.strerror or 'the connection broke'}.",
        suggestion="Look at its log: it may still be starting, or another program may hold the port.",
        code="MINER_UNREACHABLE",
    )


def not_a_miner(what: str) -> OperationFailed:
    """Return the error for an answer that is not what this miner would say; ``what`` completes "The miner …"."""
    return OperationFailed(
        f"The miner's local API {what}.",
        suggestion="See that no other program listens on its port, and that the miner's version is a known one.",
        code="MINER_ANSWER_UNUSABLE",
    )


def _request(api: MinerApi, path: str, *, post: bytes | None, put: bytes | None) -> bytes:
    method, body = ("POST", post) if post is not None else ("PUT", put) if put is not None else ("GET", None)
    head = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{api.port}", "Connection: close"]
    if api.token:
        head.append(f"Authorization: Bearer {api.token}")
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("ascii") + (body or b"")


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise not_a_miner("sent headers without end") from None
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise ConnectionResetError(None, "it hung up") from None
        raise not_a_miner("did not speak HTTP") from None
    status_line, *lines = head[:-4].split(b"\r\n")
    status = _STATUS.fullmatch(status_line)
    if status is None:
        raise not_a_miner("did not speak HTTP")
    return Answer(int(status[1]), await _read_body(reader, _headers(lines)))


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, headers: dict[bytes, bytes]) -> bytes:
    if b"transfer-encoding" in headers:
        if headers[b"transfer-encoding"].lower() != b"chunked":
            raise not_a_miner("sent its answer in a form that is not understood")
        return await _read_chunks(reader)
    length = headers.get(b"content-length")
    if length is not None and not _LENGTH.fullmatch(length):
        raise not_a_miner("sent a length that is no number")
    wanted = MAX_BODY_BYTES + 1 if length is None else int(length)
    if length is not None and wanted > MAX_BODY_BYTES:
        raise not_a_miner(f"sent more than {MAX_BODY_BYTES} bytes")
    try:
        body = await reader.readexactly(wanted)
    except asyncio.IncompleteReadError as error:
        if length is not None:
            raise not_a_miner("broke off in the middle of an answer") from None
        return error.partial
    if length is None:
        raise not_a_miner(f"sent more than {MAX_BODY_BYTES} bytes")
    return body


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    """Return a body sent in chunks; what follows the last one is of no use to anybody."""
    body = bytearray()
    try:
        for _ in range(MAX_CHUNKS):
            head = _CHUNK.fullmatch(await reader.readuntil(b"\r\n"))
            if head is None:
                raise not_a_miner("sent a chunk without a length")
            size = int(head[1], 16)
            if size == 0:
                return bytes(body)
            if len(body) + size > MAX_BODY_BYTES:
                raise not_a_miner(f"sent more than {MAX_BODY_BYTES} bytes")
            body += await reader.readexactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise not_a_miner("sent a chunk that is longer than it said")
        raise not_a_miner(f"sent more than {MAX_CHUNKS} chunks")
    except asyncio.LimitOverrunError:
        raise not_a_miner("sent a chunk without a length") from None
    except asyncio.IncompleteReadError:
        raise not_a_miner("broke off in the middle of an answer") from None
