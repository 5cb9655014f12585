"""What bands are drawn of, from SQLite: a few short statements for each rig.

Each bucket is a subquery over a range of the key: no sorting, and one row comes back for all of them, as each row that
is read has to wait for the writer's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from miner_ctrl.history.bands import StateBucket
from miner_ctrl.history.contract import COMINGS, MAX_COMINGS, OWN_RIG, BandRows, Event, EventKey
from miner_ctrl.history.points import Span, Table
from miner_ctrl.history.sqlite_reader import SqliteReader

_BUCKETS = (
    "WITH RECURSIVE bucket (at_ms) AS"
    " (SELECT ?2 UNION ALL SELECT at_ms + ?1 FROM bucket WHERE at_ms + ?1 < ?3)"
    " SELECT json_group_array(json({inner})) FROM bucket"
)
_STATES = {
    table: _BUCKETS.format(
        inner="(SELECT json_array(sum(mining), sum(paused), sum(down), total(hashes), min(algorithm), max(algorithm))"
        f" FROM {name} WHERE rig = ?4 AND miner = ?5 AND {name}.at_ms >= bucket.at_ms"
        f" AND {name}.at_ms < bucket.at_ms + ?1)"
    )
    for table, name in ((Table.MINUTES, "minute"), (Table.HOURS, "hour"))
}
_BY_ALGORITHM = {
    table: "SELECT at_ms / ?1 * ?1, algorithm, sum(mining), sum(paused), sum(down), total(hashes)"
    f" FROM {name} WHERE at_ms >= ?2 AND at_ms < ?3 AND rig = ?4 AND miner = ?5 GROUP BY at_ms / ?1, algorithm"
    for table, name in ((Table.MINUTES, "minute"), (Table.HOURS, "hour"))
}
"""For a miner that had several algorithms in one bucket."""
_WATCHED = {
    table: _BUCKETS.format(
        inner=f"(SELECT json_array(sum(covered_ms)) FROM {name} WHERE rig = ?4"
        f" AND {name}.at_ms >= bucket.at_ms AND {name}.at_ms < bucket.at_ms + ?1)"
    )
    for table, name in ((Table.MINUTES, "rig_minute"), (Table.HOURS, "rig_hour"))
}
_EVENTS = (
    "SELECT at_ms, journal, seq, offset_ms, kind, miner, who, text FROM event INDEXED BY event_rig"
    " WHERE rig = ? AND at_ms >= ? AND at_ms < ? {more}ORDER BY at_ms DESC, journal DESC, seq DESC LIMIT ?"
)
_LAST = _EVENTS.format(more="")
_COMINGS = _EVENTS.format(
    more=f"AND kind IN ({', '.join('?' * len(COMINGS))}) AND journal IN (SELECT id FROM journal WHERE rig = ?) "
)


def bands(reader: SqliteReader, rigs: Sequence[bytes], span: Span, *, until_ms: int, events: int) -> list[BandRows]:
    """Return what each of these rigs' bands is drawn of."""
    [*own] = reader.rows("SELECT id FROM rig WHERE fingerprint = ?", (OWN_RIG,))
    asked = _Asked(reader, span, until_ms, events, own[0][0] if own else 0)
    return [asked.band(rig) for rig in rigs]


class _Asked:
    def __init__(self, reader: SqliteReader, span: Span, until_ms: int, events: int, own: int) -> None:
        self._reader = reader
        self._span = span
        self._until_ms = until_ms
        self._events = events
        self._own = own
        self._journals: dict[int, tuple[str, bool]] = {}

    def band(self, rig: bytes) -> BandRows:
        known = self._reader.rows("SELECT id FROM rig WHERE fingerprint = ?", (rig,))
        if not known:
            return BandRows([], {}, [], [])
        [(number,)] = known
        span, until_ms = self._span, self._until_ms
        of_rig = (number, span.since_ms, until_ms)
        comings = self._reader.rows(_COMINGS, (*of_rig, *COMINGS, self._own, MAX_COMINGS))
        comings += self._reader.rows(_COMINGS, (number, 0, span.since_ms, *COMINGS, self._own, 1))
        last = self._reader.rows(_LAST, (*of_rig, self._events))
        return BandRows(
            self._miners(rig), self._watched(number), self._told(rig, last), self._told(rig, comings)
        )  # fmt: skip

    def _miners(self, rig: bytes) -> list[StateBucket]:
        reader, span, found = self._reader, self._span, []
        algorithms = reader.algorithms()
        for rig_id, miner_id, _ in reader.miners_of(rig, None):
            values = (span.step_ms, span.since_ms, span.until_ms, rig_id, miner_id)
            [(packed,)] = reader.rows(_STATES[span.table], values)
            buckets: list[tuple[int, int, int, float, int, int]] = msgspec.json.decode(packed)
            rows: Sequence[Any]
            if any(first != last for *_, first, last in buckets):
                rows = reader.rows(_BY_ALGORITHM[span.table], values)
            else:
                rows = [
                    (at_ms, algorithm, mining, paused, down, hashes)
                    for at_ms, (mining, paused, down, hashes, algorithm, _) in zip(span.times(), buckets, strict=True)
                    if algorithm is not None
                ]
            found += [
                StateBucket(at_ms, algorithms.get(algorithm) or reader.algorithm(algorithm), *counts)
                for at_ms, algorithm, *counts in rows
            ]
        return found

    def _watched(self, rig: int) -> dict[int, int]:
        span = self._span
        [(packed,)] = self._reader.rows(_WATCHED[span.table], (span.step_ms, span.since_ms, span.until_ms, rig))
        buckets = msgspec.json.decode(packed)
        return {at_ms: covered for at_ms, (covered,) in zip(span.times(), buckets, strict=True) if covered is not None}

    def _told(self, rig: bytes, rows: Sequence[Any]) -> list[Event]:
        found = []
        for at_ms, journal, seq, offset_ms, kind, miner, who, text in rows:
            name, own = self._journals.get(journal) or self._journal(journal)
            key = EventKey(at_ms, journal, seq)
            found.append(
                Event(
                    key=key, rig=rig, own=own, offset_ms=offset_ms, kind=kind, miner=miner, who=who, text=text,
                    journal=name,
                )
            )  # fmt: skip
        return found

    def _journal(self, number: int) -> tuple[str, bool]:
        [(name, rig)] = self._reader.rows("SELECT name, rig FROM journal WHERE id = ?", (number,))
        found = self._journals[number] = (name, rig == self._own)
        return found
