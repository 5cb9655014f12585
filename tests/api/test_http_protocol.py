"""What one connection may cost: heads, bodies, pipelined requests and connections have limits."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.api import requests
from miner_ctrl.api.application import build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpLimits, HttpServing
from miner_ctrl.model.callers import LOOPBACK
from tests.api.in_memory import BASE, Client, World, until
from tests.api.own_machine import MINER

HEALTH = f"GET {BASE}/health HTTP/1.1\r\nHost: x\r\n".encode()
LIMITS = HttpLimits(head_within_s=0.3, connections=4, keep_alive_s=600)


@pytest.fixture
async def door(world: World, socket_path: Path) -> AsyncIterator[LocalDoor]:
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), limits=LIMITS, caller=LOOPBACK), socket_path)
    await door.open()
    yield door
    await door.close()


async def exchange(path: Path, *parts: bytes) -> bytes:
    """Send ``parts`` and return everything that comes back until the node closes."""
    return await asyncio.to_thread(_exchange, path, parts)


def _exchange(path: Path, parts: tuple[bytes, ...]) -> bytes:
    received = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        with suppress(ConnectionError):  # refused before all of it was sent
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                received += part
    return received


def envelope_of(answer: bytes) -> tuple[int, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["code"]


async def answers_still(path: Path) -> bool:
    return (await Client(path)("GET", "/health")).status == 200


async def test_many_headers_are_refused_early(door: LocalDoor, socket_path: Path) -> None:
    flood = [b"X-%d: " % number + b"a" * 1000 + b"\r\n" for number in range(5000)]
    assert envelope_of(await exchange(socket_path, HEALTH, *flood)) == (431, "HEADERS_TOO_LARGE")
    assert await answers_still(socket_path)


async def test_one_endless_header_is_refused_early(door: LocalDoor, socket_path: Path) -> None:
    endless = [b"X-A: ", *([b"a" * 10_000] * 500)]
    assert envelope_of(await exchange(socket_path, HEALTH, *endless)) == (431, "HEADERS_TOO_LARGE")


async def test_a_complete_head_that_is_too_large_is_refused(door: LocalDoor, socket_path: Path) -> None:
    for lines in (b"X-A: " + b"a" * 40_000 + b"\r\n", b"X-A: b\r\n" * 5000):
        answer = await exchange(socket_path, HEALTH + lines + b"\r\n")
        assert envelope_of(answer) == (431, "HEADERS_TOO_LARGE")


async def test_an_endless_path_is_refused(door: LocalDoor, socket_path: Path) -> None:
    answer = await exchange(socket_path, b"GET /" + b"a" * 100_000, b"a" * 100_000)
    assert envelope_of(answer) == (431, "HEADERS_TOO_LARGE")


async def test_headers_within_the_limit_pass_in_any_pieces(door: LocalDoor, socket_path: Path) -> None:
    head = HEALTH + b"X-A: " + b"a" * 28_000 + b"\r\nConnection: close\r\n\r\n"
    pieces = [head[start : start + 3000] for start in range(0, len(head), 3000)]
    assert (await exchange(socket_path, *pieces)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", b"G", HEALTH, b"\r\n\r\n"])
async def test_a_slow_head_is_closed(door: LocalDoor, socket_path: Path, sent: bytes) -> None:
    answer = await exchange(socket_path, sent)
    assert not answer or envelope_of(answer) == (408, "REQUEST_TOO_SLOW")


async def test_a_slow_head_after_a_request_is_closed(door: LocalDoor, socket_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    writer.write(HEALTH + b"\r\n")
    await reader.readuntil(b'"ok"}')
    writer.write(b"\r\n")  # takes the keep-alive timer away without beginning a request
    assert await asyncio.wait_for(reader.read(-1), 30) == b""
    writer.close()


async def test_a_connection_between_requests_may_wait(door: LocalDoor, socket_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    for _ in range(2):
        writer.write(HEALTH + b"\r\n")
        await asyncio.wait_for(reader.readuntil(b'"ok"}'), 30)
        await asyncio.sleep(LIMITS.head_within_s * 2)  # longer than a head may take: nothing runs meanwhile
    writer.close()


async def test_a_slow_body_is_given_up(door: LocalDoor, socket_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_WITHIN_S", 0.1)
    head = f"POST {BASE}/invites HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    assert envelope_of(await exchange(socket_path, head.encode(), b"{")) == (408, "REQUEST_TOO_SLOW")


async def test_an_announced_giant_is_refused_unread(door: LocalDoor, socket_path: Path) -> None:
    head = f"POST {BASE}/invites HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    answer = await exchange(socket_path, head.encode() + b"Content-Length: 9999999999\r\n\r\n")
    assert envelope_of(answer) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("trailer", [b"", b"0\r\nX-A: "])
async def test_an_endless_chunked_request_is_cut(door: LocalDoor, socket_path: Path, trailer: bytes) -> None:
    head = f"POST {BASE}/peers/rig-alpha/connect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"a" * 65_536 if trailer else b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    await exchange(socket_path, head.encode(), trailer, *([chunk] * 100))
    assert await answers_still(socket_path)


async def test_pipelined_requests_are_bounded(door: LocalDoor, socket_path: Path) -> None:
    few = await exchange(socket_path, (HEALTH + b"\r\n") * 3 + HEALTH + b"Connection: close\r\n\r\n")
    assert few.count(b"HTTP/1.1 200") == 4
    many = await exchange(socket_path, (HEALTH + b"\r\n") * 5000)
    assert many.count(b"HTTP/1.1 200") < 5000
    assert await answers_still(socket_path)


async def test_connections_are_capped_and_freed(door: LocalDoor, socket_path: Path, world: World) -> None:
    client = Client(socket_path)
    held = [await client.events(f"/remote/rig-alpha/logs/{MINER}?follow=true") for _ in range(LIMITS.connections)]
    assert envelope_of(await exchange(socket_path, HEALTH + b"\r\n")) == (503, "TOO_MANY_CONNECTIONS")
    for reader in held:
        reader.close()
    await until(lambda: not door.warm().state.connections)
    assert await answers_still(socket_path)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET http://x HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nA\x00b: c\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"OPTIONS * HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_not_http_is_answered_or_cut(
    door: LocalDoor, socket_path: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await exchange(socket_path, raw)
    if answer:
        status, code = envelope_of(answer)
        assert 400 <= status < 500
        assert code
    assert await answers_still(socket_path)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_upgrade_is_answered_as_the_plain_request_it_is(door: LocalDoor, socket_path: Path) -> None:
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert (await exchange(socket_path, HEALTH + upgrade)).startswith(b"HTTP/1.1 200")
