"""What bands are drawn of, from PostgreSQL: many rigs in each query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from miner_ctrl.history.bands import StateBucket
from miner_ctrl.history.contract import COMINGS, MAX_COMINGS, OWN_RIG, BandRows, Event, EventKey
from miner_ctrl.history.points import Span, Table

if TYPE_CHECKING:
    from miner_ctrl.history.postgres_server import Connection

_TABLES = {Table.MINUTES: ("minute", "rig_minute"), Table.HOURS: ("hour", "rig_hour")}
_EVENTS = (
    "SELECT place.number, event.at_ms, journal.id, event.seq, event.offset_ms, event.kind, event.miner, event.who,"
    " event.text, journal.name, owner.fingerprint"
    " FROM unnest($1::bytea[]) WITH ORDINALITY AS place (fingerprint, number)"
    " JOIN rig ON rig.fingerprint = place.fingerprint CROSS JOIN LATERAL ({inner}) AS event"
    " JOIN journal ON journal.id = event.journal JOIN rig AS owner ON owner.id = journal.rig"
    " ORDER BY 1, 2 DESC, 3 DESC, 4 DESC"
)
_OWN = (
    "SELECT event.* FROM event JOIN journal ON journal.id = event.journal JOIN rig AS teller ON teller.id = journal.rig"
    " WHERE event.rig = rig.id AND kind = ANY($2::text[]) AND teller.fingerprint = $3 AND journal.name = $4 AND"
    " {when} ORDER BY at_ms DESC, event.journal DESC, seq DESC LIMIT {limit}"
)
_LAST = _EVENTS.format(
    inner="SELECT * FROM event WHERE event.rig = rig.id AND at_ms >= $2 AND at_ms < $3"
    " ORDER BY at_ms DESC, journal DESC, seq DESC LIMIT $4"
)
_WITHIN = _EVENTS.format(inner=_OWN.format(when="at_ms >= $5 AND at_ms < $6", limit=MAX_COMINGS))
_BEFORE = _EVENTS.format(inner=_OWN.format(when="at_ms < $5", limit=1))


async def bands(
    connection: Connection, rigs: Sequence[bytes], span: Span, *, until_ms: int, events: int, own_journal: str
) -> list[BandRows]:
    """Return what each of these rigs' bands is drawn of."""
    miner_table, rig_table = _TABLES[span.table]
    found = [BandRows([], {}, [], []) for _ in rigs]
    asked = list(rigs)
    for number, at_ms, algorithm, *values in await connection.fetch(
        "SELECT total.number, total.bucket, algorithm.name, mining, paused, down, hashes FROM (SELECT place.number,"
        " each.at_ms - each.at_ms % $4 AS bucket, each.algorithm, each.miner, sum(mining)::bigint AS mining,"
        " sum(paused)::bigint AS paused, sum(down)::bigint AS down, sum(hashes) AS hashes"
        " FROM unnest($1::bytea[]) WITH ORDINALITY AS place (fingerprint, number)"
        " JOIN rig ON rig.fingerprint = place.fingerprint JOIN miner ON miner.rig = rig.id"
        f" JOIN {miner_table} AS each ON each.rig = rig.id AND each.miner = miner.id"
        " AND each.at_ms >= $2 AND each.at_ms < $3 GROUP BY 1, 2, 3, 4) AS total"
        " JOIN algorithm ON algorithm.id = total.algorithm ORDER BY 1, 2, 3",
        asked, span.since_ms, span.until_ms, span.step_ms,
    ):  # fmt: skip
        found[number - 1].miners.append(StateBucket(at_ms, algorithm, *values))
    for number, at_ms, covered_ms in await connection.fetch(
        "SELECT place.number, each.at_ms - each.at_ms % $4, sum(covered_ms)::bigint"
        " FROM unnest($1::bytea[]) WITH ORDINALITY AS place (fingerprint, number)"
        f" JOIN rig ON rig.fingerprint = place.fingerprint JOIN {rig_table} AS each ON each.rig = rig.id"
        " AND each.at_ms >= $2 AND each.at_ms < $3 GROUP BY 1, 2 ORDER BY 1, 2",
        asked, span.since_ms, span.until_ms, span.step_ms,
    ):  # fmt: skip
        found[number - 1].watched[at_ms] = covered_ms
    own = (asked, list(COMINGS), OWN_RIG, own_journal, span.since_ms)
    last = await connection.fetch(_LAST, asked, span.since_ms, until_ms, events)
    within, before = await connection.fetch(_WITHIN, *own, until_ms), await connection.fetch(_BEFORE, *own)
    for rows, place in ((last, 2), (within, 3), (before, 3)):
        for number, at_ms, journal, seq, offset_ms, kind, miner, who, text, name, teller in rows:
            found[number - 1][place].append(
                Event(
                    key=EventKey(at_ms, journal, seq), rig=rigs[number - 1],
                    own=(teller, name) == (OWN_RIG, own_journal), offset_ms=offset_ms, kind=kind, miner=miner, who=who,
                    text=text, journal=name,
                )
            )  # fmt: skip
    return found
