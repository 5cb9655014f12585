"""The endpoint's clockwork: seldom while nothing is under way, finely as soon as something is."""

from __future__ import annotations

import asyncio

from miner_ctrl.protocol import limits
from miner_ctrl.protocol.messages import GetStats
from miner_ctrl.transport.ticker import Ticker
from miner_ctrl.transport.timings import Timings
from tests.transport.nodes import Node, nodes, pair, until

FINE_S = 0.01
CALM = Timings(tick_s=FINE_S, keepalive_after_s=500.0, checkpoint_after_s=500.0)


class Work:
    """Counts the ticks, and says whether anything is urgent."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.urgent = False
        self.ticked = asyncio.Event()

    def tick(self, waited_s: float) -> None:
        self.waited.append(waited_s)
        self.ticked.set()

    async def next(self) -> float:
        self.ticked.clear()
        async with asyncio.timeout(20):
            await self.ticked.wait()
        return self.waited[-1]


async def test_it_waits_long_only_while_nothing_is_urgent() -> None:
    work = Work()
    ticker = Ticker(CALM, lambda: work.urgent, work.tick)
    ticker.start()
    assert await work.next() == FINE_S
    assert await work.next() == CALM.calm_tick_s
    work.urgent = True
    ticker.hasten()
    assert await work.next() == FINE_S
    assert await work.next() == FINE_S
    work.urgent = False
    assert await work.next() == FINE_S
    assert await work.next() == CALM.calm_tick_s
    ticker.stop()
    seen = len(work.waited)
    ticker.hasten()
    await asyncio.sleep(3 * CALM.calm_tick_s)
    assert len(work.waited) == seen


async def test_work_that_stops_it_is_its_last() -> None:
    work = Work()

    def last(waited_s: float) -> None:
        work.tick(waited_s)
        ticker.stop()

    ticker = Ticker(CALM, lambda: False, last)
    ticker.start()
    await work.next()
    await asyncio.sleep(3 * CALM.calm_tick_s)
    assert len(work.waited) == 1


def test_even_calm_ticks_keep_signs_of_life_and_checkpoints() -> None:
    usual = Timings()
    assert usual.calm_tick_s > usual.tick_s
    assert limits.KEEPALIVE_AFTER_S + usual.calm_tick_s < limits.OFFLINE_AFTER_S / 2
    assert limits.CHECKPOINT_AFTER_S + usual.calm_tick_s < limits.UNCOVERED_AT_MOST_S
    assert Timings(tick_s=0.02, keepalive_after_s=0.05).calm_tick_s == 0.02


def interval_s(node: Node) -> float:
    return node.endpoint._ticker._interval_s


async def test_a_question_a_newcomer_and_a_lost_peer_are_urgent() -> None:
    async with pair(timings=CALM) as (here, there, channel):
        there.endpoint.route(GetStats, lambda _request: None, needs=None)
        for node in (here, there):
            await until(lambda node=node: interval_s(node) == CALM.calm_tick_s)  # type: ignore[misc]
        asked = asyncio.ensure_future(channel.request(GetStats(), timeout_s=60))
        await until(lambda: interval_s(here) == FINE_S)
        await until(lambda: there.endpoint._standing.urgent is False)
        asked.cancel()
        await until(lambda: interval_s(here) == CALM.calm_tick_s)

        _, writer = await asyncio.open_connection(there.address.host, there.address.port)
        await until(lambda: interval_s(there) == FINE_S)
        writer.close()
        await until(lambda: interval_s(there) == CALM.calm_tick_s)

        here.endpoint.keep_dialled(there.fingerprint, there.address)
        await until(lambda: interval_s(here) == CALM.calm_tick_s)
        async with nodes(there):
            pass
        await until(lambda: here.endpoint.channel(there.fingerprint) is None)
        assert interval_s(here) == FINE_S
