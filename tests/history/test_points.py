"""From rows to points: never more than asked for, the same total and mean from each table, gaps that stay gaps."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput
from miner_ctrl.history.points import (
    DAY_MS,
    FleetBucket,
    MinerBucket,
    RigBucket,
    Span,
    Table,
    fleet_hashrates,
    miner_points,
    online_line,
    plan,
    rig_hashrates,
    share_lines,
    state_lines,
    temperature_lines,
)
from miner_ctrl.history.rollups import (
    HOUR_MS,
    MINUTE_MS,
    FleetRollup,
    Floors,
    JournalState,
    MinerRollup,
    RigRollup,
    Rows,
    rows_of,
)
from miner_ctrl.model.history import JournalEntry
from tests.history.journals import NOW_MS, calm, journals, samples_of

FLOORS = Floors(samples=NOW_MS - DAY_MS, minutes=NOW_MS - 30 * DAY_MS, hours=NOW_MS - 730 * DAY_MS)
RESOLUTION = {Table.SAMPLES: 1, Table.MINUTES: MINUTE_MS, Table.HOURS: HOUR_MS}


@calm
@given(
    since=st.integers(0, NOW_MS - 1), length=st.integers(1, 800 * DAY_MS), points=st.integers(1, 2000),
    every=st.sampled_from((0, 1_000, 10_000, 600_000)), finest=st.sampled_from((Table.SAMPLES, Table.MINUTES)),
)  # fmt: skip
def test_there_are_never_more_points_and_the_table_has_the_whole_range(
    since: int, length: int, points: int, every: int, finest: Table
) -> None:
    until = min(since + length, NOW_MS)
    span = plan(since, until, points, FLOORS, every_ms=every, finest=finest)
    times = span.times()
    assert 1 <= len(times) <= points
    assert all(at_ms % span.step_ms == 0 for at_ms in (times[0], times[-1]))
    first = max(since, min(FLOORS.hours, until - 1))
    assert times[0] <= first < times[0] + span.step_ms
    assert times[-1] < until <= times[-1] + span.step_ms
    assert span.step_ms % RESOLUTION[span.table] == 0
    assert span.step_ms >= 2 * every
    has_from = {Table.SAMPLES: FLOORS.samples, Table.MINUTES: FLOORS.minutes, Table.HOURS: 0}
    assert span.since_ms >= has_from[span.table]
    coarser = [table for table in Table if RESOLUTION[table] > RESOLUTION[span.table]]
    assert not any(span.step_ms % RESOLUTION[table] == 0 for table in coarser), "the coarsest that has the step"


@pytest.mark.parametrize(
    ("ago", "points", "table", "step_ms"),
    [
        (10 * MINUTE_MS, 200, Table.SAMPLES, 20_000),
        (HOUR_MS, 200, Table.SAMPLES, 20_000),
        (HOUR_MS, 20, Table.MINUTES, 4 * MINUTE_MS),
        (23 * HOUR_MS, 200, Table.MINUTES, 8 * MINUTE_MS),
        (DAY_MS, 200, Table.MINUTES, 8 * MINUTE_MS),
        (DAY_MS, 2000, Table.MINUTES, MINUTE_MS),
        (25 * HOUR_MS, 2000, Table.MINUTES, MINUTE_MS),
        (29 * DAY_MS, 200, Table.HOURS, 4 * HOUR_MS),
        (40 * DAY_MS, 2000, Table.HOURS, HOUR_MS),
        (700 * DAY_MS, 200, Table.HOURS, 4 * DAY_MS),
    ],
)
def test_the_coarsest_table_that_still_has_the_points_answers(
    ago: int, points: int, table: Table, step_ms: int
) -> None:
    span = plan(NOW_MS - ago, NOW_MS, points, FLOORS, every_ms=10_000)
    assert (span.table, span.step_ms) == (table, step_ms)


def test_a_time_that_ends_before_it_begins_is_refused() -> None:
    for until in (NOW_MS, NOW_MS - 1):
        with pytest.raises(BadInput, match="after it begins"):
            plan(NOW_MS, until, 200, FLOORS)


def made_of(entries: tuple[JournalEntry, ...]) -> Rows:
    return rows_of(entries, offset_ms=0, state=JournalState(), floors=Floors(), now_ms=NOW_MS)


def rollups_of(made: Rows, table: Table) -> Iterable[tuple[str, int, str, MinerRollup]]:
    """A store's rows of one table."""
    if table is not Table.SAMPLES:
        for (name, at_ms, algorithm), rollup in (made.minutes if table is Table.MINUTES else made.hours).items():
            yield name, at_ms, algorithm, rollup
        return
    for each in made.samples:
        rate = each.hashrate
        yield each.miner, each.at_ms, each.algorithm, MinerRollup(
            hashrate_n=int(rate is not None),
            hashrate_sum=rate or 0.0,
            hashrate_min=rate,
            hashrate_max=rate,
            hashes=(rate or 0.0) * each.covered_ms / 1000,
            accepted=each.accepted,
            rejected=each.rejected,
        )  # fmt: skip


def miners_of(made: Rows, span: Span) -> list[MinerBucket]:
    return [
        MinerBucket(at_ms - at_ms % span.step_ms, name, algorithm, rollup)
        for name, at_ms, algorithm, rollup in rollups_of(made, span.table)
        if span.since_ms <= at_ms < span.until_ms
    ]


def rig_of(made: Rows, span: Span) -> list[RigBucket]:
    if span.table is Table.SAMPLES:
        rows = {(each.at_ms, each.seq): RigRollup(1, each.covered_ms) for each in made.rounds}
        found = [(at_ms, rollup) for (at_ms, _), rollup in rows.items()]
    else:
        found = list((made.rig_minutes if span.table is Table.MINUTES else made.rig_hours).items())
    return [
        RigBucket(at_ms - at_ms % span.step_ms, rollup)
        for at_ms, rollup in found
        if span.since_ms <= at_ms < span.until_ms
    ]


START = NOW_MS - NOW_MS % DAY_MS - 60 * DAY_MS


@calm
@given(journals(start_ms=START), st.sampled_from((HOUR_MS, 2 * HOUR_MS, 6 * HOUR_MS, DAY_MS)))
def test_each_table_gives_the_same_shares_and_the_same_means(entries: tuple[JournalEntry, ...], step_ms: int) -> None:
    made = made_of(entries)
    spans = [Span(table, START, START + 10 * DAY_MS, step_ms) for table in Table]
    totals = [share_lines(span, miners_of(made, span), rig_of(made, span)) for span in spans]
    assert totals[0] == totals[1] == totals[2]
    accepted = sum(value or 0 for value in totals[0]["accepted"])
    assert accepted == sum(each.accepted for each in made.samples)
    for name in ("m-1", "m-2", "m-3"):
        lines = [miner_points(span, [each for each in miners_of(made, span) if each.miner == name]) for span in spans]
        for points in zip(*lines, strict=True):
            assert len({(point.at_ms, point.algorithm, point.least, point.most) for point in points}) == 1
            assert _close([point.hashrate for point in points])
    rates = [rig_hashrates(span, miners_of(made, span), rig_of(made, span)) for span in spans]
    assert rates[0].keys() == rates[1].keys() == rates[2].keys()
    for algorithm in rates[0]:
        for values in zip(*(rate[algorithm] for rate in rates), strict=True):
            assert _close(values)


def _close(values: Iterable[float | None]) -> bool:
    known = list(values)
    if None in known:
        return known == [None] * len(known)
    return all(math.isclose(value or 0.0, known[0] or 0.0, rel_tol=1e-9, abs_tol=1e-6) for value in known)


@calm
@given(st.integers(1, 40), st.integers(1, 40))
def test_the_mean_over_everything_is_that_of_its_points_weighted_by_their_samples(one: int, other: int) -> None:
    assume(one != other)
    made = made_of(
        tuple(
            JournalEntry(seq, each.what)
            for seq, each in enumerate(
                (
                    *samples_of(START, 10_000, one, hashrate=100.0),
                    *samples_of(START + HOUR_MS, 10_000, other, hashrate=300.0),
                ),
                1,
            )
        )
    )
    span = Span(Table.MINUTES, START, START + DAY_MS, DAY_MS)
    [point] = miner_points(span, miners_of(made, span))
    assert point.hashrate == pytest.approx((100.0 * one + 300.0 * other) / (one + other))


def test_a_bucket_without_data_is_a_gap_and_no_value_is_carried_on() -> None:
    entries = (*samples_of(START, 10_000, 60),)
    made = made_of(entries)
    span = Span(Table.MINUTES, START, START + HOUR_MS, 5 * MINUTE_MS)
    values = [point.hashrate for point in miner_points(span, miners_of(made, span))]
    assert values == [100.0, 100.0, *[None] * 10]
    assert rig_hashrates(span, miners_of(made, span), rig_of(made, span)) == {"rx/0": [100.0, 100.0, *[None] * 10]}
    assert temperature_lines(span, miners_of(made, span), rig_of(made, span))["cpu"][2:] == [None] * 10
    assert state_lines(span, miners_of(made, span))["mining"] == [1.0, 1.0, *[None] * 10]


def test_hashrates_of_two_algorithms_are_never_added_up() -> None:
    span = Span(Table.MINUTES, START, START + 2 * MINUTE_MS, MINUTE_MS)
    miners = [
        MinerBucket(START, "cpu", "rx/0", MinerRollup(hashrate_n=6, hashrate_sum=600.0, hashes=6_000.0)),
        MinerBucket(START, "gpu", "kawpow", MinerRollup(hashrate_n=6, hashrate_sum=6e7, hashes=6e8)),
        MinerBucket(START, "gpu-2", "kawpow", MinerRollup(hashrate_n=3, hashrate_sum=3e7, hashes=3e8)),
        MinerBucket(START, "idle", "", MinerRollup(down=6)),
    ]
    rig = [RigBucket(START, RigRollup(6, 60_000)), RigBucket(START + MINUTE_MS, RigRollup(6, 60_000))]
    assert rig_hashrates(span, miners, rig) == {"kawpow": [1.5e7, 0.0], "rx/0": [100.0, 0.0]}
    [first, second] = miner_points(span, miners[:2])
    assert (first.algorithm, first.hashrate, second.hashrate) == ("rx/0", 100.0, None)


def test_a_rig_that_was_off_for_half_of_the_time_counts_for_half_in_the_fleet() -> None:
    span = Span(Table.HOURS, START, START + 3 * HOUR_MS, HOUR_MS)
    buckets = [
        FleetBucket(START, "rx/0", FleetRollup(hashes=100.0 * 3600)),
        FleetBucket(START, "rx/0", FleetRollup(hashes=100.0 * 1800)),
        FleetBucket(START + 2 * HOUR_MS, "rx/0", FleetRollup(hashes=100.0 * 900)),
    ]
    until = START + 2 * HOUR_MS + HOUR_MS // 4
    assert fleet_hashrates(span, buckets, until_ms=until) == {"rx/0": [150.0, None, 100.0]}


def test_online_is_the_part_of_each_bucket_and_unknown_before_anything_was_noted() -> None:
    span = Span(Table.MINUTES, 0, 5 * MINUTE_MS, MINUTE_MS)
    line = online_line(
        span,
        [(MINUTE_MS, 2 * MINUTE_MS + 30_000), (4 * MINUTE_MS + 15_000, 5 * MINUTE_MS)],
        known_from_ms=MINUTE_MS,
        until_ms=4 * MINUTE_MS + 30_000,
    )
    assert line == [None, 1.0, 0.5, 0.0, 0.5]
