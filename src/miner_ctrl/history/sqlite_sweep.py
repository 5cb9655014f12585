"""Letting go of what is too old, a little at a time, so that the writer never stands still for it.

What is deleted leaves free pages in the file, which the next rows fill: the file stops growing.
"""

from __future__ import annotations

from typing import NamedTuple

import apsw

from miner_ctrl.history.rollups import Floors
from miner_ctrl.storage.sqlite import fetched

ROWS_AT_ONCE = 4_000
RIGS_AT_ONCE = 50
_BY_MINER = (("sample", "samples"), ("minute", "minutes"), ("hour", "hours"))
_BY_RIG = (("rig_sample", "samples"), ("rig_minute", "minutes"), ("rig_hour", "hours"))
_BY_TIME = (("fleet_minute", "minutes"), ("fleet_hour", "hours"), ("event", "events"))


class Sweep:
    """One pass after the other over all rigs; each call a slice of it."""

    def __init__(self) -> None:
        self._after = -1
        self.goes_on = False
        """Whether the pass is not over."""

    def slice(self, database: apsw.Connection, floors: Floors) -> bool:
        """Delete at most about ``ROWS_AT_ONCE`` rows; whether names were forgotten."""
        room, forgotten = ROWS_AT_ONCE, False
        rigs = fetched(database, "SELECT id FROM rig WHERE id > ? ORDER BY id LIMIT ?", (self._after, RIGS_AT_ONCE))
        for (rig,) in rigs:
            room -= self._rig(database, rig, floors, room)
            if room <= 0:  # the next slice goes on with this rig
                self.goes_on = True
                return forgotten
            forgotten |= self._names(database, rig)
            self._after = rig
        if len(rigs) == RIGS_AT_ONCE:
            self.goes_on = True
            return forgotten
        for table, floor in _BY_TIME:
            room -= _delete(database, _Old(table, "", (), getattr(floors, floor)), room)
        room -= _delete_gaps(database, floors.events)
        self.goes_on = room <= 0
        if not self.goes_on:
            self._after = -1
        return forgotten

    def _rig(self, database: apsw.Connection, rig: int, floors: Floors, room: int) -> int:
        deleted = 0
        miners = fetched(database, "SELECT id FROM miner WHERE rig = ?", (rig,))
        for table, floor in _BY_MINER:
            for (miner,) in miners:
                what = _Old(table, "rig = ? AND miner = ? AND", (rig, miner), getattr(floors, floor))
                deleted += _delete(database, what, room - deleted)
        for table, floor in _BY_RIG:
            what = _Old(table, "rig = ? AND", (rig,), getattr(floors, floor))
            deleted += _delete(database, what, room - deleted)
        return deleted

    def _names(self, database: apsw.Connection, rig: int) -> bool:
        """Forget miners of whom nothing is left."""
        database.execute(
            "DELETE FROM miner WHERE rig = ?1 AND NOT EXISTS (SELECT 1 FROM hour WHERE rig = ?1 AND miner = miner.id)"
            " AND NOT EXISTS (SELECT 1 FROM minute WHERE rig = ?1 AND miner = miner.id)"
            " AND NOT EXISTS (SELECT 1 FROM sample WHERE rig = ?1 AND miner = miner.id)",
            (rig,),
        )
        return bool(database.changes())


class _Old(NamedTuple):
    """Rows of a table, those that begin with ``key``, from before a time."""

    table: str
    where: str
    key: tuple[int, ...]
    before_ms: int


def _delete(database: apsw.Connection, old: _Old, room: int) -> int:
    """Delete the oldest of them, at most about ``room``; how many."""
    table, where, key, before_ms = old
    if room <= 0:
        return 0
    rows = fetched(
        database,
        f"SELECT at_ms FROM {table} WHERE {where} at_ms < ? ORDER BY at_ms LIMIT 1 OFFSET ?",
        (*key, before_ms, room),
    )
    if rows:
        before_ms = min(before_ms, rows[0][0] + 1)
    database.execute(f"DELETE FROM {table} WHERE {where} at_ms < ?", (*key, before_ms))
    return database.changes()


def _delete_gaps(database: apsw.Connection, before_ms: int) -> int:
    database.execute(
        "DELETE FROM gap WHERE (journal, first_seq) IN (SELECT journal, first_seq FROM gap WHERE noted_ms < ? LIMIT ?)",
        (before_ms, ROWS_AT_ONCE),
    )
    return database.changes()
