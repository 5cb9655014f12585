"""``/events``: what changes, as it changes, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import FleetFace
from miner_ctrl.api.live.feed import Feed
from miner_ctrl.api.live.messages import MAX_LOG_LINES, MAX_TOPICS
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.streams import EndView, Event, Stream
from miner_ctrl.errors import BadInput, Refused
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.views import RigView, View

EVENTS = Resource("events")


class TopicQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to hear of: ``topics`` of the feed, separated by commas, with ``lines`` of a log first; without any, whole
    rigs as they change."""

    topic: Literal["fleet"] = "fleet"
    topics: Annotated[str, Meta(max_length=4096)] = ""
    lines: Annotated[int, Meta(ge=0, le=MAX_LOG_LINES)] = 100


class RemovedView(View, frozen=True, kw_only=True):
    """The event ``removed``: a rig is no longer one of the fleet."""

    id: str


@EVENTS.get("/events", events={"snapshot": dict[str, RigView], "rig": RigView, "removed": RemovedView, "end": EndView})
async def follow_events(fleet: FleetFace, live: Feed, caller: Caller, query: TopicQuery) -> Stream:
    """Follow topics of the feed, or whole rigs: all of it first, then what changes.

    With ``topics`` the events are the messages of `WS /ws/events`, each with its type as its name and its number as its
    `id`. A reader that is slower than the changes gets the latest state of each thing, not each state.
    """
    if not query.topics:
        return Stream(_fleet_events(fleet))
    topics = [topic for topic in query.topics.split(",") if topic]
    if not 1 <= len(topics) <= MAX_TOPICS:
        raise BadInput(f"One reader may have 1 to {MAX_TOPICS} topics.", suggestion="Use topics=fleet,alerts.")
    return Stream(_feed_events(live, caller, topics, query.lines))


async def _feed_events(feed: Feed, caller: Caller, topics: list[str], lines: int) -> AsyncGenerator[Event, None]:
    """Yield what the feed says, until it has done with this reader."""
    wake = asyncio.Event()
    reader = feed.reader(caller, wake.set)
    try:
        for topic in topics:
            reader.subscribe(topic, lines)
        while True:
            while reader.ended is None and (said := reader.pull()) is not None:
                yield Event(said.kind, msgspec.Raw(said.text.encode()), said.seq)
                await asyncio.sleep(0)
            if reader.ended is not None:
                raise Refused(reader.ended[1], code="ACCESS_ENDED")
            wake.clear()
            await wake.wait()
    finally:
        reader.close()


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
