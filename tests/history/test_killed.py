"""kill -9 in the middle of writing, and a disk without room: nothing damaged, nothing twice, nothing that was told is
lost, and writing goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from miner_ctrl.errors import OperationFailed
from miner_ctrl.history import SqliteHistory
from miner_ctrl.history.contract import EventQuery
from miner_ctrl.model.history import OwnEvent
from tests.history.journals import HOUR_MS, NOW_MS, part_of, samples_of
from tests.history.killed_writer import RIGS

KILLS = 20
ROOT = Path(__file__).parents[2]


def written_until_killed(path: Path, lines: int) -> dict[int, int]:
    """Let a process write until it has said ``lines`` times that something is stored, kill it, and return what it said
    last of each rig."""
    told: dict[int, int] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.history.killed_writer", str(path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for count, line in enumerate(process.stdout):
            if count == lines:
                process.send_signal(signal.SIGKILL)
            if not line.endswith("\n"):  # cut off by the kill
                break
            number, after = line.split()
            told[int(number)] = int(after)
        assert process.wait() == -signal.SIGKILL
    return told


def test_killed_twenty_times_nothing_is_damaged_lost_or_twice(tmp_path: Path) -> None:
    path, random = tmp_path / "mining.db", Random(4)
    for turn in range(KILLS):
        told = written_until_killed(path, random.randrange(1, 400))
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], turn
            known = dict(database.execute("SELECT journal.name, last_seq FROM journal WHERE name <> 'own'").fetchall())
            for number, after in told.items():
                assert known[f"{number:032x}"] >= after, "what was said to be stored is there"
            assert len(known) <= RIGS
            for name, last in known.items():
                assert numbers_of(database, name) == list(range(1, last + 1)), "each once, and none is missing"
            by_samples = sums(database, "sample", "accepted")
            assert sums(database, "minute", "accepted") == sums(database, "hour", "accepted") == by_samples
            assert sum(by_samples.values()) == sum(sums(database, "fleet_minute", "accepted", by="1").values())


def numbers_of(database: sqlite3.Connection, journal: str) -> list[int]:
    rows = database.execute(
        "SELECT seq FROM rig_sample JOIN journal ON journal.id = journal WHERE name = ?1 UNION ALL"
        " SELECT seq FROM event JOIN journal ON journal.id = journal WHERE name = ?1 ORDER BY seq",
        (journal,),
    )
    return [seq for (seq,) in rows]


def sums(database: sqlite3.Connection, table: str, column: str, by: str = "rig") -> dict[int, int]:
    return dict(database.execute(f"SELECT {by}, sum({column}) FROM {table} GROUP BY {by}").fetchall())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to be allowed to mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_a_full_disk_is_said_once_and_writing_goes_on_when_there_is_room(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    history = SqliteHistory(small_disk / "mining.db", now_ms=lambda: NOW_MS)
    rig, entries = b"\1" * 32, samples_of(NOW_MS - HOUR_MS, 100, 30_000)
    await history.add(rig, part_of(entries[:10]))
    known, ballast = 10, small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    full = None
    while full is None:
        try:
            known = (await history.add(rig, part_of(entries[: known + 500]))).after
        except OperationFailed as error:
            full = error
    assert "could not be written" in full.message
    assert full.code == "STATE_NOT_WRITTEN"
    assert history.problem.endswith(".")
    for _ in range(3):
        with pytest.raises(OperationFailed):
            await history.add(rig, part_of(entries[: known + 500]))
        with pytest.raises(OperationFailed):
            await history.note([OwnEvent(at_ms=NOW_MS, kind="k", text="x" * 1000)] * 1000)
    assert caplog.text.count("History is not recorded until this is mended") == 1
    assert (await history.since(rig)).after == known
    assert len(await history.samples(rig, since_ms=0, until_ms=2**53, limit=100_000)) == known, "and can be read"
    ballast.unlink()
    assert (await history.add(rig, part_of(entries[: known + 500]))).after == known + 500
    await history.note([OwnEvent(at_ms=NOW_MS, kind="k")])
    assert history.problem == ""
    assert caplog.text.count("History is recorded again") == 1
    assert len(await history.samples(rig, since_ms=0, until_ms=2**53, limit=100_000)) == known + 500
    assert len(await history.events(EventQuery())) == 1
    await history.close()


async def test_what_breaks_in_one_rigs_part_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = SqliteHistory(tmp_path / "mining.db", now_ms=lambda: NOW_MS)
    entries = samples_of(NOW_MS - HOUR_MS, 1000, 5)
    bad = b"\7" * 32
    take = history._writer._take_part

    def broken(batch: object, rig: bytes, part: object) -> object:
        if rig == bad:
            raise ValueError("a bug")
        return take(batch, rig, part)  # type: ignore[arg-type]

    monkeypatch.setattr(history._writer, "_take_part", broken)
    rigs = [bytes([number]) * 32 for number in range(1, 20)]
    outcomes = await asyncio.gather(*(history.add(rig, part_of(entries)) for rig in rigs), return_exceptions=True)
    assert [isinstance(outcome, ValueError) for outcome in outcomes] == [rig == bad for rig in rigs]
    assert len(await history.miners()) == 18
    await history.close()
