"""From rows to at most so many points: which table answers which part of a range, and what a chart is drawn of. Pure.

A bucket begins at a multiple of the step, on every table the same. One that nothing is known of has the value ``None``:
a chart breaks there, and no old value is carried on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from miner_ctrl.errors import BadInput
from miner_ctrl.history.rollups import HOUR_MS, MINUTE_MS, FleetRollup, Floors, MinerRollup, RigRollup

DAY_MS = 24 * HOUR_MS
_SECONDS = (10, 15, 20, 30)
_MINUTES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30)
_HOURS = (1, 2, 3, 4, 6, 8, 12)
_STEPS_MS = (
    *(count * 1000 for count in _SECONDS),
    *(count * MINUTE_MS for count in _MINUTES),
    *(count * HOUR_MS for count in _HOURS),
)
"""Steps below a day; above they are whole days."""


class Table(StrEnum):
    """Where rows come from, the finest first."""

    SAMPLES = "samples"
    MINUTES = "minutes"
    HOURS = "hours"


_RESOLUTION_MS = {Table.SAMPLES: 1, Table.MINUTES: MINUTE_MS, Table.HOURS: HOUR_MS}


class Span(NamedTuple):
    """Rows of one table from ``since_ms`` to before ``until_ms``, to be added up in buckets of ``step_ms``. A bucket
    begins at a multiple of it, as ``since_ms`` does."""

    table: Table
    since_ms: int
    until_ms: int
    step_ms: int

    def times(self) -> range:
        """Return where the buckets begin."""
        return range(self.since_ms, self.until_ms, self.step_ms)


class MinerBucket(NamedTuple):
    """One miner on one algorithm in the bucket that begins at ``at_ms``."""

    at_ms: int
    miner: str
    algorithm: str
    rollup: MinerRollup


class RigBucket(NamedTuple):
    """A rig in the bucket that begins at ``at_ms``."""

    at_ms: int
    rollup: RigRollup


class FleetBucket(NamedTuple):
    """All rigs on one algorithm in the bucket that begins at ``at_ms``."""

    at_ms: int
    algorithm: str
    rollup: FleetRollup


class MinerPoint(NamedTuple):
    """A miner's hashrate over one bucket; of several algorithms the one it mined for most of it."""

    at_ms: int
    hashrate: float | None
    least: float | None = None
    most: float | None = None
    algorithm: str = ""


Line = list[float | None]


def plan(
    since_ms: int, until_ms: int, points: int, floors: Floors, *, every_ms: int = 0, finest: Table = Table.SAMPLES
) -> Span:
    """Return what answers the range in at most ``points`` buckets.

    The step is the shortest usual one that is long enough, and that a table has which reaches back to ``since_ms``;
    the coarsest table that has this step answers all of the range. ``every_ms`` is the time between samples: no step
    is shorter than two of them, so that only what is missing is a gap.

    Raises:
        BadInput: the range ends before it begins.
    """
    if until_ms <= since_ms:
        raise BadInput(
            "The time has to end after it begins: until is not after since.",
            suggestion="Give since and until as Unix time in ms, RFC 3339, or as how long ago, such as 24h.",
            code="BAD_TIME",
        )
    since_ms = max(since_ms, min(floors.hours, until_ms - 1))
    complete_from = {Table.SAMPLES: floors.samples, Table.MINUTES: floors.minutes, Table.HOURS: 0}
    least_ms = max(2 * every_ms, _RESOLUTION_MS[finest])
    step_ms = _step(since_ms, until_ms, points, least_ms)
    for table in Table:  # the finest first
        if since_ms - since_ms % max(step_ms, _RESOLUTION_MS[table]) >= complete_from[table]:
            step_ms = _step(since_ms, until_ms, points, max(least_ms, _RESOLUTION_MS[table]))
            break
    answers = [table for table in Table if step_ms % _RESOLUTION_MS[table] == 0][-1]
    return Span(answers, since_ms - since_ms % step_ms, until_ms, step_ms)


def _step(since_ms: int, until_ms: int, points: int, least_ms: int) -> int:
    def buckets(step_ms: int) -> int:
        return (until_ms - 1) // step_ms - since_ms // step_ms + 1

    for step_ms in _STEPS_MS:
        if step_ms >= least_ms and buckets(step_ms) <= points:
            return step_ms
    days = max(1, (until_ms - since_ms) // (points * DAY_MS))
    while buckets(days * DAY_MS) > points:
        days += max(1, days // 16)
    return days * DAY_MS


def miner_points(wanted: Span, buckets: Iterable[MinerBucket]) -> list[MinerPoint]:
    """Return one miner's points: the mean of the samples that had a hashrate, with the least and the most."""
    found: dict[int, dict[str, MinerRollup]] = {}
    for at_ms, _, algorithm, rollup in buckets:
        found.setdefault(at_ms, {}).setdefault(algorithm, MinerRollup()).add(rollup)
    points = []
    for at_ms in wanted.times():
        known = found.get(at_ms, {})
        algorithm = max(known, key=lambda name: (known[name].hashrate_n, name), default="")
        rollup = known.get(algorithm, MinerRollup())
        mean = mean_of(rollup.hashrate_sum, rollup.hashrate_n)
        points.append(MinerPoint(at_ms, mean, rollup.hashrate_min, rollup.hashrate_max, algorithm))
    return points


def rig_hashrates(wanted: Span, miners: Iterable[MinerBucket], rig: Iterable[RigBucket]) -> dict[str, Line]:
    """Return a line for each algorithm: the hashes of all its miners over the time that the rig was watched.

    While the rig was watched and nothing mined the algorithm, that is 0; while it was not watched, nobody knows.
    """
    covered = _covered(rig)
    hashes: dict[str, dict[int, float]] = {}
    for at_ms, _, algorithm, rollup in miners:
        line = hashes.setdefault(algorithm, {})
        line[at_ms] = line.get(at_ms, 0.0) + rollup.hashes
    return {
        algorithm: [
            line.get(at_ms, 0.0) * 1000 / covered[at_ms] if covered.get(at_ms) else None for at_ms in wanted.times()
        ]
        for algorithm, line in sorted(hashes.items())
        if algorithm or any(line.values())
    }


def fleet_hashrates(wanted: Span, buckets: Iterable[FleetBucket], *, until_ms: int) -> dict[str, Line]:
    """Return a line for each algorithm: the hashes of all rigs over the time of the bucket, of the last one as far as
    ``until_ms``. A rig that was off for a part of it counts for the other part; a bucket of which no rig says
    anything is a gap."""
    hashes: dict[str, dict[int, float]] = {}
    for at_ms, algorithm, rollup in buckets:
        line = hashes.setdefault(algorithm, {})
        line[at_ms] = line.get(at_ms, 0.0) + rollup.hashes
    known = {at_ms for line in hashes.values() for at_ms in line}

    def rate(line: Mapping[int, float], at_ms: int) -> float | None:
        lasted_ms = min(at_ms + wanted.step_ms, until_ms) - at_ms
        return line.get(at_ms, 0.0) * 1000 / lasted_ms if at_ms in known and lasted_ms > 0 else None

    return {
        algorithm: [rate(line, at_ms) for at_ms in wanted.times()]
        for algorithm, line in sorted(hashes.items())
        if algorithm or any(line.values())
    }


def share_lines(wanted: Span, miners: Iterable[MinerBucket], rig: Iterable[RigBucket]) -> dict[str, Line]:
    """Return the shares of a rig's miners in each bucket: ``accepted`` and ``rejected``."""
    covered = _covered(rig)
    accepted: dict[int, int] = {}
    rejected: dict[int, int] = {}
    for at_ms, _, _, rollup in miners:
        accepted[at_ms] = accepted.get(at_ms, 0) + rollup.accepted
        rejected[at_ms] = rejected.get(at_ms, 0) + rollup.rejected
    return {
        name: [float(counts.get(at_ms, 0)) if covered.get(at_ms) else None for at_ms in wanted.times()]
        for name, counts in (("accepted", accepted), ("rejected", rejected))
    }


def state_lines(wanted: Span, miners: Iterable[MinerBucket]) -> dict[str, Line]:
    """Return which part of the miners' time (0 to 1) they were mining, paused and down."""
    counts: dict[int, list[int]] = {}
    for at_ms, _, _, rollup in miners:
        each = counts.setdefault(at_ms, [0, 0, 0])
        each[0] += rollup.mining
        each[1] += rollup.paused
        each[2] += rollup.down
    return {
        name: [
            counts[at_ms][index] / sum(counts[at_ms]) if sum(counts.get(at_ms, ())) else None
            for at_ms in wanted.times()
        ]
        for index, name in enumerate(("mining", "paused", "down"))
    }


def temperature_lines(wanted: Span, miners: Iterable[MinerBucket], rig: Iterable[RigBucket]) -> dict[str, Line]:
    """Return the CPU's temperature and that of each miner's hottest device: the mean, and the highest (``… max``)."""
    lines: dict[str, dict[int, float | None]] = {}
    for at_ms, each in _by_time(rig).items():
        lines.setdefault("cpu", {})[at_ms] = mean_of(each.cpu_sum, each.cpu_n)
        lines.setdefault("cpu max", {})[at_ms] = each.cpu_max
    for (at_ms, miner), rollup in _by_miner(miners).items():
        lines.setdefault(miner, {})[at_ms] = mean_of(rollup.temperature_sum, rollup.temperature_n)
        lines.setdefault(f"{miner} max", {})[at_ms] = rollup.temperature_max
    return _filled(wanted, lines)


def power_lines(wanted: Span, miners: Iterable[MinerBucket], rig: Iterable[RigBucket]) -> dict[str, Line]:
    """Return the mean power of the rig as far as its sensors say, and of each miner, in W."""
    lines: dict[str, dict[int, float | None]] = {}
    for at_ms, each in _by_time(rig).items():
        lines.setdefault("rig", {})[at_ms] = mean_of(each.power_sum, each.power_n)
    for (at_ms, miner), rollup in _by_miner(miners).items():
        lines.setdefault(miner, {})[at_ms] = mean_of(rollup.power_sum, rollup.power_n)
    return _filled(wanted, lines)


def online_line(wanted: Span, intervals: Sequence[tuple[int, int]], *, known_from_ms: int, until_ms: int) -> Line:
    """Return which part of each bucket (0 to 1) lies within ``intervals``; ``None`` before ``known_from_ms``."""
    line: Line = []
    for at_ms in wanted.times():
        since, until = max(at_ms, known_from_ms), min(at_ms + wanted.step_ms, until_ms)
        if until <= since:
            line.append(None)
            continue
        within = sum(max(0, min(until, end) - max(since, begin)) for begin, end in intervals)
        line.append(min(1.0, within / (until - since)))
    return line


def mean_of(total: float, count: int) -> float | None:
    """Return the mean of ``count`` values, if there were any."""
    return total / count if count else None


def _covered(rig: Iterable[RigBucket]) -> dict[int, int]:
    return {at_ms: each.covered_ms for at_ms, each in _by_time(rig).items()}


def _by_time(rig: Iterable[RigBucket]) -> dict[int, RigRollup]:
    found: dict[int, RigRollup] = {}
    for at_ms, rollup in rig:
        found.setdefault(at_ms, RigRollup()).add(rollup)
    return found


def _by_miner(miners: Iterable[MinerBucket]) -> dict[tuple[int, str], MinerRollup]:
    found: dict[tuple[int, str], MinerRollup] = {}
    for at_ms, miner, _, rollup in miners:
        found.setdefault((at_ms, miner), MinerRollup()).add(rollup)
    return found


def _filled(wanted: Span, lines: Mapping[str, Mapping[int, float | None]]) -> dict[str, Line]:
    return {
        name: [line.get(at_ms) for at_ms in wanted.times()]
        for name, line in lines.items()
        if any(value is not None for value in line.values())
    }
