"""The tables of the history in SQLite (docs/history.md says what they mean). PostgreSQL has the same names.

What is read as a range of one rig's time lies together: the key begins with rig, miner and time. ``state`` of a journal
is ``JournalState`` as MessagePack.
"""

from __future__ import annotations

from miner_ctrl.history.rollups import FleetRollup, MinerRollup, RigRollup

MINER_COLUMNS = tuple(MinerRollup.__struct_fields__)
RIG_COLUMNS = tuple(RigRollup.__struct_fields__)
FLEET_COLUMNS = tuple(FleetRollup.__struct_fields__)
LEAST = frozenset({"hashrate_min"})
MOST = frozenset({"hashrate_max", "temperature_max", "cpu_max"})
"""Columns of which rows are not added up: the least of them counts, or the most."""
_WHOLE = frozenset({"mining", "paused", "down", "accepted", "rejected", "rounds", "covered_ms"})

SAMPLE_COLUMNS = (
    "rig", "miner", "at_ms", "journal", "seq", "offset_ms", "covered_ms", "state", "algorithm", "hashrate", "accepted",
    "rejected", "temperature", "power",
)  # fmt: skip
RIG_SAMPLE_COLUMNS = ("rig", "at_ms", "journal", "seq", "offset_ms", "covered_ms", "cpu_temperature", "power")
EVENT_COLUMNS = ("at_ms", "journal", "seq", "rig", "offset_ms", "kind", "miner", "who", "text")

ROLLUPS = {
    "minute": (("rig", "miner", "at_ms", "algorithm"), MINER_COLUMNS),
    "hour": (("rig", "miner", "at_ms", "algorithm"), MINER_COLUMNS),
    "rig_minute": (("rig", "at_ms"), RIG_COLUMNS),
    "rig_hour": (("rig", "at_ms"), RIG_COLUMNS),
    "fleet_minute": (("at_ms", "algorithm"), FLEET_COLUMNS),
    "fleet_hour": (("at_ms", "algorithm"), FLEET_COLUMNS),
}
"""Each roll-up's key and columns."""


def _rollup(name: str) -> str:
    key, columns = ROLLUPS[name]
    keys = ", ".join(f"{column} INTEGER NOT NULL" for column in key)
    values = ", ".join(f"{column} {_kind(column)}" for column in columns)
    return f"CREATE TABLE {name} ({keys}, {values}, PRIMARY KEY ({', '.join(key)})) STRICT, WITHOUT ROWID;"


def _kind(column: str) -> str:
    if column in _WHOLE or column.endswith("_n"):
        return "INTEGER NOT NULL"
    return "REAL" if column in LEAST | MOST else "REAL NOT NULL"


TABLES = """
    CREATE TABLE rig (
        id INTEGER PRIMARY KEY,
        fingerprint BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL
    ) STRICT;
    CREATE TABLE miner (
        id INTEGER PRIMARY KEY,
        rig INTEGER NOT NULL REFERENCES rig,
        name TEXT NOT NULL,
        UNIQUE (rig, name)
    ) STRICT;
    CREATE TABLE algorithm (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        rig INTEGER NOT NULL REFERENCES rig,
        name TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        told_ms INTEGER NOT NULL,
        state BLOB NOT NULL,
        UNIQUE (rig, name)
    ) STRICT;
    CREATE TABLE sample (
        rig INTEGER NOT NULL,
        miner INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        journal INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        offset_ms INTEGER NOT NULL,
        covered_ms INTEGER NOT NULL,
        state TEXT NOT NULL,
        algorithm INTEGER NOT NULL,
        hashrate REAL,
        accepted INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        temperature REAL,
        power REAL,
        PRIMARY KEY (rig, miner, at_ms, journal, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rig_sample (
        rig INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        journal INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        offset_ms INTEGER NOT NULL,
        covered_ms INTEGER NOT NULL,
        cpu_temperature REAL,
        power REAL,
        PRIMARY KEY (rig, at_ms, journal, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE event (
        at_ms INTEGER NOT NULL,
        journal INTEGER NOT NULL REFERENCES journal,
        seq INTEGER NOT NULL,
        rig INTEGER NOT NULL REFERENCES rig,
        offset_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        miner TEXT NOT NULL,
        who TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (at_ms, journal, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_rig ON event (rig, at_ms);
    CREATE TABLE gap (
        journal INTEGER NOT NULL REFERENCES journal,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        noted_ms INTEGER NOT NULL,
        PRIMARY KEY (journal, first_seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kept (what TEXT PRIMARY KEY, from_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
""" + "".join(map(_rollup, ROLLUPS))
