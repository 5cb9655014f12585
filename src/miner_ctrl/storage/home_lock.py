"""One process per home: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from miner_ctrl.errors import HomeInUse, StateDamaged

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_WINDOWS_LOCK_AT = 1 << 30
"""The locked byte lies beyond the text, which others must be able to read."""


class HomeLock:
    """The lock file of a home. The holder's process id stands in it, for people; what counts is the lock.

    The file stays when the lock is released: removing it would let two holders lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock; the file's directory must exist.

        Raises:
            HomeInUse: another process (or another lock of this one) holds it; ``details["pid"]`` says which.
            StateDamaged: the lock file cannot be opened.
        """
        if self.held:
            return
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self._path, flags, 0o600)  # not inherited by the miners' keepers (PEP 446)
        except OSError as error:
            raise StateDamaged(
                f"The lock file {self._path} cannot be opened: {error.strerror}.",
                suggestion="See to its owner and permissions.",
                code="STATE_UNREADABLE",
            ) from None
        try:
            _lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except (BlockingIOError, PermissionError):
            pid = _read_pid(descriptor)
            os.close(descriptor)
            raise _in_use(self._path, pid) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            _unlock(descriptor)
            os.close(descriptor)

    def __enter__(self) -> HomeLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _WINDOWS_LOCK_AT, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(descriptor: int) -> None:
    """Closing is not enough at once: a child that is just being started may hold a copy until it has executed."""
    if sys.platform == "win32":
        os.lseek(descriptor, _WINDOWS_LOCK_AT, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _read_pid(descriptor: int) -> int | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 32).strip()
    return int(text) if text.isdigit() else None


def _in_use(path: Path, pid: int | None) -> HomeInUse:
    who = f"process {pid}" if pid is not None else "another process"
    return HomeInUse(
        f"This home is in use by {who}.",
        suggestion="Wait until it has ended, stop it, or choose another home with --home DIR.",
        details={"lock": str(path)} if pid is None else {"lock": str(path), "pid": pid},
    )
