"""The stores of a history: what they promise is tested of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from miner_ctrl.history import HistoryStore, SqliteHistory
from miner_ctrl.history.postgres import PostgresHistory
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.storage.database_url import parse_database_url
from tests.components.postgresql import Database


class OpenHistory(Protocol):
    """Opens the one history of a test; once more, it is another process's."""

    def __call__(self, now_ms: Callable[[], int], settings: HistorySettings | None = None) -> HistoryStore: ...


@pytest.fixture(params=["sqlite", "postgresql"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def open_history(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> OpenHistory:
    """An empty history in each kind of database, in turn."""
    if store_kind == "sqlite":
        return lambda now_ms, settings=None: SqliteHistory(tmp_path / "mining.db", now_ms=now_ms, settings=settings)
    database: Database = request.getfixturevalue("postgresql")
    url = parse_database_url(database.socket_url)
    assert url is not None
    return lambda now_ms, settings=None: PostgresHistory(url, now_ms=now_ms, settings=settings)
