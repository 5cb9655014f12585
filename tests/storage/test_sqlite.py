from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from miner_ctrl.errors import HomeInUse, OperationFailed, StateDamaged
from miner_ctrl.storage.sqlite import open_database, transaction

V1 = "CREATE TABLE rig (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
V2 = "ALTER TABLE rig ADD COLUMN tag TEXT NOT NULL DEFAULT ''; CREATE INDEX rig_name ON rig (name);"


def open_rigs(path: Path, *migrations: str) -> apsw.Connection:
    return open_database(path, migrations or (V1,), what="rig list")


def filled(path: Path, rows: int = 2000) -> Path:
    connection = open_rigs(path)
    connection.executemany("INSERT INTO rig (name) VALUES (?)", [(f"rig-{n}",) for n in range(rows)])
    connection.close()
    return path


def test_a_new_file_is_private_durable_and_strict(tmp_path: Path) -> None:
    path = tmp_path / "rigs.db"
    connection = open_rigs(path)
    connection.execute("INSERT INTO rig (name) VALUES ('a')")
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("foreign_keys") == 1
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert sorted(file.name for file in tmp_path.iterdir()) == ["rigs.db", "rigs.db-shm", "rigs.db-wal"]
    connection.close()


def test_an_open_mode_is_closed(tmp_path: Path) -> None:
    path = filled(tmp_path / "rigs.db", 1)
    path.chmod(0o644)
    open_rigs(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    path = filled(tmp_path / "rigs.db", 3)
    for _ in range(2):
        connection = open_rigs(path, V1, V2)
        assert connection.pragma("user_version") == 2
        assert connection.execute("SELECT name, tag FROM rig ORDER BY id").fetchall()[0] == ("rig-0", "")
        connection.close()


def test_a_failing_migration_changes_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "rigs.db", 3)
    with pytest.raises(StateDamaged, match=r"rigs\.db cannot be opened"):
        open_rigs(path, V1, V2, "CREATE TABLE later (id INTEGER) STRICT; SELECT no_such_function();")
    connection = open_rigs(path)
    assert connection.pragma("user_version") == 1
    assert [row[1] for row in connection.execute("PRAGMA table_info(rig)")] == ["id", "name"]
    connection.close()


def test_a_failing_creation_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StateDamaged):
        open_rigs(tmp_path / "rigs.db", "SELECT no_such_function();")
    assert list(tmp_path.iterdir()) == []


def damage_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 3] = b"\xa5" * 4096
    path.write_bytes(data)


DAMAGES = {
    "emptied": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text('{"peers": []}'),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut within the header": lambda path: path.write_bytes(path.read_bytes()[:50]),
    "a page overwritten": damage_middle,
    "zeroes": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_stops_the_start_and_the_file_stays(tmp_path: Path, damage: object) -> None:
    path = filled(tmp_path / "rigs.db")
    damage(path)  # type: ignore[operator]
    before = path.read_bytes()
    with pytest.raises(StateDamaged) as caught:
        open_rigs(path)
    assert str(path) in caught.value.message
    assert "rig list" in caught.value.message
    assert caught.value.suggestion
    assert path.read_bytes() == before


def test_another_programs_database_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "rigs.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StateDamaged, match="was not written by miner-ctrl"):
        open_rigs(path)


def test_a_newer_schema_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "rigs.db"
    open_rigs(path, V1, V2).close()
    with pytest.raises(StateDamaged, match=r"newer version of miner-ctrl \(schema 2, known 1\)") as caught:
        open_rigs(path)
    assert caught.value.code == "STATE_NEWER"
    open_rigs(path, V1, V2).close()


def test_a_journal_without_its_file_is_not_replayed_into_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "rigs.db-wal").write_bytes(b"remains")
    with pytest.raises(StateDamaged, match="is missing while its journal"):
        open_rigs(tmp_path / "rigs.db")
    assert not (tmp_path / "rigs.db").exists()


@pytest.mark.parametrize("path", ["directory", "no/such/folder/rigs.db"])
def test_a_path_that_cannot_be_a_file_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "directory").mkdir(mode=0o700)
    with pytest.raises(StateDamaged, match=path):
        open_rigs(tmp_path / path)


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "rigs.db"
    script = f"""
import os, signal
from pathlib import Path
from miner_ctrl.storage.sqlite import open_database
connection = open_database(Path({str(path)!r}), ({V1!r},), what="rig list")
connection.execute("INSERT INTO rig (name) VALUES ('kept')")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == -9
    connection = open_rigs(path)
    assert connection.execute("SELECT name FROM rig").fetchall() == [("kept",)]
    connection.close()


def test_a_file_locked_by_another_process_is_reported_as_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miner_ctrl.storage.sqlite._BUSY_TIMEOUT_MS", 50)
    path = filled(tmp_path / "rigs.db", 1)
    holder = apsw.Connection(str(path))
    holder.pragma("locking_mode", "EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(HomeInUse, match=r"rigs\.db is in use"):
        open_rigs(path)
    holder.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = open_rigs(tmp_path / "rigs.db")

    def half() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO rig (name) VALUES ('half')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with transaction(connection):
        connection.execute("INSERT INTO rig (name) VALUES ('whole')")
    assert connection.execute("SELECT name FROM rig").fetchall() == [("whole",)]
    connection.close()


def test_a_transaction_within_another_belongs_to_it(tmp_path: Path) -> None:
    connection = open_rigs(tmp_path / "rigs.db")

    def outer() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO rig (name) VALUES ('outer')")
            with transaction(connection):
                connection.execute("INSERT INTO rig (name) VALUES ('inner')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outer()
    assert connection.execute("SELECT name FROM rig").fetchall() == []
    connection.close()


def test_two_threads_that_write_wait_for_each_other(tmp_path: Path) -> None:
    path = filled(tmp_path / "rigs.db", 0)

    def write() -> None:
        own = open_rigs(path)
        for _ in range(20):
            with transaction(own):
                [(count,)] = own.execute("SELECT count(*) FROM rig").fetchall()
                own.execute("INSERT INTO rig (id, name) VALUES (?, 'x')", (int(str(count)) + 1,))
        own.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write), pool.submit(write)]:
            done.result(120)
    connection = open_rigs(path)
    assert connection.execute("SELECT count(*) FROM rig").fetchall() == [(40,)]
    connection.close()


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "rigs.db", 10)
    connection = open_rigs(path)
    connection.pragma("max_page_count", 1)
    with pytest.raises(OperationFailed, match=r"rigs\.db could not be written") as caught, transaction(connection):
        connection.execute("INSERT INTO rig (name) VALUES (?)", ("x" * 100_000,))
    assert caught.value.code == "STATE_NOT_WRITTEN"
    assert connection.execute("SELECT count(*) FROM rig").fetchall() == [(10,)]
    connection.close()
