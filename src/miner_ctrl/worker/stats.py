"""Statistics of this rig, pushed at an interval and on change. The miners are asked by their own supervision, and here
only when somebody wants newer numbers than it has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import NodeStats
from miner_ctrl.protocol.messages import GetStats, Stats, SubscribeStats
from miner_ctrl.transport import Channel, Request
from miner_ctrl.worker.machine import RigFacts

log = logging.getLogger(__name__)

FRESH_FOR_S = 1.0
"""A sample this young answers a request; one sampling serves all who ask meanwhile."""
DUE_EARLY = 0.5
"""A push goes out with a sample that comes up to this share of the interval before it is due."""
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

    ``clock`` is monotonic, in seconds; ``now_ms`` the rig's Unix time in ms; ``facts`` is
    what is told beside the miners.
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
        facts: Callable[[], RigFacts] = RigFacts,
    ) -> None:
        self._miners = miners
        self._facts = facts
        self._node_id = node_id
        self._node_name = node_name
        self._version = version
        self._clock = clock
        self._now_ms = now_ms
        self._started_s = clock()
        self._subscriptions: dict[Channel, _Subscription] = {}
        self._wake = asyncio.Event()
        self._changed = self._sampled = False
        self._pusher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin pushing."""
        self._pusher = asyncio.get_running_loop().create_task(self._push_for_ever(), name="stats-pusher")

    async def close(self) -> None:
        """Stop pushing; subscriptions end with their channels."""
        if self._pusher is not None:
            self._pusher.cancel()
            await asyncio.gather(self._pusher, return_exceptions=True)

    def miners_changed(self) -> None:
        """A miner started, stopped or changed state: everybody who subscribed hears of it now."""
        self._changed = True
        self._wake.set()

    def miners_sampled(self) -> None:
        """The miners have all been asked: whose push is due, or nearly, gets the numbers while they are new."""
        self._sampled = True
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
        return self._clock() - self._miners.sampled_s <= FRESH_FOR_S or not self._miners.names()

    def _latest(self) -> NodeStats:
        facts = self._facts()
        return NodeStats(
            node_id=self._node_id,
            node_name=self._node_name,
            at_ms=self._now_ms(),
            uptime_s=int(self._clock() - self._started_s),
            version=self._version,
            miners=self._miners.latest(),
            machine=facts.machine,
            problems=facts.problems,
            schedule=facts.schedule,
            locked=facts.locked,
        )

    async def _sample_and_answer(self) -> Stats:
        if not self._is_fresh():
            await self._miners.sample()
        return Stats(stats=self._latest())

    async def _push_for_ever(self) -> None:
        while True:
            await self._until_due()
            if self._changed:
                await asyncio.sleep(SETTLE_S)
            changed, self._changed = self._changed, False
            sampled, self._sampled = self._sampled, False
            now_s = self._clock()
            held_all = self._subscriptions.values()
            due = [held for held in held_all if changed or self._is_due(held, now_s, sampled=sampled)]
            for held in due:
                held.due_s = now_s + held.interval_s
            try:
                if due and not changed and now_s - self._miners.sampled_s > min(held.interval_s for held in due):
                    await self._miners.sample()
                    self._sampled = False  # these are the numbers that go out now
                self._push(due)
            except Exception:  # the boundary of this task: what fails now must not end it for everybody and for good
                log.exception("statistics could not be pushed")

    @staticmethod
    def _is_due(held: _Subscription, now_s: float, *, sampled: bool) -> bool:
        return held.due_s - (DUE_EARLY * held.interval_s if sampled else 0.0) <= now_s

    def _push(self, due: Sequence[_Subscription]) -> None:
        stats = Stats(stats=self._latest())
        for held in due:
            if held.request.channel.writable:
                held.request.reply(stats)

    async def _until_due(self) -> None:
        """Wait for a change, new numbers, or the next push."""
        next_s = min((held.due_s for held in self._subscriptions.values()), default=None)
        self._wake.clear()
        if self._changed or self._sampled:
            return
        try:
            async with asyncio.timeout(None if next_s is None else max(0.0, next_s - self._clock())):
                await self._wake.wait()
        except TimeoutError:
            return
