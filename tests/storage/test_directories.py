from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from miner_ctrl.errors import StateDamaged
from miner_ctrl.storage.directories import make_private


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_ours_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b")
    assert mode_of(tmp_path / "a") == mode_of(tmp_path / "a" / "b") == 0o700
    make_private(tmp_path / "a" / "b")


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_an_open_one_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "open"
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(StateDamaged, match="open to other users") as caught:
        make_private(path)
    assert caught.value.suggestion == f"Run: chmod 700 {path}"
    assert mode_of(path) == mode


def test_a_shared_parent_may_be_read_but_not_written_by_others(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o755)
    make_private(path, strict=False)
    path.chmod(0o775)
    with pytest.raises(StateDamaged, match="open to other users"):
        make_private(path, strict=False)


def test_a_link_planted_by_somebody_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateDamaged, match="not a directory"):
        make_private(tmp_path / "run")
    make_private(tmp_path / "run", strict=False)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StateDamaged, match=str(tmp_path / "file")):
            make_private(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(StateDamaged, match="belongs to another user"):
        make_private(path)
