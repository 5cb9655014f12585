"""The miner's log on disk: bounded, rotated, addressed by absolute byte offsets that survive rotation.

Segments are files ``log-<offset>``, the 16-digit offset of their first byte in the whole log. A segment ends with a
line; the oldest go when there are more than ``segments``. A disk that is full costs log, never the miner.
"""

from __future__ import annotations

import contextlib
import os

PREFIX = "log-"
OFFSET_DIGITS = 16


class Logbook:
    """Appends to the log in ``folder``; goes on where an earlier one ended."""

    def __init__(self, folder: str, *, segment_bytes: int, segments: int) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segments = segments
        self._descriptor = -1
        self._unsaid_bytes = 0
        self.lost_bytes = 0
        """What the disk did not take, since the start."""
        starts = self._starts()
        self._start = starts[-1] if starts else 0
        self.end = self._start
        """The absolute offset after the last byte."""
        if starts:
            self.end += os.stat(self._path(self._start)).st_size

    def write(self, data: bytes) -> None:
        """Append ``data``; what the disk does not take is counted, and said in the log once it takes some again."""
        if self._unsaid_bytes:
            note = b"\r\n[keeper] %d bytes of this log were lost: the disk was full.\r\n" % self._unsaid_bytes
            if self._append(note) < len(note):
                self._lost(len(data))
                return
            self._unsaid_bytes = 0
        if self.end - self._start >= self._segment_bytes:
            data = self._finish_segment(data)
        self._lost(len(data) - self._append(data))

    def close(self) -> None:
        """Flush to the disk and close."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _lost(self, count: int) -> None:
        self._unsaid_bytes += count
        self.lost_bytes += count

    def _finish_segment(self, data: bytes) -> bytes:
        """Put the rest of the present line into the full segment and begin the next; return what is left."""
        line_end = data.find(b"\n") + 1
        if not line_end and self.end - self._start < 2 * self._segment_bytes:
            return data
        self._lost(line_end - self._append(data[:line_end]))
        os.close(self._descriptor)
        self._descriptor = -1
        self._start = self.end
        for start in self._starts()[: -self._segments + 1 or None]:
            os.unlink(self._path(start))
        return data[line_end:]

    def _append(self, data: bytes) -> int:
        """Write as much as the disk takes, and return how many bytes that was."""
        written = 0
        try:
            if self._descriptor < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self._path(self._start), flags, 0o600)
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            pass
        self.end += written
        return written

    def _starts(self) -> list[int]:
        names = (name.removeprefix(PREFIX) for name in os.listdir(self._folder) if name.startswith(PREFIX))
        return sorted(int(name) for name in names if len(name) == OFFSET_DIGITS and name.isdigit())

    def _path(self, start: int) -> str:
        return os.path.join(self._folder, f"{PREFIX}{start:0{OFFSET_DIGITS}d}")
