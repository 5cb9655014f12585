"""The third process: readers of the live feed. One of them reads as a page does, the others only take what comes."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, unix_connect

from benches.machine import raise_descriptor_limit
from benches.nodes import OtherProcess
from miner_ctrl.api.application import BASE_PATH

URL = f"ws://localhost{BASE_PATH}/ws/events"


class Readers:
    """Readers of the node whose socket is at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._page: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._arrived: dict[float, float] = {}
        self._others: list[asyncio.Task[None]] = []
        self.rows = self.bytes = self.messages = 0

    async def snapshot(self) -> tuple[float, int, float]:
        """Connect, and subscribe the fleet; return ms until all of it was there and parsed, its bytes, and the ms until
        its first part."""
        async with unix_connect(str(self._path), URL, max_size=None, compression=None) as socket:
            await socket.recv()
            began, size, first = time.perf_counter(), 0, 0.0
            await socket.send('{"op":"subscribe","topics":["fleet"]}')
            while True:
                text = await socket.recv()
                size += len(text)
                message = json.loads(text)
                first = first or time.perf_counter()
                if not message["more"]:
                    return (time.perf_counter() - began) * 1e3, size, (first - began) * 1e3

    async def get(self, path: str) -> tuple[float, int]:
        """Ask for ``path`` (below no base path); return ms until all of the answer was there, and its bytes."""
        return await asyncio.to_thread(self._get, path)

    def _get(self, path: str) -> tuple[float, int]:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self._path))
        connection.request("GET", path)
        answer = connection.getresponse()
        size = len(answer.read())
        connection.close()
        assert answer.status == 200, (path, answer.status)
        return (time.perf_counter() - began) * 1e3, size

    async def follow(self) -> None:
        """Read the fleet as a page does, from now on."""
        self._page = await unix_connect(str(self._path), URL, max_size=None, compression=None)
        await self._page.recv()
        await self._page.send('{"op":"subscribe","topics":["fleet"]}')
        while json.loads(await self._page.recv()).get("more", True):
            pass
        self._reading = asyncio.get_running_loop().create_task(self._read(self._page), name="a page")

    async def take(self, count: int) -> None:
        """Have ``count`` more readers take what comes."""
        for _ in range(count):
            socket = await unix_connect(str(self._path), URL, max_size=None, compression=None)
            await socket.send('{"op":"subscribe","topics":["fleet"]}')
            self._others.append(asyncio.get_running_loop().create_task(_take(socket), name="a reader"))

    async def arrivals(self) -> dict[float, float]:
        """Return the monotonic time at which each hashrate was first read."""
        return self._arrived

    async def counted(self) -> tuple[int, int, int]:
        """Return how many messages, rows and characters the page has read."""
        return self.messages, self.rows, self.bytes

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            now = time.monotonic()
            self.messages += 1
            self.bytes += len(text)
            self.rows += len(message["changed"])
            for patch in message["changed"]:
                for rate in patch.get("hashrate", {}).values():
                    self._arrived.setdefault(rate, now)


async def _take(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


@asynccontextmanager
async def readers_process(path: Path) -> AsyncIterator[OtherProcess]:
    """Run readers in a process of their own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_readers, args=(theirs, path), daemon=True)
    process.start()
    theirs.close()
    other = OtherProcess(process, ours)
    try:
        await other.answer()
        yield other
    finally:
        await other.end()


def run_readers(orders: Connection, path: Path) -> None:
    """Be the third process: carry out the orders that come, until there are no more."""
    logging.basicConfig(level=logging.WARNING)
    raise_descriptor_limit()

    async def obey() -> None:
        readers = Readers(path)
        orders.send("ready")
        while (order := await asyncio.to_thread(_receive, orders)) is not None:
            name, arguments = order
            orders.send(await getattr(readers, name)(*arguments))

    uvloop.run(obey())


def _receive(orders: Connection) -> Any:
    try:
        return orders.recv()
    except EOFError:
        return None
