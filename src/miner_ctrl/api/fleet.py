"""``/fleet`` and ``/alerts``: the fleet at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import OverviewFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.summaries import Alert, AlertKind, FleetTotals, RigState, RigSummary, Severity, TagView

FLEET = Resource("fleet")


class FleetQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """Which rigs: those with a ``tag``, in a ``state``, that hash an ``algorithm``; ``q``, ``sort`` and the part as in
    every list. ``sort`` may also be ``hashrate``: of ``algorithm``, or of the one each rig hashes most."""

    tag: Annotated[str, Meta(max_length=63)] = ""
    state: RigState | None = None
    algorithm: Annotated[str, Meta(max_length=64)] = ""


class AlertsQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """Which alerts: of a ``rig`` (its full ID), of a ``severity``, of a ``kind``."""

    rig: Annotated[str, Meta(max_length=64)] = ""
    severity: Severity | None = None
    kind: AlertKind | None = None


@FLEET.get("/fleet")
async def list_fleet(overview: OverviewFace, query: FleetQuery) -> Listing[RigSummary]:
    """Return a row for each rig, from memory."""
    rows = list(_chosen(overview, query))
    query = msgspec.structs.replace(query, q="")
    if query.sort.removeprefix("-") != "hashrate":
        return select(rows, query, RigSummary)
    rows.sort(key=lambda row: _hashrate(row, query.algorithm), reverse=query.sort.startswith("-"))
    return select(rows, msgspec.structs.replace(query, sort=""), RigSummary)


@FLEET.get("/fleet/totals")
async def fleet_totals(overview: OverviewFace) -> FleetTotals:
    """Return the fleet counted: rigs by state, hashrate by algorithm, shares, power where it is known."""
    return overview.totals()


@FLEET.get("/fleet/tags")
async def fleet_tags(overview: OverviewFace) -> list[TagView]:
    """Return the tags that rigs have, each with how many have it, by state; in order."""
    found: dict[str, Counter[RigState]] = {}
    for row in overview.rows().values():
        for tag in row.tags:
            found.setdefault(tag, Counter())[row.state] += 1
    return [
        TagView(tag=tag, rigs=states.total(), **{state.value: states[state] for state in RigState})
        for tag, states in sorted(found.items())
    ]


@FLEET.get("/alerts")
async def list_alerts(overview: OverviewFace, query: AlertsQuery) -> Listing[Alert]:
    """Return what needs attention, the worst first."""
    alerts = [
        alert
        for alert in overview.alerts()
        if (not query.rig or alert.rig == query.rig)
        and (query.severity is None or alert.severity is query.severity)
        and (query.kind is None or alert.kind is query.kind)
    ]
    return select(alerts, query, Alert)


def _chosen(overview: OverviewFace, query: FleetQuery) -> Iterator[RigSummary]:
    wanted = query.q.casefold()
    for row in overview.rows().values():
        if query.state is not None and row.state is not query.state:
            continue
        if query.tag and query.tag not in row.tags:
            continue
        if query.algorithm and query.algorithm not in row.hashrate_hps:
            continue
        if wanted and wanted not in _texts(row):
            continue
        yield row


def _texts(row: RigSummary) -> str:
    """Return what can be searched of a row: as in every list, but ten times as fast, for 10,000 of them."""
    texts = (row.id, row.name, row.state, row.address, row.problem, row.version, *row.tags, *row.running)
    return "\n".join(texts).casefold()


def _hashrate(row: RigSummary, algorithm: str) -> float:
    if algorithm:
        return row.hashrate_hps.get(algorithm, 0.0)
    return max(row.hashrate_hps.values(), default=0.0)
