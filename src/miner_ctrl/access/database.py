"""``access.db``: API tokens, logins and sessions; and the one thread that reads and writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from miner_ctrl.storage.sqlite import open_database, transaction

T = TypeVar("T")

_MIGRATIONS = (
    """
    CREATE TABLE token (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL COLLATE NOCASE,
        role TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
        prefix TEXT NOT NULL,
        tags TEXT NOT NULL DEFAULT '',
        created_at_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires_at_ms INTEGER,
        used_at_ms INTEGER,
        ended_at_ms INTEGER,
        revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1))
    ) STRICT;

    CREATE TABLE login (
        name TEXT PRIMARY KEY COLLATE NOCASE,
        role TEXT NOT NULL,
        hash TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        changed_at_ms INTEGER NOT NULL,
        used_at_ms INTEGER
    ) STRICT;

    CREATE TABLE session (
        id TEXT PRIMARY KEY,
        login TEXT NOT NULL COLLATE NOCASE REFERENCES login (name) ON DELETE CASCADE,
        hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
        created_at_ms INTEGER NOT NULL,
        used_at_ms INTEGER NOT NULL
    ) STRICT;
    """,
)
"""``ended_at_ms`` is when a token was revoked, or seen to have expired: it does not live again when a clock is set
back. ``tags`` is for a scope that tokens do not have yet."""


class AccessDatabase:
    """The file, opened when it is first asked: most rigs never are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._connection: apsw.Connection | None = None

    async def run(self, act: Callable[[apsw.Connection], T]) -> T:
        """Return what ``act`` does with the file, in its thread and in one transaction.

        Raises:
            StateDamaged, HomeInUse: the file cannot be opened.
            OperationFailed: it could not be written; nothing of it was.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "access")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, act)

    async def close(self) -> None:
        """Close the file, if it was opened."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown()

    def _run(self, act: Callable[[apsw.Connection], T]) -> T:
        if self._connection is None:
            connection = open_database(self._path, _MIGRATIONS, what="file of tokens and logins")
            connection.pragma("secure_delete", True)
            self._connection = connection
        with transaction(self._connection):
            return act(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
