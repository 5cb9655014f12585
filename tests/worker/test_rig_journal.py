"""The rig's journal: numbers without a hole, kept over kills, full disks and damage, told in bounded parts."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import OperationFailed, RateLimited
from miner_ctrl.model.history import JournalEntry, RigEvent, Sample
from miner_ctrl.model.machine import GpuStats, MachineStats
from miner_ctrl.model.miners import DeviceStats, MinerState, MinerStats
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.protocol.limits import MAX_MESSAGE_BYTES
from miner_ctrl.protocol.messages import GetHistory, History
from miner_ctrl.worker import rig_journal, rig_journal_file
from miner_ctrl.worker.rig_journal import RigJournal, sample_of
from miner_ctrl.worker.rig_journal_file import Entry, RigJournalFile

DAY_MS = 86_400_000
MINER = MinerStats(
    name="xmrig-1",
    type="xmrig",
    state=MinerState.MINING,
    hashrate_hps=1234.5,
    accepted=7,
    rejected=1,
    algorithm="rx/0",
    devices=(DeviceStats(index=0, temperature_c=61.0, power_w=90.0), DeviceStats(index=1, temperature_c=70.5)),
)


class Asked:
    """Stands for a request and its channel: all that the journal uses of them."""

    def __init__(self, journal: str = "", after: int = 0) -> None:
        self.payload = GetHistory(journal=journal, after=after)
        self.channel = self
        self.may_drain = asyncio.Event()
        self.may_drain.set()

    async def drained(self) -> None:
        await self.may_drain.wait()


class Clock:
    def __init__(self) -> None:
        self.ms = 10 * DAY_MS

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


async def opened(path: Path, clock: Clock | None = None, **settings: Any) -> RigJournal:
    journal = RigJournal(path, settings=RigSettings(**settings), now_ms=clock or Clock())
    await journal.start()
    return journal


async def told(journal: RigJournal, id_: str = "", after: int = 0) -> History:
    return await journal.answer(Asked(id_, after))  # type: ignore[arg-type]


async def whole(journal: RigJournal) -> list[JournalEntry]:
    await written(journal)
    entries: list[JournalEntry] = []
    part = await told(journal)
    while part.entries:
        entries += part.entries
        part = await told(journal, part.journal, entries[-1].seq)
    return entries


async def written(journal: RigJournal) -> None:
    while journal._writing is not None and not journal._writing.done():
        await asyncio.wait((journal._writing,))


def event(text: str) -> RigEvent:
    return RigEvent(at_ms=1, kind="started", text=text)


def test_a_sample_says_what_is_known_and_nothing_else() -> None:
    gpus = (GpuStats(index=0, power_w=200.0), GpuStats(index=1))
    sample = sample_of((MINER,), MachineStats(cpu_temperature_c=55.0, gpus=gpus), 9)
    assert (sample.at_ms, sample.cpu_temperature_c, sample.power_w) == (9, 55.0, 200.0)
    [miner] = sample.miners
    assert (miner.name, miner.hashrate_hps, miner.temperature_c, miner.power_w) == ("xmrig-1", 1234.5, 70.5, 90.0)
    bare = sample_of((MinerStats(name="m", type="t", state=MinerState.STARTING),), None, 9)
    assert (bare.cpu_temperature_c, bare.power_w, bare.miners[0].hashrate_hps, bare.miners[0].power_w) == (None,) * 4


async def test_numbers_follow_each_other_over_restarts(tmp_path: Path) -> None:
    for life in range(3):
        journal = await opened(tmp_path / "j.db")
        for number in range(4):
            journal.sampled((MINER,))
            journal.note(event(f"{life}.{number}"))
        await journal.close()
    journal = await opened(tmp_path / "j.db")
    entries = await whole(journal)
    assert [entry.seq for entry in entries] == list(range(1, 3 * 9 + 2))
    texts = [entry.what.text for entry in entries if isinstance(entry.what, RigEvent) and entry.what.text]
    assert texts == [f"{life}.{number}" for life in range(3) for number in range(4)]
    part = await told(journal)
    assert (part.first, part.last, part.more, len(part.journal)) == (1, 28, False, 32)
    await journal.close()


async def test_a_part_goes_on_where_the_last_ended_and_another_journal_begins_anew(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "j.db")
    for number in range(4_500):
        journal.note(event(str(number)))
        if number % 500 == 0:
            await written(journal)
    await written(journal)
    first = await told(journal)
    assert (len(first.entries), first.more, first.last) == (2_000, True, 4_501)
    second = await told(journal, first.journal, 2_000)
    assert second.entries[0].seq == 2_001
    assert (await told(journal, "another", 2_000)).entries[0].seq == 1
    last = await told(journal, first.journal, 4_501)
    assert (last.entries, last.more) == ((), False)
    assert (await told(journal, first.journal, 2**53)).entries == ()
    await journal.close()


async def test_a_part_fits_into_a_message_whatever_it_holds(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "j.db")
    for _ in range(400):
        journal.note(event("\U0001f9ff" * 1000))
        await written(journal)
    part = await told(journal)
    assert part.more
    assert len(msgspec.msgpack.encode(part)) < MAX_MESSAGE_BYTES
    assert len(await whole(journal)) == 401
    await journal.close()


async def test_one_session_has_one_part_at_a_time(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "j.db")
    slow = Asked()
    slow.may_drain.clear()
    first = asyncio.create_task(journal.answer(slow))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        await journal.answer(slow)  # type: ignore[arg-type]
    slow.may_drain.set()
    await first
    await journal.answer(slow)  # type: ignore[arg-type]
    await journal.close()


async def test_what_is_too_old_goes_and_the_numbers_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig_journal, "FORGET_EVERY", 10)
    clock = Clock()
    journal = await opened(tmp_path / "j.db", clock, keep_journal_days=2)
    for _ in range(5):
        for _ in range(10):
            journal.sampled((MINER,))
        await written(journal)
        clock.ms += DAY_MS
    entries = await whole(journal)
    assert [entry.seq for entry in entries] == list(range(entries[0].seq, 52))
    assert 21 < entries[0].seq <= 32
    assert (await told(journal)).first == entries[0].seq
    await journal.close()


def test_over_its_size_the_oldest_go_and_the_newest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig_journal_file, "MAX_BYTES", 200_000)
    monkeypatch.setattr(rig_journal_file, "_FORGOTTEN_AT_ONCE", 50)
    file = RigJournalFile(tmp_path / "j.db", new_id=lambda: "0" * 32)
    for _ in range(20):
        file.append([event("x" * 1000)] * 50)
        file.forget(before_ms=0)
    part = file.part("", 0)
    assert part.last == 1_000
    assert 1 < part.first <= 1_000
    monkeypatch.setattr(rig_journal_file, "MAX_BYTES", 1)
    file.forget(before_ms=0)
    part = file.part("", 0)
    assert (part.first, part.last) == (1_000, 1_000)
    file.append([event("y")] * 9)
    file.forget(before_ms=2**50)
    part = file.part("", 0)
    assert (part.first, part.last) == (1_009, 1_009)
    assert (tmp_path / "j.db").stat().st_size < 1_000_000
    file.close()


async def test_a_full_disk_costs_nothing_for_a_while_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = False
    append = RigJournalFile.append

    def may_fail(self: RigJournalFile, entries: Sequence[Entry]) -> None:
        if full:
            raise OperationFailed("The disk is full.")
        append(self, entries)

    monkeypatch.setattr(RigJournalFile, "append", may_fail)
    monkeypatch.setattr(rig_journal, "WAITING_AT_MOST", 8)
    journal = await opened(tmp_path / "j.db")
    await written(journal)
    full = True
    for number in range(5):
        journal.note(event(str(number)))
        await written(journal)
    assert journal.problems() == ("The rig's journal cannot be written: The disk is full; 5 entries wait in memory.",)
    assert len(caplog.records) == 1
    full = False
    journal.note(event("5"))
    await written(journal)
    assert journal.problems() == ()
    full = True
    for number in range(20):
        journal.note(event(f"again {number}"))
        await written(journal)
    assert "older ones are lost" in journal.problems()[0]
    full = False
    journal.sampled(())
    entries = await whole(journal)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1)), "no hole in the numbers"
    texts = [entry.what.text for entry in entries if isinstance(entry.what, RigEvent)]
    assert texts[1:7] == ["0", "1", "2", "3", "4", "5"]
    assert texts[7:9] == ["Missing before this: 13 entries; the journal could not be written for too long.", "again 13"]
    await journal.close()


async def test_a_real_refusal_of_the_disk_is_survived(tmp_path: Path) -> None:
    """SQLite's own limit stands for the disk's: the error is the same SQLITE_FULL."""
    journal = await opened(tmp_path / "j.db")
    await written(journal)
    database = journal._file._database
    assert database is not None
    pages = int(database.pragma("page_count"))
    database.pragma("max_page_count", pages)
    for _ in range(40):
        journal.note(event("x" * 900))
        await written(journal)
    assert "full" in journal.problems()[0]
    database.pragma("max_page_count", 100_000)
    journal.note(event("last"))
    entries = await whole(journal)
    assert journal.problems() == ()
    assert len(entries) == 42
    await journal.close()


def _set_aside(folder: Path) -> list[Path]:
    return list(folder.glob("j.db.damaged-????????"))


@pytest.mark.parametrize("damage", [b"", b"not a database at all", b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_damaged_journal_is_set_aside_and_a_new_one_begins(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "j.db"
    journal = await opened(path)
    before = (await told(journal)).journal
    await journal.close()
    path.write_bytes(damage)
    journal = await opened(path)
    entries = await whole(journal)
    part = await told(journal)
    assert part.journal != before
    assert entries[0].seq == 1
    assert isinstance(entries[0].what, RigEvent)
    assert "set aside" in entries[0].what.text
    [aside] = _set_aside(tmp_path)
    assert aside.read_bytes() == damage
    await journal.close()


async def test_only_a_few_damaged_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    for number in range(6):
        path.write_bytes(b"damaged %d" % number)
        await (await opened(path)).close()
    assert len(_set_aside(tmp_path)) == 3


async def test_a_journal_that_cannot_be_opened_yet_is_kept_in_memory(tmp_path: Path) -> None:
    folder = tmp_path / "not-there"
    journal = await opened(folder / "j.db")
    journal.note(event("early"))
    await written(journal)
    assert journal.problems()
    folder.mkdir()
    journal.note(event("late"))
    assert [entry.what.text for entry in await whole(journal) if isinstance(entry.what, RigEvent)] == [
        "", "early", "late",
    ]  # fmt: skip
    assert journal.problems() == ()
    await journal.close()


KILLED = """
    import asyncio, os, sys
    from pathlib import Path
    from miner_ctrl.model.history import RigEvent
    from miner_ctrl.model.rig import RigSettings
    from miner_ctrl.worker.rig_journal import RigJournal

    async def main():
        journal = RigJournal(Path(sys.argv[1]), settings=RigSettings(), now_ms=lambda: 1)
        await journal.start()
        number = 0
        while True:
            journal.note(RigEvent(at_ms=1, kind="started", text=str(number)))
            await journal._writing
            print(number, flush=True)
            number += 1

    asyncio.run(main())
"""


def _life(path: Path) -> int:
    """Return the last number that a life of the journal had committed before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    numbers = [process.stdout.readline() for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    numbers += process.stdout.readlines()
    process.wait(30)
    return int(numbers[-1])


async def test_a_kill_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    said = [await asyncio.to_thread(_life, path) for _ in range(3)][-1]
    journal = await opened(path)
    entries = await whole(journal)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    last_life = max(index for index, entry in enumerate(entries[:-1]) if entry.what.kind == "agent_started")  # type: ignore[union-attr]
    texts = [entry.what.text for entry in entries[last_life + 1 : -1] if isinstance(entry.what, RigEvent)]
    assert texts[: said + 1] == [str(number) for number in range(said + 1)]
    await journal.close()


def test_samples_keep_their_shape() -> None:
    """What old entries hold must be readable for ever: an array, tagged."""
    sample = sample_of((MINER,), None, 9)
    data = msgspec.msgpack.encode(sample)
    assert msgspec.msgpack.decode(data) == [
        "s", 9, [["xmrig-1", "mining", "rx/0", 1234.5, 7, 1, 70.5, 90.0]], None, None,
    ]  # fmt: skip
    assert msgspec.msgpack.decode(data, type=Sample) == sample
    assert len(data) < 64
