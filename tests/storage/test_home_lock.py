from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miner_ctrl.errors import HomeInUse, StateDamaged
from miner_ctrl.storage.home_lock import HomeLock

HOLD = """
import sys
from pathlib import Path
from miner_ctrl.storage.home_lock import HomeLock
lock = HomeLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    with held_elsewhere(path) as other:
        with pytest.raises(HomeInUse, match=f"in use by process {other.pid}") as caught:
            HomeLock(path).acquire()
        assert caught.value.details["pid"] == other.pid
        assert caught.value.suggestion


def test_the_holders_death_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    with held_elsewhere(path) as other:
        other.kill()
        other.wait(30)
        with HomeLock(path) as lock:
            assert lock.held
            assert path.read_text() == f"{os.getpid()}\n"


def test_release_lets_the_next_one_in_and_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    first, second = HomeLock(path), HomeLock(path)
    first.acquire()
    first.acquire()
    with pytest.raises(HomeInUse):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    assert second.held
    assert not first.held
    second.release()
    assert path.exists()


def test_a_child_that_outlives_the_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    script = """
import subprocess, sys
from pathlib import Path
from miner_ctrl.storage.home_lock import HomeLock
HomeLock(Path(sys.argv[1])).acquire()
subprocess.Popen([sys.executable, "-c", "print('here', flush=True); input()"], close_fds=False).wait()
"""
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"here\n"
        holder.kill()
        holder.wait(30)
        with HomeLock(path):
            pass
        assert holder.stdin is not None
        holder.stdin.write(b"\n")  # ends the child, which is still there


def test_release_does_not_wait_for_a_copy_of_the_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    lock = HomeLock(path)
    lock.acquire()
    assert lock._descriptor is not None
    copy = os.dup(lock._descriptor)
    lock.release()
    with HomeLock(path):
        pass
    os.close(copy)


def test_rubbish_in_the_file_is_no_pid(tmp_path: Path) -> None:
    path = tmp_path / "node.lock"
    with HomeLock(path):
        path.write_bytes(b"\xffnot a pid")
        with pytest.raises(HomeInUse, match="another process"):
            HomeLock(path).acquire()


def test_a_link_is_not_followed_and_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "directory").mkdir()
    for name in ("link", "directory", "missing/node.lock"):
        with pytest.raises(StateDamaged, match=name):
            HomeLock(tmp_path / name).acquire()
    assert not (tmp_path / "elsewhere").exists()
