"""``/events``: what changes, as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from miner_ctrl.api.faces import FleetFace
from miner_ctrl.api.routes import Resource
from miner_ctrl.api.streams import EndView, Event, Stream
from miner_ctrl.model.views import RigView, View

EVENTS = Resource("events")


class TopicQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to hear of."""

    topic: Literal["fleet"] = "fleet"


class RemovedView(View, frozen=True, kw_only=True):
    """The event ``removed``: a rig is no longer one of the fleet."""

    id: str


@EVENTS.get("/events", events={"snapshot": dict[str, RigView], "rig": RigView, "removed": RemovedView, "end": EndView})
async def follow_events(fleet: FleetFace, query: TopicQuery) -> Stream:
    """Follow the fleet: all of it first, then each rig that changes.

    A reader that is slower than the changes gets the latest state of each rig, not each state.
    """
    del query  # one topic so far; naming another is refused
    return Stream(_fleet_events(fleet))


async def _fleet_events(fleet: FleetFace) -> AsyncGenerator[Event, None]:
    """Yield the fleet and then its changes. What waits for a slow reader is one state for each rig."""
    waiting: dict[str, RigView | None] = {}
    changed = asyncio.Event()

    def note(node_id: str, rig: RigView | None) -> None:
        waiting[node_id] = rig
        changed.set()

    unwatch = fleet.watch(note)
    try:
        yield Event("snapshot", fleet.rigs())
        while True:
            await changed.wait()
            changed.clear()
            while waiting:
                node_id = next(iter(waiting))  # the one that has waited longest
                rig = waiting.pop(node_id)
                yield Event("removed", RemovedView(id=node_id)) if rig is None else Event("rig", rig)
    finally:
        unwatch()
