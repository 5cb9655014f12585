"""One question over plain TCP: where an answer ends, and how little of a hostile one is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from miner_ctrl.errors import OperationFailed, RequestTimedOut, Unreachable
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import MAX_BODY_BYTES
from miner_ctrl.miners.loopback_tcp import ask
from tests.components.monerod import free_ports


@asynccontextmanager
async def saying(*parts: bytes, hang_up: bool = True) -> AsyncIterator[tuple[MinerApi, list[int]]]:
    """A server that sends ``parts`` after the first byte, one after the other, and how much of them was taken."""
    taken: list[int] = []
    connections: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read(1)
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                taken.append(len(part))
                await asyncio.sleep(0)
        if hang_up:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield MinerApi(port=server.sockets[0].getsockname()[1], token=""), taken
    finally:
        server.close()
        for writer in connections:
            writer.close()


@pytest.mark.parametrize(
    ("parts", "json", "answer"),
    [
        ((b"A=1;|\0",), False, b"A=1;|"),
        ((b"A=1;", b"B=2|\0"), False, b"A=1;B=2|"),
        ((b"A=1|\0rest",), False, b"A=1|"),
        ((b'{"a":1}\n',), True, b'{"a":1}'),
        ((b'{\n"a":', b"1\n}\n"), True, b'{\n"a":1\n}'),
        ((b'{"a":1}\0',), True, b'{"a":1}'),
    ],
)
async def test_where_an_answer_ends_while_the_line_stays_open(
    parts: tuple[bytes, ...], json: bool, answer: bytes
) -> None:
    async with saying(*parts, hang_up=False) as (api, _):
        assert await ask(api, b"?", json=json) == answer


async def test_hanging_up_ends_it_too() -> None:
    async with saying(b"A=1;B=2") as (api, _):
        assert await ask(api, b"?", json=False) == b"A=1;B=2"


async def test_an_endless_answer_is_cut_off() -> None:
    async with saying(*([b"x" * 65536] * 2000)) as (api, taken):
        with pytest.raises(OperationFailed, match="more than"):
            await ask(api, b"?", json=False, deadline_s=30)
    assert sum(taken) < 20 * MAX_BODY_BYTES


async def test_empty_answers() -> None:
    async with saying(b"\0") as (api, _):
        with pytest.raises(OperationFailed, match="empty"):
            await ask(api, b"?", json=False)
    async with saying() as (api, _):
        with pytest.raises(Unreachable):
            await ask(api, b"?", json=False)


async def test_nobody_and_silence() -> None:
    with pytest.raises(Unreachable):
        await ask(MinerApi(port=free_ports(1)[0], token=""), b"?", json=False)
    async with saying(b"A=1", hang_up=False) as (api, _):
        with pytest.raises(RequestTimedOut):
            await ask(api, b"?", json=False, deadline_s=0.3)
