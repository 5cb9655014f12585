"""The tables of the history in PostgreSQL: those of ``schema.py``, and views for who looks into the database.

Text is compared by its bytes (``COLLATE "C"``), as SQLite does: the same questions have the same answers in the same
order. ``GRANT SELECT ON ALL TABLES IN SCHEMA miner_ctrl`` covers the views.
"""

from __future__ import annotations

from miner_ctrl.history.schema import LEAST, MOST, ROLLUPS

_IDS = frozenset({"rig", "miner", "journal", "algorithm"})
_FLOATS = ("_sum", "_min", "_max")


def kind_of(column: str) -> str:
    """Return the PostgreSQL type of a roll-up's column."""
    if column in _IDS:
        return "integer"
    return "double precision" if column.endswith(_FLOATS) or column == "hashes" else "bigint"


def _rollup(name: str) -> str:
    key, columns = ROLLUPS[name]
    rows = [f"{column} {kind_of(column)} NOT NULL" for column in key]
    rows += [f"{column} {kind_of(column)}{'' if column in LEAST | MOST else ' NOT NULL'}" for column in columns]
    return f"CREATE TABLE {name} ({', '.join(rows)}, PRIMARY KEY ({', '.join(key)}));"


_TEXT = 'text COLLATE "C" NOT NULL'
_TABLES = f"""
CREATE TABLE rig (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint bytea NOT NULL UNIQUE,
    name {_TEXT}
);
CREATE TABLE miner (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rig integer NOT NULL REFERENCES rig,
    name {_TEXT},
    UNIQUE (rig, name)
);
CREATE TABLE algorithm (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name {_TEXT} UNIQUE);
CREATE TABLE journal (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rig integer NOT NULL REFERENCES rig,
    name {_TEXT},
    last_seq bigint NOT NULL,
    told_ms bigint NOT NULL,
    state bytea NOT NULL,
    UNIQUE (rig, name)
);
CREATE TABLE sample (
    rig integer NOT NULL,
    miner integer NOT NULL,
    at_ms bigint NOT NULL,
    journal integer NOT NULL,
    seq bigint NOT NULL,
    offset_ms bigint NOT NULL,
    covered_ms bigint NOT NULL,
    state {_TEXT},
    algorithm integer NOT NULL,
    hashrate double precision,
    accepted bigint NOT NULL,
    rejected bigint NOT NULL,
    temperature double precision,
    power double precision,
    PRIMARY KEY (rig, miner, at_ms, journal, seq)
);
CREATE TABLE rig_sample (
    rig integer NOT NULL,
    at_ms bigint NOT NULL,
    journal integer NOT NULL,
    seq bigint NOT NULL,
    offset_ms bigint NOT NULL,
    covered_ms bigint NOT NULL,
    cpu_temperature double precision,
    power double precision,
    PRIMARY KEY (rig, at_ms, journal, seq)
);
CREATE TABLE event (
    at_ms bigint NOT NULL,
    journal integer NOT NULL REFERENCES journal,
    seq bigint NOT NULL,
    rig integer NOT NULL REFERENCES rig,
    offset_ms bigint NOT NULL,
    kind {_TEXT},
    miner {_TEXT},
    who {_TEXT},
    text {_TEXT},
    PRIMARY KEY (at_ms, journal, seq)
);
CREATE INDEX event_rig ON event (rig, at_ms);
CREATE TABLE gap (
    journal integer NOT NULL REFERENCES journal,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    noted_ms bigint NOT NULL,
    PRIMARY KEY (journal, first_seq)
);
CREATE TABLE kept (what text COLLATE "C" PRIMARY KEY, from_ms bigint NOT NULL);
"""

MIGRATIONS = (_TABLES + "".join(map(_rollup, ROLLUPS)),)
"""``MIGRATIONS[n]`` leads from version n to n + 1."""


def _miner_view(table: str) -> str:
    return f"""
DROP VIEW IF EXISTS miner_{table}s;
CREATE VIEW miner_{table}s AS
SELECT
    to_timestamp(each.at_ms / 1000.0) AS time,
    rig.name AS rig,
    encode(rig.fingerprint, 'hex') AS rig_fingerprint,
    miner.name AS miner,
    algorithm.name AS algorithm,
    hashrate_sum / nullif(hashrate_n, 0) AS hashrate,
    hashrate_min,
    hashrate_max,
    hashes,
    accepted,
    rejected,
    temperature_sum / nullif(temperature_n, 0) AS temperature,
    temperature_max,
    power_sum / nullif(power_n, 0) AS power,
    mining,
    paused,
    down
FROM {table} AS each
JOIN rig ON rig.id = each.rig
JOIN miner ON miner.id = each.miner
JOIN algorithm ON algorithm.id = each.algorithm;
"""


def _rig_view(table: str) -> str:
    return f"""
DROP VIEW IF EXISTS rig_{table}s;
CREATE VIEW rig_{table}s AS
SELECT
    to_timestamp(each.at_ms / 1000.0) AS time,
    rig.name AS rig,
    encode(rig.fingerprint, 'hex') AS rig_fingerprint,
    covered_ms / 1000.0 AS watched_s,
    cpu_sum / nullif(cpu_n, 0) AS cpu_temperature,
    cpu_max AS cpu_temperature_max,
    power_sum / nullif(power_n, 0) AS power
FROM rig_{table} AS each
JOIN rig ON rig.id = each.rig;
"""


VIEWS = (
    _miner_view("minute")
    + _miner_view("hour")
    + _rig_view("minute")
    + _rig_view("hour")
    + """
DROP VIEW IF EXISTS events;
CREATE VIEW events AS
SELECT
    to_timestamp(event.at_ms / 1000.0) AS time,
    rig.name AS rig,
    encode(rig.fingerprint, 'hex') AS rig_fingerprint,
    kind,
    miner,
    who,
    text
FROM event
JOIN rig ON rig.id = event.rig;
"""
)
"""Made anew with every migration."""
