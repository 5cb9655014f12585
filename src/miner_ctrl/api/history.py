"""``/history``: what rigs did, filled in from their journals, and what happened, over any time."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.api.downloads import Download
from miner_ctrl.api.faces import HistoryFace
from miner_ctrl.api.lists import Listing
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.model.times import MAX_MS, asked_ms, now_ms
from miner_ctrl.model.views import (
    BandsView,
    GapView,
    HashratePointView,
    HistoryEventView,
    HistoryPointView,
    HistoryStatusView,
    MinerHistoryView,
    RetentionView,
    RigEventView,
    SeriesView,
)

HISTORY = Resource("history")
_NO_HISTORY = (502, 503)
DAY_MS = 86_400_000
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

Time = Annotated[str, Meta(max_length=64, description="Unix time in ms, RFC 3339, or how long ago: 90s, 30m, 24h, 7d.")]
Points = Annotated[int, Meta(ge=1, le=2_000)]
Peer = Annotated[str, Meta(max_length=255)]


class RangeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``since`` is a day before ``until``, and that is now, unless they are given; at most ``points`` are answered."""

    since: Time = ""
    until: Time = ""
    points: Points = 200


class RigQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As in ``RangeQuery``; ``algorithm``: the one that was mined for longest unless it is given."""

    since: Time = ""
    until: Time = ""
    points: Points = 200
    algorithm: Annotated[str, Meta(max_length=255)] = ""


class MinerQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As in ``RangeQuery``; ``peer`` says whose miner, where several rigs have one of that name."""

    since: Time = ""
    until: Time = ""
    points: Points = 200
    peer: Peer = ""


class MinersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As in ``RangeQuery``; with ``peer``, those of one rig."""

    since: Time = ""
    until: Time = ""
    peer: Peer = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    offset: Annotated[int, Meta(ge=0, le=10_000_000)] = 0


class SeriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As in ``RangeQuery``; ``what`` the lines are of."""

    what: Literal["hashrate", "shares", "temperature", "power", "online", "states"] = "hashrate"
    since: Time = ""
    until: Time = ""
    points: Points = 200


class RigEventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of more than ``limit`` events the last ones."""

    since: Time = "0"
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class SamplesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of more than ``limit`` samples the last ones."""

    since: Time = "0"
    until: Time = ""
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 10_000


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``kind`` may be several, with commas between; ``q`` is looked for in the events' texts; ``cursor`` is that of the
    last event of the page before."""

    since: Time = "0"
    until: Time = ""
    kind: Annotated[str, Meta(max_length=1_000)] = ""
    peer: Peer = ""
    q: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    cursor: Annotated[str, Meta(max_length=64)] = ""


class HistoryExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything from ``since`` to before ``until``, or what is of one ``peer``."""

    what: Literal["samples", "minutes", "hours", "events"] = "minutes"
    format: Literal["csv", "jsonl"] = "csv"
    peer: Peer = ""
    since: Time = ""
    until: Time = ""


class BandsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``peers``: IDs, prefixes or names, with commas between, 100 at most; the time as in ``RangeQuery``."""

    peers: Annotated[str, Meta(min_length=1, max_length=8_000)]
    since: Time = ""
    until: Time = ""
    points: Annotated[int, Meta(ge=1, le=288)] = 96


class NewRetention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How long what is kept from now on; samples at most as long as minutes, and minutes as hours."""

    samples_hours: Annotated[float, Meta(ge=1, le=24 * 31)]
    minutes_days: Annotated[float, Meta(ge=1, le=366)]
    hours_days: Annotated[float, Meta(ge=7, le=3660)]
    events_days: Annotated[float, Meta(ge=1, le=3660)]


def _times(since: str, until: str) -> tuple[int, int]:
    now = now_ms()
    until_ms = min(asked_ms(until, now), now) if until else now
    return asked_ms(since, now) if since else until_ms - DAY_MS, until_ms


@HISTORY.get("/history/status", errors=_NO_HISTORY)
async def history_status(history: HistoryFace) -> HistoryStatusView:
    """Return whether history is recorded, for how long it is kept, and what it takes."""
    return await history.status()


@HISTORY.get("/history/settings", tag=lambda view: view)
async def history_settings(history: HistoryFace) -> RetentionView:
    """Return for how long what is kept."""
    return history.retention()


@HISTORY.put("/history/settings", edits=history_settings, role=AccessRole.ADMIN)
async def set_history_settings(history: HistoryFace, body: NewRetention) -> RetentionView:
    """Set for how long what is kept, from now on. What is too old by it is let go of within minutes, for good."""
    return await history.keep(HistorySettings(**msgspec.structs.asdict(body)))


@HISTORY.get("/history/bands", errors=_NO_HISTORY)
async def history_bands(history: HistoryFace, query: BandsQuery) -> BandsView:
    """Return many rigs over one time: the state of each in every bucket, its hashrate, and what happened."""
    since_ms, until_ms = _times(query.since, query.until)
    peers = tuple(dict.fromkeys(name.strip() for name in query.peers.split(",") if name.strip()))
    return await history.bands(peers, since_ms=since_ms, until_ms=until_ms, points=query.points)


@HISTORY.get("/history/miners", errors=_NO_HISTORY)
async def history_miners(history: HistoryFace, query: MinersQuery) -> Listing[MinerHistoryView]:
    """Return every miner that there is history of, with what it did within a time."""
    since_ms, until_ms = _times(query.since, query.until)
    found, total = await history.miners(
        query.peer or None, since_ms=since_ms, until_ms=until_ms, offset=query.offset, limit=query.limit
    )
    return Listing(found, total)


@HISTORY.get("/history/miners/{name}", errors=_NO_HISTORY)
async def history_miner(history: HistoryFace, name: str, query: MinerQuery) -> MinerHistoryView:
    """Return one miner, with what it did within a time."""
    since_ms, until_ms = _times(query.since, query.until)
    return await history.miner(name, query.peer or None, since_ms=since_ms, until_ms=until_ms)


@HISTORY.get("/history/miners/{name}/hashrate", errors=_NO_HISTORY)
async def history_miner_hashrate(history: HistoryFace, name: str, query: MinerQuery) -> list[HistoryPointView]:
    """Return the hashrate of one miner over a time, the oldest first."""
    since_ms, until_ms = _times(query.since, query.until)
    return await history.miner_hashrate(
        name, query.peer or None, since_ms=since_ms, until_ms=until_ms, points=query.points
    )


@HISTORY.get("/history/peers/{peer}/hashrate", errors=_NO_HISTORY)
async def rig_hashrate(history: HistoryFace, peer: str, query: RigQuery) -> list[HistoryPointView]:
    """Return the hashrate of a rig on one algorithm over a time, the oldest first."""
    since_ms, until_ms = _times(query.since, query.until)
    return await history.rig_hashrate(
        peer, since_ms=since_ms, until_ms=until_ms, points=query.points, algorithm=query.algorithm
    )


@HISTORY.get("/history/peers/{peer}/series", errors=_NO_HISTORY)
async def rig_series(history: HistoryFace, peer: str, query: SeriesQuery) -> SeriesView:
    """Return lines of a rig over a time: hashrate per algorithm, shares, temperatures, power, online, or states."""
    since_ms, until_ms = _times(query.since, query.until)
    return await history.series(peer, query.what, since_ms=since_ms, until_ms=until_ms, points=query.points)


@HISTORY.get("/history/fleet/hashrate", errors=_NO_HISTORY)
async def fleet_hashrate(history: HistoryFace, query: RangeQuery) -> SeriesView:
    """Return the hashrate of all rigs over a time, a line for each algorithm.

    Hashrates of different algorithms are never added up.
    """
    since_ms, until_ms = _times(query.since, query.until)
    return await history.fleet_hashrate(since_ms=since_ms, until_ms=until_ms, points=query.points)


@HISTORY.get("/history/peers/{peer}/samples", errors=_NO_HISTORY)
async def rig_samples(history: HistoryFace, peer: str, query: SamplesQuery) -> list[HashratePointView]:
    """Return the samples of a rig's miners as the rig took them, the oldest first."""
    since_ms, until_ms = _times(query.since, query.until)
    return await history.samples(peer, since_ms=since_ms, until_ms=until_ms, limit=query.limit)


@HISTORY.get("/history/peers/{peer}/events", errors=_NO_HISTORY)
async def rig_events(history: HistoryFace, peer: str, query: RigEventsQuery) -> list[RigEventView]:
    """Return what happened on a rig, the oldest first."""
    return await history.rig_events(peer, since_ms=asked_ms(query.since, now_ms()), limit=query.limit)


@HISTORY.get("/history/peers/{peer}/gaps", errors=_NO_HISTORY)
async def rig_gaps(history: HistoryFace, peer: str) -> list[GapView]:
    """Return what is missing of a rig's history: the rig had forgotten it before it could be fetched."""
    return await history.gaps(peer)


@HISTORY.get("/history/events", errors=(404, *_NO_HISTORY))
async def history_events(history: HistoryFace, query: EventsQuery) -> list[HistoryEventView]:
    """Return what happened on all rigs and on this node, the newest first.

    For the events before these, ask again with the ``cursor`` of the last one.
    """
    return await history.events(
        since_ms=asked_ms(query.since, now_ms()),
        until_ms=asked_ms(query.until, now_ms()) if query.until else MAX_MS,
        kinds=tuple(kind.strip() for kind in query.kind.split(",") if kind.strip()),
        peer=query.peer or None,
        text=query.q,
        cursor=query.cursor,
        limit=query.limit,
    )


@HISTORY.get("/history/export", errors=(404, *_NO_HISTORY), media_types=("text/csv", "application/x-ndjson"))
async def export_history(history: HistoryFace, query: HistoryExportQuery) -> Download:
    """Return history as a file: CSV, or a JSON object on each line."""
    since_ms, until_ms = _times(query.since or "0", query.until)
    parts = history.export(query.what, query.format, query.peer or None, since_ms=since_ms, until_ms=until_ms)
    return Download(f"history-{query.what}.{query.format}", _MEDIA[query.format], parts)
