"""The key file: owner-only, written once, never replaced, its damage named."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner_ctrl.errors import Conflict, NotFound, OperationFailed, StateDamaged
from miner_ctrl.identity.keyfile import create_secret, load_or_create, load_secret

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "node" / "private.key"


@pytest.fixture(params=[0o000, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_secret_is_written_and_read_back(path: Path) -> None:
    secret = create_secret(path)
    assert len(secret) == 32
    assert path.read_bytes() == secret == load_secret(path)
    assert [file.name for file in path.parent.iterdir()] == ["private.key"]


def test_two_nodes_have_different_secrets(tmp_path: Path) -> None:
    assert create_secret(tmp_path / "a" / "private.key") != create_secret(tmp_path / "b" / "private.key")


@posix
def test_file_and_directory_are_the_owners_alone(path: Path, umask: int) -> None:
    create_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_is_never_overwritten(path: Path) -> None:
    secret = create_secret(path)
    with pytest.raises(Conflict) as caught:
        create_secret(path)
    assert str(path) in caught.value.message
    assert path.read_bytes() == secret
    assert [file.name for file in path.parent.iterdir()] == ["private.key"]


def test_a_damaged_key_is_not_replaced_either(path: Path) -> None:
    create_secret(path)
    path.write_bytes(b"")
    with pytest.raises(StateDamaged):
        load_or_create(path)
    assert path.read_bytes() == b""


def test_load_or_create_makes_one_key_for_all_times(path: Path) -> None:
    assert load_or_create(path) == load_or_create(path) == path.read_bytes()


def test_processes_that_race_for_the_first_start_agree(path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from miner_ctrl.identity.keyfile import load_or_create\n"
        "sys.stdin.read(1)\n"
        "print(load_or_create(pathlib.Path(sys.argv[1])).hex())\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("x")
        racer.stdin.flush()
    outputs = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert outputs == {path.read_bytes().hex()}


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644, 0o601])
def test_a_file_open_to_others_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    create_secret(path)
    path.chmod(mode)
    with pytest.raises(StateDamaged) as caught:
        load_secret(path)
    assert caught.value.code == "KEY_FILE_EXPOSED"
    assert caught.value.suggestion == f"Run: chmod 600 {path}"
    path.chmod(0o600)
    load_secret(path)


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_directory_others_may_write_to_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    create_secret(path)
    path.parent.chmod(mode)
    with pytest.raises(StateDamaged) as caught:
        load_secret(path)
    assert "chmod" in caught.value.suggestion
    assert str(path.parent) in caught.value.suggestion
    path.unlink()
    with pytest.raises(StateDamaged):
        create_secret(path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"x" * 100_000, bytes(32)])
def test_a_damaged_file_is_named(path: Path, content: bytes) -> None:
    create_secret(path)
    path.write_bytes(content)
    with pytest.raises(StateDamaged) as caught:
        load_secret(path)
    assert str(path) in caught.value.message
    assert caught.value.code == "KEY_DAMAGED"


def test_a_directory_in_its_place_is_named(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True)
    with pytest.raises(StateDamaged, match=r"private\.key"):
        load_secret(path)


def test_no_file_is_not_a_damaged_file(path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load_secret(path)
    assert caught.value.code == "KEY_MISSING"


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_disk_that_says_no_is_reported(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    path.parent.chmod(0o500)
    with pytest.raises(OperationFailed, match=r"private\.key"):
        create_secret(path)


def test_a_place_that_cannot_be_a_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed):
        create_secret(tmp_path / ("n" * 300))
