"""The proof before HTTP where there is no Unix socket: neither side believes the other without the token."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.api import loopback_door
from miner_ctrl.api.application import build_app
from miner_ctrl.api.loopback_door import LoopbackDoor
from miner_ctrl.api.loopback_proof import GREETING_BYTES, MAGIC, ServerProof, write_token_file
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.cli import loopback
from miner_ctrl.errors import Refused
from miner_ctrl.model.callers import LOOPBACK
from tests.api.in_memory import BASE, World

TOKEN = bytes(range(32))
REQUEST = f"GET {BASE}/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
async def token_file(world: World, tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "node.token"
    door = LoopbackDoor(lambda: HttpServing(build_app(world.faces), caller=LOOPBACK), path)
    await door.open()
    yield path
    await door.close()
    assert not path.exists()
    await door.close()


def held(token_file: Path) -> tuple[int, bytes]:
    found = json.loads(token_file.read_text())
    return found["port"], bytes.fromhex(found["token"])


def client_proof(token: bytes, nonces: bytes) -> bytes:
    return hmac.digest(token, b"miner-ctrl/1 loopback client\0" + nonces, "sha256")


def ask(token_file: Path) -> bytes:
    with loopback.connect(token_file, 20) as connection:
        connection.sendall(REQUEST)
        received = b""
        while part := connection.recv(4096):
            received += part
        return received


async def test_who_has_the_token_is_served(token_file: Path) -> None:
    assert (await asyncio.to_thread(ask, token_file)).startswith(b"HTTP/1.1 200")


async def test_proof_and_request_may_come_in_any_pieces(token_file: Path) -> None:
    port, token = held(token_file)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in MAGIC + b"c" * 32:
        writer.write(bytes([byte]))
        await writer.drain()
    reply = await asyncio.wait_for(reader.readexactly(64), 20)
    writer.write(client_proof(token, b"c" * 32 + reply[:32]) + REQUEST)
    assert (await asyncio.wait_for(reader.read(-1), 20)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_token_is_only_for_this_user_and_new_at_each_start(world: World, tmp_path: Path) -> None:
    path = tmp_path / "node.token"
    tokens = set()
    for _ in range(2):
        door = LoopbackDoor(lambda: HttpServing(build_app(world.faces), caller=LOOPBACK), path)
        await door.open()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        tokens.add(held(path)[1])
        await door.close()
    assert len(tokens) == 2


async def test_a_client_without_the_token_notices_first_and_gets_nothing(token_file: Path) -> None:
    write_token_file(token_file, held(token_file)[0], TOKEN)
    with pytest.raises(Refused):
        await asyncio.to_thread(ask, token_file)


@pytest.mark.parametrize("proof", [b"\0" * 32, REQUEST])
async def test_a_wrong_proof_is_cut_before_http(token_file: Path, proof: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", held(token_file)[0])
    writer.write(MAGIC + b"c" * 32)
    await asyncio.wait_for(reader.readexactly(64), 20)
    writer.write(proof)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(-1), 20) == b""
    writer.close()


async def test_plain_http_is_cut(token_file: Path) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", held(token_file)[0])
    writer.write(REQUEST)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(-1), 20) == b""
    writer.close()


async def test_the_silent_are_cut_and_do_not_keep_others_out(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = held(token_file)[0]
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(loopback_door.UNPROVED_CONNECTIONS + 5)]
    assert (await asyncio.to_thread(ask, token_file)).startswith(b"HTTP/1.1 200")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(silent[0][0].read(-1), 20) == b""
    monkeypatch.setattr(loopback_door, "PROOF_WITHIN_S", 0.05)
    reader, late = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(-1), 20) == b""
    for _, writer in [*silent, (reader, late)]:
        writer.close()


def test_a_proof_is_for_one_connection_and_one_side() -> None:
    greeting = MAGIC + b"c" * 32
    assert len(greeting) == GREETING_BYTES
    first, second = ServerProof(TOKEN, nonce=b"s" * 32), ServerProof(TOKEN, nonce=b"t" * 32)
    reply = first.read_greeting(greeting)
    assert reply is not None
    assert TOKEN not in reply
    proof = client_proof(TOKEN, b"c" * 32 + b"s" * 32)
    assert first.check_proof(proof)
    assert second.read_greeting(greeting) is not None
    assert not second.check_proof(proof), "replayed to another connection"
    assert not first.check_proof(reply[32:]), "the server's own proof, reflected"
    assert not ServerProof(TOKEN).check_proof(client_proof(TOKEN, b"")), "before a greeting"
    for broken in (greeting[:-1], b"X" + greeting[1:], b""):
        assert ServerProof(TOKEN).read_greeting(broken) is None
