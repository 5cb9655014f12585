"""The miners' folders: one each, named TYPE-NUMBER; a number is never used again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

from miner_ctrl.miners.record import RECORD_FILE
from miner_ctrl.storage.disk import disk_told

KEPT_LOGS = 50
"""Folders of miners that were stopped, kept for their logs; the oldest go."""
_NAME = re.compile(r"([a-z0-9-]{1,40})-(\d{1,9})")


class Folders:
    """The folders in ``place``."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @staticmethod
    def may_have_made(name: str) -> bool:
        """Return whether a name is of the kind that folders here have; any other is no path."""
        return _NAME.fullmatch(name) is not None

    def all(self) -> list[Path]:
        """Return those with a record, the oldest first."""
        whole = [path for path in self._named() if (path / RECORD_FILE).is_file()]
        return sorted(whole, key=lambda path: _number(path.name))

    def new(self, kind: str) -> Path:
        """Make one more.

        Raises:
            OperationFailed: the disk takes nothing.
        """
        folder = self.place / f"{kind}-{max((_number(path.name) for path in self._named()), default=0) + 1}"
        with disk_told():
            folder.mkdir(mode=0o700)
        return folder

    def forget_old(self, held: Collection[Path]) -> None:
        """Remove all but the newest of those that are not ``held``."""
        for folder in [folder for folder in self.all() if folder not in held][:-KEPT_LOGS]:
            shutil.rmtree(folder, ignore_errors=True)

    def _named(self) -> list[Path]:
        return [path for path in self.place.iterdir() if _NAME.fullmatch(path.name)]


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])
