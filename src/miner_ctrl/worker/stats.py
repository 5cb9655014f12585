"""Statistics of this rig: sampled when somebody wants them, pushed at an interval and on change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import MinerState, NodeStats
from miner_ctrl.protocol.messages import GetStats, Stats, SubscribeStats
from miner_ctrl.transport import Channel, Request
from miner_ctrl.worker.rig_schedule import RigSchedule

log = logging.getLogger(__name__)

FRESH_FOR_S = 1.0
"""A sample this young answers a request; one sampling serves all who ask meanwhile."""
STARTING_LOOKED_AT_EVERY_S = 2.0
"""Nothing tells of a miner's first hashrate but the miner itself, when it is asked."""
SETTLE_S = 0.05
"""Changes within this time go out together."""


class _Subscription:
    __slots__ = ("due_s", "interval_s", "request")

    def __init__(self, request: Request, interval_s: float, due_s: float) -> None:
        self.request = request
        self.interval_s = interval_s
        self.due_s = due_s


class StatsDesk:
    """Answers ``get_stats`` and keeps the subscriptions, one for each channel at most.

    ``clock`` is monotonic, in seconds; ``now_ms`` the rig's Unix time in ms.
    """

    def __init__(
        self,
        miners: Miners,
        *,
        node_id: str,
        node_name: str,
        version: str,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        schedule: RigSchedule | None = None,
    ) -> None:
        self._miners = miners
        self._schedule = schedule
        self._node_id = node_id
        self._node_name = node_name
        self._version = version
        self._clock = clock
        self._now_ms = now_ms
        self._started_s = clock()
        self._sampled_s = float("-inf")
        self._sampling: asyncio.Task[None] | None = None
        self._subscriptions: dict[Channel, _Subscription] = {}
        self._wake = asyncio.Event()
        self._changed = False
        self._pusher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin pushing."""
        self._pusher = asyncio.get_running_loop().create_task(self._push_for_ever(), name="stats-pusher")

    async def close(self) -> None:
        """Stop pushing; subscriptions end with their channels."""
        tasks = [task for task in (self._pusher, self._sampling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def miners_changed(self) -> None:
        """A miner started, stopped or changed state: everybody who subscribed hears of it now."""
        self._changed = True
        self._wake.set()

    def answer(self, request: Request) -> Stats | asyncio.Future[Stats]:
        """Answer a ``get_stats`` with a sample no older than ``FRESH_FOR_S``."""
        assert isinstance(request.payload, GetStats)  # noqa: S101 - the route table's promise
        if self._is_fresh():
            return Stats(stats=self._latest())
        return asyncio.ensure_future(self._sample_and_answer())

    async def subscribe(self, request: Request) -> Stats:
        """Begin or change a channel's subscription; the answer is the present state, also to a ``cancel``."""
        payload = request.payload
        assert isinstance(payload, SubscribeStats)  # noqa: S101 - the route table's promise
        held = self._subscriptions.get(request.channel)
        if payload.cancel is None and request.open:
            if held is not None:
                held.request.finish()
            interval_s = max(payload.interval_s, FRESH_FOR_S)
            due_s = self._clock() + interval_s
            self._subscriptions[request.channel] = _Subscription(request, interval_s, due_s)
            request.on_over = lambda: self._subscriptions.pop(request.channel, None)
            self._wake.set()
        return await self._sample_and_answer()

    def _is_fresh(self) -> bool:
        return self._clock() - self._sampled_s <= FRESH_FOR_S or not self._miners.names()

    def _latest(self) -> NodeStats:
        schedule = self._schedule
        return NodeStats(
            node_id=self._node_id,
            node_name=self._node_name,
            at_ms=self._now_ms(),
            uptime_s=int(self._clock() - self._started_s),
            version=self._version,
            miners=self._miners.latest(),
            problems=(schedule.problem,) if schedule is not None and schedule.problem else (),
            schedule=schedule.asked if schedule is not None else "",
        )

    async def _sample_and_answer(self) -> Stats:
        if not self._is_fresh():
            await self._sample()
        return Stats(stats=self._latest())

    async def _sample(self) -> None:
        """Ask every miner, once for all who wait."""
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.get_running_loop().create_task(self._ask_miners(), name="stats-sample")
        await asyncio.shield(self._sampling)

    async def _ask_miners(self) -> None:
        await self._miners.sample()
        self._sampled_s = self._clock()

    async def _push_for_ever(self) -> None:
        while True:
            await self._until_due()
            if self._changed:
                await asyncio.sleep(SETTLE_S)
            changed, self._changed = self._changed, False
            now_s = self._clock()
            due = [held for held in self._subscriptions.values() if changed or held.due_s <= now_s]
            for held in due:
                held.due_s = now_s + held.interval_s
            try:
                await self._sample()
                self._push(due)
            except Exception:  # the boundary of this task: what fails now must not end it for everybody and for good
                log.exception("statistics could not be pushed")

    def _push(self, due: Sequence[_Subscription]) -> None:
        stats = Stats(stats=self._latest())
        for held in due:
            if held.request.channel.writable:
                held.request.reply(stats)

    async def _until_due(self) -> None:
        """Wait for a change, the next push, or, while a miner starts and somebody watches, the next look at it."""
        next_s = min((held.due_s for held in self._subscriptions.values()), default=None)
        if next_s is not None and any(stats.state is MinerState.STARTING for stats in self._miners.latest()):
            next_s = min(next_s, self._clock() + STARTING_LOOKED_AT_EVERY_S)
        self._wake.clear()
        if self._changed:
            return
        try:
            async with asyncio.timeout(None if next_s is None else max(0.0, next_s - self._clock())):
                await self._wake.wait()
        except TimeoutError:
            return
