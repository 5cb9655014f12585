"""Which store keeps the history: the home's SQLite file, or a PostgreSQL database."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from miner_ctrl.config import Home
from miner_ctrl.errors import OperationFailed
from miner_ctrl.history import HistoryStore, SqliteHistory
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.model.times import now_ms

if TYPE_CHECKING:
    from miner_ctrl.history.postgres import PostgresHistory
    from miner_ctrl.storage.database_url import DatabaseUrl

log = logging.getLogger(__name__)


def history_store(
    home: Home, database: DatabaseUrl | None, settings: HistorySettings, *, own_journal: str
) -> HistoryStore:
    """Return the store; it is opened when it is first used. ``own_journal`` names this node's own journal among those
    of the controllers that share a database.

    Raises:
        OperationFailed: what speaks with PostgreSQL is not installed here.
    """
    if database is not None:
        return _postgres(database, settings, own_journal)
    return SqliteHistory(home.history_database, now_ms=now_ms, settings=settings)


async def check_database(database: DatabaseUrl) -> None:
    """See that the database can be used, before a node starts with it. One that is only away is not waited for: the
    node starts, and the history is filled in from the rigs' journals when it is back.

    Raises:
        Refused, NotFound, StateDamaged, OperationFailed: a person has to mend something first.
    """
    store = _postgres(database, HistorySettings(), "")
    try:
        await store.check()
    except OperationFailed as error:
        log.warning("%s The node starts without it.", error.message)
    finally:
        await store.close()


def _postgres(database: DatabaseUrl, settings: HistorySettings, own_journal: str) -> PostgresHistory:
    try:
        from miner_ctrl.history.postgres import PostgresHistory  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise OperationFailed(
            "A history in PostgreSQL needs asyncpg, which is not installed here.",
            suggestion="Install it: pip install 'miner-ctrl[postgresql]'. Or leave out --database.",
            code="EXTRA_MISSING",
        ) from None
    return PostgresHistory(database, now_ms=now_ms, settings=settings, own_journal=own_journal, clock=time.monotonic)
