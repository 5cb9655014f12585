"""Reading a miner's log: the last lines, or what came after a cursor. The keeper writes it.

The log is a row of segment files ``log-<offset>`` (16 digits: the absolute offset of the segment's first byte). A
cursor is an absolute byte offset in the whole log; it stays true when old segments are rotated away.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from miner_ctrl.model.text import one_line

MAX_LINE_CHARS = 4096
PART_BYTES = 128 * 1024
_FIRST_GUESS_BYTES = 64 * 1024
_SEGMENT = re.compile(r"log-(\d{16})")
_COLOUR = re.compile(r"(\x1b\[[0-9;]{0,32}m)")
_CUT_ESCAPE = re.compile(r"\x1b[^m]*\Z")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class LogPart(msgspec.Struct, frozen=True):
    """Lines of a log, the cursor after them, and how many bytes before them were rotated away unread."""

    lines: list[str]
    cursor: int
    skipped: int = 0


def clean(raw: bytes) -> str:
    """Return one line as text: colours (SGR sequences) kept, every other control character and escape sequence
    removed, at most ``MAX_LINE_CHARS``."""
    text = raw[: 4 * MAX_LINE_CHARS].decode("utf-8", "replace").rstrip("\r\n")
    parts = _COLOUR.split(text)
    parts[::2] = [one_line(_ESCAPE.sub("", part), MAX_LINE_CHARS) for part in parts[::2]]
    return _CUT_ESCAPE.sub("", "".join(parts)[:MAX_LINE_CHARS])


class LogFile:
    """The log in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tail(self, lines: int, *, ended: bool) -> LogPart:
        """Return the last ``lines`` lines; an unfinished last line only when the miner has ``ended``."""
        first, end = self._span()
        size = _FIRST_GUESS_BYTES
        while True:
            start = max(first, end - size)
            data = self._read(start, end - start)
            if start == first or data.count(b"\n") > lines:
                break
            size *= 4
        whole = self._whole_lines(data, ended=ended)
        found = whole.splitlines(keepends=True) if start == first else whole.splitlines(keepends=True)[1:]
        return LogPart([clean(line) for line in (found[-lines:] if lines else [])], start + len(whole))

    def after(self, cursor: int, *, ended: bool) -> LogPart:
        """Return whole lines after ``cursor``, at most ``PART_BYTES`` of them (or one line that is longer). A cursor
        beyond the end is taken for the end."""
        first, end = self._span()
        start = min(max(cursor, first), end)
        size = PART_BYTES
        while True:
            data = self._read(start, min(size, end - start))
            whole = self._whole_lines(data, ended=ended and start + len(data) == end)
            if whole or start + len(data) == end:
                break
            size *= 4
        return LogPart(
            [clean(line) for line in whole.splitlines(keepends=True)], start + len(whole), max(0, start - cursor)
        )

    def last_words(self, lines: int = 3) -> str:
        """Return the last lines that say something, without colours, as one sentence's worth of text."""
        said = [_COLOUR.sub("", line).strip() for line in self.tail(20, ended=True).lines]
        return " / ".join([line for line in said if line][-lines:])[:500]

    @staticmethod
    def _whole_lines(data: bytes, *, ended: bool) -> bytes:
        return data if ended else data[: data.rfind(b"\n") + 1]

    def _segments(self) -> list[int]:
        names = (_SEGMENT.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def _span(self) -> tuple[int, int]:
        """Return the absolute offsets of the first byte that is there and after the last."""
        starts = self._segments()
        if not starts:
            return 0, 0
        return starts[0], starts[-1] + self._path(starts[-1]).stat().st_size

    def _read(self, start: int, size: int) -> bytes:
        """Return up to ``size`` bytes from the absolute offset ``start``, across segments."""
        chunks: list[bytes] = []
        for segment in self._segments():
            if size <= 0:
                break
            try:
                with self._path(segment).open("rb") as file:
                    if start < segment:
                        break
                    file.seek(start - segment)
                    chunk = file.read(size)
            except FileNotFoundError:  # rotated away just now
                continue
            chunks.append(chunk)
            start += len(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _path(self, start: int) -> Path:
        return self._folder / f"log-{start:016d}"
