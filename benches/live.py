"""The live feed: how long a snapshot takes, and a change on its way from a rig to a reader; what readers cost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from benches.figures import Figure, Spread, Target
from benches.nodes import OtherProcess, controller, now_ms, other_process, until
from benches.readers import readers_process
from benches.rigs import THREE_MINERS
from benches.scale import Scale
from miner_ctrl.api.application import build_app
from miner_ctrl.api.faces import CommandsFace, Faces, PairingFace
from miner_ctrl.api.live.feed import Feed
from miner_ctrl.api.live.topics import overview_topics
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpLimits, HttpServing
from miner_ctrl.controller import Fleet, Overview
from miner_ctrl.controller.fleet import RigConnected, RigKnown, RigReported
from miner_ctrl.model.callers import OWNER
from miner_ctrl.model.miners import MinerStats, NodeStats

T = TypeVar("T")
BETWEEN_S = 0.03
ARRIVE_WITHIN_S = 60.0
"""More is lost."""
CHANGES_PER_S = 1000


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of ``scale.fleet`` rigs over real sessions, then of ``scale.wall`` rigs whose reports are made
    up here, 1,000 a second."""
    return [*await _with_rigs(scale, home), *await _wall(scale, home)]


async def _with_rigs(scale: Scale, home: Path) -> list[Figure]:
    count = scale.fleet
    async with other_process(count, home) as rigs, controller(count, home, follow=True) as here:
        await rigs.order("dial", here.port)
        await here.connected(count)
        await until(lambda: all(rig.miners for rig in here.fleet.rigs().values()), "the rigs' first stats")
        async with (
            _open(here.fleet, home / "live.sock", here.commands, here.pairing),
            readers_process(home / "live.sock") as readers,
        ):
            snapshots = [await readers.order("snapshot") for _ in range(max(20, scale.sweeps))]
            await readers.order("follow")
            delays_ms = await _delays_ms(scale.changes, count, rigs, readers)
            alone = await _cost(scale.live_s, readers)
            await readers.order("take", scale.readers - 1)
            many_ms = await _delays_ms(scale.changes, count, rigs, readers)
            many = await _cost(scale.live_s, readers)
    return [
        Figure(f"snapshot of {count:,} rigs", "ms", Spread.of([took for took, _, _ in snapshots]), None, Target(50)),
        Figure("  its JSON", "KiB", Spread(snapshots[0][1] / 1024)),
        Figure("rig to reader, one change", "ms", Spread.of(delays_ms), None, Target(300)),
        Figure("  its p95", "ms", Spread(_p95(delays_ms)), None, Target(300)),
        Figure(f"  its p95, {scale.readers} readers", "ms", Spread(_p95(many_ms)), None, Target(300)),
        Figure("node's CPU, one reader", "%", Spread(alone[0])),
        Figure(f"node's CPU, {scale.readers} readers", "%", Spread(many[0])),
        Figure("  a delta more a reader", "µs", Spread(_per_delta_us(alone, many, scale.readers))),
    ]


async def _wall(scale: Scale, home: Path) -> list[Figure]:
    """``scale.wall`` rigs without sessions: what overview, feed and readers take of 1,000 reports a second."""
    count = scale.wall
    fleet = Fleet(clock=time.monotonic)
    keys = [number.to_bytes(32, "big") for number in range(count)]
    for number, key in enumerate(keys):
        fleet.apply(RigKnown(key, f"{number:016x}", f"rig-{number:05d}"))
        fleet.apply(RigConnected(key, "bench"))
        fleet.apply(RigReported(key, _report(1.0), time.monotonic()))
    async with _open(fleet, home / "wall.sock", None, None), readers_process(home / "wall.sock") as readers:
        snapshots, busy_ms = await _watched(_snapshots(readers))
        await readers.order("follow")
        sent: dict[float, float] = {}
        cpu_began, (_, rows_before, _) = time.process_time(), await readers.order("counted")
        _, busy_under_load_ms = await _watched(_reports(fleet, keys, scale.live_s, sent))
        cpu = (time.process_time() - cpu_began) / scale.live_s * 100
        await asyncio.sleep(0.5)
        _, rows, _ = await readers.order("counted")
        arrived: dict[float, float] = await readers.order("arrivals")
    delays_ms = [(arrived[rate] - at) * 1e3 for rate, at in sent.items() if rate in arrived]
    return [
        Figure(f"snapshot of {count:,} rigs", "ms", Spread.of([took for took, _, _ in snapshots])),
        Figure("  until its first rows", "ms", Spread.of([first for _, _, first in snapshots])),
        Figure("  longest without a turn, CPU", "ms", Spread(max(busy_ms)), None, Target(20)),
        Figure("report to reader, 1,000 a s", "ms", Spread.of(delays_ms), None, Target(300)),
        Figure("  its p95", "ms", Spread(_p95(delays_ms)), None, Target(300)),
        Figure("  rows read a second", "", Spread((rows - rows_before) / scale.live_s)),
        Figure("  node's CPU", "%", Spread(cpu)),
        Figure("  longest without a turn, CPU", "ms", Spread(max(busy_under_load_ms)), None, Target(20)),
    ]


@asynccontextmanager
async def _open(
    fleet: Fleet, path: Path, commands: CommandsFace | None, pairing: PairingFace | None
) -> AsyncIterator[None]:
    """Serve the feed of ``fleet`` at ``path``."""
    overview = Overview(fleet, clock=time.monotonic, now_ms=now_ms)
    overview.start()
    tables, states = overview_topics(overview)
    feed = Feed(
        tables=tables, states=states, fleet=fleet, commands=commands, pairing=pairing, now_ms=now_ms,  # type: ignore[arg-type]
    )  # fmt: skip
    faces = Faces(node=None, commands=commands, fleet=fleet, overview=overview, live=feed)  # type: ignore[arg-type]
    limits = HttpLimits(connections=1000)
    door = LocalDoor(lambda: HttpServing(build_app(lambda: faces), caller=OWNER, limits=limits), path)
    await door.open()
    try:
        yield
    finally:
        await door.close()
        await overview.close()


async def _delays_ms(changes: int, count: int, rigs: OtherProcess, readers: OtherProcess) -> list[float]:
    """Return how long each of ``changes`` changes took from its rig to the reader, while all push as usual."""
    sent: dict[float, float] = {}
    for _ in range(changes):
        rate = round(random.uniform(10_000, 99_999), 1)
        at = await rigs.order("change", random.randrange(count), rate)
        total = round(rate + sum(miner.hashrate_hps or 0.0 for miner in THREE_MINERS[1:]), 1)
        sent[total] = at
        await asyncio.sleep(random.uniform(0, 2 * BETWEEN_S))
    async with asyncio.timeout(ARRIVE_WITHIN_S):
        while True:
            arrived: dict[float, float] = await readers.order("arrivals")
            if sum(rate in arrived for rate in sent) >= 0.9 * len(sent):  # others were overtaken by the next report
                break
            await asyncio.sleep(1.0)
    return [(arrived[rate] - at) * 1e3 for rate, at in sent.items() if rate in arrived]


async def _cost(seconds: float, readers: OtherProcess) -> tuple[float, float]:
    """Return the node's CPU in percent over ``seconds``, and how many rows a reader read in each of them."""
    _, rows_before, _ = await readers.order("counted")
    began = time.process_time()
    await asyncio.sleep(seconds)
    cpu = (time.process_time() - began) / seconds * 100
    _, rows, _ = await readers.order("counted")
    return cpu, (rows - rows_before) / seconds


def _per_delta_us(alone: tuple[float, float], many: tuple[float, float], readers: int) -> float:
    """Return the processor time that one more reader takes for one row."""
    more_us = (many[0] - alone[0]) / 100 * 1e6
    return more_us / max(1.0, (readers - 1) * many[1])


async def _snapshots(readers: OtherProcess) -> list[tuple[float, int, float]]:
    return [await readers.order("snapshot") for _ in range(10)]


async def _reports(fleet: Fleet, keys: list[bytes], seconds: float, sent: dict[float, float]) -> None:
    """Have rigs report, 1,000 a second, one after the other."""
    began, number = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while number < passed * CHANGES_PER_S:
            rate = 1000.0 + number
            at = time.monotonic()
            fleet.apply(RigReported(keys[number % len(keys)], _report(rate), at))
            if number % 10 == 0:
                sent[rate] = at
            number += 1
        await asyncio.sleep(0.002)


async def _watched(work: Awaitable[T]) -> tuple[T, list[float]]:
    """Return what ``work`` does, and the processor time in ms that the loop took between two looks, each time: what a
    look takes beyond its 2 ms is how long nobody else had a turn, whatever else runs on the machine."""
    busy_ms: list[float] = []

    async def look() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.002)
            busy_ms.append((time.thread_time() - began) * 1e3)

    looking = asyncio.get_running_loop().create_task(look(), name="look at the loop")
    try:
        return await work, busy_ms
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _report(rate: float) -> NodeStats:
    miner = MinerStats(name="xmrig-1", type="xmrig", state=THREE_MINERS[0].state, hashrate_hps=rate, algorithm="rx/0")
    return NodeStats(node_id="x", node_name="x", at_ms=0, version="bench", miners=(miner,))


def _p95(samples: list[float]) -> float:
    return sorted(samples)[int(len(samples) * 0.95)]
