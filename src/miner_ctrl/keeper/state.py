"""What the keeper leaves on disk of its miner: who it is, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

STATE_FILE = "state.json"
_PADDED_BYTES = 512
"""The file's size: its end can be written over its beginning in place, even on a disk that is full."""


def process_start(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 where that is not known. With the pid, it tells a
    process from a later one of the same number."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


class State:
    """The state file of one run of a miner."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, STATE_FILE)
        self.facts: dict[str, Any] = {}

    def started(self, pid: int) -> None:
        """Record that the miner runs.

        Raises:
            OSError: the disk does not take it; then the miner must not go on.
        """
        self.facts = {
            "keeperPid": os.getpid(),
            "keeperStart": process_start(os.getpid()),
            "pid": pid,
            "start": process_start(pid),
            "startedMs": time.time_ns() // 1_000_000,
        }
        self._replace()

    def ended(self, *, exit_code: int | None, signal: int | None, asked: bool) -> bool:
        """Record how the miner ended; whether it is on the disk. ``asked``: it was told to stop."""
        self.facts.update(endedMs=time.time_ns() // 1_000_000, exitCode=exit_code, signal=signal, asked=asked)
        try:
            self._replace()
        except OSError:
            return self._overwrite()
        return True

    def _data(self) -> bytes:
        return json.dumps(self.facts).encode().ljust(_PADDED_BYTES - 1) + b"\n"

    def _replace(self) -> None:
        temporary = self._path + ".new"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(descriptor, self._data())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _overwrite(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_WRONLY)
            try:
                os.write(descriptor, self._data())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return True
