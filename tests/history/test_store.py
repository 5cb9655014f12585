"""The controller's history: every entry once, holes said, nonsense refused, no rig over its share."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import OperationFailed, StateDamaged
from miner_ctrl.history import (
    HistoryPart,
    HistoryStore,
    Nonsense,
    Place,
    SqliteHistory,
    schema_1,
    shares,
    sqlite_writer,
)
from miner_ctrl.history.contract import EXPORT_KEYS, EXPORTED, OWN_RIG, Event, EventQuery, ExportSlice, KnownMiner
from miner_ctrl.history.parts import offset_of
from miner_ctrl.history.points import Span, Table
from miner_ctrl.history.rollups import HOUR_MS, MINUTE_MS, SHARES_AT_MOST
from miner_ctrl.model.history import HistorySettings, JournalEntry, MinerSample, OwnEvent, RigEvent, Sample
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.views import HashratePointView
from miner_ctrl.storage.sqlite import open_database
from tests.history.journals import DAY_MS, JOURNAL, NOW_MS, OTHER_JOURNAL, entry, part_of, samples_of
from tests.history.stores import OpenHistory

RIG, OTHER_RIG = b"\1" * 32, b"\2" * 32


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


async def test_many_short_reads_have_together_no_more_time_than_one(tmp_path: Path, clock: Clock) -> None:
    """Two threads read: who asks for ten thousand miners must not have one of them for minutes."""
    passed = itertools.count()
    history = SqliteHistory(tmp_path / "mining.db", now_ms=clock, clock=lambda: float(next(passed)))
    many = [KnownMiner(RIG, f"miner-{number}") for number in range(1_000)]
    with pytest.raises(OperationFailed) as slow:
        await history.miner_totals(many, since_ms=0, until_ms=NOW_MS)
    assert (slow.value.code, next(passed) < 50) == ("HISTORY_SLOW", True)
    assert await history.miner_totals(many[:3], since_ms=0, until_ms=NOW_MS) == [], "the next one has its own time"
    await history.close()


async def all_samples(history: HistoryStore) -> list[HashratePointView]:
    return await history.samples(RIG, since_ms=0, until_ms=2**53, limit=100_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def history(open_history: OpenHistory, clock: Clock) -> AsyncIterator[HistoryStore]:
    opened = open_history(clock)
    yield opened
    await opened.close()


def part(lowest: int, highest: int, /, *, journal: str = JOURNAL, more: bool = False, **changes: int) -> HistoryPart:
    entries = tuple(map(entry, range(lowest, highest + 1)))
    whole = HistoryPart(journal=journal, entries=entries, first=1, last=highest + (10 if more else 0), more=more)
    return msgspec.structs.replace(whole, **changes)


BEGAN_MS = NOW_MS - HOUR_MS
"""What ``entry`` counts seconds from."""


async def events_of(history: HistoryStore, rig: bytes, since_ms: int = 0, limit: int = 10_000) -> list[Event]:
    """The last events of a rig, the oldest first."""
    return (await history.events(EventQuery(rig=rig, since_ms=since_ms, limit=limit)))[::-1]


async def seqs(history: HistoryStore, rig: bytes = RIG) -> list[int]:
    events = await events_of(history, rig)
    points = await history.samples(rig, since_ms=0, until_ms=2**53, limit=10_000)
    return sorted([event.key.seq for event in events] + [point.seq for point in points if point.miner == "m-1"])


async def test_entries_are_stored_as_they_were_told_in_order(history: HistoryStore) -> None:
    assert await history.since(RIG) == Place()
    assert await history.add(RIG, part(1, 4, more=True)) == Place(JOURNAL, 4)
    assert await history.add(RIG, part(5, 7)) == Place(JOURNAL, 7)
    assert await history.since(RIG) == Place(JOURNAL, 7)
    assert await seqs(history) == [1, 2, 3, 4, 5, 6, 7]
    [three, six] = await events_of(history, RIG)
    assert (three.at_ms, three.kind, three.miner, three.who, three.text) == (
        BEGAN_MS + 3_000, "started", "m-1", "owner", "no. 3",
    )  # fmt: skip
    assert (six.key.seq, six.rig, six.own, six.journal) == (6, RIG, False, JOURNAL)
    [one, *_, seven] = await history.samples(RIG, since_ms=BEGAN_MS + 1_000, until_ms=BEGAN_MS + 7_001, limit=100)
    assert (one.miner, one.state, one.algorithm, one.hashrate_hps, one.accepted, one.rejected) == (
        "m-1", "mining", "rx/0", 101.0, 0, 0,
    )  # fmt: skip
    assert (one.temperature_c, one.power_w, one.journal) == (60.0, 90.5, JOURNAL)
    assert (seven.seq, seven.miner, seven.accepted) == (7, "m-2", 2)
    assert await history.gaps(RIG) == []
    assert await seqs(history, OTHER_RIG) == []


async def test_of_more_than_the_limit_the_last_are_given(history: HistoryStore) -> None:
    await history.add(RIG, part(1, 60))
    assert [event.key.seq for event in await events_of(history, RIG, limit=2)] == [57, 60]
    assert [event.key.seq for event in await events_of(history, RIG, BEGAN_MS + 57_001, 9)] == [60]
    points = await history.samples(RIG, since_ms=0, until_ms=BEGAN_MS + 10_999, limit=3)
    assert [(point.seq, point.miner) for point in points] == [(8, "m-2"), (10, "m-1"), (10, "m-2")]


async def test_what_is_told_again_is_stored_once(
    history: HistoryStore, open_history: OpenHistory, clock: Clock
) -> None:
    await history.add(RIG, part(1, 5))
    await history.add(RIG, part(1, 5))
    await history.add(RIG, part(3, 8))
    again = open_history(clock)
    assert await again.since(RIG) == Place(JOURNAL, 8)
    await again.add(RIG, part(7, 9))
    assert await seqs(again) == list(range(1, 10))
    await again.close()


async def test_a_hole_is_recorded_and_not_hidden(history: HistoryStore) -> None:
    await history.add(RIG, part(1, 3))
    await history.add(RIG, part(10, 12, first=10))
    [gap] = await history.gaps(RIG)
    assert (gap.journal, gap.first, gap.last) == (JOURNAL, 4, 9)
    assert await seqs(history) == [1, 2, 3, 10, 11, 12]


async def test_a_new_journal_begins_beside_the_old_one(history: HistoryStore) -> None:
    await history.add(RIG, part(1, 5))
    await history.add(RIG, part(1, 2, journal=OTHER_JOURNAL))
    assert await history.since(RIG) == Place(OTHER_JOURNAL, 2)
    assert await seqs(history) == [1, 1, 2, 2, 3, 4, 5]
    assert await history.add(RIG, part(1, 6)) == Place(JOURNAL, 6), "a restored one goes on where it was known"
    assert await history.since(RIG) == Place(JOURNAL, 6)


async def test_a_wrong_clock_is_put_right_and_still_told(history: HistoryStore) -> None:
    await history.add(RIG, part(1, 3, offset_ms=-5_000_000))
    [event] = await events_of(history, RIG)
    assert (event.at_ms, event.offset_ms) == (BEGAN_MS + 3_000 - 5_000_000, -5_000_000)
    assert {point.at_ms - point.rig_at_ms for point in await all_samples(history)} == {-5_000_000}
    assert offset_of(0, 5) == 0
    assert offset_of(5_000, 6_500) == 0, "an answer's way takes time"
    assert offset_of(5_000, 65_000) == 60_000
    for impossible in (-1, 2**53, 2**62):
        with pytest.raises(Nonsense):
            offset_of(impossible, 5)


def changed(entries: Sequence[JournalEntry], at: int, what: Sample | RigEvent) -> tuple[JournalEntry, ...]:
    held = list(entries)
    held[at] = JournalEntry(held[at].seq, what)
    return tuple(held)


TWICE = MinerSample("m", MinerState.MINING)
FOUR = part(4, 6)
NONSENSE = {
    "a hole among its entries": msgspec.structs.replace(FOUR, entries=(entry(4), entry(6))),
    "entries backwards": msgspec.structs.replace(FOUR, entries=(entry(5), entry(4))),
    "one entry twice": msgspec.structs.replace(FOUR, entries=(entry(4), entry(4))),
    "entry 0": msgspec.structs.replace(FOUR, entries=(entry(0),), first=0),
    "entries left out that it has": part(6, 8),
    "fewer entries than before": part(1, 2),
    "an empty journal after all": HistoryPart(journal=JOURNAL, entries=(), first=0, last=0, more=False),
    "more than it says it has": part(4, 6, last=5),
    "older ones than it says it has": part(2, 6, first=4),
    "the oldest after the newest": part(4, 6, first=9),
    "endless more, nothing sent": HistoryPart(journal=JOURNAL, entries=(), first=1, last=9, more=True),
    "endless more, nothing new": part(1, 3, more=True),
    "no journal": part(4, 6, journal=""),
    "a journal with a path": part(4, 6, journal="../../../../etc/passwd"),
    "a journal that drives the terminal": part(4, 6, journal="\x1b[2J" + "a" * 30),
    "a time before the epoch": msgspec.structs.replace(FOUR, entries=changed(FOUR.entries, 1, Sample(-1))),
    "a time beyond all": msgspec.structs.replace(FOUR, entries=changed(FOUR.entries, 1, Sample(2**63))),
    "an event beyond all": msgspec.structs.replace(
        FOUR, entries=changed(FOUR.entries, 2, RigEvent(at_ms=2**60, kind="k"))
    ),
    "a journal with a NUL": part(4, 6, journal="a" * 30 + "\0"),
    "a miner with a NUL": msgspec.structs.replace(
        FOUR, entries=changed(FOUR.entries, 1, Sample(5, (MinerSample("m\0", MinerState.MINING),)))
    ),
    "one miner twice": msgspec.structs.replace(FOUR, entries=changed(FOUR.entries, 1, Sample(5, (TWICE, TWICE)))),
}


@pytest.mark.parametrize("told", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_refused_and_stores_nothing(history: HistoryStore, told: HistoryPart) -> None:
    await history.add(RIG, part(1, 3))
    with pytest.raises(Nonsense) as nonsense:
        await history.add(RIG, told)
    assert nonsense.value.message.endswith(".")
    assert await seqs(history) == [1, 2, 3]
    assert await history.since(RIG) == Place(JOURNAL, 3)
    assert await history.add(RIG, part(4, 6)) == Place(JOURNAL, 6)


async def test_values_at_their_bounds_are_stored(history: HistoryStore) -> None:
    """Counters go up and down by all there is: nothing that is added up leaves the room of a number."""
    values = (float("inf"), float("-inf"), float("nan"), 1e308, 1e15, -0.0)

    def bounds(count: int) -> tuple[MinerSample, ...]:
        return tuple(
            MinerSample(f"m-{number}", MinerState.MINING, "", value, count, 2**53 - count, value, value)
            for number, value in enumerate(values)
        )

    entries = tuple(JournalEntry(seq, Sample(BEGAN_MS + seq, bounds(seq % 2 * 2**53))) for seq in range(1, 1_500))
    await history.add(RIG, part_of(entries))
    points = await all_samples(history)
    assert len(msgspec.json.decode(msgspec.json.encode(points))) == 1_499 * len(values)
    assert {point.hashrate_hps for point in points} == {None, 1e15, 0.0}
    assert all(point.accepted <= SHARES_AT_MOST for point in points)
    await history.add(RIG, part(2_000, 2_001, first=2_000))


async def test_hostile_text_is_kept_the_same_in_every_store(history: HistoryStore) -> None:
    text = "nul \0, escape \x1b[2J, quote ' \" \\, ünïcödé \U0001f41e, \ufffe, '; DROP TABLE rig; --, %s $1 ?1"
    kept = text.replace("\0", "\ufffd")
    miner = MinerSample("'; --", MinerState.MINING, text, 5.0)
    told = RigEvent(at_ms=BEGAN_MS, kind=text, miner=text, by=text, text=text)
    await history.add(RIG, part_of((JournalEntry(1, told), JournalEntry(2, Sample(BEGAN_MS, (miner,))))))
    await history.note([OwnEvent(at_ms=BEGAN_MS + 1, kind=text, miner=text, by=text, text=text, peer=RIG)])
    for event in await events_of(history, RIG):
        assert (event.kind, event.miner, event.who, event.text) == (kept,) * 4
    [point] = await all_samples(history)
    assert (point.miner, point.algorithm) == ("'; --", kept)
    found = await history.events(EventQuery(text="'; DROP TABLE rig; --, %s $1"))
    assert len(found) == 2


async def _until_refused(history: HistoryStore) -> int:
    for stored in range(0, 10_000, 10):
        try:
            await history.add(RIG, part(stored + 1, stored + 10, more=True))
        except Nonsense:
            return stored
    raise AssertionError("there was no end to it")


async def test_no_rig_stores_more_than_its_share_of_a_day(
    history: HistoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "BYTES_A_DAY", 24 * 4_000)
    stored = await _until_refused(history)
    assert 100 < stored < 1_500
    await history.add(OTHER_RIG, part(1, 10))
    clock.ms += DAY_MS
    await history.add(RIG, part(stored + 1, stored + 10))
    assert (await history.since(RIG)).after == stored + 10


async def test_no_rig_begins_journals_without_end(history: HistoryStore) -> None:
    for number in range(shares.JOURNALS_A_DAY - 1):
        await history.add(RIG, part(1, 1, journal=f"{number:032x}"))
    with pytest.raises(Nonsense, match="in a day"):
        await history.add(RIG, part(1, 1, journal="f" * 32))


async def test_a_damaged_file_is_named_when_it_is_used_and_stays(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "mining.db"
    path.write_bytes(b"damaged")
    history = SqliteHistory(path, now_ms=clock)
    with pytest.raises(StateDamaged, match=r"mining\.db"):
        await history.since(RIG)
    await history.close()
    assert path.read_bytes() == b"damaged"


async def test_events_and_names_have_shares_of_their_own(
    history: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "EVENT_BYTES_A_DAY", 5_000)
    long = JournalEntry(1, RigEvent(at_ms=BEGAN_MS, kind="k", text="x" * 1_000))
    await history.add(RIG, part_of((long,)))
    with pytest.raises(Nonsense, match="in a day"):
        await history.add(RIG, part_of((long, msgspec.structs.replace(long, seq=2))))
    named = tuple(
        JournalEntry(seq, Sample(BEGAN_MS + seq, (MinerSample(f"m-{seq}", MinerState.MINING, f"a-{seq}"),)))
        for seq in range(1, shares.NAMES_A_DAY + 1)
    )
    await history.add(OTHER_RIG, part_of(named[: shares.NAMES_A_DAY // 2]))
    with pytest.raises(Nonsense, match="in a day"):
        await history.add(OTHER_RIG, part_of(named))


async def test_parts_of_many_rigs_at_once_are_each_stored_and_nonsense_stops_its_own_rig_alone(
    history: HistoryStore,
) -> None:
    rigs = [number.to_bytes(32, "big") for number in range(300)]
    bad = dict.fromkeys(rigs[::7], Nonsense)
    broken = msgspec.structs.replace(FOUR, entries=(entry(4), entry(6)))
    outcomes = await asyncio.gather(
        *(history.add(rig, broken if rig in bad else part(1, 4)) for rig in rigs), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [bad.get(rig, Place) for rig in rigs]
    assert [await history.since(rig) for rig in rigs] == [Place() if rig in bad else Place(JOURNAL, 4) for rig in rigs]
    assert {miner.rig for miner in await history.miners()} == set(rigs) - set(bad)


async def test_two_parts_of_one_rig_in_one_transaction_follow_each_other(history: HistoryStore) -> None:
    places = await asyncio.gather(*(history.add(RIG, part(1, last)) for last in (4, 7, 7, 9)))
    assert [place.after for place in places] == [4, 7, 7, 9]
    assert await seqs(history) == list(range(1, 10))


HOURS = HistorySettings(samples_hours=1, minutes_days=1, hours_days=7, events_days=1)


@pytest.fixture
async def short(open_history: OpenHistory, clock: Clock) -> AsyncIterator[HistoryStore]:
    """A history that keeps samples for an hour, minutes for a day, hours for a week, and events for a day."""
    opened = open_history(clock, HOURS)
    yield opened
    await opened.close()


async def counts(history: HistoryStore) -> dict[str, int]:
    """How many rows there are of the miner m-1, by table."""
    found = {}
    for table in Table:
        wanted = ExportSlice(table.value, KnownMiner(RIG, "m-1"), 0, 2**53, limit=100_000)
        found[table.value] = len(await history.export(wanted))
    return found


async def swept(history: HistoryStore) -> int:
    slices = 1
    while await history.sweep():
        slices += 1
    return slices


async def test_what_is_too_old_is_let_go_of_table_by_table(short: HistoryStore, clock: Clock) -> None:
    begin = clock.ms - clock.ms % HOUR_MS - 3 * HOUR_MS // 2
    await short.add(RIG, part_of(samples_of(begin, 60_000, 60)))
    await short.note([OwnEvent(at_ms=begin, kind="online", peer=RIG)])
    assert await counts(short) == {"samples": 29, "minutes": 60, "hours": 2}
    clock.ms += 10 * MINUTE_MS
    await swept(short)
    assert await counts(short) == {"samples": 19, "minutes": 60, "hours": 2}
    clock.ms += 3 * HOUR_MS
    await swept(short)
    assert await counts(short) == {"samples": 0, "minutes": 60, "hours": 2}
    clock.ms += 2 * DAY_MS
    await swept(short)
    assert await counts(short) == {"samples": 0, "minutes": 0, "hours": 2}
    assert await short.events(EventQuery()) == []
    clock.ms += 7 * DAY_MS
    await swept(short)
    assert await short.miners() == [], "a miner of whom nothing is left is forgotten"
    assert await short.since(RIG) == Place(JOURNAL, 60), "what was told once is not asked for again"


async def test_letting_go_is_done_in_slices_and_its_space_is_used_again(
    short: HistoryStore, store_kind: str, clock: Clock, tmp_path: Path
) -> None:
    """A day of a second's samples, again and again: the file stops growing."""
    sizes = []
    seq, at_ms = 1, clock.ms
    for _ in range(4):
        entries = tuple(
            JournalEntry(seq + n, Sample(at_ms + n * 100, (MinerSample("m-1", MinerState.MINING, "rx/0", 1.5),)))
            for n in range(20_000)
        )
        seq, at_ms = seq + 20_000, at_ms + 40 * 60_000
        clock.ms = at_ms
        told = HistoryPart(journal=JOURNAL, entries=entries, first=1, last=seq - 1, more=False)
        await short.add(RIG, told)
        clock.ms += 2 * HOUR_MS
        at_ms = clock.ms
        assert await swept(short) > 4, "not all at once"
        assert (await counts(short))["samples"] == 0
        sizes.append((await short.sizes()).bytes)
    if store_kind == "sqlite":  # PostgreSQL does so by itself, when its autovacuum comes by
        assert (tmp_path / "mining.db").stat().st_size <= sizes[0]


async def test_an_old_part_goes_into_the_roll_ups_alone(short: HistoryStore, clock: Clock) -> None:
    begin = clock.ms - 5 * HOUR_MS
    await short.add(RIG, part_of(samples_of(begin - begin % HOUR_MS, 60_000, 60)))
    assert await counts(short) == {"samples": 0, "minutes": 60, "hours": 1}


async def test_a_longer_keeping_does_not_promise_what_was_let_go_of_already(
    open_history: OpenHistory, clock: Clock
) -> None:
    first = open_history(clock, HOURS)
    await swept(first)
    gone_before = (await first.floors()).samples
    await first.close()
    longer = open_history(clock, HistorySettings())
    assert 0 <= gone_before - (await longer.floors()).samples < 100, "the clock goes on a little at each look"
    clock.ms += DAY_MS
    assert (await longer.floors()).samples > gone_before
    await longer.close()


async def test_every_table_gives_the_same(history: HistoryStore) -> None:
    begin = NOW_MS - NOW_MS % HOUR_MS - 3 * HOUR_MS
    made = samples_of(begin, 10_000, 720, hashrate=250.0)
    for told in (1, 3, 10, 11, 359, 500, 720):  # minutes and hours grow bit by bit
        await history.add(RIG, part_of(made[:told]))
    await history.add(OTHER_RIG, part_of(samples_of(begin, 10_000, 360, algorithm="kawpow", hashrate=5e6)))
    answers = [
        await history.miner_buckets(RIG, Span(table, begin, begin + 3 * HOUR_MS, HOUR_MS), miner="m-1")
        for table in Table
    ]
    for first, second, third in zip(*answers, strict=True):
        assert first == second == third
    assert [(each.at_ms, each.miner, each.algorithm) for each in answers[0]] == [
        (begin, "m-1", "rx/0"), (begin + HOUR_MS, "m-1", "rx/0"),
    ]  # fmt: skip
    rollup = answers[0][1].rollup
    assert (rollup.mining, rollup.hashrate_n, rollup.hashrate_sum, rollup.accepted) == (360, 360, 360 * 250.0, 360)
    assert rollup.hashes == 250.0 * 3600
    rigs = [await history.rig_buckets(RIG, Span(table, begin, begin + 3 * HOUR_MS, HOUR_MS)) for table in Table]
    assert rigs[0] == rigs[1] == rigs[2]
    assert rigs[0][1].rollup.covered_ms == HOUR_MS
    for table in (Table.MINUTES, Table.HOURS):
        fleet = await history.fleet_buckets(Span(table, begin, begin + 3 * HOUR_MS, HOUR_MS))
        assert sorted((each.at_ms, each.algorithm, each.rollup.hashes) for each in fleet) == [
            (begin, "kawpow", 5e6 * 3600), (begin, "rx/0", 250.0 * 3600), (begin + HOUR_MS, "rx/0", 250.0 * 3600),
        ]  # fmt: skip


async def test_miners_are_listed_with_what_they_add_up_to(history: HistoryStore) -> None:
    begin = NOW_MS - NOW_MS % HOUR_MS - 3 * HOUR_MS
    await history.add(RIG, part_of(samples_of(begin, 10_000, 720)))
    await history.add(OTHER_RIG, part_of(samples_of(begin, 10_000, 10, miner="x")))
    miners = await history.miners()
    assert miners == [KnownMiner(RIG, "m-1"), KnownMiner(OTHER_RIG, "x")]
    assert await history.miners(OTHER_RIG) == miners[1:]
    [total] = await history.miner_totals(miners, since_ms=begin + HOUR_MS, until_ms=NOW_MS)
    assert (total.miner, total.first_ms, total.last_ms) == (miners[0], begin + HOUR_MS, begin + HOUR_MS)
    assert total.rollups["rx/0"].hashrate_n == 360
    assert await history.every_ms(RIG) == 10_000
    assert await history.every_ms(rb"\9" * 32) == 10_000
    sizes = await history.sizes()
    assert sizes.rig_hours == 3
    assert sizes.bytes > 100_000


async def test_own_events_stand_among_those_of_the_rigs_in_one_order(history: HistoryStore) -> None:
    await history.add(RIG, part(1, 9))
    own = [
        OwnEvent(at_ms=BEGAN_MS + 4_500, kind="online", peer=RIG),
        OwnEvent(at_ms=BEGAN_MS + 5_000, kind="settings", by="owner", text="History is kept LONGER, for 100% of it."),
        OwnEvent(at_ms=BEGAN_MS + 7_000, kind="offline", peer=RIG, text="The link is lost."),
    ]
    await history.note(own[:2])
    await history.note(own[2:])
    every = await history.events(EventQuery())
    assert [(each.kind, each.own, each.rig) for each in every] == [
        ("started", False, RIG), ("offline", True, RIG), ("started", False, RIG), ("settings", True, OWN_RIG),
        ("online", True, RIG), ("started", False, RIG),
    ]  # fmt: skip
    page, found = EventQuery(limit=2), []
    while events := await history.events(page):
        found += events
        page = msgspec.structs.replace(page, before=events[-1].key)
    assert found == every
    assert [each.kind for each in await history.events(EventQuery(kinds=("online", "offline")))] == [
        "offline", "online",
    ]  # fmt: skip
    for text, count in (("longer", 1), ("100%", 1), ("no. 6", 1), ("%", 1), ("_", 0), ("owner", 4), ("nothing", 0)):
        assert len(await history.events(EventQuery(text=text))) == count, text
    assert len(await history.events(EventQuery(rig=RIG))) == 5
    within = EventQuery(since_ms=BEGAN_MS + 5_000, until_ms=BEGAN_MS + 7_000)
    assert [each.kind for each in await history.events(within)] == ["started", "settings"]


@pytest.mark.parametrize("what", ["samples", "minutes", "hours"])
async def test_an_export_in_slices_has_every_row_once(history: HistoryStore, what: str) -> None:
    begin = NOW_MS - NOW_MS % HOUR_MS - 5 * HOUR_MS
    entries = tuple(
        JournalEntry(
            seq,
            Sample(
                begin + seq // 2 * MINUTE_MS,
                (MinerSample("m-1", MinerState.MINING, ("rx/0", "kawpow", "x")[seq % 3], 5.0),),
            ),
        )
        for seq in range(1, 200)
    )
    await history.add(RIG, part_of(entries))
    wanted = ExportSlice(what, KnownMiner(RIG, "m-1"), begin, NOW_MS)
    whole = await history.export(wanted)
    assert len(whole) == {"samples": 199, "minutes": 199, "hours": 6}[what]
    pages, page = [], msgspec.structs.replace(wanted, limit=7)
    while rows := await history.export(page):
        pages += rows
        key = tuple(rows[-1][EXPORTED[what].index(column)] for column in EXPORT_KEYS[what])
        page = msgspec.structs.replace(page, after=key)
    assert pages == whole


async def test_rigs_are_named_for_who_looks_into_the_file(clock: Clock, tmp_path: Path) -> None:
    history = SqliteHistory(tmp_path / "mining.db", now_ms=clock)
    await history.add(RIG, part(1, 2))
    await history.named({RIG: "alpha", OTHER_RIG: "beta"})
    with closing(sqlite3.connect(tmp_path / "mining.db")) as database:
        assert database.execute("SELECT fingerprint, name FROM rig").fetchall() == [(RIG, "alpha")]
    await history.close()


async def test_rows_of_the_first_schema_are_carried_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "mining.db"
    database = open_database(path, (schema_1.TABLES,), what="history")
    old = BEGAN_MS - 3 * DAY_MS
    with database:
        database.execute("INSERT INTO source VALUES (7, ?, ?, 4000, 99)", (RIG, JOURNAL))
        for seq in range(1, 4_001):
            if seq % 100 == 0:
                database.execute(
                    "INSERT INTO event VALUES (7, ?, ?, 0, 'started', 'm-1', 'owner', 'x')", (seq, old + seq * 1_000)
                )
                continue
            at_ms = (old if seq < 2_500 else BEGAN_MS - 2_500_000) + seq * 1_000
            database.execute("INSERT INTO round VALUES (7, ?, ?, 500, 55.0, NULL)", (seq, at_ms))
            database.execute(
                "INSERT INTO sample VALUES (7, ?, 'm-1', 'mining', 'rx/0', 10.0, ?, 0, NULL, 50.0)", (seq, seq)
            )
        database.execute("INSERT INTO gap VALUES (7, 10, 20, 5)")
    database.close()
    history = SqliteHistory(path, now_ms=clock)
    assert await history.since(RIG) == Place(JOURNAL, 4_000)
    [gap] = await history.gaps(RIG)
    assert (gap.first, gap.last) == (10, 20)
    assert len(await history.events(EventQuery())) == 40
    totals = await history.miner_totals(await history.miners(), since_ms=0, until_ms=2**53)
    assert sum(total.rollups["rx/0"].accepted for total in totals) == 3_999 - 1
    found = await all_samples(history)
    assert len(found) == 1_500 - 15, "those of today"
    assert {point.at_ms - point.rig_at_ms for point in found} == {500}
    assert await history.add(RIG, part(4_001, 4_002)) == Place(JOURNAL, 4_002)
    await history.close()
    with closing(sqlite3.connect(path)) as again:
        assert not again.execute("SELECT 1 FROM sqlite_schema WHERE name LIKE 'old%'").fetchall()


async def test_a_large_file_is_opened_without_being_read_through(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is damaged in it is said when it is met."""
    path = tmp_path / "mining.db"
    history = SqliteHistory(path, now_ms=clock)
    await history.add(RIG, part_of(samples_of(BEGAN_MS, 1_000, 3_000)))
    await history.close()
    with path.open("r+b") as file:
        for page in range(40, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    small = SqliteHistory(path, now_ms=clock)
    with pytest.raises(StateDamaged, match="is damaged"):
        await small.since(RIG)
    await small.close()
    monkeypatch.setattr(sqlite_writer, "CHECKED_BYTES", 1000)
    large = SqliteHistory(path, now_ms=clock)
    assert (await large.since(RIG)).after == 3_000
    with pytest.raises(OperationFailed, match="cannot be read"):
        await large.samples(RIG, since_ms=0, until_ms=2**53, limit=100_000)
    await large.close()
