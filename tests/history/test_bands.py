"""A band's letters: what was sampled counts, the rest of a bucket is offline or not known. And that every store reads
the same for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from miner_ctrl.history import HistoryStore
from miner_ctrl.history.bands import StateBucket, band_hashrates, band_states
from miner_ctrl.history.contract import Event
from miner_ctrl.history.points import Span, Table
from miner_ctrl.history.rollups import HOUR_MS, MINUTE_MS
from miner_ctrl.model.history import JournalEntry, MinerSample, OwnEvent, RigEvent, Sample
from miner_ctrl.model.miners import MinerState
from tests.history.journals import NOW_MS, part_of
from tests.history.stores import OpenHistory

RIG, OTHER_RIG, STRANGER = b"\1" * 32, b"\2" * 32, b"\3" * 32
STEP_MS = 10 * MINUTE_MS
SINCE_MS = 600 * STEP_MS
ALL_MS = STEP_MS
Counts = tuple[int, int, int]


def letter(
    counts: Counts = (0, 0, 0), watched_ms: int = ALL_MS, offline: tuple[int, int] | None = None, until_ms: int = 2**53
) -> str:
    """Return what one bucket is told as; ``offline`` is since and until when, from its beginning on."""
    span = Span(Table.MINUTES, SINCE_MS, SINCE_MS + STEP_MS, STEP_MS)
    away = [(SINCE_MS + offline[0], SINCE_MS + offline[1])] if offline else []
    bucket = StateBucket(SINCE_MS, "rx/0", *counts, 0.0)
    return band_states(span, [bucket], {SINCE_MS: watched_ms}, away, until_ms=min(until_ms, SINCE_MS + 10 * STEP_MS))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((60, 0, 0), "m"),
        ((0, 60, 0), "p"),
        ((31, 29, 0), "m"),
        ((29, 31, 0), "p"),
        ((0, 0, 0), "i"),
        ((0, 0, 60), "t"),
        ((46, 0, 14), "m"),
        ((45, 0, 15), "t"),
    ],
)
def test_a_bucket_that_was_watched_is_told_by_its_samples(counts: Counts, expected: str) -> None:
    assert letter(counts) == expected


def test_who_was_offline_for_a_quarter_is_told_as_offline_unless_it_told_of_that_time_later() -> None:
    assert letter((45, 0, 0), watched_ms=3 * STEP_MS // 4, offline=(0, STEP_MS // 4)) == "o"
    assert letter((50, 0, 0), watched_ms=8 * STEP_MS // 10, offline=(0, STEP_MS)) == "m"
    assert letter((60, 0, 0), offline=(0, STEP_MS)) == "m", "it mined while this node did not see it"
    assert letter(watched_ms=0, offline=(0, STEP_MS)) == "o"


def test_what_nobody_knows_is_a_gap() -> None:
    assert letter(watched_ms=0) == "-"
    assert letter((10, 0, 0), watched_ms=STEP_MS // 6) == "-", "most of it is not known"
    assert letter((40, 0, 0), watched_ms=2 * STEP_MS // 3) == "m"


def test_of_the_present_bucket_only_what_has_been_counts() -> None:
    assert letter((10, 0, 0), watched_ms=STEP_MS // 6, until_ms=SINCE_MS + STEP_MS // 5) == "m"
    assert letter(watched_ms=0, until_ms=SINCE_MS - MINUTE_MS) == "-"
    assert letter((3, 0, 0), watched_ms=30_000, until_ms=SINCE_MS - MINUTE_MS) == "m", "told sooner than it had to be"


def test_hashrates_are_by_algorithm_over_the_time_that_was_watched() -> None:
    span = Span(Table.MINUTES, 0, 3 * STEP_MS, STEP_MS)
    miners = [
        StateBucket(0, "rx/0", 60, 0, 0, 600.0),
        StateBucket(0, "rx/0", 60, 0, 0, 300.0),
        StateBucket(STEP_MS, "kawpow", 60, 0, 0, 1200.0),
        StateBucket(STEP_MS, "", 0, 0, 60, 0.0),
    ]
    watched = {0: STEP_MS, STEP_MS: STEP_MS // 2}
    assert band_hashrates(span, miners, watched) == {"kawpow": [0.0, 4.0, None], "rx/0": [1.5, 0.0, None]}


# --- in every store -------------------------------------------------------------------------------------


@pytest.fixture
async def history(open_history: OpenHistory) -> AsyncIterator[HistoryStore]:
    opened = open_history(lambda: NOW_MS)
    yield opened
    await opened.close()


BEGAN_MS = NOW_MS // HOUR_MS * HOUR_MS - 3 * HOUR_MS


def _entry(seq: int, at_ms: int, *miners: MinerSample) -> JournalEntry:
    return JournalEntry(seq, Sample(at_ms, miners))


async def test_a_store_gives_states_times_and_events_of_each_rig(history: HistoryStore) -> None:
    mining = MinerSample("m-1", MinerState.MINING, "rx/0", 100.0)
    other = MinerSample("gpu", MinerState.CRASHED, "kawpow")
    switched = MinerSample("m-1", MinerState.MINING, "rx/wow", 50.0)
    told = [_entry(seq, BEGAN_MS + seq * 10_000, mining, other) for seq in range(1, 61)]
    told += [_entry(seq, BEGAN_MS + seq * 10_000, switched) for seq in range(61, 91)]
    events = [
        JournalEntry(91 + seq, RigEvent(at_ms=BEGAN_MS + seq * 1_000, kind="crashed", miner="gpu", text=f"{seq}"))
        for seq in range(20)
    ]
    await history.add(RIG, part_of((*told, *events)))
    await history.note(
        [
            OwnEvent(at_ms=BEGAN_MS - HOUR_MS, kind="online", peer=RIG),
            OwnEvent(at_ms=BEGAN_MS + HOUR_MS, kind="offline", peer=RIG, text="It went."),
            OwnEvent(at_ms=BEGAN_MS + HOUR_MS, kind="online", peer=OTHER_RIG),
        ]
    )
    span = Span(Table.MINUTES, BEGAN_MS, BEGAN_MS + 2 * HOUR_MS, 5 * MINUTE_MS)
    asked = [STRANGER, RIG, OTHER_RIG]
    none, rig, beside = await history.bands(asked, span, until_ms=NOW_MS, events=10)
    assert (none.miners, none.watched, none.events, none.comings) == ([], {}, [], [])
    by_key = {(bucket.at_ms - BEGAN_MS, bucket.algorithm): bucket for bucket in rig.miners if bucket.mining}
    assert set(by_key) == {
        (0, "rx/0"),
        (5 * MINUTE_MS, "rx/0"),
        (10 * MINUTE_MS, "rx/0"),
        (10 * MINUTE_MS, "rx/wow"),
        (15 * MINUTE_MS, "rx/wow"),
    }
    assert (by_key[0, "rx/0"].mining, by_key[5 * MINUTE_MS, "rx/0"].mining) == (29, 30)
    assert by_key[5 * MINUTE_MS, "rx/0"].hashes == pytest.approx(100.0 * 300)
    assert sum(bucket.down for bucket in rig.miners) == 60
    assert rig.watched[BEGAN_MS + 5 * MINUTE_MS] == 300_000
    assert BEGAN_MS + HOUR_MS not in rig.watched
    assert [(event.kind, event.text) for event in rig.events[:3]] == [
        ("offline", "It went."),
        ("crashed", "19"),
        ("crashed", "18"),
    ]
    assert len(rig.events) == 10
    assert _seen(rig.comings) == [("offline", HOUR_MS, True), ("online", -HOUR_MS, True)]
    assert (beside.miners, _seen(beside.comings)) == ([], [("online", HOUR_MS, True)])
    hours = await history.bands([RIG], span._replace(table=Table.HOURS, step_ms=HOUR_MS), until_ms=NOW_MS, events=1)
    assert sum(bucket.mining for bucket in hours[0].miners) == 90
    assert len(hours[0].events) == 1


def _seen(events: list[Event]) -> list[tuple[str, int, bool]]:
    return [(event.kind, event.at_ms - BEGAN_MS, event.own) for event in events]


async def test_many_rigs_come_in_the_order_they_were_asked_for(history: HistoryStore) -> None:
    rigs = [bytes([number]) * 32 for number in range(1, 36)]
    for number, rig in enumerate(rigs, 1):
        miner = MinerSample("m", MinerState.MINING, "rx/0", float(number))
        await history.add(rig, part_of(tuple(_entry(seq, BEGAN_MS + seq * 10_000, miner) for seq in range(1, 31))))
    span = Span(Table.MINUTES, BEGAN_MS, BEGAN_MS + HOUR_MS, HOUR_MS)
    rigs.reverse()
    found = await history.bands(rigs, span, until_ms=NOW_MS, events=1)
    assert [round(rows.miners[0].hashes / 300) for rows in found] == list(range(35, 0, -1))
