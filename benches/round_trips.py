"""One session: ping, and get_stats of three miners, one after the other and with 64 in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from benches.figures import Figure, Spread, Target
from benches.nodes import controller, other_process
from benches.raw import RawClient, raw_connect
from benches.rigs import THREE_MINERS
from benches.scale import Scale
from miner_ctrl.protocol.messages import GetStats
from miner_ctrl.session.frame import HEADER
from miner_ctrl.transport import Channel

IN_FLIGHT = 64
SMALL_BYTES = len(HEADER) + 17 + 110
"""A frame around a message without payload, such as a ping or the question for stats."""
STATS_BYTES = SMALL_BYTES + 100 + len(msgspec.msgpack.encode(THREE_MINERS))
WITHIN_S = 10.0
PING_US = 0.9 * 183
"""Nine tenths of what the Go implementation took, which had neither forward secrecy nor signatures."""


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of one session with one rig."""
    async with other_process(1, home) as other, controller(1, home) as here:
        raw = await raw_connect(await other.order("raw_listen"))
        await other.order("dial", here.port)
        [channel] = await here.connected(1)
        found = _Samples()
        for measured in range(scale.rounds + 1):
            if measured == 1:  # the first round warms up
                found = _Samples()
            await found.take(scale, channel, raw)
        raw.hang_up()
        return found.figures()


class _Samples:
    def __init__(self) -> None:
        self.ping_us: list[float] = []
        self.raw_ping_us: list[float] = []
        self.stats_us: list[float] = []
        self.raw_stats_us: list[float] = []
        self.rate: list[float] = []
        self.raw_rate: list[float] = []
        self.cpu_us: list[float] = []
        self.raw_cpu_us: list[float] = []

    async def take(self, scale: Scale, channel: Channel, raw: RawClient) -> None:
        """One round: ours, then the raw echo, for each figure."""

        async def ask_raw(answer_bytes: int) -> None:
            await raw.ask(SMALL_BYTES, answer_bytes)

        async def ask() -> None:
            await channel.request(GetStats(), timeout_s=WITHIN_S)

        count, many = scale.round_trips, scale.in_flight_requests
        self.ping_us += await _one_by_one(count, lambda: channel.ping(WITHIN_S))
        self.raw_ping_us += await _one_by_one(count, lambda: ask_raw(SMALL_BYTES))
        self.stats_us += await _one_by_one(count, ask)
        self.raw_stats_us += await _one_by_one(count, lambda: ask_raw(STATS_BYTES))
        await _in_flight(many, ask, self.rate, self.cpu_us)
        await _in_flight(many, lambda: ask_raw(STATS_BYTES), self.raw_rate, self.raw_cpu_us)

    def figures(self) -> list[Figure]:
        """Return what was found."""
        ping, raw_ping = Spread.of(self.ping_us), Spread.of(self.raw_ping_us)
        return [
            Figure("ping, round trip", "µs", ping, raw_ping, Target(PING_US)),
            Figure("ping over raw echo", "", Spread(ping.p50 / raw_ping.p50), None, Target(1.7)),
            Figure("get_stats, round trip", "µs", Spread.of(self.stats_us), Spread.of(self.raw_stats_us)),
            Figure(
                "get_stats, 64 at once",
                "/s",
                Spread.of(self.rate),
                Spread.of(self.raw_rate),
                Target(25_000, reach=40_000, at_least=True),
            ),
            Figure("  controller CPU each", "µs", Spread.of(self.cpu_us), Spread.of(self.raw_cpu_us)),
        ]


async def _one_by_one(count: int, ask: Callable[[], Awaitable[object]]) -> list[float]:
    """Return how long each of ``count`` round trips took, in µs."""
    clock = time.perf_counter
    took = []
    for _ in range(count):
        began = clock()
        await ask()
        took.append((clock() - began) * 1e6)
    return took


async def _in_flight(count: int, ask: Callable[[], Awaitable[object]], rate: list[float], cpu_us: list[float]) -> None:
    """Ask ``count`` times, 64 at once; note how many a second, and this process's processor time for each."""
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await ask()

    began, cpu_began = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    rate.append(count / (time.perf_counter() - began))
    cpu_us.append((time.process_time() - cpu_began) / count * 1e6)
