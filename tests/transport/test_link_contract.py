"""The one suite that every link passes; what goes over the wire is tested on those that have one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from miner_ctrl.errors import OperationFailed, Unreachable
from miner_ctrl.model.addresses import Address
from miner_ctrl.protocol.limits import MAX_FRAME_BYTES, MAX_HANDSHAKE_BYTES
from miner_ctrl.transport.half_open import HalfOpen, Visit
from miner_ctrl.transport.link import WRITE_HIGH_BYTES, Link, LinkFactory
from miner_ctrl.transport.memory_link import HOST, MemoryLinks
from miner_ctrl.transport.picows_link import PicowsLinks
from miner_ctrl.transport.websockets_link import WebsocketsLinks
from tests.transport.nodes import LOCAL, until

WIRED: list[Callable[[], LinkFactory]] = [PicowsLinks, WebsocketsLinks]
ALL: list[Callable[[], LinkFactory]] = [*WIRED, MemoryLinks]


class Receiver:
    """Receives connections and keeps what comes."""

    def __init__(self, *, admits: bool = True) -> None:
        self.admits = admits
        self.links: list[Link] = []
        self.frames: list[bytes] = []
        self.left_early = 0
        self.closed = 0
        self._table = HalfOpen(0.0)

    def admit(self, host: str, abort: Callable[[], None]) -> Visit | None:
        return self._table.admit(host, 0.0, 3.0, abort)[0] if self.admits else None

    def arrived(self, visit: Visit, link: Link) -> None:
        link.on_frame = self.frames.append
        link.on_closed = self._gone
        self.links.append(link)

    def left(self, visit: Visit) -> None:
        self.left_early += 1

    def _gone(self) -> None:
        self.closed += 1


@asynccontextmanager
async def listening(factory: LinkFactory, receiver: Receiver) -> AsyncIterator[Address]:
    memory = isinstance(factory, MemoryLinks)
    running = await factory.listen(HOST if memory else LOCAL, 0, tls=None, reception=receiver)
    try:
        yield Address(*running.addresses[0])
    finally:
        running.close()
        for link in receiver.links:
            link.abort()


@pytest.fixture(params=ALL, ids=lambda made: made.__name__)
def factory(request: pytest.FixtureRequest) -> LinkFactory:
    made: LinkFactory = request.param()
    return made


@pytest.fixture(params=WIRED, ids=lambda made: made.__name__)
def wired(request: pytest.FixtureRequest) -> LinkFactory:
    made: LinkFactory = request.param()
    return made


async def test_messages_go_both_ways_in_order(factory: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(factory, receiver) as address:
        link = await factory.connect(address, tls=None, timeout_s=5)
        back: list[bytes] = []
        link.on_frame = back.append
        sent = [b"", b"one", bytes(MAX_HANDSHAKE_BYTES), b"last"]
        for frame in sent:
            link.send(frame)
        await until(lambda: len(receiver.frames) == 4)
        assert receiver.frames == sent
        receiver.links[0].send(b"answer")
        await until(lambda: back == [b"answer"])
        assert link.writable
        assert link.remote[1] == address.port
        link.abort()


async def test_before_the_handshake_a_message_has_1024_bytes(factory: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(factory, receiver) as address:
        link = await factory.connect(address, tls=None, timeout_s=5)
        link.send(bytes(MAX_HANDSHAKE_BYTES + 1))
        await until(lambda: receiver.closed)
        assert receiver.frames == []
        await until(lambda: link.closed)


async def test_afterwards_it_has_a_mebibyte_and_no_more(factory: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(factory, receiver) as address:
        link = await factory.connect(address, tls=None, timeout_s=5)
        await until(lambda: receiver.links)
        receiver.links[0].widen()
        frame = os.urandom(MAX_FRAME_BYTES)
        link.send(frame)
        await until(lambda: receiver.frames == [frame])
        link.send(frame + b"x")
        await until(lambda: receiver.closed)
        assert len(receiver.frames) == 1


async def test_close_reaches_the_other_side_after_what_was_sent(factory: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(factory, receiver) as address:
        link = await factory.connect(address, tls=None, timeout_s=5)
        closed: list[bool] = []
        link.on_closed = lambda: closed.append(True)
        link.send(b"the last word")
        link.close()
        link.send(b"too late")
        assert link.closed
        await until(lambda: receiver.closed and closed)
        assert receiver.frames == [b"the last word"]
        assert (receiver.closed, len(closed)) == (1, 1)


async def test_abort_is_noticed(factory: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(factory, receiver) as address:
        link = await factory.connect(address, tls=None, timeout_s=5)
        await until(lambda: receiver.links)
        link.abort()
        await until(lambda: receiver.closed)
        assert receiver.links[0].closed


async def test_who_is_not_admitted_is_turned_away(factory: LinkFactory) -> None:
    async with listening(factory, Receiver(admits=False)) as address:
        with pytest.raises(Unreachable):
            await factory.connect(address, tls=None, timeout_s=5)


async def test_nobody_there(factory: LinkFactory) -> None:
    async with listening(factory, Receiver()) as address:
        pass
    with pytest.raises(Unreachable, match=str(address.port)):
        await factory.connect(address, tls=None, timeout_s=5)


async def test_a_port_in_use_is_said(factory: LinkFactory) -> None:
    async with listening(factory, Receiver()) as address:
        with pytest.raises(OperationFailed) as failure:
            await factory.listen(address.host, address.port, tls=None, reception=Receiver())
        assert failure.value.code == "CANNOT_LISTEN"


async def test_write_buffer_says_when_to_stop_and_when_to_go_on(factory: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(factory, receiver) as address:
        link = await factory.connect(address, tls=None, timeout_s=5)
        await until(lambda: receiver.links)
        receiver.links[0].widen()
        drained: list[bool] = []
        link.on_writable = lambda: drained.append(True)
        sent = 0
        while link.writable:
            link.send(bytes(64 * 1024))
            sent += 1
            assert sent < 1000
        assert link.buffered > WRITE_HIGH_BYTES
        await until(lambda: drained and link.writable and len(receiver.frames) == sent)
        link.abort()


# --- the wire -------------------------------------------------------------------------------------------


async def upgrade(address: Address, path: str = "/ws", **headers: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: E501  # fmt: skip
    reader, writer = await asyncio.open_connection(address.host, address.port)
    given = {
        "Host": str(address),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    return head, reader, writer


def raw_frame(payload: bytes, *, opcode: int = 2, first: int = 0x80, masked: bool = True) -> bytes:
    """Return a short client frame; ``first`` holds FIN and the reserved bits."""
    mask = os.urandom(4) if masked else b""
    body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if masked else payload
    return struct.pack("!BB", first | opcode, (0x80 if masked else 0) | len(payload)) + mask + body


async def test_upgrade_without_extensions(wired: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(wired, receiver) as address:
        head, _, writer = await upgrade(address, Sec_WebSocket_Extensions="permessage-deflate")
        assert head.startswith(b"HTTP/1.1 101")
        assert b"deflate" not in head.lower()
        writer.write(raw_frame(b"hello"))
        await until(lambda: receiver.frames == [b"hello"])
        writer.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/", {}, b"404"), ("/ws/", {}, b"404"), ("/ws?x", {}, b"404"), ("/ws", {"Origin": "https://a.example"}, b"403")],
)
async def test_refused_requests(wired: LinkFactory, path: str, headers: dict[str, str], status: bytes) -> None:
    receiver = Receiver()
    async with listening(wired, receiver) as address:
        head, reader, writer = await upgrade(address, path, **headers)
        assert head.split()[1] == status
        await asyncio.wait_for(reader.read(), 5)
        assert receiver.links == []
        await until(lambda: receiver.left_early == 1)
        writer.close()


@pytest.mark.parametrize(
    "bad",
    [
        raw_frame(b"text", opcode=1),
        raw_frame(b"part", first=0),
        raw_frame(b"rest", opcode=0),
        raw_frame(b"rsv1", first=0xC0),
        raw_frame(b"rsv2", first=0xA0),
        raw_frame(b"rsv3", first=0x90),
        raw_frame(b"bare", masked=False),
        raw_frame(b"odd", opcode=3),
    ],
    ids=["text", "fragment", "continuation", "rsv1", "rsv2", "rsv3", "unmasked", "opcode"],
)
async def test_frames_that_end_a_link(wired: LinkFactory, bad: bytes) -> None:
    receiver = Receiver()
    async with listening(wired, receiver) as address:
        _, reader, writer = await upgrade(address)
        writer.write(bad)
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer[0] == 0x88
        writer.write(raw_frame(b"more"))
        await until(lambda: receiver.closed)
        assert receiver.frames == []
        writer.close()


async def test_close_is_answered_and_ping_too(wired: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(wired, receiver) as address:
        _, reader, writer = await upgrade(address)
        writer.write(raw_frame(b"are you there", opcode=9))
        assert await asyncio.wait_for(reader.readexactly(15), 5) == b"\x8a\x0dare you there"
        writer.write(raw_frame(struct.pack("!H", 1000), opcode=8))
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer[:4] == struct.pack("!BBH", 0x88, 2, 1000)
        await until(lambda: receiver.closed == 1)
        writer.close()


async def test_large_frame_before_the_handshake_is_not_even_collected(wired: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(wired, receiver) as address:
        _, _, writer = await upgrade(address)
        writer.write(struct.pack("!BBQ", 0x82, 0xFF, 1024 * 1024) + bytes(4))
        with contextlib.suppress(ConnectionError):
            for _ in range(8):  # a part of it only: whoever waits for the rest collects it
                writer.write(bytes(16 * 1024))
                await writer.drain()
        await until(lambda: receiver.closed)
        assert receiver.frames == []
        writer.close()


async def test_pings_of_a_peer_that_does_not_read_do_not_fill_the_memory(wired: LinkFactory) -> None:
    receiver = Receiver()
    async with listening(wired, receiver) as address:
        _, _, writer = await upgrade(address)
        await until(lambda: receiver.links)
        link = receiver.links[0]
        link.widen()
        pings = raw_frame(bytes(125), opcode=9) * 500
        for _ in range(1000):
            writer.write(pings)
            await writer.drain()
            if not link.writable:
                break
        assert not link.writable
        for _ in range(40):  # 2.5 MB of pongs, if they were kept
            writer.write(pings)
            await writer.drain()
        await until(lambda: writer.transport.get_write_buffer_size() == 0)
        writer.write(raw_frame(b"all read"))
        await until(lambda: receiver.frames == [b"all read"])
        assert link.buffered < 2 * WRITE_HIGH_BYTES
        writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP server answers with status 200"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "miner-ctrl's protocol"),
        (os.urandom(64) + b"\r\n\r\n", "miner-ctrl's protocol"),
    ],
    ids=["http", "not found", "ssh", "garbage"],
)
async def test_something_else_answers(wired: LinkFactory, answer: bytes, says: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, LOCAL, 0) as server:
        address = Address(*server.sockets[0].getsockname())
        with pytest.raises(OperationFailed, match=says) as failure:
            await wired.connect(address, tls=None, timeout_s=1)
        assert failure.value.code == "NOT_MINER_CTRL"
        assert str(address) in failure.value.message


async def test_silence_is_not_miner_ctrl_either(wired: LinkFactory) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, LOCAL, 0) as server:
        with pytest.raises(Unreachable) as failure:
            await wired.connect(Address(*server.sockets[0].getsockname()), tls=None, timeout_s=0.3)
        assert failure.value.code == "NOT_MINER_CTRL"


async def test_unknown_name(wired: LinkFactory) -> None:
    with pytest.raises(Unreachable, match=r"no-such-rig\.invalid"):
        await wired.connect(Address("no-such-rig.invalid", 9091), tls=None, timeout_s=5)
