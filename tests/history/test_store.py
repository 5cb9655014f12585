"""The controller's history: every entry once, holes said, nonsense refused, no rig over its share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import StateDamaged
from miner_ctrl.history import HistoryPart, HistoryStore, Nonsense, Place, store
from miner_ctrl.history.parts import offset_of
from miner_ctrl.model.history import JournalEntry, MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import MinerState

RIG, OTHER_RIG = b"\1" * 32, b"\2" * 32
JOURNAL, OTHER_JOURNAL = "a" * 32, "b" * 32
DAY_MS = 86_400_000


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000 * DAY_MS

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def history(tmp_path: Path, clock: Clock) -> AsyncIterator[HistoryStore]:
    opened = HistoryStore(tmp_path / "mining.db", now_ms=clock)
    yield opened
    await opened.close()


def entry(seq: int) -> JournalEntry:
    """An event for each third number, else a sample of two miners."""
    if seq % 3 == 0:
        return JournalEntry(
            seq, RigEvent(at_ms=1_000 * seq, kind="started", miner="m-1", by="owner", text=f"no. {seq}")
        )
    miners = tuple(
        MinerSample(name, MinerState.MINING, "rx/0", 100.0 + seq, seq, 1, 60.0, 90.5) for name in ("m-1", "m-2")
    )
    return JournalEntry(seq, Sample(1_000 * seq, miners, 55.0, 200.0))


def part(lowest: int, highest: int, /, *, journal: str = JOURNAL, more: bool = False, **changes: int) -> HistoryPart:
    entries = tuple(map(entry, range(lowest, highest + 1)))
    whole = HistoryPart(journal=journal, entries=entries, first=1, last=highest + (10 if more else 0), more=more)
    return msgspec.structs.replace(whole, **changes)


async def seqs(history: HistoryStore, rig: bytes = RIG) -> list[int]:
    events = await history.events(rig, since_ms=0, limit=10_000)
    points = await history.hashrate(rig, since_ms=0, until_ms=2**53, limit=10_000)
    return sorted([event.seq for event in events] + [point.seq for point in points if point.miner == "m-1"])


async def test_entries_are_stored_as_they_were_told_in_order(history: HistoryStore) -> None:
    assert await history.since(RIG) == Place()
    assert await history.add(RIG, part(1, 4, more=True)) == Place(JOURNAL, 4)
    assert await history.add(RIG, part(5, 7)) == Place(JOURNAL, 7)
    assert await history.since(RIG) == Place(JOURNAL, 7)
    assert await seqs(history) == [1, 2, 3, 4, 5, 6, 7]
    [three, six] = await history.events(RIG, since_ms=0, limit=10)
    assert (three.at_ms, three.kind, three.miner, three.by, three.text) == (3_000, "started", "m-1", "owner", "no. 3")
    assert six.seq == 6
    [one, *_, seven] = await history.hashrate(RIG, since_ms=1_000, until_ms=7_000, limit=100)
    assert (one.miner, one.state, one.algorithm, one.hashrate_hps, one.accepted, one.rejected) == (
        "m-1", "mining", "rx/0", 101.0, 1, 1,
    )  # fmt: skip
    assert (one.temperature_c, one.power_w, one.journal) == (60.0, 90.5, JOURNAL)
    assert (seven.seq, seven.miner) == (7, "m-2")
    assert await history.gaps(RIG) == []
    assert await seqs(history, OTHER_RIG) == []


async def test_of_more_than_the_limit_the_last_are_given(history: HistoryStore) -> None:
    await history.add(RIG, part(1, 60))
    assert [event.seq for event in await history.events(RIG, since_ms=0, limit=2)] == [57, 60]
    assert [event.seq for event in await history.events(RIG, since_ms=57_001, limit=9)] == [60]
    points = await history.hashrate(RIG, since_ms=0, until_ms=10_999, limit=3)
    assert [(point.seq, point.miner) for point in points] == [(8, "m-2"), (10, "m-1"), (10, "m-2")]


async def test_what_is_told_again_is_stored_once(history: HistoryStore, tmp_path: Path, clock: Clock) -> None:
    await history.add(RIG, part(1, 5))
    await history.add(RIG, part(1, 5))
    await history.add(RIG, part(3, 8))
    again = HistoryStore(tmp_path / "mining.db", now_ms=clock)
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
    await history.add(RIG, part(1, 3, offset_ms=5_000_000))
    [event] = await history.events(RIG, since_ms=5_000_000, limit=9)
    assert (event.at_ms, event.rig_at_ms) == (5_003_000, 3_000)
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
    miners = tuple(
        MinerSample(f"m-{number}", MinerState.MINING, "", value, 2**53, 2**53, value, value)
        for number, value in enumerate((float("inf"), float("-inf"), float("nan"), 1e308, -0.0))
    )
    told = HistoryPart(
        journal=JOURNAL, entries=(JournalEntry(1, Sample(2**53 - 1, miners)),), first=1, last=1, more=False
    )
    await history.add(RIG, told)
    points = await history.hashrate(RIG, since_ms=0, until_ms=2**53, limit=10)
    assert len(msgspec.json.decode(msgspec.json.encode(points))) == 5


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
    monkeypatch.setattr(store, "BYTES_A_DAY", 24 * 4_000)
    stored = await _until_refused(history)
    assert 100 < stored < 1_500
    await history.add(OTHER_RIG, part(1, 10))
    clock.ms += DAY_MS
    await history.add(RIG, part(stored + 1, stored + 10))
    assert (await history.since(RIG)).after == stored + 10


async def test_no_rig_begins_journals_without_end(history: HistoryStore) -> None:
    for number in range(store.JOURNALS_A_DAY - 1):
        await history.add(RIG, part(1, 1, journal=f"{number:032x}"))
    with pytest.raises(Nonsense, match="in a day"):
        await history.add(RIG, part(1, 1, journal="f" * 32))


async def test_a_damaged_file_is_named_when_it_is_used_and_stays(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "mining.db"
    path.write_bytes(b"damaged")
    history = HistoryStore(path, now_ms=clock)
    with pytest.raises(StateDamaged, match=r"mining\.db"):
        await history.since(RIG)
    await history.close()
    assert path.read_bytes() == b"damaged"
