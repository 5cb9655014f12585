"""What a disk that takes nothing means, in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from miner_ctrl.errors import OperationFailed

DISK_FULL = "DISK_FULL"
_WORDS = {
    errno.ENOSPC: "the disk is full",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk quota is used up",
    errno.EROFS: "the disk can only be read",
}


def disk_trouble(number: int | None) -> OperationFailed | None:
    """Return the error for an ``errno`` that says the disk takes nothing; ``None`` for any other."""
    words = _WORDS.get(number or 0)
    if words is None:
        return None
    return OperationFailed(
        f"Nothing can be written here: {words}.",
        suggestion="Free some space on the disk that holds miner-ctrl's data, then try again.",
        code=DISK_FULL,
    )


@contextmanager
def disk_told() -> Iterator[None]:
    """Make a disk that takes nothing an error for people.

    Raises:
        OperationFailed: the disk is full, its quota used up, or it is read-only.
    """
    try:
        yield
    except OSError as error:
        trouble = disk_trouble(error.errno)
        if trouble is None:
            raise
        raise trouble from None
