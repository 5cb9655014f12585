"""One question and its answer over plain TCP on this machine, for miners whose local API is no HTTP.

The answer ends with a NUL, with a line end after a whole JSON value, or when the miner hangs up.
"""

from __future__ import annotations

import asyncio

from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import (
    DEADLINE_S,
    HOST,
    MAX_BODY_BYTES,
    not_a_miner,
    timed_out,
    unreachable,
)

PART_BYTES = 64 * 1024


async def ask(api: MinerApi, question: bytes, *, json: bool, deadline_s: float = DEADLINE_S) -> bytes:
    """Send ``question`` and return the answer without what ends it; ``json``: a line end may end it.

    Raises:
        Unreachable: nobody listens on the port, or the connection broke before an answer began.
        RequestTimedOut: no whole answer within ``deadline_s``.
        OperationFailed: what came is empty or too large.
    """
    try:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_connection(HOST, api.port)
            try:
                writer.write(question)
                return await _read(reader, json=json)
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise timed_out(api, deadline_s) from None
    except OSError as error:
        raise unreachable(api, error) from None


async def _read(reader: asyncio.StreamReader, *, json: bool) -> bytes:
    answer = b""
    while part := await reader.read(PART_BYTES):
        answer += part
        if len(answer) > MAX_BODY_BYTES:
            raise not_a_miner(f"sent more than {MAX_BODY_BYTES} bytes")
        if b"\0" in part:
            break
        if json and answer.endswith(b"\n") and answer.rstrip().endswith((b"}", b"]")):
            break
    whole = answer.partition(b"\0")[0].strip()
    if not answer:
        raise ConnectionResetError(None, "it hung up")
    if not whole:
        raise not_a_miner("gave an empty answer")
    return whole
