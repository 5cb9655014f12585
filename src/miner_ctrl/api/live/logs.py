"""A miner's log as a topic: followed once, whoever reads it, and held as its last lines.

A reader has a place in it and nothing else. One that is slower than the log is told how much it missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice

import msgspec

from miner_ctrl.api.faces import LogPart
from miner_ctrl.api.live.messages import MAX_LOG_LINES
from miner_ctrl.api.streams import close_with
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.text import one_line

log = logging.getLogger(__name__)

KEPT_CHARS = 512 * 1024
LINES_AT_ONCE = 200
CHARS_AT_ONCE = 32 * 1024
MAX_LINE_CHARS = 4096

_encoder = msgspec.json.Encoder()


class Lines:
    """The last lines of a log, numbered from its first. ``skipped`` bytes are counted at the line after them."""

    def __init__(self, *, at_most: int = 2 * MAX_LOG_LINES, chars: int = KEPT_CHARS) -> None:
        self._held: deque[tuple[str, int]] = deque()
        self._at_most = at_most
        self._most_chars = chars
        self._chars = 0
        self.first = 0
        """The number of the oldest line that is held."""

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.first + len(self._held)

    def add(self, lines: Sequence[str], skipped: int) -> None:
        """Put lines to the end; the oldest are let go."""
        for line in lines:
            cut = line[:MAX_LINE_CHARS]
            self._held.append((cut, skipped))
            self._chars += len(cut)
            skipped = 0
        while self._held and (len(self._held) > self._at_most or self._chars > self._most_chars):
            gone, _ = self._held.popleft()
            self._chars -= len(gone)
            self.first += 1

    def read(self, start: int) -> tuple[list[str], int, int]:
        """Return lines from number ``start`` on (or the oldest there is), as many as one message takes; the number
        after the last of them; and how many bytes were skipped before them."""
        start = max(start, self.first)
        lines: list[str] = []
        skipped = chars = 0
        for line, before in islice(self._held, start - self.first, start - self.first + LINES_AT_ONCE):
            if lines and chars + len(line) > CHARS_AT_ONCE:
                break
            lines.append(line)
            chars += len(line)
            skipped += before
        return lines, start + len(lines), skipped


class FollowedLog:
    """One miner's log while somebody reads it. ``follow`` opens it at the rig; ``ended`` is called once it has ended,
    with why if that is an error."""

    def __init__(
        self,
        name: str,
        follow: Callable[[], AsyncIterator[LogPart]],
        ended: Callable[[MinerCtrlError | None], None],
        *,
        every_s: float,
    ) -> None:
        self.every_s = every_s
        self.lines = Lines()
        self.begun = False
        """Whether the rig has answered: the lines there were are there."""
        self._name = name
        self._follow = follow
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._woken: Callable[[], None] = lambda: None

    def open(self, woken: Callable[[], None]) -> None:
        self._woken = woken
        self._task = asyncio.get_running_loop().create_task(self._read(), name=f"live {one_line(self._name, 80)}")

    def close(self) -> None:
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def collect(self) -> bool:
        return self.begun

    def part(self, topic: str, lines: int) -> LogReading:
        return LogReading(self, topic, lines)

    async def _read(self) -> None:
        error: MinerCtrlError | None = None
        try:
            parts = self._follow()
            try:
                async for part in parts:
                    self.begun = True
                    self.lines.add(part.lines, part.skipped)
                    self._woken()
            finally:
                await close_with(parts)
        except MinerCtrlError as failure:
            error = failure
        except Exception:  # the boundary of this task
            log.exception("a log could not be followed")
            error = MinerCtrlError("The log could not be followed.", code="INTERNAL_ERROR")
        self._ended(error)


class LogReading:
    """One reader's place in a log."""

    def __init__(self, followed: FollowedLog, topic: str, lines: int) -> None:
        self._log = followed
        self._topic = _encoder.encode(topic).decode()
        self._wanted = lines
        self._at: int | None = None

    def restart(self) -> None:
        self._at = None

    def take(self, change: object) -> None:
        """The lines are where they are."""

    def pull(self) -> tuple[str, str] | None:
        held = self._log.lines
        if not self._log.begun:
            return None
        first = self._at is None
        at = max(held.first, held.end - self._wanted) if self._at is None else self._at
        missed = max(0, held.first - at)
        lines, self._at, skipped = held.read(at)
        if not lines and not first:
            return None
        body = _encoder.encode(
            {"lines": lines, "first": first, "skippedLines": missed, "skippedBytes": 0 if first else skipped}
        )
        return "log", f'{{"type":"log","topic":{self._topic},{body[1:-1].decode()}'
