"""A whole controller: sessions with many rigs that push every 10 s, its history written, and on its API a page that
follows the fleet, charts, and Prometheus. How long each of them waits, and what all of it costs."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from benches.figures import Figure, Spread, Target
from benches.machine import own_memory_bytes
from benches.nodes import CONTROLLER, OtherProcess, keys_of, other_process, registry_of
from benches.readers import readers_process
from benches.rigs import EVERY_MS, THREE_MINERS
from benches.scale import Scale
from miner_ctrl.api.application import BASE_PATH
from miner_ctrl.app import Node
from miner_ctrl.config import Home, Listen, NodeSettings
from miner_ctrl.identity.keyfile import create_secret
from miner_ctrl.identity.node_file import identity_of, write_node_file
from miner_ctrl.metrics import families as of
from miner_ctrl.model.nodes import ALL_GRANTS, Role

MIB = 2**20
CAUGHT_UP_WITHIN_S = 900.0
LOOK_EVERY_S = 0.005
OTHER_MINERS_HPS = sum(miner.hashrate_hps or 0.0 for miner in THREE_MINERS[1:])


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of a controller with ``scale.fleet`` rigs in another process; who reads is in a third."""
    place = _home(home / "controller", scale.fleet)
    async with other_process(scale.fleet, home) as rigs:
        await rigs.order("backdate", scale.backlog_s)
        node = Node(NodeSettings(place, Listen("127.0.0.1", 0)), serving=True)
        await node.start()
        try:
            async with readers_process(place.socket) as readers:
                return await _measured(scale, node, rigs, readers)
        finally:
            await node.close()


def _home(path: Path, count: int) -> Home:
    """Make the home of a controller that knows ``count`` rigs."""
    place, keys = Home.resolve(str(path)), keys_of(CONTROLLER).public
    place.prepare()
    create_secret(place.key_file, random_bytes=lambda size: CONTROLLER.to_bytes(size, "big"))
    who = identity_of(keys, name="controller", role=Role.CONTROLLER, created_at="2026-01-01T00:00:00Z")
    write_node_file(place.node_file, who)
    known = (keys_of(number).public for number in range(count))
    registry_of(known, place.peers_database, role=Role.WORKER, granted=ALL_GRANTS).close()
    return place


async def _measured(scale: Scale, node: Node, rigs: OtherProcess, readers: OtherProcess) -> list[Figure]:
    count, began, cpu_began = scale.fleet, time.perf_counter(), time.process_time()
    await rigs.order("dial_until_up", int(node.addresses()[0].rpartition(":")[2]))
    entries = await _caught_up(node, count, scale.backlog_s)
    filled_s, filled_cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    await readers.order("follow")
    seen = _Seen()
    looking = asyncio.get_running_loop().create_task(seen.look(), name="look at the loop")
    began, cpu_began = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < scale.all_on_s:
        await seen.one_round(count, rigs, readers)
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await asyncio.sleep(1.0)
    arrived: dict[float, float] = await readers.order("arrivals")
    delays_ms = [(arrived[rate] - at) * 1e3 for rate, at in seen.sent.items() if rate in arrived]
    assert len(delays_ms) >= 0.9 * len(seen.sent), "changes were lost"
    return [
        Figure(f"snapshot of {count:,} rigs", "ms", Spread.of(seen.snapshot_ms), None, Target(50)),
        Figure("rig to reader, one change", "ms", Spread.of(delays_ms), None, Target(300)),
        Figure("  its p95", "ms", Spread(_p95(delays_ms)), None, Target(300)),
        Figure("a rig's day in 200 points", "ms", Spread.of(seen.chart_ms), None, Target(50)),
        Figure("  its p95", "ms", Spread(_p95(seen.chart_ms)), None, Target(50)),
        Figure("a scrape", "ms", Spread.of(seen.scrape_ms), None, Target(100)),
        Figure("  its p95", "ms", Spread(_p95(seen.scrape_ms)), None, Target(100)),
        Figure("the loop is late by", "ms", Spread.of(seen.late_ms)),
        Figure("  at the longest", "ms", Spread(max(seen.late_ms))),
        Figure("controller's CPU", "%", Spread(100 * cpu_s / took_s)),
        Figure("controller's memory (RSS)", "MiB", Spread(own_memory_bytes() / MIB)),
        Figure("entries filled in before, a s", "", Spread(entries / filled_s)),
        Figure("  CPU each", "µs", Spread(filled_cpu_s / entries * 1e6)),
    ]


async def _caught_up(node: Node, count: int, backlog_s: float) -> int:
    """Return how many entries the history has once it has all of the rigs' journals."""
    metrics = node._faces.metrics
    assert metrics is not None
    wanted = count * int(backlog_s * 1000 / EVERY_MS)
    deadline = time.monotonic() + CAUGHT_UP_WITHIN_S
    while True:
        values = (await metrics.summary()).values
        written = int(values[of.HISTORY_ENTRIES.name])
        if values[of.PEERS_CONNECTED.name] == count and written >= wanted:
            return written
        assert time.monotonic() < deadline, f"{written:,} of {wanted:,} entries"
        await asyncio.sleep(1.1)


class _Seen:
    """What was measured while all went on."""

    def __init__(self) -> None:
        self.snapshot_ms: list[float] = []
        self.chart_ms: list[float] = []
        self.scrape_ms: list[float] = []
        self.late_ms: list[float] = []
        self.sent: dict[float, float] = {}
        self._rounds = 0

    async def one_round(self, count: int, rigs: OtherProcess, readers: OtherProcess) -> None:
        """A change on a rig and two charts, each time; a snapshot and a scrape, sometimes."""
        rate = round(random.uniform(10_000, 99_999), 1)
        at = await rigs.order("change", random.randrange(count), rate)
        self.sent[round(rate + OTHER_MINERS_HPS, 1)] = at
        for _ in range(2):
            rig = keys_of(random.randrange(count)).public.node_id
            took_ms, _ = await readers.order("get", f"{BASE_PATH}/history/peers/{rig}/hashrate?points=200")
            self.chart_ms.append(took_ms)
            await asyncio.sleep(random.uniform(0, 0.05))
        if self._rounds % 8 == 0:
            took_ms, _, _ = await readers.order("snapshot")
            self.snapshot_ms.append(took_ms)
        if self._rounds % 16 == 4:
            took_ms, _ = await readers.order("get", "/metrics")
            self.scrape_ms.append(took_ms)
        self._rounds += 1
        await asyncio.sleep(random.uniform(0.02, 0.1))

    async def look(self) -> None:
        """Note how much later than it should the loop comes back, every 5 ms."""
        clock = time.perf_counter
        while True:
            due = clock() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self.late_ms.append(max(0.0, clock() - due) * 1e3)


def _p95(samples: list[float]) -> float:
    return sorted(samples)[int(len(samples) * 0.95)]
