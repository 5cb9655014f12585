"""Brings the history's schema in a PostgreSQL database to this version, also when several controllers start at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from miner_ctrl.errors import StateDamaged

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

SCHEMA = "miner_ctrl"
"""Everything of ours is in a schema of that name: a database may be shared with others."""
_LOCK = 0x4D43_5452_0001
_MIGRATE_WITHIN_S = 3600.0


async def migrate(
    connection: PoolConnectionProxy[asyncpg.Record], migrations: Sequence[str], views: str, *, shown: str
) -> None:
    """Run what is missing of ``migrations``, all or nothing; one controller does it while others wait.

    ``migrations[n]`` leads from version n to n + 1. ``views`` is made anew with each of them: what reads the tables
    follows them.

    Raises:
        StateDamaged: a newer version of miner-ctrl has been here. Nothing was changed.
    """
    if await _version(connection, shown, len(migrations)) == len(migrations):
        return
    async with connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = {round(_MIGRATE_WITHIN_S * 1000)}")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_MIGRATE_WITHIN_S)
        version = await _version(connection, shown, len(migrations))
        if version == len(migrations):
            return
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", SCHEMA):
            await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        if not version:
            await connection.execute("CREATE TABLE schema_version (version integer NOT NULL)")
            await connection.execute("INSERT INTO schema_version VALUES (0)")
        for sql in (*migrations[version:], views):
            await connection.execute(sql, timeout=_MIGRATE_WITHIN_S)
        await connection.execute("UPDATE schema_version SET version = $1", len(migrations))


async def _version(connection: PoolConnectionProxy[asyncpg.Record], shown: str, newest: int) -> int:
    """Return the version of the schema that is there; 0 for none.

    The catalogue is read as a table: ``to_regclass`` may answer from a cache that is older than the lock.
    """
    there = (
        "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace AS space ON space.oid = relnamespace"
        " WHERE nspname = $1 AND relname = 'schema_version')"
    )
    if not await connection.fetchval(there, SCHEMA):
        return 0
    version: int = await connection.fetchval("SELECT version FROM schema_version")
    check_version(version, newest, shown)
    return version


def check_version(version: int, newest: int, shown: str) -> None:
    """Raise ``StateDamaged`` for a schema that is newer than ``newest``."""
    if version > newest:
        raise StateDamaged(
            f"The history's database {shown} was written by a newer version of miner-ctrl (schema {version}, known"
            f" {newest}).",
            suggestion="Run that version here too, or name another database.",
            code="STATE_NEWER",
        )
