"""A scrape: how long the page of a large fleet takes, and how long the loop has no turn for anybody else meanwhile."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from benches.figures import Figure, Spread, Target
from benches.nodes import now_ms
from benches.rigs import THREE_MINERS
from benches.scale import Scale
from miner_ctrl.app.metrics import rigs_of
from miner_ctrl.controller import Fleet, Overview
from miner_ctrl.controller.fleet import RigConnected, RigKnown, RigPinged, RigReported
from miner_ctrl.metrics import Exposition, Metrics
from miner_ctrl.model.machine import GpuStats, MachineStats
from miner_ctrl.model.miners import NodeStats

MACHINE = MachineStats(
    cpu_temperature_c=61.5,
    disk_free_bytes=10**11,
    gpus=(GpuStats(index=0, temperature_c=70.0, power_w=180.5),),
)


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of ``scale.fleet`` rigs and of ``scale.wall``, each with three miners and all that is told."""
    del home
    return [
        *await _of(scale.fleet, scale.scrapes, Target(100), Target(5)),
        *await _of(scale.wall, max(3, scale.scrapes // 4), None, Target(20)),
    ]


async def _of(count: int, scrapes: int, within: Target | None, stands_still: Target) -> list[Figure]:
    fleet, metrics = Fleet(clock=_no_time), Metrics(clock=itertools.count().__next__)  # each asks for a new page
    overview = Overview(fleet, clock=_no_time, now_ms=now_ms)
    overview.start()
    metrics.fleet = lambda: rigs_of(fleet, overview)
    for number in range(count):
        key, node_id = number.to_bytes(32, "big"), f"{number:016x}"
        stats = NodeStats(node_id=node_id, node_name="x", at_ms=now_ms(), miners=THREE_MINERS, machine=MACHINE)
        fleet.apply(RigKnown(key, node_id, f"rig-{number:05d}"))
        fleet.apply(RigConnected(key, "bench"))
        fleet.apply(RigReported(key, stats, _no_time()))
        fleet.apply(RigPinged(key, 1.25))
    took_ms: list[float] = []
    cpu_ms: list[float] = []
    longest_ms: list[float] = []
    idle_ms: list[float] = []
    size = 0
    await metrics.exposition(Exposition.TEXT)
    gc.collect()
    gc.freeze()
    for _ in range(scrapes):
        began, cpu_began = time.perf_counter(), time.process_time()
        parts = await metrics.exposition(Exposition.TEXT)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        took_ms.append(took * 1e3)
        cpu_ms.append(cpu * 1e3)
        size = sum(map(len, parts))
        _, longest = await _watched(metrics.exposition(Exposition.TEXT))
        longest_ms.append(longest)
        _, longest = await _watched(asyncio.sleep(took))
        idle_ms.append(longest)
    gc.unfreeze()
    await overview.close()
    return [
        Figure(f"page of {count:,} rigs", "ms", Spread.of(took_ms), None, within),
        Figure("  its p95", "ms", Spread(sorted(took_ms)[int(len(took_ms) * 0.95)]), None, within),
        Figure("  CPU", "ms", Spread.of(cpu_ms)),
        Figure("  longest without a turn, CPU", "ms", Spread.of(longest_ms), Spread.of(idle_ms), stands_still),
        Figure("  its size", "KiB", Spread(size / 1024)),
    ]


def _no_time() -> float:
    """The fleet's clock stands still: every rig has just reported."""
    return 0.0


async def _watched(work: Awaitable[Any]) -> tuple[Any, float]:
    """Return what ``work`` does, and the most processor time in ms that this thread took between two turns of somebody
    else: how long that one had none, whatever else runs on the machine."""
    longest_s, over = 0.0, False

    async def look() -> None:
        nonlocal longest_s
        last_s = time.thread_time()
        while not over:
            await asyncio.sleep(0)
            now_s = time.thread_time()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s

    looking = asyncio.get_running_loop().create_task(look(), name="look at the loop")
    await asyncio.sleep(0)
    done = await work
    over = True
    await looking
    return done, longest_s * 1e3
