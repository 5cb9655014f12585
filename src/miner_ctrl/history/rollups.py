"""From a rig's entries to rows: raw samples, and what they add to minutes and hours. Pure.

What a row counts can be added up: an hour's is the sum of its minutes', whatever order they were stored in. So that a
mean stays a mean, sums come with how many values they are of, and hashes (hashrate times the time a sample stands for)
with the time the rig was watched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from miner_ctrl.history.parts import kept_text, texts_of
from miner_ctrl.model.history import HistorySettings, JournalEntry, MinerSample, Sample
from miner_ctrl.model.miners import MinerState

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
UNUSUAL = 2.5
"""A sample that comes later than this many usual intervals comes after a hole, and stands for one interval."""
FIRST_EVERY_MS = 10_000
LONGEST_EVERY_MS = 600_000
EARLY_AT_MOST_MS = 300_000
"""A sample that is said to be from later than this from now on was taken by a clock that was wrong: it is no sample of
any time that is known."""
COUNTERS_AT_MOST = 256
SHARES_AT_MOST = 10**9
"""More shares than this between two samples no miner finds."""
MOST = 1e15
"""No number of a rig's is taken for one above this."""


class Floors(msgspec.Struct, frozen=True):
    """From when on (Unix, ms) each table has everything; what is older was left to the next one, or let go."""

    samples: int = 0
    minutes: int = 0
    hours: int = 0
    events: int = 0


def floors_of(kept: Floors, settings: HistorySettings, now_ms: int) -> Floors:
    """Return from when on each table has everything: what the settings say, but not before what was let go already."""
    return Floors(
        samples=max(kept.samples, now_ms - int(settings.samples_hours * HOUR_MS)),
        minutes=max(kept.minutes, now_ms - int(settings.minutes_days * 24 * HOUR_MS)),
        hours=max(kept.hours, now_ms - int(settings.hours_days * 24 * HOUR_MS)),
        events=max(kept.events, now_ms - int(settings.events_days * 24 * HOUR_MS)),
    )


class JournalState(msgspec.Struct, frozen=True, array_like=True):
    """What has to be known of a journal's entries so far to make rows of the next ones.

    ``at_ms`` is its newest sample's time on the rig's clock (0: none yet), ``every_ms`` the time between its last two;
    ``counters`` the shares, accepted and rejected, that each miner counted when it was last seen.
    """

    at_ms: int = 0
    every_ms: int = FIRST_EVERY_MS
    counters: dict[str, tuple[int, int]] = {}


class MinerRollup(msgspec.Struct):
    """What is known of one miner on one algorithm over a time. ``mining``, ``paused`` and ``down`` count samples, each
    ``_n`` the values that its sums are of; ``accepted`` and ``rejected`` are shares since the sample before."""

    mining: int = 0
    paused: int = 0
    down: int = 0
    hashrate_n: int = 0
    hashrate_sum: float = 0.0
    hashrate_min: float | None = None
    hashrate_max: float | None = None
    hashes: float = 0.0
    accepted: int = 0
    rejected: int = 0
    temperature_n: int = 0
    temperature_sum: float = 0.0
    temperature_max: float | None = None
    power_n: int = 0
    power_sum: float = 0.0

    def add(self, other: MinerRollup) -> None:
        """Count what ``other`` counts too."""
        self.mining += other.mining
        self.paused += other.paused
        self.down += other.down
        self.hashrate_n += other.hashrate_n
        self.hashrate_sum += other.hashrate_sum
        self.hashrate_min = _least(self.hashrate_min, other.hashrate_min)
        self.hashrate_max = _most(self.hashrate_max, other.hashrate_max)
        self.hashes += other.hashes
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.temperature_n += other.temperature_n
        self.temperature_sum += other.temperature_sum
        self.temperature_max = _most(self.temperature_max, other.temperature_max)
        self.power_n += other.power_n
        self.power_sum += other.power_sum


class RigRollup(msgspec.Struct):
    """What is known of a rig over a time: ``rounds`` of samples, that stand for ``covered_ms``."""

    rounds: int = 0
    covered_ms: int = 0
    cpu_n: int = 0
    cpu_sum: float = 0.0
    cpu_max: float | None = None
    power_n: int = 0
    power_sum: float = 0.0

    def add(self, other: RigRollup) -> None:
        """Count what ``other`` counts too."""
        self.rounds += other.rounds
        self.covered_ms += other.covered_ms
        self.cpu_n += other.cpu_n
        self.cpu_sum += other.cpu_sum
        self.cpu_max = _most(self.cpu_max, other.cpu_max)
        self.power_n += other.power_n
        self.power_sum += other.power_sum


class FleetRollup(msgspec.Struct):
    """What all rigs together did on one algorithm over a time."""

    hashes: float = 0.0
    accepted: int = 0
    rejected: int = 0

    def add(self, other: FleetRollup) -> None:
        """Count what ``other`` counts too."""
        self.hashes += other.hashes
        self.accepted += other.accepted
        self.rejected += other.rejected


class SampleRow(NamedTuple):
    """One miner at one moment. ``at_ms`` is on this node's clock, as everywhere here."""

    miner: str
    at_ms: int
    seq: int
    offset_ms: int
    covered_ms: int
    state: str
    algorithm: str
    hashrate: float | None
    accepted: int
    rejected: int
    temperature: float | None
    power: float | None


class RigSampleRow(NamedTuple):
    """One rig at one moment."""

    at_ms: int
    seq: int
    offset_ms: int
    covered_ms: int
    cpu_temperature: float | None
    power: float | None


class EventRow(NamedTuple):
    """Something that happened."""

    at_ms: int
    seq: int
    offset_ms: int
    kind: str
    miner: str
    who: str
    text: str


MinerKey = tuple[str, int, str]
"""A miner's name, the start of its minute or hour, and the algorithm."""


class Rows(msgspec.Struct):
    """Everything that the entries of one part add, and the state that goes with it. ``untimely`` counts the samples
    that nothing was made of."""

    samples: list[SampleRow]
    rounds: list[RigSampleRow]
    minutes: dict[MinerKey, MinerRollup]
    hours: dict[MinerKey, MinerRollup]
    rig_minutes: dict[int, RigRollup]
    rig_hours: dict[int, RigRollup]
    events: list[EventRow]
    state: JournalState
    untimely: int = 0

    def fleet(self, rollups: dict[MinerKey, MinerRollup]) -> dict[tuple[int, str], FleetRollup]:
        """Return what ``rollups`` (``minutes`` or ``hours``) add to the fleet's: by start and algorithm."""
        found: dict[tuple[int, str], FleetRollup] = {}
        for (_, at_ms, algorithm), each in rollups.items():
            total = found.setdefault((at_ms, algorithm), FleetRollup())
            total.add(FleetRollup(each.hashes, each.accepted, each.rejected))
        return found


def rows_of(
    entries: Iterable[JournalEntry], *, offset_ms: int, state: JournalState, floors: Floors, now_ms: int
) -> Rows:
    """Return what ``entries``, which follow each other in one journal of ``state``, add to the tables.

    ``offset_ms``: this node's clock minus the rig's. What is older than a table's floor adds nothing to that table; a
    sample from the future adds nothing at all; an event from the future happened by now.
    """
    rows = Rows([], [], {}, {}, {}, {}, [], state)
    counters = dict(state.counters)
    last_ms, every_ms = state.at_ms, state.every_ms
    for entry in entries:
        what, seq = entry.what, entry.seq
        at_ms = what.at_ms + offset_ms
        if not isinstance(what, Sample):
            at_ms = max(0, min(at_ms, now_ms))
            if at_ms >= floors.events:
                rows.events.append(EventRow(at_ms, seq, offset_ms, *texts_of(what)))
            continue
        gap_ms = what.at_ms - last_ms
        covered_ms = gap_ms if last_ms and 0 < gap_ms <= every_ms * UNUSUAL else every_ms
        if last_ms and gap_ms > 0:
            every_ms = min(gap_ms, LONGEST_EVERY_MS)
        grown = [_grown(counters, miner, counted=last_ms > 0) for miner in what.miners]
        last_ms = max(what.at_ms, 1)
        if at_ms > now_ms + EARLY_AT_MOST_MS or at_ms < floors.hours:
            rows.untimely += 1
            continue
        moment = _Moment(at_ms, seq, offset_ms, covered_ms, at_ms >= floors.samples)
        _round(rows, what, moment)
        for miner, shares in zip(what.miners, grown, strict=True):
            _miner(rows, miner, shares, moment)
    _sum_hours(rows, floors)
    rows.state = JournalState(last_ms, every_ms, dict(list(counters.items())[-COUNTERS_AT_MOST:]))
    return rows


class _Moment(NamedTuple):
    at_ms: int
    seq: int
    offset_ms: int
    covered_ms: int
    raw: bool
    """Whether it is young enough for the samples."""


def _round(rows: Rows, what: Sample, moment: _Moment) -> None:
    at_ms, seq, offset_ms, covered_ms, raw = moment
    cpu, power = _plausible(what.cpu_temperature_c), _plausible(what.power_w)
    if raw:
        rows.rounds.append(RigSampleRow(at_ms, seq, offset_ms, covered_ms, cpu, power))
    rollup = rows.rig_minutes.get(start := at_ms - at_ms % MINUTE_MS)
    if rollup is None:
        rollup = rows.rig_minutes[start] = RigRollup()
    rollup.rounds += 1
    rollup.covered_ms += covered_ms
    if cpu is not None:
        rollup.cpu_n += 1
        rollup.cpu_sum += cpu
        rollup.cpu_max = _most(rollup.cpu_max, cpu)
    if power is not None:
        rollup.power_n += 1
        rollup.power_sum += power


def _miner(rows: Rows, miner: MinerSample, shares: tuple[int, int], moment: _Moment) -> None:
    at_ms, seq, offset_ms, covered_ms, raw = moment
    accepted, rejected = shares
    algorithm = kept_text(miner.algorithm)
    hashrate, temperature = _plausible(miner.hashrate_hps, least=0.0), _plausible(miner.temperature_c)
    power = _plausible(miner.power_w)
    if raw:
        rows.samples.append(
            SampleRow(
                miner.name, at_ms, seq, offset_ms, covered_ms, miner.state.value, algorithm, hashrate, accepted,
                rejected, temperature, power,
            )
        )  # fmt: skip
    key = (miner.name, at_ms - at_ms % MINUTE_MS, algorithm)
    rollup = rows.minutes.get(key)
    if rollup is None:
        rollup = rows.minutes[key] = MinerRollup()
    if miner.state is MinerState.MINING:
        rollup.mining += 1
    elif miner.state is MinerState.PAUSED:
        rollup.paused += 1
    else:
        rollup.down += 1
    if hashrate is not None:
        rollup.hashrate_n += 1
        rollup.hashrate_sum += hashrate
        rollup.hashrate_min = _least(rollup.hashrate_min, hashrate)
        rollup.hashrate_max = _most(rollup.hashrate_max, hashrate)
        rollup.hashes += hashrate * covered_ms / 1000
    rollup.accepted += accepted
    rollup.rejected += rejected
    if temperature is not None:
        rollup.temperature_n += 1
        rollup.temperature_sum += temperature
        rollup.temperature_max = _most(rollup.temperature_max, temperature)
    if power is not None:
        rollup.power_n += 1
        rollup.power_sum += power


def _sum_hours(rows: Rows, floors: Floors) -> None:
    """Make the hours of the minutes; then forget the minutes that are kept no more."""
    for (name, at_ms, algorithm), minute in rows.minutes.items():
        rows.hours.setdefault((name, at_ms - at_ms % HOUR_MS, algorithm), MinerRollup()).add(minute)
    for at_ms, rig_minute in rows.rig_minutes.items():
        rows.rig_hours.setdefault(at_ms - at_ms % HOUR_MS, RigRollup()).add(rig_minute)
    rows.minutes = {key: each for key, each in rows.minutes.items() if key[1] >= floors.minutes}
    rows.rig_minutes = {at_ms: each for at_ms, each in rows.rig_minutes.items() if at_ms >= floors.minutes}


def _grown(counters: dict[str, tuple[int, int]], miner: MinerSample, *, counted: bool) -> tuple[int, int]:
    """Return the shares since the sample before, and note the counters.

    A counter that fell began anew with its miner. One that is seen for the first time began at 0, but not in the
    first sample of a journal (``counted`` is false): what it counted before may have been told already.
    """
    now = (miner.accepted, miner.rejected)
    before = counters.pop(miner.name, None)
    counters[miner.name] = now
    if before is None:
        before = (0, 0) if counted else now
    elif now[0] < before[0] or now[1] < before[1]:
        before = (0, 0)
    accepted, rejected = now[0] - before[0], now[1] - before[1]
    return (accepted, rejected) if max(accepted, rejected) <= SHARES_AT_MOST else (0, 0)


def _plausible(value: float | None, least: float = -MOST) -> float | None:
    """Return ``value`` if it can be a reading; not what would poison every sum it is added to."""
    return value if value is not None and math.isfinite(value) and least <= value <= MOST else None


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)
