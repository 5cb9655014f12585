"""The file that holds a node's master secret: 32 raw bytes, for its owner's eyes, written once.

The checks of owner-only access are POSIX modes. On Windows they are skipped (untested there): the file then has what
the profile directory's access list gives it.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from miner_ctrl.errors import Conflict, NotFound, OperationFailed, StateDamaged
from miner_ctrl.identity.keys import SECRET_BYTES
from miner_ctrl.storage.atomic import sync_directory, write_new
from miner_ctrl.storage.directories import check_private, make_private

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_secret(path: Path, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """Make a new master secret (32 bytes), write it to ``path`` durably, and return it.

    The directory is made with mode 0700 if it is missing, the file has 0600. A file that exists is never
    overwritten, whoever made it and however short ago.

    Raises:
        Conflict: there is one already.
        StateDamaged: others may write to the directory.
        OperationFailed: the disk said no.
    """
    secret = random_bytes(SECRET_BYTES)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        make_private(path.parent, strict=False)
        try:
            write_new(temporary, secret)
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(path.parent)
    except FileExistsError:
        raise Conflict(
            f"There is a private key already: {path}.",
            suggestion="Keep it: a node that loses its key is a stranger to all its peers.",
            code="KEY_EXISTS",
        ) from None
    except OSError as error:
        raise OperationFailed(
            f"The private key could not be written to {path}: {error.strerror}.",
            suggestion="Check that the directory exists, is yours and is on a file system with hard links.",
        ) from None
    return secret


def load_secret(path: Path) -> bytes:
    """Return the master secret (32 bytes) in ``path``.

    Raises:
        NotFound: there is no such file.
        StateDamaged: others can read the file or write to its directory (says which chmod to run); it is not a file
            of 32 bytes, or all of them are zero, or it cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _damaged(path, "is not a regular file")
            _check_owner_only(path, status)
            check_private(path.parent, strict=False)
            secret = file.read(SECRET_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(
            f"There is no private key at {path}.", suggestion="Make one: miner-ctrl node init.", code="KEY_MISSING"
        ) from None
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    if len(secret) != SECRET_BYTES:
        raise _damaged(path, f"does not have {SECRET_BYTES} bytes")
    if not any(secret):
        raise _damaged(path, "holds only zeros")
    return secret


def load_or_create(path: Path) -> bytes:
    """Return the master secret in ``path``, made now if there is none.

    Raises:
        StateDamaged, OperationFailed: as ``load_secret`` and ``create_secret``.
    """
    with suppress(NotFound):
        return load_secret(path)
    try:
        return create_secret(path)
    except Conflict:  # another process was faster
        return load_secret(path)


def _check_owner_only(path: Path, status: os.stat_result) -> None:
    if sys.platform != "win32" and status.st_mode & _OTHERS:
        raise StateDamaged(
            f"Others on this machine can read the private key {path}.",
            suggestion=f"Run: chmod 600 {path}",
            code="KEY_FILE_EXPOSED",
        )


def _damaged(path: Path, what: str) -> StateDamaged:
    return StateDamaged(
        f"The private key {path} {what}.",
        suggestion="Restore it from a backup, or move it and node.json away to start as a new node.",
        code="KEY_DAMAGED",
    )
