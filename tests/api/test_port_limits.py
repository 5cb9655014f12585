"""Who floods the port, or is slow at it, is cut off; others are answered meanwhile."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from miner_ctrl.api import requests
from miner_ctrl.api.port import Port, PortRules
from miner_ctrl.api.port_connection import Crowd
from miner_ctrl.errors import MinerCtrlError, RateLimited
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.transport.tls import ensure_certificate, pin_of, pinned_context, server_context
from tests.api.in_memory import BASE, peer_view
from tests.api.open_port import PASSWORD, OpenPort, opened, read_answer


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[OpenPort]:
    async with opened(tmp_path) as port:
        yield port


async def _ended(reader: asyncio.StreamReader) -> bytes:
    """Return what came before the other end closed."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_too_many_headers_are_refused(port: OpenPort) -> None:
    flood = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(1000))
    answer = await port.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + flood + b"\r\n")
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")


async def _send(writer: asyncio.StreamWriter, data: bytes, *, times: int) -> None:
    for _ in range(times):
        writer.write(data)
        await writer.drain()


async def test_a_large_body_is_refused_by_its_length_and_by_its_bytes(port: OpenPort) -> None:
    head = f"POST {BASE}/invites HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    announced = await port.raw(head + b"Content-Length: 99999999\r\n\r\n")
    assert (announced.status, announced.code) == (413, "BODY_TOO_LARGE")
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    sent = await port.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 100 + b"0\r\n\r\n")
    assert (sent.status, sent.code) == (413, "BODY_TOO_LARGE")
    reader, writer = await port.connect()
    writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(ConnectionError):
        await _send(writer, chunk, times=100_000)  # 400 MB, if it were let
    await _ended(reader)
    writer.close()
    assert port.world.pairing.calls == []


async def test_a_slow_head_is_given_up(port: OpenPort, monkeypatch: pytest.MonkeyPatch) -> None:
    await port("GET", "/health")
    assert port.port._serving is not None
    object.__setattr__(port.port._serving.limits, "head_within_s", 0.3)
    reader, writer = await port.connect()
    writer.write(b"GET / HTTP/1.1\r\nHost: loc")
    answer = await read_answer(reader)
    assert (answer.status, answer.code) == (408, "REQUEST_TOO_SLOW")
    assert await _ended(reader) == b""
    writer.close()


async def test_a_slow_body_is_given_up(port: OpenPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_WITHIN_S", 0.3)
    head = f"POST {BASE}/invites HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    reader, writer = await port.connect()
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    answer = await read_answer(reader)
    assert (answer.status, answer.code) == (408, "REQUEST_TOO_SLOW")
    writer.close()
    assert port.world.pairing.calls == []


async def test_who_does_not_read_is_cut_off(port: OpenPort) -> None:
    await port("GET", "/health")
    assert port.port._serving is not None
    object.__setattr__(port.port._serving.limits, "unread_within_s", 0.3)
    many = [peer_view(f"{number:016x}", f"rig-{number}") for number in range(40_000)]
    port.world.pairing.known = {peer.id: peer for peer in many}  # 17 MB: more than the kernel takes on the way
    connections = port.port._serving.state.connections
    reader, writer = await port.connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(f"GET {BASE}/peers HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    for _ in range(1500):
        if not connections and port.port._serving.state.total_requests > 1:
            break
        await asyncio.sleep(0.01)
    assert not connections, "the connection is held"
    assert reader.at_eof() is False
    writer.close()


async def test_many_requests_at_once_on_one_connection_are_cut(port: OpenPort) -> None:
    reader, writer = await port.connect()
    writer.write(f"GET {BASE}/remote/hang/stats HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 100)
    await _ended(reader)
    writer.close()
    assert (await port("GET", "/health")).status == 200


async def test_connections_are_counted_by_address_and_in_all() -> None:
    class Transport(asyncio.Transport):
        def __init__(self, address: str) -> None:
            super().__init__({"peername": (address, 1), "sockname": ("192.168.1.5", 9090)})
            self.closed = False

        def is_closing(self) -> bool:
            return self.closed

    crowd = Crowd(can_tell=True, total=8, per_address=3)
    first = [Transport("192.168.1.9") for _ in range(3)]
    assert [crowd.enter(each) for each in first] == [False] * 3
    with pytest.raises(MinerCtrlError, match="as many connections"):
        crowd.enter(Transport("192.168.1.9"))
    for each in range(5):
        crowd.enter(Transport(f"fd00:{each}::1"))
    with pytest.raises(MinerCtrlError, match="as many connections") as refused:
        crowd.enter(Transport("192.168.1.10"))
    assert refused.value.code == "TOO_MANY_CONNECTIONS"
    first[0].closed = True
    crowd.enter(Transport("192.168.1.9"))
    crowd.leave(first[1])
    crowd.enter(Transport("192.168.1.9"))


def test_new_connections_from_one_address_are_so_many_and_no_more() -> None:
    class Transport(asyncio.Transport):
        def is_closing(self) -> bool:
            return True

    now = [0.0]
    crowd = Crowd(can_tell=True, clock=lambda: now[0])

    def arrived(address: str) -> int:
        for number in range(1000):
            try:
                crowd.enter(Transport({"peername": (address, 1), "sockname": ("192.168.1.5", 9090)}))
            except RateLimited:
                return number
        raise AssertionError("without end")

    assert arrived("192.168.1.9") == 100
    assert arrived("192.168.1.10") == 100
    now[0] += 1
    assert arrived("192.168.1.9") == 20


async def test_a_crowd_of_others_is_refused_and_this_user_is_not(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    await port("GET", "/health")
    assert port.port._crowd is not None
    port.port._crowd._per_address = 4
    with monkeypatch.context() as others:
        others.setattr(Crowd, "_is_own", lambda self, ends: False)
        held = [await port.connect() for _ in range(4)]
        for reader, writer in held:
            writer.write(f"GET {BASE}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert (await read_answer(reader)).status == 401
        refused = await port("GET", "/health")
        assert (refused.status, refused.code) == (503, "TOO_MANY_CONNECTIONS")
    assert (await port("GET", "/health")).status == 200
    for _, writer in held:
        writer.close()


async def test_strangers_write_nothing_into_this_nodes_log(port: OpenPort, caplog: pytest.LogCaptureFixture) -> None:
    """Neither requests that are none, nor WebSockets: each is as many lines as somebody likes."""
    with caplog.at_level(logging.INFO):
        assert (await port.raw(b"NOT HTTP\r\n\r\n")).status == 400
        async with connect(f"ws://{port.place}{BASE}/ws/events") as reader:
            await reader.recv()
        upgrade = (
            f"GET {BASE}/ws/events HTTP/1.1\r\nHost: {port.place}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        )
        assert (await port.raw(f"{upgrade}Sec-WebSocket-Key: none\r\n\r\n".encode())).status == 400
    told = [record for record in caplog.records if record.name.startswith(("uvicorn", "miner_ctrl"))]
    assert told == []


# --- TLS -------------------------------------------------------------------------------------------------


async def test_with_its_own_certificate_a_pinned_client_is_served(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    pin, _ = ensure_certificate(certificate, key, names=["localhost", "127.0.0.1"], now=datetime.now(UTC))
    rules = PortRules(needs_credentials=True, hsts=True)
    async with opened(tmp_path / "data", rules, tls=server_context(certificate, key)) as port:
        port.tls = pinned_context()
        _, writer = await port.connect()
        assert pin_of(writer.get_extra_info("ssl_object").getpeercert(binary_form=True)) == pin
        writer.close()
        assert (await port("GET", "/peers", token=await port.token(AccessRole.VIEWER))).status == 200
        await port.login()
        page = {"Origin": f"https://{port.place}"}
        answer = await port("POST", "/login", {"name": "alice", "password": PASSWORD}, headers=page)
        name, *flags = [part.strip() for part in answer.header("set-cookie").split(";")]
        assert name.startswith("__Host-miner-ctrl=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags)
        assert not any(flag.lower().startswith("domain") for flag in flags)
        assert answer.header("strict-transport-security") == "max-age=31536000"
        plain = {"Cookie": name.removeprefix("__Host-"), **page}
        assert (await port("GET", "/session", headers=plain)).status == 401, "anybody on the network can set that one"
        assert (await port("GET", "/session", headers={"Cookie": name, **page})).data["name"] == "alice"
        not_tls = {"Origin": f"http://{port.place}"}
        assert (await port("POST", "/logout", headers=not_tls)).code == "OTHER_SITE"
        trusting = ssl.create_default_context(cafile=certificate)
        port.tls = trusting
        assert (await port("GET", "/peers")).status == 401
        port.tls = None
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await port("GET", "/peers")


async def test_who_does_not_go_on_with_tls_is_counted_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    ensure_certificate(certificate, key, names=["localhost"], now=datetime.now(UTC))
    async with opened(tmp_path / "data", tls=server_context(certificate, key)) as port:
        port.tls = pinned_context()
        assert (await port("GET", "/session")).data["door"] == "loopback"
        crowd = port.port._crowd
        assert crowd is not None
        crowd._per_address = 4
        with monkeypatch.context() as others:
            others.setattr(Crowd, "_is_own", lambda self, ends: False)
            held = [await asyncio.open_connection(port.host, port.number) for _ in range(12)]
            ends = [asyncio.create_task(_ended(reader), name="ended") for reader, _ in held]
            for _ in range(1500):
                if sum(end.done() for end in ends) == 8:
                    break
                await asyncio.sleep(0.01)
            assert sorted(end.done() for end in ends) == [False] * 4 + [True] * 8, "cut before they say anything"
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await port("GET", "/health")
        assert (await port("GET", "/health")).status == 200, "this node's own user is not counted"
        for _, writer in held:
            writer.close()
        for _ in range(1500):
            if not crowd._here and not port.port._handshakes:
                break
            await asyncio.sleep(0.01)
        assert not crowd._here, "a handshake that came to nothing is forgotten"
        await asyncio.gather(*ends)


# --- laziness --------------------------------------------------------------------------------------------


def test_an_open_port_that_nobody_asks_has_loaded_no_http() -> None:
    code = """
import asyncio, sys
from miner_ctrl.api.doors import Application
from miner_ctrl.app.port import ApiPort
from miner_ctrl.config import ApiSettings, Home, Listen
async def main():
    port = ApiPort(Home.resolve(sys.argv[1]), ApiSettings(Listen("127.0.0.1", 0)), Application(lambda: None))
    await port.bind()
    await port.open()
    assert port.addresses, port.problem
    await port.close()
asyncio.run(main())
heavy = {"starlette", "uvicorn", "argon2", "httptools", "miner_ctrl.access.access"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code, "/nowhere"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done


async def test_closing_the_port_frees_it_and_ends_streams(tmp_path: Path) -> None:
    async with opened(tmp_path) as port:
        reader, writer = await port.connect()
        writer.write(f"GET {BASE}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b" 200 " in await reader.readline()
        assert isinstance(port.port, Port)
        await port.port.close()
        await _ended(reader)
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await port.connect()
