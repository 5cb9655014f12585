"""What is asked of a history in PostgreSQL: the same questions as in SQLite, with the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from miner_ctrl.history.contract import (
    EXPORTED,
    OWN_RIG,
    Event,
    EventKey,
    EventQuery,
    ExportSlice,
    KnownMiner,
    MinerTotal,
    Sizes,
)
from miner_ctrl.history.parts import Place
from miner_ctrl.history.points import FleetBucket, MinerBucket, RigBucket, Span, Table
from miner_ctrl.history.postgres_migrations import SCHEMA
from miner_ctrl.history.rollups import FIRST_EVERY_MS, FleetRollup, JournalState, MinerRollup, RigRollup
from miner_ctrl.history.schema import FLEET_COLUMNS, LEAST, MINER_COLUMNS, MOST, RIG_COLUMNS
from miner_ctrl.model.views import GapView, HashratePointView

if TYPE_CHECKING:
    from miner_ctrl.history.postgres_server import Connection

_OF_SAMPLES = {
    "mining": "count(*) FILTER (WHERE state = 'mining')",
    "paused": "count(*) FILTER (WHERE state = 'paused')",
    "down": "count(*) FILTER (WHERE state NOT IN ('mining', 'paused'))",
    "hashrate_n": "count(hashrate)",
    "hashrate_sum": "coalesce(sum(hashrate), 0)",
    "hashrate_min": "min(hashrate)",
    "hashrate_max": "max(hashrate)",
    "hashes": "coalesce(sum(hashrate * covered_ms / 1000), 0)",
    "temperature_n": "count(temperature)",
    "temperature_sum": "coalesce(sum(temperature), 0)",
    "temperature_max": "max(temperature)",
    "power_n": "count(power)",
    "power_sum": "coalesce(sum(power), 0)",
    "rounds": "count(*)",
    "cpu_n": "count(cpu_temperature)",
    "cpu_sum": "coalesce(sum(cpu_temperature), 0)",
    "cpu_max": "max(cpu_temperature)",
}
_MINER_TABLE = {Table.SAMPLES: "sample", Table.MINUTES: "minute", Table.HOURS: "hour"}
_RIG_TABLE = {Table.SAMPLES: "rig_sample", Table.MINUTES: "rig_minute", Table.HOURS: "rig_hour"}
_FLEET_TABLE = {Table.MINUTES: "fleet_minute", Table.HOURS: "fleet_hour"}


def _added_up(columns: Sequence[str], *, samples: bool) -> str:
    return ", ".join(_OF_SAMPLES.get(column, _total(column)) if samples else _total(column) for column in columns)


def _total(column: str) -> str:
    if column in LEAST:
        return f"min({column})"
    if column in MOST:
        return f"max({column})"
    if column.endswith("_sum") or column == "hashes":
        return f"sum({column})"
    return f"sum({column})::bigint"


async def since(connection: Connection, rig: bytes) -> Place:
    """Return how far the rig's history is known, in the journal it told of last."""
    row = await connection.fetchrow(
        "SELECT journal.name, last_seq FROM journal JOIN rig ON rig.id = journal.rig WHERE fingerprint = $1"
        " ORDER BY told_ms DESC, journal.id DESC LIMIT 1",
        rig,
    )
    return Place(*row) if row else Place()


async def sizes(connection: Connection) -> Sizes:
    """Return what is stored."""
    [(stored, rig_hours)] = await connection.fetch(
        "SELECT (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
        " WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'), (SELECT count(*) FROM rig_hour)",
        SCHEMA,
    )
    return Sizes(bytes=stored, rig_hours=rig_hours)


async def miner_buckets(connection: Connection, rig: bytes, span: Span, miner: str | None) -> list[MinerBucket]:
    """Return what a rig's miners, or one of them, add up to."""
    table = _MINER_TABLE[span.table]
    one = " AND miner.name = $5" if miner is not None else ""
    rows = await connection.fetch(
        "SELECT total.bucket, miner.name, algorithm.name, total.* FROM (SELECT each.at_ms - each.at_ms % $4 AS bucket,"
        f" each.miner, each.algorithm, {_added_up(MINER_COLUMNS, samples=span.table is Table.SAMPLES)}"
        f" FROM rig JOIN miner ON miner.rig = rig.id{one} JOIN {table} AS each"
        " ON each.rig = rig.id AND each.miner = miner.id AND each.at_ms >= $2 AND each.at_ms < $3"
        " WHERE rig.fingerprint = $1 GROUP BY 1, 2, 3) AS total JOIN miner ON miner.id = total.miner"
        " JOIN algorithm ON algorithm.id = total.algorithm ORDER BY 1, 2, 3",
        rig, span.since_ms, span.until_ms, span.step_ms, *((miner,) if miner is not None else ()),
    )  # fmt: skip
    return [MinerBucket(row[0], row[1], row[2], MinerRollup(*tuple(row)[6:])) for row in rows]


async def rig_buckets(connection: Connection, rig: bytes, span: Span) -> list[RigBucket]:
    """Return what a rig adds up to."""
    rows = await connection.fetch(
        "SELECT each.at_ms - each.at_ms % $4,"
        f" {_added_up(RIG_COLUMNS, samples=span.table is Table.SAMPLES)}"
        f" FROM rig JOIN {_RIG_TABLE[span.table]} AS each ON each.rig = rig.id"
        " WHERE rig.fingerprint = $1 AND each.at_ms >= $2 AND each.at_ms < $3 GROUP BY 1 ORDER BY 1",
        rig, span.since_ms, span.until_ms, span.step_ms,
    )  # fmt: skip
    return [RigBucket(row[0], RigRollup(*tuple(row)[1:])) for row in rows]


async def fleet_buckets(connection: Connection, span: Span) -> list[FleetBucket]:
    """Return what all rigs add up to."""
    rows = await connection.fetch(
        f"SELECT each.at_ms - each.at_ms % $3, algorithm.name, {_added_up(FLEET_COLUMNS, samples=False)}"
        f" FROM {_FLEET_TABLE[span.table]} AS each JOIN algorithm ON algorithm.id = each.algorithm"
        " WHERE each.at_ms >= $1 AND each.at_ms < $2 GROUP BY 1, 2 ORDER BY 1, 2",
        span.since_ms, span.until_ms, span.step_ms,
    )  # fmt: skip
    return [FleetBucket(row[0], row[1], FleetRollup(*tuple(row)[2:])) for row in rows]


async def every_ms(connection: Connection, rig: bytes | None) -> int:
    """Return the time between the last two samples of a rig, or of any."""
    state = await connection.fetchval(
        "SELECT state FROM journal JOIN rig ON rig.id = journal.rig WHERE fingerprint <> $2"
        " AND ($1::bytea IS NULL OR fingerprint = $1) ORDER BY told_ms DESC, journal.id DESC LIMIT 1",
        rig,
        OWN_RIG,
    )
    return msgspec.msgpack.decode(state, type=JournalState).every_ms if state else FIRST_EVERY_MS


async def miners(connection: Connection, rig: bytes | None) -> list[KnownMiner]:
    """Return every miner that there is history of."""
    rows = await connection.fetch(
        "SELECT fingerprint, miner.name FROM miner JOIN rig ON rig.id = miner.rig"
        " WHERE $1::bytea IS NULL OR fingerprint = $1 ORDER BY fingerprint, miner.name",
        rig,
    )
    return [KnownMiner(*row) for row in rows]


async def miner_totals(
    connection: Connection, wanted: Sequence[KnownMiner], *, since_ms: int, until_ms: int
) -> list[MinerTotal]:
    """Return what each of these adds up to in whole hours."""
    rows = await connection.fetch(
        "SELECT fingerprint, miner.name, algorithm.name, total.* FROM (SELECT hour.miner, hour.algorithm,"
        f" min(at_ms) AS first_ms, max(at_ms) AS last_ms, {_added_up(MINER_COLUMNS, samples=False)}"
        " FROM unnest($1::bytea[], $2::text[]) AS wanted (fingerprint, name)"
        " JOIN rig ON rig.fingerprint = wanted.fingerprint"
        " JOIN miner ON miner.rig = rig.id AND miner.name = wanted.name"
        " JOIN hour ON hour.rig = rig.id AND hour.miner = miner.id AND at_ms >= $3 AND at_ms < $4"
        " GROUP BY 1, 2) AS total JOIN miner ON miner.id = total.miner JOIN rig ON rig.id = miner.rig"
        " JOIN algorithm ON algorithm.id = total.algorithm ORDER BY 1, 2, 3",
        [each.rig for each in wanted], [each.name for each in wanted], since_ms, until_ms,
    )  # fmt: skip
    found: dict[KnownMiner, MinerTotal] = {}
    for fingerprint, name, algorithm, _, _, first_ms, last_ms, *values in (tuple(row) for row in rows):
        miner = KnownMiner(fingerprint, name)
        known = found.get(miner)
        rollups = {**(known.rollups if known else {}), algorithm: MinerRollup(*values)}
        found[miner] = MinerTotal(
            miner=miner,
            rollups=rollups,
            first_ms=min(first_ms, known.first_ms) if known else first_ms,
            last_ms=max(last_ms, known.last_ms) if known else last_ms,
        )
    return [found[miner] for miner in wanted if miner in found]


async def samples(
    connection: Connection, rig: bytes, *, since_ms: int, until_ms: int, limit: int
) -> list[HashratePointView]:
    """Return the last samples of a rig's miners within a time, the oldest first."""
    rows = await connection.fetch(
        "SELECT at_ms, offset_ms, miner.name, sample.state, algorithm.name, hashrate, accepted, rejected, temperature,"
        " power, journal.name, seq FROM rig JOIN miner ON miner.rig = rig.id"
        " JOIN sample ON sample.rig = rig.id AND sample.miner = miner.id AND at_ms >= $2 AND at_ms < $3"
        " JOIN algorithm ON algorithm.id = sample.algorithm JOIN journal ON journal.id = sample.journal"
        " WHERE rig.fingerprint = $1 ORDER BY at_ms DESC, seq DESC, miner.name DESC LIMIT $4",
        rig, since_ms, until_ms, limit,
    )  # fmt: skip
    return [
        HashratePointView(
            at_ms=at_ms, rig_at_ms=at_ms - offset_ms, miner=miner, state=state, algorithm=algorithm,
            hashrate_hps=hashrate, accepted=accepted, rejected=rejected, temperature_c=temperature, power_w=power,
            journal=journal, seq=seq,
        )
        for at_ms, offset_ms, miner, state, algorithm, hashrate, accepted, rejected, temperature, power, journal, seq
        in (tuple(row) for row in reversed(rows))
    ]  # fmt: skip


async def events(connection: Connection, query: EventQuery, *, own_journal: str) -> list[Event]:
    """Return events, the newest first; of the controllers' journals only ``own_journal`` is this node's own."""
    where = ["at_ms >= $1", "at_ms < $2"]
    values: list[Any] = [query.since_ms, query.until_ms]

    def value(given: object) -> str:
        values.append(given)
        return f"${len(values)}"

    if query.kinds:
        where.append(f"kind = ANY({value(list(query.kinds))}::text[])")
    if query.rig is not None:
        where.append(f"about.fingerprint = {value(query.rig)}")
    if query.own:
        where.append(f"owner.fingerprint = {value(OWN_RIG)}")
        where.append(f"journal.name = {value(own_journal)}")
    if query.text:
        texts = "kind || chr(10) || miner || chr(10) || who || chr(10) || text"
        where.append(f'position(lower({value(query.text)} COLLATE "C") in lower({texts})) > 0')
    if query.before is not None:
        key = query.before
        where.append(
            f"(at_ms, journal.id, seq) < ({value(key.at_ms)}, {value(key.journal)}::integer, {value(key.seq)})"
        )
    rows = await connection.fetch(
        "SELECT at_ms, journal.id, seq, about.fingerprint, owner.fingerprint, offset_ms, kind, miner, who, text,"
        " journal.name FROM event JOIN journal ON journal.id = event.journal"
        " JOIN rig AS owner ON owner.id = journal.rig JOIN rig AS about ON about.id = event.rig"
        f" WHERE {' AND '.join(where)}"
        f" ORDER BY at_ms DESC, journal.id DESC, seq DESC LIMIT {value(query.limit)}",
        *values,
    )
    return [
        Event(
            key=EventKey(at_ms, journal, seq), rig=about, own=(owner, name) == (OWN_RIG, own_journal),
            offset_ms=offset_ms, kind=kind,
            miner=miner, who=who, text=text, journal=name,
        )
        for at_ms, journal, seq, about, owner, offset_ms, kind, miner, who, text, name in (tuple(row) for row in rows)
    ]  # fmt: skip


async def gaps(connection: Connection, rig: bytes) -> list[GapView]:
    """Return what is missing."""
    rows = await connection.fetch(
        "SELECT journal.name, first_seq, gap.last_seq, noted_ms FROM gap JOIN journal ON journal.id = gap.journal"
        " JOIN rig ON rig.id = journal.rig WHERE fingerprint = $1 ORDER BY noted_ms, journal.id, first_seq LIMIT 1000",
        rig,
    )
    return [GapView(journal=name, first=first, last=last, noted_ms=noted) for name, first, last, noted in rows]


async def export(connection: Connection, wanted: ExportSlice) -> list[tuple[object, ...]]:
    """Return the next rows of one miner."""
    table = _MINER_TABLE[Table(wanted.what)]
    keys = ("at_ms", "journal", "seq") if table == "sample" else ("at_ms", "algorithm.name")
    columns = ", ".join("algorithm.name" if name == "algorithm" else f"each.{name}" for name in EXPORTED[wanted.what])
    kinds = ("bigint", "integer", "bigint") if table == "sample" else ("bigint", "text")
    after = ""
    if wanted.after:
        places = ", ".join(f"${6 + index}::{kind}" for index, kind in enumerate(kinds))
        after = f" AND ({', '.join(keys)}) > ({places})"
    rows = await connection.fetch(
        f"SELECT {columns} FROM rig JOIN miner ON miner.rig = rig.id AND miner.name = $2 JOIN {table} AS each"
        " ON each.rig = rig.id AND each.miner = miner.id AND at_ms >= $3 AND at_ms < $4"
        f" JOIN algorithm ON algorithm.id = each.algorithm WHERE rig.fingerprint = $1{after}"
        f" ORDER BY {', '.join(keys)} LIMIT $5",
        wanted.miner.rig, wanted.miner.name, wanted.since_ms, wanted.until_ms, wanted.limit, *wanted.after,
    )  # fmt: skip
    return [tuple(row) for row in rows]
