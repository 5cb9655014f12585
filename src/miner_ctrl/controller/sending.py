"""The bytes of one bundle on their way to one rig."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from miner_ctrl.controller.answers import expect, wrong_answer
from miner_ctrl.controller.bundle_reader import PART_BYTES, Reader
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.model.views import DeployProgress
from miner_ctrl.protocol.messages import DeployAck, DeployChunk, Payload
from miner_ctrl.transport import Channel

WINDOW = 8
"""Parts on their way to one rig."""
SMALLEST_PART_BYTES = 32 * 1024
SLOW_AFTER_S = 4.0
"""A part whose answer takes longer makes the next ones smaller: a rig must hear something every few seconds."""
PART_WITHIN_S = 120.0

Told = Callable[[DeployProgress], None]


class Progress:
    """How many bytes a rig has, and since when it has not been heard of."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard_at_s = clock()
        self.arrived = 0
        self.sent_again = False
        """The whole bundle, because it had not arrived as it was sent."""

    def arrived_up_to(self, offset: int) -> None:
        """The rig has said how far it is."""
        self.arrived = offset
        self.heard()

    def heard(self) -> None:
        """The rig is there."""
        self._heard_at_s = self._clock()

    def lost_for_s(self) -> float:
        """Return for how long it has said nothing."""
        return self._clock() - self._heard_at_s


class Sending:
    """The parts of one bundle over one session, ``WINDOW`` of them on their way at a time."""

    def __init__(
        self,
        channel: Channel,
        offer: BundleOffer,
        reader: Reader,
        progress: Progress,
        *,
        told: Told,
        clock: Callable[[], float],
    ) -> None:
        self._channel = channel
        self._offer = offer
        self._reader = reader
        self._progress = progress
        self._told = told
        self._clock = clock
        self._part_bytes = PART_BYTES
        self._under_way: deque[tuple[int, float, asyncio.Future[Payload]]] = deque()

    async def run(self, offset: int) -> None:
        """Send everything from ``offset`` on, and return once all of it has arrived.

        Raises:
            Unreachable: the session ended, or the rig fell silent.
            MinerCtrlError: what the rig said against it.
        """
        size = self._offer.size_bytes
        try:
            while offset < size or self._under_way:
                while offset < size and len(self._under_way) < WINDOW:
                    offset = await self._send_part(offset)
                offset = await self._take_answer(offset)
        finally:
            for _, _, future in self._under_way:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # known already, by the part before it

    async def _send_part(self, offset: int) -> int:
        data = await self._reader.read(offset, self._part_bytes)
        await self._channel.drained()
        part = DeployChunk(sha256=self._offer.sha256, offset=offset, data=data)
        end = offset + len(data)
        self._under_way.append((end, self._clock(), self._channel.ask(part, timeout_s=PART_WITHIN_S)))
        return end

    async def _take_answer(self, offset: int) -> int:
        """Wait for the oldest part's answer; return from where on to send."""
        end, sent_at_s, future = self._under_way.popleft()
        ack = expect(await future, DeployAck)
        if self._clock() - sent_at_s > SLOW_AFTER_S:
            self._part_bytes = max(SMALLEST_PART_BYTES, self._part_bytes // 2)
        if not 0 <= ack.next_offset <= self._offer.size_bytes:
            raise wrong_answer()
        self._progress.arrived_up_to(ack.next_offset)
        self._told(progress_at("sending", self._offer, ack.next_offset))
        if ack.next_offset == end:
            return offset
        while self._under_way:  # the rig wants another part: what is on its way is for nothing
            _, _, future = self._under_way.popleft()
            ack = expect(await future, DeployAck)
        if not 0 <= ack.next_offset <= self._offer.size_bytes:
            raise wrong_answer()
        return ack.next_offset


def progress_at(state: str, offer: BundleOffer, arrived: int) -> DeployProgress:
    """Return how far a deploy is, as it is told."""
    return DeployProgress(state=state, sent_bytes=arrived, total_bytes=offer.size_bytes)
