"""When a schedule asks for something else: a function of rules, time and the rig's clock on the wall.

What holds is what the wall clock says: an hour that comes twice (the clock is set back) is kept twice, and a minute
that is skipped (it is set forward) is over when the clock has jumped over it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime

from miner_ctrl.model.rig import Schedule
from miner_ctrl.model.week import asked_for, boundaries

LOOKS_AHEAD_S = 15 * 86400
"""Two weeks and a day: a rule may lie in the one hour of the week that is skipped when the clock is set forward."""
_DAY_S = 86400
_HOUR_S = 3600
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what the wall clock shows has no zone

WallClock = Callable[[float], datetime]
"""Returns what the rig's clock on the wall shows at a Unix time (s): a date and time without a zone."""


def asked_at(schedule: Schedule, unix_s: float, wall: WallClock) -> str:
    """Return what ``schedule`` asks for at a Unix time."""
    shown = wall(unix_s)
    return asked_for(schedule, shown.weekday(), shown.hour * 60 + shown.minute)


def next_edge(schedule: Schedule, after_s: float, wall: WallClock, *, within_s: float = LOOKS_AHEAD_S) -> int | None:
    """Return the Unix time (whole seconds) after ``after_s`` from which ``schedule`` asks for something else than it
    does at ``after_s``; ``None`` if it does not within ``within_s``, which by default is as good as never."""
    if all(rule.do == schedule.otherwise for rule in schedule.rules):
        return None  # whatever the time: an agent's first look goes back to 1970
    starts = [minute * 60 for minute in boundaries(schedule)]
    now = asked_at(schedule, after_s, wall)
    at = int(after_s // 1)
    end = after_s + within_s
    while (at := _next_moment(starts, at, wall, end)) <= end:
        if asked_at(schedule, at, wall) != now:
            return at
    return None


def _next_moment(starts: list[int], at: int, wall: WallClock, end: float) -> int:
    """Return the next moment at which anything may change: the wall clock reaches one of ``starts`` (seconds of the
    day), or it jumps; at the latest one after ``end``."""
    shown = wall(at)
    second = shown.hour * _HOUR_S + shown.minute * 60 + shown.second
    later = bisect_right(starts, second)
    reaches = at + ((starts[later] if later < len(starts) else _DAY_S) - second)
    reaches = min(reaches, int(end) + 1)
    before = at
    while before < reaches:
        then = min(before + _HOUR_S, reaches)
        if _offset_s(then, wall) != _offset_s(before, wall):
            return _jump_between(before, then, wall)
        before = then
    return reaches


def _jump_between(before: int, after: int, wall: WallClock) -> int:
    """Return the first second at which the wall clock has been set to another time, between two moments."""
    offset_s = _offset_s(before, wall)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_s(middle, wall) == offset_s:
            before = middle
        else:
            after = middle
    return after


def _offset_s(unix_s: int, wall: WallClock) -> float:
    return (wall(unix_s) - _EPOCH).total_seconds() - unix_s
