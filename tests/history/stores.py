"""The stores of a history: what they promise is tested of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from miner_ctrl.history import HistoryStore, SqliteHistory
from miner_ctrl.history.postgres import PostgresHistory
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.storage.database_url import parse_database_url
from tests.components.postgresql import Database


class OpenHistory(Protocol):
    """Opens the one history of a test; once more, it is another process's."""

    def __call__(self, now_ms: Callable[[], int], settings: HistorySettings | None = None) -> HistoryStore: ...


def in_sqlite(path: Path) -> OpenHistory:
    """A history in a file."""
    return lambda now_ms, settings=None: SqliteHistory(path, now_ms=now_ms, settings=settings)


def in_postgresql(database: Database) -> OpenHistory:
    """A history in a database."""
    url = parse_database_url(database.socket_url)
    assert url is not None
    return lambda now_ms, settings=None: PostgresHistory(url, now_ms=now_ms, settings=settings)
