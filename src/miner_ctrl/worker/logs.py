"""Miners' logs for peers: the last lines in parts, or the log as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from miner_ctrl.errors import RateLimited
from miner_ctrl.miners import Miners
from miner_ctrl.protocol.messages import FollowLogs, GetLogs, Logs
from miner_ctrl.transport import Channel, Request

PART_BYTES = 256 * 1024
FOLLOWED_AT_ONCE = 8
"""Logs that one channel may follow at the same time."""


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
    """Answers ``get_logs`` and ``follow_logs``. A stream ends with its channel, its miner, or on request."""

    def __init__(self, miners: Miners) -> None:
        self._miners = miners
        self._streams: dict[Channel, dict[str, asyncio.Task[None]]] = {}

    async def close(self) -> None:
        """End every stream."""
        tasks = [task for streams in self._streams.values() for task in streams.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def channel_closed(self, channel: Channel) -> None:
        """End a channel's streams."""
        for task in self._streams.pop(channel, {}).values():
            task.cancel()

    async def tail(self, request: Request) -> Logs:
        """Send the last lines of a miner's log, in parts."""
        payload = request.payload
        assert isinstance(payload, GetLogs)  # noqa: S101 - the route table's promise
        lines, cursor = self._miners.tail(payload.miner, payload.lines)
        held: tuple[str, ...] = ()
        for part in in_parts(lines):
            if held:
                request.reply(Logs(lines=held, more=True, cursor=cursor))
                await request.channel.drained()
            held = part
        return Logs(lines=held, cursor=cursor)

    def follow(self, request: Request) -> Logs | None:
        """Begin or end a stream; its parts are replies to the request that began it."""
        payload = request.payload
        assert isinstance(payload, FollowLogs)  # noqa: S101 - the route table's promise
        streams = self._streams.setdefault(request.channel, {})
        if payload.cancel is not None:
            if payload.cancel in streams:
                streams.pop(payload.cancel).cancel()
            return Logs(lines=())
        if len(streams) >= FOLLOWED_AT_ONCE:
            raise RateLimited(
                f"One session may follow {FOLLOWED_AT_ONCE} logs at once.", suggestion="Close another log first."
            )
        self._miners.check(payload.miner)
        streams[request.id] = asyncio.get_running_loop().create_task(
            self._stream(request, payload), name=f"follow-{payload.miner}"
        )
        return None

    async def _stream(self, request: Request, payload: FollowLogs) -> None:
        try:
            async for part in self._miners.follow(payload.miner, lines=payload.lines, cursor=payload.cursor):
                skipped = part.skipped
                for lines in in_parts(part.lines) if part.lines else [()]:
                    await request.channel.drained()
                    request.reply(Logs(lines=lines, more=True, cursor=part.cursor, skipped=skipped))
                    skipped = 0
            request.reply(Logs(lines=()))
            request.finish()
        finally:
            self._streams.get(request.channel, {}).pop(request.id, None)
