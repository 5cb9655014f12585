"""The operators' keys that a rig's owner has pinned: whose signed programs count here, whichever controller that was
granted ``install`` brings them. ``<config>/operators.txt``, one public key (Ed25519, base64) a line."""

from __future__ import annotations

import base64
import binascii
import os
import sys
from pathlib import Path

from miner_ctrl.errors import OperationFailed, StateDamaged
from miner_ctrl.storage.atomic import write_atomic

KEY_BYTES = 32
MAX_KEYS = 8
MAX_FILE_BYTES = 4096


def pinned_operators(path: Path) -> tuple[bytes, ...]:
    """Return the keys in ``path``; none if there is no such file.

    Raises:
        StateDamaged: it holds something else, or others on this machine may change it.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if sys.platform != "win32" and (status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid())):
                raise StateDamaged(
                    f"Others on this machine may change the operators' keys in {path}.",
                    suggestion=f"See that what it says is right, then run: chmod 600 {path}",
                    code="OPERATORS_EXPOSED",
                )
            lines = file.read(MAX_FILE_BYTES + 1).split()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    try:
        keys = tuple(base64.b64decode(line, validate=True) for line in lines)
    except binascii.Error:
        keys = (b"",)
    if len(keys) > MAX_KEYS or any(len(key) != KEY_BYTES for key in keys):
        raise _damaged(path, f"does not hold up to {MAX_KEYS} public keys, one a line")
    return keys


def pin_operators(path: Path, keys: tuple[bytes, ...]) -> None:
    """Pin ``keys`` beside those that are pinned already; durable on return.

    Raises:
        StateDamaged: as ``pinned_operators``.
        OperationFailed: the file cannot be written, or there would be more than ``MAX_KEYS``.
    """
    all_keys = tuple(dict.fromkeys((*pinned_operators(path), *keys)))
    if len(all_keys) > MAX_KEYS:
        raise OperationFailed(
            f"A rig takes no more than {MAX_KEYS} operators' keys.", suggestion=f"Remove lines from {path} first."
        )
    try:
        write_atomic(path, b"".join(base64.b64encode(key) + b"\n" for key in all_keys))
    except OSError as error:
        raise OperationFailed(
            f"The operators' keys {path} could not be written: {error.strerror}.",
            suggestion="See to free space on its disk and to its permissions.",
            code="STATE_NOT_WRITTEN",
        ) from None


def _damaged(path: Path, what: str) -> StateDamaged:
    return StateDamaged(
        f"The file of operators' keys {path} {what}.",
        suggestion="Mend it, or remove it and pin the keys again.",
        code="OPERATORS_DAMAGED",
    )
