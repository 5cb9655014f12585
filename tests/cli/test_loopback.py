"""The command line's half of the loopback proof, against the door that the node opens on Windows."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from miner_ctrl.api.loopback_door import LoopbackDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.cli import loopback
from miner_ctrl.errors import Refused, StateDamaged


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})


def _ask(token_file: Path) -> bytes:
    with loopback.connect(token_file, 10.0) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as answer:
            return answer.read()


async def test_both_prove_themselves_and_then_speak_http(tmp_path: Path) -> None:
    door = LoopbackDoor(lambda: HttpServing(_hello), tmp_path / "node.token")
    await door.open()
    try:
        assert (await asyncio.to_thread(_ask, door.token_file)).endswith(b"hello")
    finally:
        await door.close()
    with pytest.raises(FileNotFoundError):
        loopback.connect(door.token_file, 1.0)


async def test_who_does_not_know_the_secret_is_not_believed(tmp_path: Path) -> None:
    door = LoopbackDoor(lambda: HttpServing(_hello), tmp_path / "node.token")
    await door.open()
    try:
        held = json.loads(door.token_file.read_text())
        other = tmp_path / "other.token"
        other.write_text(json.dumps({**held, "token": "00" * 32}))
        with pytest.raises(Refused):
            await asyncio.to_thread(loopback.connect, other, 10.0)
    finally:
        await door.close()


def test_a_damaged_token_file_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "node.token"
    damaged.write_text("{}")
    with pytest.raises(StateDamaged, match=r"node\.token"):
        loopback.connect(damaged, 1.0)


def test_a_port_where_nobody_listens_is_no_node(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stale = tmp_path / "node.token"
    stale.write_text(json.dumps({"port": port, "token": "00" * 32}))
    with pytest.raises(ConnectionRefusedError):
        loopback.connect(stale, 1.0)
