"""From entries to rows: shares that survive restarts, times that cannot be, and sums that add up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.history.rollups import (
    COUNTERS_AT_MOST,
    EARLY_AT_MOST_MS,
    HOUR_MS,
    MINUTE_MS,
    Floors,
    JournalState,
    MinerRollup,
    RigRollup,
    Rows,
    rows_of,
)
from miner_ctrl.model.history import JournalEntry, MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import MinerState
from tests.history.journals import NOW_MS, calm, journals

AT = NOW_MS - 20 * HOUR_MS


def counted(seq: int, at_ms: int, *shares: int | None, name: str = "m") -> JournalEntry:
    miners = tuple(
        MinerSample(f"{name}-{number}", MinerState.MINING, "rx/0", 10.0, count, 0)
        for number, count in enumerate(shares)
        if count is not None
    )
    return JournalEntry(seq, Sample(at_ms, miners))


def rows(*entries: JournalEntry, state: JournalState | None = None, floors: Floors | None = None) -> Rows:
    return rows_of(entries, offset_ms=0, state=state or JournalState(), floors=floors or Floors(), now_ms=NOW_MS)


def shares(made: Rows) -> list[int]:
    return [sample.accepted for sample in made.samples]


def test_shares_are_what_came_since_the_sample_before() -> None:
    assert shares(rows(*(counted(seq, AT + seq * 10_000, count) for seq, count in enumerate((5, 5, 7, 12), 1)))) == [
        0, 0, 2, 5,
    ]  # fmt: skip


def test_a_counter_that_begins_anew_counts_from_its_beginning() -> None:
    made = rows(*(counted(seq, AT + seq * 10_000, count) for seq, count in enumerate((100, 103, 2, 4), 1)))
    assert shares(made) == [0, 3, 2, 2]


def test_a_miner_that_is_new_counts_from_0_and_one_that_was_there_before_the_journal_does_not() -> None:
    made = rows(counted(1, AT, 900), counted(2, AT + 10_000, 901, 3), counted(3, AT + 20_000, 901, 4))
    assert [(sample.miner, sample.accepted) for sample in made.samples] == [
        ("m-0", 0), ("m-0", 1), ("m-1", 3), ("m-0", 0), ("m-1", 1),
    ]  # fmt: skip


def test_what_was_found_while_nobody_sampled_is_counted_after_the_hole() -> None:
    made = rows(counted(1, AT, 10), counted(2, AT + 3 * HOUR_MS, 400))
    assert shares(made) == [0, 390]
    assert [sample.covered_ms for sample in made.samples] == [10_000, 10_000], "the hole was not watched"


@pytest.mark.parametrize(
    ("gaps", "covered"),
    [
        ((10_000, 10_000), [10_000, 10_000, 10_000]),
        ((12_000, 10_000), [10_000, 12_000, 10_000]),
        ((60_000, 60_000, 60_000), [10_000, 10_000, 60_000, 60_000]),
        ((10_000, 300_000, 10_000), [10_000, 10_000, 10_000, 10_000]),
        ((10_000, -5_000, 10_000), [10_000, 10_000, 10_000, 10_000]),
        ((0, 10_000), [10_000, 10_000, 10_000]),
    ],
)
def test_a_sample_stands_for_the_time_since_the_one_before(gaps: tuple[int, ...], covered: list[int]) -> None:
    times = [AT + sum(gaps[:count]) for count in range(len(gaps) + 1)]
    made = rows(*(counted(seq, at_ms, 1) for seq, at_ms in enumerate(times, 1)))
    assert [each.covered_ms for each in made.rounds] == covered


def test_what_cannot_be_a_reading_is_none() -> None:
    bad = (math.nan, math.inf, -math.inf, 1e300, -1e300)
    miners = tuple(MinerSample(f"m-{n}", MinerState.MINING, "", v, 0, 0, v, v) for n, v in enumerate(bad))
    made = rows(
        JournalEntry(1, Sample(AT, (*miners, MinerSample("m-9", MinerState.MINING, "", -5.0)), math.nan, math.inf))
    )
    assert all((each.hashrate, each.temperature, each.power) == (None, None, None) for each in made.samples)
    assert (made.rounds[0].cpu_temperature, made.rounds[0].power) == (None, None)
    assert all(rollup.hashrate_n == 0 and rollup.hashes == 0.0 for rollup in made.minutes.values())


def test_old_samples_go_into_the_roll_ups_that_still_have_their_time() -> None:
    floors = Floors(samples=AT, minutes=AT - HOUR_MS * 2, hours=AT - HOUR_MS * 5, events=AT)
    made = rows(
        counted(1, AT - HOUR_MS * 6, 1),
        counted(2, AT - HOUR_MS * 4, 2),
        counted(3, AT - HOUR_MS, 4),
        counted(4, AT, 8),
        JournalEntry(5, RigEvent(at_ms=AT - 1, kind="old")),
        JournalEntry(6, RigEvent(at_ms=AT, kind="young")),
        floors=floors,
    )
    assert [sample.seq for sample in made.samples] == [4]
    assert sorted(rollup.accepted for rollup in made.minutes.values()) == [2, 4]
    assert sorted(rollup.accepted for rollup in made.hours.values()) == [1, 2, 4]
    assert [event.kind for event in made.events] == ["young"]
    assert made.untimely == 1


def test_a_sample_from_the_future_adds_nothing_and_an_event_from_there_happened_by_now() -> None:
    made = rows(
        counted(1, AT, 1),
        counted(2, NOW_MS + EARLY_AT_MOST_MS + 1, 2),
        JournalEntry(3, RigEvent(at_ms=2**52, kind="far")),
        counted(4, NOW_MS + EARLY_AT_MOST_MS, 5),
    )
    assert [sample.seq for sample in made.samples] == [1, 4]
    assert made.untimely == 1
    assert [(event.kind, event.at_ms) for event in made.events] == [("far", NOW_MS)]


def test_what_is_known_of_a_journal_does_not_grow_without_end() -> None:
    many = tuple(counted(seq, AT + seq * 1000, 1, name=f"x{seq}") for seq in range(1, COUNTERS_AT_MOST * 2))
    state = rows(*many).state
    assert len(state.counters) == COUNTERS_AT_MOST
    assert f"x{COUNTERS_AT_MOST * 2 - 1}-0" in state.counters


def same(one: MinerRollup | RigRollup, other: MinerRollup | RigRollup) -> bool:
    return all(
        left == right or (left is not None and right is not None and math.isclose(left, right, rel_tol=1e-9))
        for left, right in ((getattr(one, field), getattr(other, field)) for field in type(one).__struct_fields__)
    )


def summed(made: list[Rows], which: str) -> dict[tuple[object, ...] | int, MinerRollup | RigRollup]:
    """What a store has after adding all of them: rows with one key added up."""
    total: dict[tuple[object, ...] | int, MinerRollup | RigRollup] = {}
    for rows_ in made:
        for key, rollup in getattr(rows_, which).items():
            total.setdefault(key, type(rollup)()).add(rollup)
    return total


@calm
@given(journals(start_ms=AT), st.data())
def test_whatever_parts_a_journal_comes_in_the_sums_are_the_same(
    entries: tuple[JournalEntry, ...], data: st.DataObject
) -> None:
    whole = rows(*entries)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(entries)), max_size=5)))
    made, state = [], JournalState()
    for begin, end in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        made.append(rows(*entries[begin:end], state=state))
        state = made[-1].state
    assert [each for rows_ in made for each in rows_.samples] == whole.samples
    assert [each for rows_ in made for each in rows_.rounds] == whole.rounds
    for which in ("minutes", "hours", "rig_minutes", "rig_hours"):
        expected, found = getattr(whole, which), summed(made, which)
        assert found.keys() == expected.keys()
        assert all(same(found[key], expected[key]) for key in expected)


@calm
@given(journals(start_ms=AT))
def test_minutes_and_hours_say_the_same_as_the_samples(entries: tuple[JournalEntry, ...]) -> None:
    made = rows(*entries)
    for width, which in ((MINUTE_MS, made.minutes), (HOUR_MS, made.hours)):
        for (name, at_ms, algorithm), rollup in which.items():
            within = [
                each
                for each in made.samples
                if (each.miner, each.at_ms - each.at_ms % width, each.algorithm) == (name, at_ms, algorithm)
            ]
            rates = [each.hashrate for each in within if each.hashrate is not None]
            assert rollup.accepted == sum(each.accepted for each in within)
            assert rollup.rejected == sum(each.rejected for each in within)
            assert rollup.mining + rollup.paused + rollup.down == len(within)
            assert rollup.hashrate_n == len(rates)
            assert math.isclose(rollup.hashrate_sum, math.fsum(rates), rel_tol=1e-9, abs_tol=1e-9)
            assert (rollup.hashrate_min, rollup.hashrate_max) == (min(rates, default=None), max(rates, default=None))
        assert sum(rollup.accepted for rollup in which.values()) == sum(each.accepted for each in made.samples)
