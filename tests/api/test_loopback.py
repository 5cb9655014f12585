"""The proof before HTTP where there is no Unix socket: neither side believes the other without the token."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.api import loopback_door
from miner_ctrl.api.application import build_app
from miner_ctrl.api.loopback_door import LoopbackDoor
from miner_ctrl.api.loopback_proof import (
    GREETING_BYTES,
    MAGIC,
    ClientSide,
    LoopbackToken,
    ServerSide,
    connect,
    read_token_file,
    write_token_file,
)
from miner_ctrl.errors import Refused, StateDamaged, Unreachable
from tests.api.in_memory import BASE, World

TOKEN = bytes(range(32))
REQUEST = f"GET {BASE}/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
async def token_file(world: World, tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "node.token"
    door = LoopbackDoor(build_app(world.faces), path)
    await door.open()
    yield path
    await door.close()
    assert not path.exists()
    await door.close()


def ask(where: LoopbackToken) -> bytes:
    with connect(where, timeout_s=20) as connection:
        connection.sendall(REQUEST)
        received = b""
        while part := connection.recv(4096):
            received += part
        return received


async def test_who_has_the_token_is_served(token_file: Path) -> None:
    assert (await asyncio.to_thread(ask, read_token_file(token_file))).startswith(b"HTTP/1.1 200")


async def test_proof_and_request_may_come_in_any_pieces(token_file: Path) -> None:
    where = read_token_file(token_file)
    reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
    side = ClientSide(where.token)
    for byte in side.greeting():
        writer.write(bytes([byte]))
        await writer.drain()
    proof = side.answer(await asyncio.wait_for(reader.readexactly(64), 20))
    writer.write(proof + REQUEST)
    assert (await asyncio.wait_for(reader.read(-1), 20)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_token_is_only_for_this_user_and_new_at_each_start(world: World, tmp_path: Path) -> None:
    path = tmp_path / "node.token"
    tokens = set()
    for _ in range(2):
        door = LoopbackDoor(build_app(world.faces), path)
        await door.open()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        tokens.add(read_token_file(path).token)
        await door.close()
    assert len(tokens) == 2


async def test_a_client_without_the_token_notices_first_and_gets_nothing(token_file: Path) -> None:
    where = read_token_file(token_file)._replace(token=TOKEN)
    with pytest.raises(Refused):
        await asyncio.to_thread(ask, where)


@pytest.mark.parametrize("proof", [b"\0" * 32, REQUEST])
async def test_a_wrong_proof_is_cut_before_http(token_file: Path, proof: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", read_token_file(token_file).port)
    writer.write(ClientSide(TOKEN).greeting())
    await asyncio.wait_for(reader.readexactly(64), 20)
    writer.write(proof)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(-1), 20) == b""
    writer.close()


async def test_plain_http_is_cut(token_file: Path) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", read_token_file(token_file).port)
    writer.write(REQUEST)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(-1), 20) == b""
    writer.close()


async def test_the_silent_are_cut_and_do_not_keep_others_out(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = read_token_file(token_file).port
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(loopback_door.UNPROVED_CONNECTIONS + 5)]
    assert (await asyncio.to_thread(ask, read_token_file(token_file))).startswith(b"HTTP/1.1 200")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(silent[0][0].read(-1), 20) == b""
    monkeypatch.setattr(loopback_door, "PROOF_WITHIN_S", 0.05)
    reader, late = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(-1), 20) == b""
    for _, writer in [*silent, (reader, late)]:
        writer.close()


def test_both_halves_prove_and_never_send_the_token() -> None:
    client, server = ClientSide(TOKEN), ServerSide(TOKEN)
    greeting = client.greeting()
    reply = server.read_greeting(greeting)
    assert reply is not None
    proof = client.answer(reply)
    assert server.check_proof(proof)
    assert TOKEN not in greeting + reply + proof


def test_a_proof_is_for_one_connection_and_one_side() -> None:
    greeting = MAGIC + b"c" * 32
    assert len(greeting) == GREETING_BYTES
    first, second = ServerSide(TOKEN, nonce=b"s" * 32), ServerSide(TOKEN, nonce=b"t" * 32)
    reply = first.read_greeting(greeting)
    assert reply is not None
    proof = ClientSide(TOKEN, nonce=b"c" * 32).answer(reply)
    assert first.check_proof(proof)
    assert second.read_greeting(greeting) is not None
    assert not second.check_proof(proof), "replayed to another connection"
    assert not first.check_proof(reply[32:]), "the server's own proof, reflected"
    assert not ServerSide(TOKEN).check_proof(proof), "before a greeting"
    for broken in (reply[:-1], reply + b"x", reply[:-1] + bytes([reply[-1] ^ 1]), b""):
        with pytest.raises(Refused):
            ClientSide(TOKEN, nonce=b"c" * 32).answer(broken)
    for broken in (greeting[:-1], b"X" + greeting[1:], b""):
        assert ServerSide(TOKEN).read_greeting(broken) is None


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable):
        connect(LoopbackToken(port, TOKEN), timeout_s=5)
    with pytest.raises(Unreachable):
        read_token_file(tmp_path / "none")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"port":1,"token":"00"}', '{"port":0,"token":"' + "00" * 32 + '"}']
)
def test_a_damaged_token_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "node.token"
    path.write_text(content)
    with pytest.raises(StateDamaged, match=r"node\.token"):
        read_token_file(path)


def test_the_token_is_not_shown(tmp_path: Path) -> None:
    token = LoopbackToken(1234, TOKEN)
    assert TOKEN.hex() not in repr(token)
    assert "1234" in repr(token)
    write_token_file(tmp_path / "t", token)
    assert read_token_file(tmp_path / "t") == token
