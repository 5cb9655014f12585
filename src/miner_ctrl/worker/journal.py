"""The command journal: every command is carried out at most once (protocol.md, "Sessions").

Before a worker acts it commits ``(peer's fingerprint, message id, SHA-256(type ‖ payload), started)``; after it,
the answer. What a repeat gets depends on what the journal holds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from miner_ctrl.protocol.codec import TYPE_NAMES
from miner_ctrl.protocol.limits import COMMANDS_REMEMBERED_PER_PEER
from miner_ctrl.protocol.messages import DeployAck, Error, MinerAck, Payload
from miner_ctrl.storage.sqlite import open_database, transaction

T = TypeVar("T")

_MIGRATIONS = (
    """
    CREATE TABLE command (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        peer BLOB NOT NULL,
        id TEXT NOT NULL,
        hash BLOB NOT NULL,
        started_ms INTEGER NOT NULL,
        answer BLOB,
        UNIQUE (peer, id)
    ) STRICT;
    """,
)

Answer = MinerAck | DeployAck | Error
_ANSWERS: dict[str, type[Answer]] = {TYPE_NAMES[kind]: kind for kind in (MinerAck, DeployAck, Error)}


class Standing(Enum):
    """What the journal says of a command that has just come in."""

    NEW = auto()
    ANSWERED = auto()
    IN_PROGRESS = auto()
    OUTCOME_UNKNOWN = auto()
    DIFFERENT = auto()


def command_hash(payload: Payload) -> bytes:
    """Return SHA-256(type ‖ payload): what makes two messages the same command."""
    return hashlib.sha256(TYPE_NAMES[type(payload)].encode() + msgspec.msgpack.encode(payload)).digest()


class Journal:
    """Durable record of commands in one SQLite file; its writes happen in one thread of its own."""

    def __init__(self, path: Path, *, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._running: dict[tuple[bytes, str], bytes] = {}
        self._thread = ThreadPoolExecutor(1, "journal")
        self._database: apsw.Connection | None = None

    def open(self) -> None:
        """Open the file.

        Raises:
            StateDamaged: it is not a journal of ours.
        """
        self._database = open_database(self._path, _MIGRATIONS, what="command journal")

    async def close(self) -> None:
        """Finish what is being written and close the file."""
        database, self._database = self._database, None
        if database is not None:
            await self._in_thread(database.close)
        self._thread.shutdown()

    async def begin(self, peer: bytes, message_id: str, digest: bytes) -> tuple[Standing, Answer | None]:
        """Record that a command is about to be carried out; durable when this returns ``NEW``."""
        running = self._running.get((peer, message_id))
        if running is not None:
            return (Standing.IN_PROGRESS if running == digest else Standing.DIFFERENT), None
        self._running[peer, message_id] = digest
        try:
            standing, answer = await self._in_thread(lambda: self._begin(peer, message_id, digest))
        except BaseException:
            del self._running[peer, message_id]
            raise
        if standing is not Standing.NEW:
            del self._running[peer, message_id]
        return standing, answer

    async def finish(self, peer: bytes, message_id: str, answer: Answer) -> None:
        """Record a command's answer; durable when this returns."""
        data = msgspec.msgpack.encode([TYPE_NAMES[type(answer)], answer])
        try:
            await self._in_thread(
                lambda: self._connection.execute(
                    "UPDATE command SET answer = ? WHERE peer = ? AND id = ?", (data, peer, message_id)
                )
            )
        finally:
            del self._running[peer, message_id]

    @property
    def _connection(self) -> apsw.Connection:
        if self._database is None:
            raise RuntimeError("the journal is not open")
        return self._database

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begin(self, peer: bytes, message_id: str, digest: bytes) -> tuple[Standing, Answer | None]:
        database = self._connection
        with transaction(database):
            row = database.execute(
                "SELECT hash, answer FROM command WHERE peer = ? AND id = ?", (peer, message_id)
            ).fetchone()
            if row is not None:
                known, answer = row
                if known != digest:
                    return Standing.DIFFERENT, None
                if answer is None:
                    return Standing.OUTCOME_UNKNOWN, None
                kind, body = msgspec.msgpack.decode(answer, type=tuple[str, msgspec.Raw])
                return Standing.ANSWERED, msgspec.msgpack.decode(body, type=_ANSWERS[kind])
            database.execute(
                "INSERT INTO command (peer, id, hash, started_ms) VALUES (?, ?, ?, ?)",
                (peer, message_id, digest, self._now_ms()),
            )
            database.execute(
                "DELETE FROM command WHERE peer = ?1 AND seq <= (SELECT seq FROM command WHERE peer = ?1"
                " ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
                (peer, COMMANDS_REMEMBERED_PER_PEER),
            )
        return Standing.NEW, None
