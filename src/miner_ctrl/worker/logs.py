"""Miners' logs for peers: the last lines in parts, or the log as it grows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager

from miner_ctrl.errors import RateLimited
from miner_ctrl.miners import Miners
from miner_ctrl.protocol.messages import FollowLogs, GetLogs, Logs
from miner_ctrl.transport import Channel, Request

PART_BYTES = 256 * 1024
READ_AT_ONCE = 4
"""Answers with the last lines that may be under way in one session: each holds up to 10,000 lines meanwhile."""
FOLLOWED_AT_ONCE = 8
"""Logs that one session may follow at the same time."""


def in_parts(lines: Sequence[str], part_bytes: int = PART_BYTES) -> Iterator[tuple[str, ...]]:
    """Yield ``lines`` in order, each part at most ``part_bytes`` of UTF-8 (a longer line stands alone)."""
    part: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode("utf-8", "replace")) + 5
        if part and size + length > part_bytes:
            yield tuple(part)
            part, size = [], 0
        part.append(line)
        size += length
    if part:
        yield tuple(part)


class LogDesk:
    """Answers ``get_logs`` and ``follow_logs``. A stream ends with its session, its miner, or on request."""

    def __init__(self, miners: Miners) -> None:
        self._miners = miners
        self._read: Counter[Channel] = Counter()
        self._followed: Counter[Channel] = Counter()

    async def tail(self, request: Request) -> Logs:
        """Send the last lines of a miner's log, in parts."""
        payload = request.payload
        assert isinstance(payload, GetLogs)  # noqa: S101 - the route table's promise
        with _place(self._read, request.channel, READ_AT_ONCE):
            lines, cursor = await self._miners.tail(payload.miner, payload.lines)
            held: tuple[str, ...] = ()
            for part in in_parts(lines):
                if held:
                    request.reply(Logs(lines=held, more=True, cursor=cursor))
                    await request.channel.drained()
                held = part
        return Logs(lines=held, cursor=cursor)

    async def follow(self, request: Request) -> Logs | None:
        """Send a log as it grows; the parts are replies to the request that began it. A ``cancel`` of it has ended it
        already."""
        payload = request.payload
        assert isinstance(payload, FollowLogs)  # noqa: S101 - the route table's promise
        if payload.cancel is not None or not request.open:
            return Logs(lines=())
        this = asyncio.current_task()
        assert this is not None  # noqa: S101 - handlers run in tasks
        request.on_over = this.cancel
        parts = self._miners.follow(payload.miner, lines=payload.lines, cursor=payload.cursor)
        with _place(self._followed, request.channel, FOLLOWED_AT_ONCE):
            async with aclosing(parts):
                async for part in parts:
                    skipped = part.skipped
                    for lines in in_parts(part.lines) if part.lines else [()]:
                        await request.channel.drained()
                        request.reply(Logs(lines=lines, more=True, cursor=part.cursor, skipped=skipped))
                        skipped = 0
        request.reply(Logs(lines=()))
        return None


@contextmanager
def _place(taken: Counter[Channel], channel: Channel, places: int) -> Iterator[None]:
    """Take one of a session's places.

    Raises:
        RateLimited: all are taken.
    """
    if taken[channel] >= places:
        raise RateLimited(f"One session may have {places} logs sent at once.", suggestion="Wait for the others first.")
    taken[channel] += 1
    try:
        yield
    finally:
        taken[channel] -= 1
        if not taken[channel]:
            del taken[channel]
