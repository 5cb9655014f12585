"""A relay in the middle: passes on what two nodes say, keeps it, and may change it, frame by frame."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum


class To(Enum):
    """Whither a frame goes."""

    LISTENER = "listener"
    DIALLER = "dialler"


Change = Callable[[To, int, bytes], list[bytes]]
"""Gets the direction, the number of the frame in it (from 0) and its payload; returns what goes on instead."""


class Conversation:
    """One connection: ``raw`` is every byte as it came, ``frames`` the unmasked payloads."""

    def __init__(self, dialler: asyncio.StreamWriter, listener: asyncio.StreamWriter) -> None:
        self.raw = {To.LISTENER: bytearray(), To.DIALLER: bytearray()}
        self.frames: dict[To, list[bytes]] = {To.LISTENER: [], To.DIALLER: []}
        self._writers = {To.LISTENER: listener, To.DIALLER: dialler}

    @property
    def everything(self) -> bytes:
        """All payloads of both directions, and the two HTTP heads."""
        heads = [bytes(raw).partition(b"\r\n\r\n")[0] for raw in self.raw.values()]
        return b"\n".join([*heads, *self.frames[To.LISTENER], *self.frames[To.DIALLER]])

    def put(self, to: To, payload: bytes) -> None:
        """Send a frame as if the other side had."""
        self._writers[to].write(framed(payload, masked=to is To.LISTENER))

    def cut(self) -> None:
        for writer in self._writers.values():
            writer.transport.abort()


class Tap:
    """``change`` may be set at any time; it sees every frame that comes after."""

    def __init__(self, port: int) -> None:
        self.conversations: list[Conversation] = []
        self.change: Change | None = None
        self.address = ""
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        conversation = Conversation(writer, far_writer)
        self.conversations.append(conversation)
        with suppress(asyncio.CancelledError):  # by ``close``
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(conversation, To.LISTENER, reader, far_writer))
                both.create_task(self._pass_on(conversation, To.DIALLER, far_reader, writer))

    async def _pass_on(
        self, conversation: Conversation, to: To, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        raw = conversation.raw[to]
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            raw += head
            writer.write(head)
            for number in itertools.count():
                whole, opcode, payload = await _next_frame(reader)
                raw += whole
                if opcode != 2:
                    writer.write(whole)
                    continue
                conversation.frames[to].append(payload)
                changed = [payload] if self.change is None else self.change(to, number, payload)
                for each in changed:
                    writer.write(framed(each, masked=to is To.LISTENER))
                await writer.drain()
        writer.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def tapped(port: int) -> AsyncIterator[Tap]:
    """Relay to ``port`` on loopback for as long as the block lasts."""
    tap = Tap(port)
    server = await asyncio.start_server(tap.relay, "127.0.0.1", 0)
    tap.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tap
    finally:
        server.close()
        await tap.close()


def framed(payload: bytes, *, masked: bool) -> bytes:
    """Return one binary WebSocket frame (RFC 6455, 5.2); the mask is all zero, which changes nothing."""
    size = len(payload)
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((0x82, mask_bit | size))
    elif size < 2**16:
        head = bytes((0x82, mask_bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x82, mask_bit | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


async def _next_frame(reader: asyncio.StreamReader) -> tuple[bytes, int, bytes]:
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    extended = await reader.readexactly({126: 2, 127: 8}.get(size, 0))
    if extended:
        size = int.from_bytes(extended, "big")
    mask = await reader.readexactly(4 if head[1] & 0x80 else 0)
    body = await reader.readexactly(size)
    payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)) if mask else body
    return head + extended + mask + body, head[0] & 0x0F, payload
