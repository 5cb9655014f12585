"""A page, as it reads the feed: real WebSockets, and the rows that its patches make."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect, unix_connect

from miner_ctrl.api.live.messages import SAID

URL = "ws://localhost/api/v1/mining/ws/events"
PATIENCE_S = 30.0


class Page:
    """Keeps what a page would: rows by topic and ID, states, lines; and that numbers follow one another."""

    def __init__(self) -> None:
        self.seq = 0
        self.messages: list[dict[str, Any]] = []
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        self.complete: set[str] = set()
        self.states: dict[str, Any] = {}
        self.lines: dict[str, list[str]] = {}

    def take(self, text: str | bytes) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(text)
        assert message["seq"] == self.seq + 1, "a message is missing"
        self.seq += 1
        check(message)
        self.messages.append(message)
        topic = message.get("topic", "")
        match message["type"]:
            case "snapshot":
                if message["part"] == 0:
                    self.rows[topic] = {}
                self.rows[topic] |= {row["id"]: row for row in message["rows"]}
                if not message["more"]:
                    self.complete.add(topic)
            case "delta":
                for patch in message["changed"]:
                    self.rows[topic].setdefault(patch["id"], {}).update(patch)
                for id_ in message["removed"]:
                    self.rows[topic].pop(id_, None)
            case "state":
                self.states[topic] = message["state"]
            case "log":
                self.lines.setdefault(topic, []).extend(message["lines"])
            case _:
                pass
        return message


def check(message: dict[str, Any]) -> None:
    """Fail unless exactly what is declared was said."""
    for kind in SAID:
        if kind.__struct_config__.tag == message["type"]:
            try:
                msgspec.convert(message, kind)
            except msgspec.ValidationError:
                continue
            names = {field.encode_name for field in msgspec.structs.fields(kind)} | {"type"}
            assert set(message) == names, f"{message} has other fields than {kind.__name__}"
            return
    raise AssertionError(f"nothing like this is declared: {str(message)[:300]}")


class Reader(Page):
    """A page at the end of a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket

    async def say(self, op: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"op": op, **fields}))

    async def next(self, kind: str = "") -> dict[str, Any]:
        """Return the next message (of ``kind``)."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = self.take(await self.socket.recv())
                if kind in ("", message["type"]):
                    return message

    async def until(self, holds: Any) -> None:
        """Read on until ``holds()``."""
        while not holds():
            await self.next()

    async def all_of(self, topic: str) -> None:
        """Read on until the snapshot of ``topic`` is there."""
        await self.until(lambda: topic in self.complete)


@asynccontextmanager
async def reading(path: Path, *topics: str, **options: Any) -> AsyncIterator[Reader]:
    """Open a WebSocket at a node's socket and subscribe to ``topics``."""
    async with unix_connect(str(path), URL, **options) as socket:
        reader = Reader(socket)
        assert (await reader.next())["type"] == "hello"
        if topics:
            await reader.say("subscribe", topics=list(topics))
        yield reader


@asynccontextmanager
async def reading_at(url: str, *topics: str, **options: Any) -> AsyncIterator[Reader]:
    """As ``reading``, at a TCP port."""
    async with connect(url, **options) as socket:
        reader = Reader(socket)
        assert (await reader.next())["type"] == "hello"
        if topics:
            await reader.say("subscribe", topics=list(topics))
        yield reader
