"""A rig's last hours as a band: one letter for each bucket, from rows and from when it was offline. Pure.

What was sampled counts: a rig that mined while this node did not see it was mining. Only the rest of a bucket is
offline, or not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from miner_ctrl.history.points import Line, Span

MINING, PAUSED, IDLE, TROUBLE, OFFLINE, UNKNOWN = "mpito-"
_SEEN_FROM = 0.25
"""Trouble, and being offline, are told from this part of a bucket on, whatever else there was in it."""


class StateBucket(NamedTuple):
    """A rig's miners on one algorithm in the bucket that begins at ``at_ms``: samples by state, and hashes."""

    at_ms: int
    algorithm: str
    mining: int
    paused: int
    down: int
    hashes: float


def band_states(
    span: Span,
    miners: Iterable[StateBucket],
    watched: Mapping[int, int],
    offline: Sequence[tuple[int, int]],
    *,
    until_ms: int,
) -> str:
    """Return a letter for each bucket. ``watched`` are times in ms by bucket, ``offline`` is when the rig was; what is
    after ``until_ms`` may not be told yet, and is missed by nobody."""
    counts: dict[int, list[int]] = {}
    for each in miners:
        count = counts.setdefault(each.at_ms, [0, 0, 0])
        count[0] += each.mining
        count[1] += each.paused
        count[2] += each.down
    return "".join(
        _letter(
            counts.get(at_ms, (0, 0, 0)),
            watched_ms=min(watched.get(at_ms, 0), span.step_ms),
            offline_ms=_overlap(offline, at_ms, at_ms + span.step_ms),
            lasted_ms=min(at_ms + span.step_ms, until_ms) - at_ms,
        )
        for at_ms in span.times()
    )


def band_hashrates(span: Span, miners: Iterable[StateBucket], watched: Mapping[int, int]) -> dict[str, Line]:
    """Return a line for each algorithm, as ``rig_hashrates`` does."""
    hashes: dict[str, dict[int, float]] = {}
    for each in miners:
        line = hashes.setdefault(each.algorithm, {})
        line[each.at_ms] = line.get(each.at_ms, 0.0) + each.hashes
    return {
        algorithm: [
            line.get(at_ms, 0.0) * 1000 / watched[at_ms] if watched.get(at_ms) else None for at_ms in span.times()
        ]
        for algorithm, line in sorted(hashes.items())
        if algorithm or any(line.values())
    }


def _letter(counts: Sequence[int], *, watched_ms: int, offline_ms: int, lasted_ms: int) -> str:
    offline_ms = min(offline_ms, max(0, lasted_ms - watched_ms))
    if lasted_ms > 0 and offline_ms >= lasted_ms * _SEEN_FROM:
        return OFFLINE
    if not watched_ms or watched_ms < (lasted_ms - watched_ms - offline_ms):
        return UNKNOWN
    mining, paused, down = counts
    samples = mining + paused + down
    if not samples:
        return IDLE
    if down >= samples * _SEEN_FROM:
        return TROUBLE
    return MINING if mining >= paused else PAUSED


def _overlap(intervals: Iterable[tuple[int, int]], since_ms: int, until_ms: int) -> int:
    return sum(max(0, min(until_ms, end) - max(since_ms, begin)) for begin, end in intervals)
