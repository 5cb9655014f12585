"""Writing: at once, in order, whatever the disk does."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

from miner_ctrl.audit import log as audit_log
from miner_ctrl.audit.checking import OK
from miner_ctrl.audit.refusals import MAX_CALLERS, Refusals
from miner_ctrl.model.callers import OWNER, AccessRole, Caller, Door
from tests.api.in_memory import until
from tests.audit.keeping import START_MS, TOKEN, Clock, check, entries, log_at
from tests.house.tree import ROOT


async def test_an_entry_says_who_asked_from_where_for_what_and_how_it_ended(tmp_path: Path) -> None:
    log = log_at(tmp_path / "audit.db")
    peer = Caller(door=Door.PEER, role=AccessRole.OPERATOR, name="control", id="a1b2c3d4e5f60718", address="10.0.0.2")
    entry = log.asked(peer, "stop_miner", {"miner": "xmrig-1"}, None)
    log.ended(entry, "NOT_FOUND")
    log.noted(TOKEN, "remove_peer", {"peer": "rig"}, "NOT_ALLOWED")
    await log.close()
    asked, ended, noted = entries(log.path)
    assert asked[2:12] == (
        "asked", 0, "peer", "operator", "control", "a1b2c3d4e5f60718", "10.0.0.2", "stop_miner", '{"miner":"xmrig-1"}',
        "{}",
    )  # fmt: skip
    assert (ended.kind, ended.of, ended.code) == ("ended", 1, "NOT_FOUND")
    assert (noted.kind, noted.door, noted.caller, noted.action, noted.code) == (
        "noted", "token", "script", "remove_peer", "NOT_ALLOWED",
    )  # fmt: skip


async def test_who_is_refused_without_end_fills_no_disk_and_is_counted(tmp_path: Path) -> None:
    now_s = 0.0
    log = log_at(tmp_path / "audit.db", monotonic=lambda: now_s)
    other = msgspec.structs.replace(TOKEN, name="another")
    for _ in range(10_000):
        log.noted(TOKEN, "remove_peer", {"peer": "rig" * 80}, "NOT_ALLOWED")
    log.noted(other, "remove_peer", {}, "NOT_ALLOWED")
    log.noted(TOKEN, "invite_used", {})  # no refusal
    now_s = 61.0
    for _ in range(5):
        log.noted(TOKEN, "stop_miner", {}, "NOT_ALLOWED")
    await log.close()
    found = entries(log.path)
    assert [(entry.caller, entry.action, entry.body) for entry in found] == [
        *[("script", "remove_peer", "{}")] * 20,
        ("another", "remove_peer", "{}"),
        ("script", "invite_used", "{}"),
        ("script", "stop_miner", '{"leftOut":9980}'),
    ]
    assert check(log.path).found == OK


def test_callers_whose_refusals_are_counted_are_bounded() -> None:
    refusals = Refusals(lambda: 0.0)
    for number in range(3 * MAX_CALLERS):
        assert refusals.admit(msgspec.structs.replace(TOKEN, name=f"peer-{number}")) == 0
    assert len(refusals._of) == MAX_CALLERS


async def test_what_was_being_done_is_there_before_it_ended(tmp_path: Path) -> None:
    log = log_at(tmp_path / "audit.db")
    log.asked(OWNER, "deploy", {"peer": "rig"}, None)
    await until(lambda: log.waiting == 0)
    assert [entry.kind for entry in entries(log.path)] == ["asked"]
    await log.close()


async def test_many_tasks_at_once(tmp_path: Path) -> None:
    log = log_at(tmp_path / "audit.db")

    async def command(number: int) -> None:
        entry = log.asked(TOKEN, "start_miner", {"peer": str(number)}, None)
        await asyncio.sleep(0.001 * (number % 7))
        log.ended(entry, str(number))

    await asyncio.gather(*(command(number) for number in range(1000)))
    await log.close()
    found = entries(log.path)
    assert len(found) == 2000
    assert check(log.path).found == OK
    asked = {entry.seq: json.loads(entry.target)["peer"] for entry in found if entry.kind == "asked"}
    assert {asked[entry.of]: entry.code for entry in found if entry.kind == "ended"} == {
        str(number): str(number) for number in range(1000)
    }


async def test_an_end_names_its_beginning_also_in_another_batch(tmp_path: Path) -> None:
    log = log_at(tmp_path / "audit.db")
    first = log.asked(TOKEN, "one", {}, None)
    second = log.asked(TOKEN, "two", {}, None)
    await until(lambda: log.waiting == 0)
    log.ended(second, "")
    await until(lambda: log.waiting == 0)
    log.ended(first, "")
    await log.close()
    assert [entry.of for entry in entries(log.path)] == [0, 0, 2, 1]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entry WHERE seq = 2",
        "UPDATE entry SET code = 'DONE' WHERE seq = 2",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 2",
        "INSERT INTO entry SELECT 9, at_ms, kind, of, door, role, caller, caller_id, address, action, target, body,"
        " code, prev, hash, signature FROM entry WHERE seq = 1",
    ],
)
async def test_the_schema_takes_entries_at_its_end_and_nothing_else(tmp_path: Path, sql: str) -> None:
    log = log_at(tmp_path / "audit.db")
    for _ in range(3):
        log.noted(TOKEN, "one", {})
    await log.close()
    before = entries(log.path)
    with closing(sqlite3.connect(log.path)) as database, pytest.raises(sqlite3.IntegrityError, match="audit log"):
        database.execute(sql)
    assert entries(log.path) == before


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    log = log_at(tmp_path / "audit.db")
    log.noted(TOKEN, "one", {})
    await log.close()
    assert log.path.stat().st_mode & 0o777 == 0o600


# --- a disk that is full --------------------------------------------------------------------------------


def full(log: audit_log.AuditLog, pages: int | None) -> None:
    """Have room for no more than ``pages`` in the log's file, as on a full disk; ``None``: make room."""
    database = log._file._opened()
    database.pragma("max_page_count", pages or 1_000_000)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "RETRY_LAST_S", 0.2)
    monkeypatch.setattr(audit_log, "RETRY_FIRST_S", 0.05)


async def test_on_a_full_disk_commands_go_on_and_it_says_so_once_and_resumes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "WAITING_AT_MOST_BYTES", 50_000)
    caplog.set_level(logging.INFO)
    log = log_at(tmp_path / "audit.db", Clock())
    log.noted(TOKEN, "before", {})
    await until(lambda: log.waiting == 0)
    full(log, 2)
    for number in range(300):
        log.ended(log.asked(TOKEN, f"action-{number}", {}, None), "")
        await asyncio.sleep(0)
    await until(lambda: bool(log.problem))
    assert "full" in log.problem
    assert log.lost > 100
    assert log._waiting_bytes <= 50_000
    lost = log.lost
    full(log, None)
    await until(lambda: not log.problem and log.waiting == 0 and log.lost == 0)
    log.noted(TOKEN, "after", {})
    await log.close()
    assert check(log.path).found == OK
    found = entries(log.path)
    [told] = [entry for entry in found if entry.kind == "lost"]
    said = json.loads(told.body)
    assert said["entries"] == lost
    assert START_MS < said["firstMs"] < said["lastMs"]
    assert found.index(told) == 1 + 600 - lost  # what could wait is there, then what could not is said
    assert found[-1].action == "after"
    warnings = [record for record in caplog.records if "cannot be written" in record.message]
    assert len(warnings) == 1
    assert "written again" in caplog.text


async def test_a_log_that_is_damaged_stops_no_command_and_is_not_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, soon: None
) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(b"not a database" * 1000)
    log = log_at(path)
    log.ended(log.asked(TOKEN, "one", {}, None), "")
    await until(lambda: bool(log.problem))
    assert "audit.db" in log.problem
    await log.close()
    assert path.read_bytes() == b"not a database" * 1000
    assert "2 entries of the audit log could not be written" in caplog.text


async def test_it_resumes_when_a_damaged_log_is_moved_away(tmp_path: Path, soon: None) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(b"not a database" * 1000)
    log = log_at(path)
    log.noted(TOKEN, "one", {})
    await until(lambda: bool(log.problem))
    path.rename(tmp_path / "damaged.db")
    await until(lambda: not log.problem)
    await log.close()
    assert [entry.action for entry in entries(path)] == ["one"]


async def test_a_fault_of_ours_is_logged_and_the_log_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, soon: None
) -> None:
    """An entry that somebody put into the file meanwhile: the next one no longer fits, and finds its place again."""
    log = log_at(tmp_path / "audit.db")
    log.noted(TOKEN, "one", {})
    await until(lambda: log.waiting == 0)
    with closing(apsw.Connection(str(log.path))) as database:
        database.execute(
            "INSERT INTO entry SELECT 2, at_ms, kind, of, door, role, caller, caller_id, address, action, target, body,"
            " code, prev, hash, signature FROM entry"
        )
    log.noted(TOKEN, "two", {})
    await until(lambda: log.waiting == 0 and not log.problem)
    await log.close()
    assert [entry.action for entry in entries(log.path)] == ["one", "one", "two"]
    assert check(log.path).found != OK


# --- kill -9 --------------------------------------------------------------------------------------------


def test_killed_twenty_times_at_full_speed_it_verifies_and_has_all_that_was_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    known: dict[int, str] = {}
    for life in range(20):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.audit.writer", str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                for _ in range(1 + life % 5):
                    line = process.stdout.readline()
                    assert line
                    _note(known, line)
            finally:
                process.kill()
                process.wait()
            for line in process.stdout:
                if line.endswith("\n"):
                    _note(known, line)
        found = check(path)
        assert found.found == OK, found
        assert found.last is not None
        assert found.last.seq >= max(known)
    hashes = {entry.seq: entry.hash.hex() for entry in entries(path)}
    assert {seq: hashes[seq] for seq in known} == known


def _note(known: dict[int, str], line: str) -> None:
    seq, hash_ = line.split()
    known[int(seq)] = hash_
