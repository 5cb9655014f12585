"""A rig for tests: real ``Miners`` with real keepers, and a miner whose behaviour a script decides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from miner_ctrl.miners import Adapter, Capabilities, LaunchPlan, MinerApi, Miners, Reading
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.xmrig_api import read_summary
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.miners import InstalledMiner, MinerState, MinerStats, WatchStats
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.model.rig import RigSettings, WatchdogSettings

PATIENCE_S = 60.0
UNWATCHED = RigSettings(watchdog=WatchdogSettings(enabled=False))
QUICK = RigSettings(
    sample_every_s=1.0,
    watchdog=WatchdogSettings(
        restarts_at_most=2, backoff_first_s=0.2, backoff_last_s=0.4, silent_for_s=1.0, cpu_limit_c=90.0, cool_by_c=10.0
    ),
)
"""A ladder of two rungs, climbed in seconds."""


class ScriptedAdapter:
    """Runs what ``script`` says, in Python. ``port`` is where its local API is, if it has one."""

    type = "scripted"
    description = "A script"
    capabilities: ClassVar[Capabilities] = Capabilities(pause=False)

    def __init__(self, script: str, *, port: int | None = None) -> None:
        self.script = script
        self.port = port

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(MinerConfig.__struct_encode_fields__)

    def locate(self) -> InstalledMiner:
        return InstalledMiner(type=self.type, installed=True, path=sys.executable)

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        argv = (sys.executable, "-I", "-S", "-E", "-u", str(folder / "script.py"))
        return LaunchPlan(argv=argv, env={}, files={"script.py": self.script.encode()}, api=api)

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        return

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        if self.port is not None:
            return await read_summary(MinerApi(port=self.port, token=api.token))
        return Reading(state=MinerState.MINING)

    async def reload(self, plan: LaunchPlan) -> bool:
        return False

    async def pause(self, api: MinerApi) -> None:
        raise AssertionError("it cannot be paused")

    async def resume(self, api: MinerApi) -> None:
        raise AssertionError("it cannot be paused")


class Rig:
    """A rig's folders in ``home``; ``agent`` gives the ``Miners`` of one agent after the other."""

    def __init__(self, home: Path) -> None:
        self.data = home / "miners"
        self.run = home / "run"
        self.run.mkdir(mode=0o700)
        self.events: list[RigEvent] = []
        self._agents: list[Miners] = []

    async def agent(self, *adapters: Adapter, settings: RigSettings = UNWATCHED, **more: Any) -> Miners:
        """Start an agent on this rig; the simulated miner, and no watchdog, unless told otherwise. ``events`` gets what
        happened."""
        more = {"note": self.events.append, **more}
        miners = make_miners(self.data, self.run, adapters or (SimulatedAdapter(),), settings=settings, **more)
        await miners.start()
        self._agents.append(miners)
        return miners

    def state(self, name: str) -> dict[str, Any]:
        """Return what a miner's keeper has on disk."""
        facts: dict[str, Any] = json.loads((self.data / name / "state.json").read_bytes())
        return facts

    def lines_of(self, name: str) -> list[str]:
        """Return the last lines of a miner's log."""
        return LogFile(self.data / name).tail(5, ended=False).lines

    def pids(self) -> list[tuple[int, int]]:
        """Return pid and start time of every keeper and miner there ever was."""
        found = []
        for path in self.data.glob("*/state.json"):
            facts = json.loads(path.read_bytes())
            found += [(facts["keeperPid"], facts["keeperStart"]), (facts["pid"], facts["start"])]
        return found

    def keepers(self) -> list[int]:
        """Return the keepers of this rig that run, known or not."""
        mark = os.fsencode(self.data) + b"/"
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command_line = path.read_bytes()
                if b"/keeper/__main__.py\0" + mark in command_line:
                    found.append(int(path.parent.name))
        return [pid for pid in found if start_of(pid)]

    async def clean_up(self) -> None:
        """End what still runs."""
        for miners in self._agents:
            await miners.close()
        for pid, start in self.pids():
            if start and start_of(pid) == start:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def make_miners(
    data: Path, run: Path, adapters: Sequence[Adapter], *, settings: RigSettings = UNWATCHED, **more: Any
) -> Miners:
    return Miners(
        adapters=adapters, data_dir=data, socket_for=lambda name: run / f"{name}.sock", rig_name="rig-7",
        settings=settings, **more,
    )  # fmt: skip


def profile(config: Mapping[str, Any] | None = None, *, miner_type: str = "simulated") -> Profile:
    return Profile(id="p1", name="some", miner_type=miner_type, config=dict(config or {"pool": "127.0.0.1:9"}))


def config(**changes: Any) -> MinerConfig:
    fields: dict[str, Any] = {"pool": "127.0.0.1:9", "wallet": "wallet-77ab", "password": "secret-9d", "seed": 4}
    return MinerConfig(**{**fields, **changes})


def start_of(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 when it is gone, or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.02)


async def sampled(miners: Miners, name: str, condition: Callable[[MinerStats], object]) -> MinerStats:
    """Ask the miners until ``condition`` holds for one of them."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        [stats] = [each for each in await miners.sample() if each.name == name]
        if condition(stats):
            return stats
        assert time.monotonic() < deadline, f"never; at last: {stats}"
        await asyncio.sleep(0.1)


def stats_of(miners: Miners, name: str) -> MinerStats:
    [stats] = [each for each in miners.latest() if each.name == name]
    return stats


def hashing(stats: MinerStats) -> bool:
    return stats.state is MinerState.MINING and (stats.hashrate_hps or 0) > 0


def watch_of(miners: Miners, name: str) -> WatchStats:
    return stats_of(miners, name).watch or WatchStats()


def kinds(rig: Rig) -> list[str]:
    return [event.kind for event in rig.events]
