"""From an archive to a folder of plain files, everything checked and counted on the way. Blocks: for a thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from miner_ctrl.deploy.compression import Stream
from miner_ctrl.deploy.entries import Entry
from miner_ctrl.deploy.paths import Tree, parts_of
from miner_ctrl.deploy.refusals import bad_archive
from miner_ctrl.deploy.tar_archive import BLOCK, tar_entries
from miner_ctrl.deploy.zip_archive import zip_entries
from miner_ctrl.errors import OperationFailed
from miner_ctrl.storage.atomic import sync_directory

PROGRAM_MODE, FILE_MODE, FOLDER_MODE = 0o755, 0o644, 0o755
FOLDERS_BESIDE_FILES = 1000
"""An archive may have as many folders as files, and this many more."""
_TAR_SLACK_BYTES = 4 * 1024 * 1024
_BLOCKS_FOR_ONE = 6
"""What one file or folder takes in a tar beside its bytes: headers, a long name, padding."""


class Bounds(NamedTuple):
    """How much an archive may hold."""

    files: int
    unpacked_bytes: int


class Found(NamedTuple):
    """One entry, its path checked, its data counted."""

    parts: tuple[str, ...]
    entry: Entry


def walk(file: BinaryIO, archive: str, bounds: Bounds) -> Iterator[Found]:
    """Yield what an archive holds. Each one's data has to be read before the next is asked for.

    Raises:
        BadInput: it holds what a bundle may not, or more than ``bounds``.
    """
    tree, files, left = Tree(), 0, bounds.unpacked_bytes
    for entry in _entries(file, archive, bounds):
        parts = parts_of(entry.path)
        if not parts:
            if not entry.directory:
                raise bad_archive("holds a file without a name")
            continue
        tree.add(parts, directory=entry.directory)
        files += not entry.directory
        left -= entry.size
        if files > bounds.files or left < 0 or tree.directories > bounds.files + FOLDERS_BESIDE_FILES:
            raise bad_archive("holds more than its description says")
        yield Found(parts, entry)


def _entries(file: BinaryIO, archive: str, bounds: Bounds) -> Iterator[Entry]:
    entries = 2 * bounds.files + FOLDERS_BESIDE_FILES
    if archive == "zip":
        return zip_entries(file, at_most=entries)
    limit = bounds.unpacked_bytes + entries * _BLOCKS_FOR_ONE * BLOCK + _TAR_SLACK_BYTES
    return tar_entries(Stream(file, archive, limit=limit))


def unpack(
    archive_file: Path, archive: str, bounds: Bounds, folder: Path, *, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Unpack into ``folder``, which must be empty and nobody else's; on the disk when this returns.

    Of modes only "may be executed" is kept. After a failure ``folder`` holds rubbish, and nothing outside it changed.

    Raises:
        BadInput: the archive holds what a bundle may not, or more than ``bounds``.
        OperationFailed: the disk is full or broken, or ``stopped`` said so.
    """
    made: set[Path] = set()
    try:
        with archive_file.open("rb") as file:
            for parts, entry in walk(file, archive, bounds):
                place = folder.joinpath(*parts)
                _make_folders(folder, parts if entry.directory else parts[:-1], made)
                if not entry.directory:
                    _write(place, entry, stopped)
        for directory in made:
            sync_directory(directory)
        sync_directory(folder)
    except OSError as error:
        raise OperationFailed(
            f"The bundle could not be unpacked: {error.strerror or error}.",
            suggestion="See to free space on the rig's disk, then deploy it again.",
            code="NOT_UNPACKED",
        ) from None


def _make_folders(folder: Path, parts: tuple[str, ...], made: set[Path]) -> None:
    for part in parts:
        folder = folder / part
        if folder not in made:
            folder.mkdir(exist_ok=True)
            if sys.platform != "win32":
                folder.chmod(FOLDER_MODE)
            made.add(folder)


def _write(place: Path, entry: Entry, stopped: Callable[[], bool]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(place, flags, 0o600)
    try:
        left = entry.size
        for piece in entry.data:
            if stopped():
                raise OperationFailed("The rig's miner-ctrl is shutting down.", suggestion="Deploy it again later.")
            _write_all(descriptor, piece)
            left -= len(piece)
        if left:
            raise bad_archive("says two things of one file's size")
        if sys.platform != "win32":
            os.fchmod(descriptor, PROGRAM_MODE if entry.executable else FILE_MODE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
