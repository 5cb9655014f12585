"""Pushed statistics: at their interval, at once on a change, and soon after a miner has begun to hash."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from miner_ctrl.miners import Miners
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.protocol.messages import Stats, SubscribeStats
from miner_ctrl.worker.stats import StatsDesk


class Watcher:
    """Stands for a subscribed peer: what a request and its channel are to the desk."""

    def __init__(self, interval_s: float) -> None:
        self.payload = SubscribeStats(interval_s=interval_s)
        self.channel = self
        self.id = "m1"
        self.open = True
        self.writable = True
        self.on_over: object = None
        self.was_pushed = asyncio.Event()
        self.saw_hashrate = asyncio.Event()

    def reply(self, payload: Stats) -> None:
        self.was_pushed.set()
        if any(miner.state is MinerState.MINING and miner.hashrate_hps for miner in payload.stats.miners):
            self.saw_hashrate.set()

    def finish(self) -> None:
        self.open = False


class Broken(Watcher):
    def reply(self, payload: Stats) -> None:
        raise RuntimeError("nothing foresaw this")


async def test_what_fails_for_one_does_not_end_the_pushing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    miners = Miners(adapters=[], data_dir=tmp_path / "m", socket_for=lambda name: tmp_path / name, rig_name="rig-alpha")
    await miners.start()
    desk = StatsDesk(miners, node_id="0" * 16, node_name="r", version="1", clock=time.monotonic, now_ms=lambda: 1)
    desk.start()
    try:
        await desk.subscribe(Broken(interval_s=1.0))  # type: ignore[arg-type]  # all that the desk uses of a request
        async with asyncio.timeout(30):
            while "nothing foresaw this" not in caplog.text:  # noqa: ASYNC110 - the log has no event to wait for
                await asyncio.sleep(0.05)
        watcher = Watcher(interval_s=1.0)
        await desk.subscribe(watcher)  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            await watcher.was_pushed.wait()
    finally:
        await desk.close()
        await miners.close()


async def test_the_first_hashrate_is_pushed_long_before_the_next_interval(tmp_path: Path) -> None:
    miners = Miners(
        adapters=[SimulatedAdapter()],
        data_dir=tmp_path / "m",
        socket_for=lambda name: tmp_path / f"{name}.sock",
        rig_name="rig-alpha",
    )
    await miners.start()
    desk = StatsDesk(
        miners, node_id="0" * 16, node_name="rig-alpha", version="1", clock=time.monotonic, now_ms=lambda: 1
    )
    miners.on_change = desk.miners_changed
    desk.start()
    name = ""
    try:
        watcher = Watcher(interval_s=3600.0)
        await desk.subscribe(watcher)  # type: ignore[arg-type]  # all that the desk uses of a request
        profile = Profile(id="1", name="sim", miner_type="simulated", config={"pool": "pool.example:3333"})
        [name] = await miners.launch(profile, MinerConfig(pool="pool.example:3333", seed=7))
        async with asyncio.timeout(60):
            await watcher.saw_hashrate.wait()
    finally:
        if name:
            await miners.stop(name)
        await desk.close()
        await miners.close()
