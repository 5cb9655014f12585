"""Events of the history for people, and when a rig was online by them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from miner_ctrl.errors import BadInput
from miner_ctrl.history.contract import Event, EventKey
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import HistoryEventView

_CURSOR = re.compile(r"(\d{1,16})-(\d{1,18})-(\d{1,16})")


def event_view(event: Event, node_id: str, name: str) -> HistoryEventView:
    """Return ``event`` of the peer with this ID and name."""
    key = event.key
    return HistoryEventView(
        at=time_text(event.at_ms),
        at_ms=event.at_ms,
        kind=event.kind,
        peer_id=node_id,
        peer_name=name,
        miner=event.miner,
        by=event.who,
        text=event.text,
        own=event.own,
        cursor=f"{key.at_ms}-{key.journal}-{key.seq}",
    )


def cursor_of(text: str) -> EventKey:
    """Return where the event with this cursor stands.

    Raises:
        BadInput: no event has it.
    """
    found = _CURSOR.fullmatch(text)
    if not found or not text.isascii():
        raise BadInput(
            "The cursor is not one that an event has.",
            suggestion="Give the cursor of the last event of the page before, or none.",
            code="BAD_CURSOR",
        )
    return EventKey(*map(int, found.groups()))


def online_intervals(events: Sequence[Event], since_ms: int, until_ms: int) -> tuple[list[tuple[int, int]], int]:
    """Return when a rig was online within a time, and from when on that is known.

    ``events`` are what was noted of it (online, offline, flapping) and of this controller (started, stopped); the last
    of them before ``since_ms`` among them. Where the controller was stopped, the rig counts as offline to it.
    """
    intervals: list[tuple[int, int]] = []
    began_ms: int | None = None
    known_from_ms: int | None = None
    for event in sorted(events, key=lambda each: each.key):
        if known_from_ms is None:
            known_from_ms = event.at_ms
        if event.kind == "online":
            began_ms = event.at_ms if began_ms is None else began_ms
        elif began_ms is not None:
            intervals.append((began_ms, event.at_ms))
            began_ms = None
    if began_ms is not None:
        intervals.append((began_ms, until_ms))
    within = [(max(begin, since_ms), min(end, until_ms)) for begin, end in intervals]
    known = until_ms if known_from_ms is None else max(known_from_ms, since_ms)
    return [(begin, end) for begin, end in within if begin < end], known


def offline_intervals(online: Sequence[tuple[int, int]], known_from_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Return what is between the intervals ``online``, from when on that is known."""
    found, at_ms = [], known_from_ms
    for begin, end in online:
        if begin > at_ms:
            found.append((at_ms, begin))
        at_ms = max(at_ms, end)
    return [*found, (at_ms, until_ms)] if at_ms < until_ms else found
