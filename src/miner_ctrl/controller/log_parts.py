"""A rig's log as it comes in parts: bounded, whatever the rig sends and however slowly it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from miner_ctrl.controller.answers import expect, wrong_answer
from miner_ctrl.errors import MinerCtrlError, OperationFailed, RequestTimedOut
from miner_ctrl.protocol.messages import FollowLogs, GetLogs, Logs, Payload
from miner_ctrl.transport import Channel

PART_WITHIN_S = 5.0
"""For the next part of an answer; a followed log may be silent for as long as its miner is."""
WAITING_PARTS = 256
WAITING_CHARS = 4 * 1024 * 1024
"""What may wait for a slow reader; then the stream is dropped, and taken up again where it was."""


class ReaderTooSlow(OperationFailed):
    """Whoever reads a followed log fell behind by more than may wait."""


class _Inbox:
    """Parts in the order they came, and at last why no more will."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Payload | MinerCtrlError] = asyncio.Queue()
        self._waiting_chars = 0
        self._overflowed = False

    def put(self, part: Payload) -> None:
        if self._overflowed:
            return
        self._waiting_chars += _chars(part)
        if self._queue.qsize() < WAITING_PARTS and self._waiting_chars <= WAITING_CHARS:
            self._queue.put_nowait(part)
        else:
            self._overflowed = True
            self.end(ReaderTooSlow("The log came faster than it could be read."))

    def end(self, error: MinerCtrlError) -> None:
        self._queue.put_nowait(error)

    async def get(self) -> Logs:
        part = await self._queue.get()
        if isinstance(part, MinerCtrlError):
            raise part
        self._waiting_chars -= _chars(part)
        return expect(part, Logs)


async def read_log(channel: Channel, miner: str, lines: int) -> list[str]:
    """Return the last lines of a miner's log, at most ``lines``.

    Raises:
        RequestTimedOut: the rig stopped in the middle.
        OperationFailed: it sent what no rig in order sends.
        MinerCtrlError: the rig's own error, or why the session ended.
    """
    collected: list[str] = []
    async with aclosing(parts_of(channel, GetLogs(miner=miner, lines=lines))) as parts:
        async for part in parts:
            collected.extend(part.lines)
            if len(collected) > lines or (part.more and not part.lines):
                raise wrong_answer("The rig sent more of the log than it was asked for.")
    return collected


async def parts_of(channel: Channel, payload: GetLogs | FollowLogs) -> AsyncGenerator[Logs, None]:
    """Yield the parts of one answer, or of one stream until it ends. Close it (``aclosing``) to end it early.

    Raises:
        ReaderTooSlow: more came than may wait.
        RequestTimedOut: an answer stopped in the middle.
        MinerCtrlError: as ``read_log``.
    """
    inbox = _Inbox()
    follows = isinstance(payload, FollowLogs)
    subscription = channel.subscribe(payload, inbox.put, inbox.end)
    more = True
    try:
        while more:
            try:
                async with asyncio.timeout(None if follows else PART_WITHIN_S):
                    part = await inbox.get()
            except TimeoutError:
                raise RequestTimedOut("The rig stopped sending in the middle of the log.") from None
            more = part.more
            yield part
    finally:
        subscription.cancel()
        if follows and more:
            channel.post(FollowLogs(miner=payload.miner, cancel=subscription.id))


def _chars(part: Payload) -> int:
    return sum(map(len, part.lines)) if isinstance(part, Logs) else 0
