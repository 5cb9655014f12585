"""What listens on a miner's port may be anything: only the documented errors come of it, in bounded time and memory."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from miner_ctrl.errors import MinerCtrlError, OperationFailed, RequestTimedOut, Unreachable
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import MAX_BODY_BYTES, Answer, exchange
from tests.components.monerod import free_ports

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(behave: Behaviour) -> AsyncIterator[MinerApi]:
    """A server on the loopback interface that does ``behave`` with each connection."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield MinerApi(port=server.sockets[0].getsockname()[1], token="the-token")
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def saying(answer: bytes) -> Behaviour:
    """Read the request, write ``answer``, hang up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return behave


def endlessly(start: bytes, repeated: bytes, pause_s: float = 0) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start)
        while True:
            writer.write(repeated)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


async def test_an_answer_with_its_length_is_read_whole() -> None:
    async with listening(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more")) as api:
        assert await exchange(api, "/2/summary") == Answer(200, b"hello")


async def test_an_answer_that_ends_by_hanging_up_is_read_whole() -> None:
    async with listening(saying(b"HTTP/1.0 404\r\n\r\nnothing here")) as api:
        assert await exchange(api, "/2/summary") == Answer(404, b"nothing here")


async def test_what_is_sent() -> None:
    heard: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with listening(behave) as api:
        await exchange(api, "/json_rpc", post=b"{}")
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /json_rpc HTTP/1.1"
    assert b"Authorization: Bearer the-token" in lines
    assert b"Content-Type: application/json" in lines
    assert body == b"{}"


HEAD = b"HTTP/1.1 200 OK\r\n"


async def test_an_answer_in_chunks_is_put_together() -> None:
    chunks = b"5\r\nhello\r\n6;some=extension\r\n there\r\n0\r\n\r\n"
    async with listening(saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)) as api:
        assert (await exchange(api, "/")).body == b"hello there"


@pytest.mark.parametrize(
    "behave",
    [
        saying(b"SSH-2.0-OpenSSH_10\r\n"),
        saying(b"\x16\x03\x01\x02\x00" * 1000),
        saying(b"HTTP/2 200\r\n\r\n"),
        saying(b"HTTP/1.1 99999 OK\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n"),
        saying(HEAD + b"Content-Length: 100\r\n\r\nhalf of it"),
        saying(HEAD + b"Content-Length: -5\r\n\r\n"),
        saying(HEAD + b"Content-Length: 1e3\r\n\r\n"),
        saying(HEAD + b"Content-Length: \xb2\r\n\r\n"),
        saying(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
        saying(HEAD + b"Content-Length: 10485760\r\n\r\n" + b"a" * 10_485_760),
        saying(HEAD + b"\r\n" + b"a" * 10_485_760),
        saying(HEAD + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n"),
        endlessly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"a" * 65535 + b"\r\n"),
        saying(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n"),
        endlessly(HEAD, b"X-Header: again\r\n"),
        endlessly(b"", b"a"),
        endlessly(HEAD + b"\r\n", b"a" * 65536),
    ],
    ids=[
        "ssh", "tls", "http2", "status", "no-end-of-head", "cut", "negative", "exponent", "superscript", "long-length",
        "10-MB-with-length", "10-MB", "gzip", "chunk-of-no-size", "chunk-of-4-GB", "cut-chunk", "longer-chunk",
        "very-small-chunks", "endless-chunks", "long-header", "endless-headers", "endless-line", "endless-body",
    ],
)  # fmt: skip
async def test_what_is_no_answer_of_a_miner_is_refused(behave: Behaviour) -> None:
    async with listening(behave) as api:
        with pytest.raises(OperationFailed) as caught:
            await exchange(api, "/2/summary", deadline_s=20)
    assert type(caught.value) is OperationFailed
    assert caught.value.suggestion
    assert "the-token" not in caught.value.message


@pytest.mark.parametrize(
    "behave",
    [
        endlessly(b"", b"", 0.01),
        endlessly(HEAD, b"a", 0.01),
        endlessly(HEAD + b"Content-Length: 1000000\r\n\r\n", b"a", 0.01),
        endlessly(HEAD + b"\r\n", b"a", 0.01),
    ],
    ids=["silent", "slow-head", "slow-body", "slow-body-without-length"],
)
async def test_a_slow_answer_times_out(behave: Behaviour) -> None:
    async with listening(behave) as api:
        with pytest.raises(RequestTimedOut, match="did not answer within"):
            await exchange(api, "/2/summary", deadline_s=0.3)


async def test_nobody_there_and_hanging_up() -> None:
    [port] = free_ports(1)
    with pytest.raises(Unreachable, match=str(port)):
        await exchange(MinerApi(port=port, token="t"), "/2/summary")

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with listening(hang_up) as api:
        with pytest.raises(Unreachable) as caught:
            await exchange(api, "/2/summary")
    assert not isinstance(caught.value, RequestTimedOut)


async def test_memory_stays_small_however_much_comes() -> None:
    async with listening(endlessly(HEAD + b"\r\n", b"a" * 65536)) as api:
        gc.collect()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            with pytest.raises(MinerCtrlError):
                await exchange(api, "/2/summary", deadline_s=20)
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 16 * MAX_BODY_BYTES // 1024


async def test_it_hangs_up_after_the_answer_whatever_the_other_side_does() -> None:
    hung_up = asyncio.Event()

    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert await reader.read() == b""
        hung_up.set()

    async with listening(stay) as api:
        await exchange(api, "/2/summary")
        async with asyncio.timeout(10):
            await hung_up.wait()


def test_the_token_is_not_in_a_repr() -> None:
    assert "secret" not in repr(MinerApi(port=1, token="secret"))
