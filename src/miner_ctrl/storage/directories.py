"""Directories that are ours alone."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from miner_ctrl.errors import StateDamaged

PRIVATE_MODE = 0o700


def make_private(path: Path, *, strict: bool = True) -> Path:
    """Make the directory ``path`` (and missing parents) with mode 0700, or check the one that is there.

    One that is there must be a directory of this user that others cannot write to; with ``strict`` others can do
    nothing at all with it and it is no symbolic link. Its mode is never changed behind the owner's back.

    Raises:
        StateDamaged: it is not so, or cannot be made; the sentence names the directory.
    """
    try:
        missing = [parent for parent in (path, *path.parents) if not parent.exists()]
        for directory in reversed(missing):
            directory.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        check_private(path, strict=strict)
    except OSError as error:
        raise StateDamaged(
            f"The directory {path} cannot be used: {error.strerror or error}.",
            suggestion="Choose another home with --home DIR, or mend the directory's place and permissions.",
            code="UNUSABLE_DIRECTORY",
        ) from None
    return path


def check_private(path: Path, *, strict: bool = True) -> None:
    """Check an existing directory as ``make_private`` does.

    Raises:
        StateDamaged: it is not ours alone.
        OSError: it is not there.
    """
    found = path.lstat() if strict else path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise _unsafe(path, "is not a directory", "Move it away, or choose another home with --home DIR.")
    if sys.platform == "win32":  # a profile directory's own access list keeps other users out
        return
    if found.st_uid != os.geteuid():
        raise _unsafe(path, "belongs to another user", "Choose another home with --home DIR, or another user.")
    if found.st_mode & (0o077 if strict else 0o022):
        raise _unsafe(path, "is open to other users", f"Run: chmod {'700' if strict else 'go-w'} {path}")


def _unsafe(path: Path, what: str, suggestion: str) -> StateDamaged:
    return StateDamaged(f"The directory {path} {what}.", suggestion=suggestion, code="UNSAFE_DIRECTORY")
