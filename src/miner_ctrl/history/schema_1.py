"""The tables of schema 1, which held what rigs said and nothing derived from it; how their rows are carried over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Protocol

import apsw

from miner_ctrl.history.parts import Place
from miner_ctrl.model.history import JournalEntry, MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import MinerState
from miner_ctrl.storage.sqlite import fetched

TABLES = """
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        rig BLOB NOT NULL,
        journal TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        told_ms INTEGER NOT NULL,
        UNIQUE (rig, journal)
    ) STRICT;
    CREATE TABLE round (
        source INTEGER NOT NULL REFERENCES source,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        offset_ms INTEGER NOT NULL,
        cpu_temperature REAL,
        power REAL,
        PRIMARY KEY (source, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX round_time ON round (source, at_ms + offset_ms);
    CREATE TABLE sample (
        source INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        miner TEXT NOT NULL,
        state TEXT NOT NULL,
        algorithm TEXT NOT NULL,
        hashrate REAL,
        accepted INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        temperature REAL,
        power REAL,
        PRIMARY KEY (source, seq, miner),
        FOREIGN KEY (source, seq) REFERENCES round
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE event (
        source INTEGER NOT NULL REFERENCES source,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        offset_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        miner TEXT NOT NULL,
        who TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (source, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_time ON event (source, at_ms + offset_ms);
    CREATE TABLE gap (
        source INTEGER NOT NULL REFERENCES source,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        noted_ms INTEGER NOT NULL,
        PRIMARY KEY (source, first_seq)
    ) STRICT, WITHOUT ROWID;
"""
_OLD = ("source", "round", "sample", "event", "gap")
SET_ASIDE = "DROP INDEX round_time; DROP INDEX event_time;" + "".join(
    f"ALTER TABLE {name} RENAME TO old_{name};" for name in _OLD
)
"""Makes room for tables of the same names."""
_AT_ONCE = 2_000


class Taker(Protocol):
    """What takes the rows of schema 1, as if they came now."""

    def begin_journal(self, rig: bytes, place: Place, told_ms: int) -> int: ...
    def take(self, journal: int, entries: tuple[JournalEntry, ...], offset_ms: int) -> None: ...
    def take_gap(self, journal: int, first: int, last: int, noted_ms: int) -> None: ...


def carry_over(database: apsw.Connection, taker: Taker) -> None:
    """Give what is in tables of schema 1, if there are any, to ``taker``, and drop them; within a transaction."""
    if not fetched(database, "SELECT 1 FROM sqlite_schema WHERE name = 'old_source'"):
        return
    sources = fetched(database, "SELECT id, rig, journal, last_seq, told_ms FROM old_source ORDER BY told_ms")
    for source, rig, name, last_seq, told_ms in sources:
        journal = taker.begin_journal(rig, Place(name, last_seq), told_ms)
        for offset_ms, entries in _parts(database, source):
            taker.take(journal, entries, offset_ms)
        for first, last, noted_ms in fetched(
            database, "SELECT first_seq, last_seq, noted_ms FROM old_gap WHERE source = ?", (source,)
        ):
            taker.take_gap(journal, first, last, noted_ms)
    for name in reversed(_OLD):
        database.execute(f"DROP TABLE old_{name}")


def _parts(database: apsw.Connection, source: int) -> Iterator[tuple[int, tuple[JournalEntry, ...]]]:
    """Yield a journal's entries, each time as many as were told with one offset of the clock, but not too many."""
    after = 0
    while True:
        numbers = fetched(
            database,
            "SELECT seq FROM (SELECT seq FROM old_round WHERE source = ?1 AND seq > ?2 UNION ALL"
            " SELECT seq FROM old_event WHERE source = ?1 AND seq > ?2) ORDER BY seq LIMIT ?3",
            (source, after, _AT_ONCE),
        )
        if not numbers:
            return
        [last] = numbers[-1]
        found = sorted(
            [*_samples(database, source, after, last), *_events(database, source, after, last)],
            key=lambda each: each[1].seq,
        )
        for offset_ms, together in groupby(found, key=lambda each: each[0]):
            yield offset_ms, tuple(entry for _, entry in together)
        after = last


def _samples(database: apsw.Connection, source: int, after: int, last: int) -> Iterator[tuple[int, JournalEntry]]:
    miners: dict[int, list[MinerSample]] = {}
    span = (source, after, last)
    for seq, name, state, *rest in fetched(
        database,
        "SELECT seq, miner, state, algorithm, hashrate, accepted, rejected, temperature, power FROM old_sample"
        " WHERE source = ? AND seq > ? AND seq <= ?",
        span,
    ):
        miners.setdefault(seq, []).append(MinerSample(name, MinerState(state), *rest))
    for seq, at_ms, offset_ms, cpu, power in fetched(
        database,
        "SELECT seq, at_ms, offset_ms, cpu_temperature, power FROM old_round WHERE source = ? AND seq > ? AND seq <= ?",
        span,
    ):
        yield offset_ms, JournalEntry(seq, Sample(at_ms, tuple(miners.get(seq, ())), cpu, power))


def _events(database: apsw.Connection, source: int, after: int, last: int) -> Iterator[tuple[int, JournalEntry]]:
    for seq, at_ms, offset_ms, kind, miner, who, text in fetched(
        database,
        "SELECT seq, at_ms, offset_ms, kind, miner, who, text FROM old_event WHERE source = ? AND seq > ? AND seq <= ?",
        (source, after, last),
    ):
        yield offset_ms, JournalEntry(seq, RigEvent(at_ms=at_ms, kind=kind, miner=miner, by=who, text=text))
