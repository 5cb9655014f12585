"""Letting go of what is too old in PostgreSQL, a little at a time; of several controllers one does it at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miner_ctrl.history.rollups import Floors

if TYPE_CHECKING:
    from miner_ctrl.history.postgres_server import Connection

ROWS_AT_ONCE = 4_000
RIGS_AT_ONCE = 200
LOCK = 0x4D43_5452_0002
_BY_MINER = (("sample", "samples"), ("minute", "minutes"), ("hour", "hours"))
_BY_RIG = (("rig_sample", "samples"), ("rig_minute", "minutes"), ("rig_hour", "hours"))
_BY_TIME = (("fleet_minute", "minutes"), ("fleet_hour", "hours"), ("event", "events"))


class Sweep:
    """One pass after the other over all rigs; each call a slice of it."""

    def __init__(self) -> None:
        self._after = -1

    async def slice(self, connection: Connection, floors: Floors) -> bool:
        """Note ``floors`` and delete at most about ``ROWS_AT_ONCE`` rows of each table; whether there is more. To be
        called within a transaction."""
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
            return False
        await connection.executemany(
            "INSERT INTO kept VALUES ($1, $2) ON CONFLICT (what) DO UPDATE"
            " SET from_ms = greatest(kept.from_ms, excluded.from_ms)",
            [(name, getattr(floors, name)) for name in Floors.__struct_fields__],
        )
        rigs = [
            row[0]
            for row in await connection.fetch(
                "SELECT id FROM rig WHERE id > $1 ORDER BY id LIMIT $2", self._after, RIGS_AT_ONCE
            )
        ]
        full = False
        for table, floor in _BY_MINER:
            full |= await _delete(
                connection, table, "each.rig = owner.rig AND each.miner = owner.id", rigs, getattr(floors, floor)
            )
        for table, floor in _BY_RIG:
            full |= await _delete(connection, table, "each.rig = owner.id", rigs, getattr(floors, floor), of="rig")
        if full:  # the next slice goes on with these rigs
            return True
        await _forget_names(connection, rigs)
        if len(rigs) == RIGS_AT_ONCE:
            self._after = rigs[-1]
            return True
        for table, floor in _BY_TIME:
            full |= await _delete_before(connection, table, "at_ms", getattr(floors, floor))
        full |= await _delete_before(connection, "gap", "noted_ms", floors.events)
        if not full:
            self._after = -1
        return full


async def _delete(
    connection: Connection, table: str, where: str, rigs: list[int], before_ms: int, *, of: str = "miner"
) -> bool:
    """Delete some rows of these rigs that are too old; whether there may be more."""
    place = "owner.rig" if of == "miner" else "owner.id"
    done = await connection.execute(
        f"WITH old AS (SELECT found.place FROM {of} AS owner CROSS JOIN LATERAL (SELECT ctid AS place FROM {table} AS"
        f" each WHERE {where} AND each.at_ms < $2 LIMIT $3) AS found WHERE {place} = ANY($1::integer[]) LIMIT $3)"
        f" DELETE FROM {table} AS gone USING old WHERE gone.ctid = old.place",
        rigs,
        before_ms,
        ROWS_AT_ONCE,
    )
    return _count(done) >= ROWS_AT_ONCE


async def _delete_before(connection: Connection, table: str, column: str, before_ms: int) -> bool:
    done = await connection.execute(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {column} < $1 LIMIT $2))",
        before_ms,
        ROWS_AT_ONCE,
    )
    return _count(done) >= ROWS_AT_ONCE


async def _forget_names(connection: Connection, rigs: list[int]) -> None:
    """Forget miners of whom nothing is left. They are locked first, so that nobody stores of them what a look before
    did not see."""
    held = [
        row[0]
        for row in await connection.fetch(
            "SELECT id FROM miner WHERE rig = ANY($1::integer[]) AND NOT EXISTS"
            " (SELECT 1 FROM hour WHERE hour.rig = miner.rig AND hour.miner = miner.id) FOR UPDATE SKIP LOCKED",
            rigs,
        )
    ]
    if held:
        await connection.execute(
            "DELETE FROM miner WHERE id = ANY($1::integer[])"
            " AND NOT EXISTS (SELECT 1 FROM hour WHERE hour.rig = miner.rig AND hour.miner = miner.id)"
            " AND NOT EXISTS (SELECT 1 FROM minute WHERE minute.rig = miner.rig AND minute.miner = miner.id)"
            " AND NOT EXISTS (SELECT 1 FROM sample WHERE sample.rig = miner.rig AND sample.miner = miner.id)",
            held,
        )


def _count(done: str) -> int:
    """Return the number at the end of what PostgreSQL says it did: ``DELETE 12``."""
    return int(done.rpartition(" ")[2])
