"""``/history``: what rigs did, filled in from their journals."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import HistoryFace
from miner_ctrl.api.routes import Resource
from miner_ctrl.model.views import GapView, HashratePointView, RigEventView

HISTORY = Resource("history")
_NO_HISTORY = (502, 503)

Time = Annotated[int, Meta(ge=0, le=2**53)]


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``since``: Unix time in ms; of more than ``limit`` events the last ones."""

    since: Time = 0
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class TimesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``since`` and ``until``: Unix time in ms; of more than ``limit`` points the last ones."""

    since: Time = 0
    until: Time = 2**53
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 10_000


@HISTORY.get("/history/peers/{peer}/events", errors=_NO_HISTORY)
async def rig_events(history: HistoryFace, peer: str, query: EventsQuery) -> list[RigEventView]:
    """Return what happened on a rig, the oldest first."""
    return await history.events(peer, since_ms=query.since, limit=query.limit)


@HISTORY.get("/history/peers/{peer}/hashrate", errors=_NO_HISTORY)
async def rig_hashrate(history: HistoryFace, peer: str, query: TimesQuery) -> list[HashratePointView]:
    """Return the samples of a rig's miners as the rig took them, the oldest first."""
    return await history.hashrate(peer, since_ms=query.since, until_ms=query.until, limit=query.limit)


@HISTORY.get("/history/peers/{peer}/gaps", errors=_NO_HISTORY)
async def rig_gaps(history: HistoryFace, peer: str) -> list[GapView]:
    """Return what is missing of a rig's history: the rig had forgotten it before it could be fetched."""
    return await history.gaps(peer)
