"""Bundles on their way in: partial files that survive a lost link and a killed agent. Blocks: for a thread."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from miner_ctrl.deploy.digest import Sha256
from miner_ctrl.errors import OperationFailed, RateLimited
from miner_ctrl.storage.directories import make_private

PARTIALS_AT_MOST = 4
STALE_AFTER_S = 24 * 3600.0
"""A partial file that has not grown for this long is removed."""
IDLE_AFTER_S = 600.0
"""One that has not grown for this long makes room for another."""
_READ_BYTES = 1024 * 1024
_SUFFIX = ".part"


class Partial:
    """One bundle on its way in. ``expected`` is the offset of the next bytes to be taken, ``written`` of those to be
    written; what lies between is on its way to the disk."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self.written = os.fstat(self._descriptor).st_size
        if self.written > size_bytes:
            os.ftruncate(self._descriptor, 0)
            self.written = 0
        self.expected = self.written
        self._digest = None if self.written else Sha256()
        """Of what was written, if all of it came in this process's life."""

    @property
    def whole(self) -> bool:
        return self.written == self.size_bytes

    def write(self, offset: int, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            OSError: they could not be; then ``expected`` is where to go on.
        """
        try:
            self._write(offset, memoryview(data))
        except OSError:
            self.expected = self.written
            raise
        self.written += len(data)
        if self._digest is not None:
            self._digest.update(data)

    def _write(self, offset: int, data: memoryview) -> None:
        if offset != self.written:
            raise OSError(errno.EIO, "an earlier part is missing")
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        while data:
            data = data[os.write(self._descriptor, data) :]

    def sha256(self) -> str:
        """Return the digest of what is there, read again if it came in an earlier life."""
        if self._digest is not None:
            return self._digest.hexdigest()
        digest = Sha256()
        with self.path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of the file; it stays."""
        with suppress(OSError):
            os.close(self._descriptor)


class Incoming:
    """The partial files of one rig, in ``folder``. ``free_bytes`` says how much its disk has room for."""

    def __init__(
        self,
        folder: Path,
        *,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._free_bytes = free_bytes
        self._now_s = now_s
        self._open: dict[str, Partial] = {}

    def get(self, sha256: str) -> Partial | None:
        """Return the partial file of a bundle that was offered in this process's life."""
        return self._open.get(sha256)

    def begin(self, sha256: str, size_bytes: int) -> Partial:
        """Return a bundle's partial file, made if there is none.

        Raises:
            RateLimited: too many others are on their way.
            OperationFailed: it cannot be made.
        """
        partial = self._open.get(sha256)
        if partial is not None and partial.size_bytes == size_bytes and partial.path.exists():
            return partial
        self.close_one(sha256)
        try:
            make_private(self._folder)
            self._make_room(sha256)
            partial = self._open[sha256] = Partial(self._path(sha256), size_bytes)
        except OSError as error:
            raise OperationFailed(
                f"The bundle cannot be received: {error.strerror}.", suggestion="See to the rig's disk.", code="NO_ROOM"
            ) from None
        return partial

    def check_room(self, more_bytes: int, reserve_bytes: int) -> None:
        """Check that the disk has room for so much more, beside what is on its way, and keeps its reserve.

        Raises:
            OperationFailed: it has not.
        """
        folder = next(place for place in (self._folder, *self._folder.parents) if place.exists())
        free = self._free_bytes(folder)
        if free - more_bytes < reserve_bytes:
            raise OperationFailed(
                f"The rig's disk is short: {_mb(free)} are free, this bundle needs {_mb(more_bytes)}, and"
                f" {_mb(reserve_bytes)} have to stay free.",
                suggestion="Free some space on the rig, then deploy it again.",
                code="DISK_SHORT",
            )

    def missing_bytes(self, *, but: str) -> int:
        """Return how much is still to come of every bundle on its way except ``but``."""
        return sum(one.size_bytes - one.written for sha256, one in self._open.items() if sha256 != but)

    def discard(self, sha256: str) -> None:
        """Remove a bundle's partial file, and the folder when it was the last."""
        self.close_one(sha256)
        with suppress(OSError):
            self._path(sha256).unlink(missing_ok=True)
            self._folder.rmdir()

    def remove_stale(self) -> None:
        """Remove what has not grown for a day."""
        for _, path, changed_s in self._found():
            if self._now_s() - changed_s > STALE_AFTER_S:
                self.discard(path.stem)

    def close_one(self, sha256: str) -> None:
        """Let go of one file; it stays."""
        partial = self._open.pop(sha256, None)
        if partial is not None:
            partial.close()

    def close(self) -> None:
        """Let go of all files; they stay."""
        for sha256 in tuple(self._open):
            self.close_one(sha256)

    def _make_room(self, sha256: str) -> None:
        self.remove_stale()
        others = sorted((changed_s, path) for _, path, changed_s in self._found() if path.stem != sha256)
        while len(others) >= PARTIALS_AT_MOST:
            changed_s, path = others.pop(0)
            if self._now_s() - changed_s < IDLE_AFTER_S:
                raise RateLimited(
                    f"{PARTIALS_AT_MOST} other bundles are on their way to this rig.",
                    suggestion="Wait until they are there, then try again.",
                    code="TOO_MANY_BUNDLES",
                )
            self.discard(path.stem)
        make_private(self._folder)

    def _found(self) -> list[tuple[int, Path, float]]:
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ():
            with suppress(OSError):
                status = path.lstat()
                found.append((status.st_size, path, status.st_mtime))
        return found

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}{_SUFFIX}"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
