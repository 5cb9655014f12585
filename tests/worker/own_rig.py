"""A rig with a schedule for tests: real miners (simulated ones), a clock that is set by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from miner_ctrl.miners import Adapter, Capabilities, Miners
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.week import parse_rules
from miner_ctrl.profiles import ProfileStore, validate
from miner_ctrl.worker.local import LocalRig
from miner_ctrl.worker.rig_schedule import RigSchedule
from miner_ctrl.worker.starting import Starter
from tests.miners.rig import Rig, sampled, stats_of

POOLS = {"day": "127.0.0.1:9", "night": "127.0.0.1:10", "weekend": "127.0.0.1:11"}


class Unpausable(SimulatedAdapter):
    """As miners are whose API knows no pause."""

    capabilities = Capabilities(pause=False)


class OwnRig:
    """One agent after the other on one rig. ``at`` sets the clock on the wall, which is UTC here."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self._rig = rig
        self.file = folder / "schedule.json"
        self.profiles = ProfileStore(folder / "profiles.db")
        self.profiles.open()
        self.now_s = 0.0
        self.clock_s = 0.0
        self.events: list[RigEvent] = []
        self.miners: Miners
        self.schedule: RigSchedule
        self.local: LocalRig

    async def agent(self, *adapters: Adapter, miners: type[Miners] | None = None) -> None:
        """Start the next agent; the one before is gone as if killed."""
        self.miners = await self._rig.agent(*adapters, now_ms=self._now_ms)
        if miners is not None:
            self.miners.__class__ = miners
        self.schedule = RigSchedule(
            self.file, self.miners, self.profiles, now_ms=self._now_ms, wall=self._wall,
            clock=lambda: self.clock_s, note=self.events.append,
        )  # fmt: skip
        self.schedule.open()
        self.local = LocalRig(
            self.miners,
            self.profiles,
            self.schedule,
            Starter(self.miners, self.file.with_name("replacing.json")),
            clock=lambda: self.clock_s,
            now_ms=self._now_ms,
        )
        self.miners.on_sampled = self.local.sampled

    def has_profiles(self, *names: str) -> None:
        for name in names:
            self.profiles.create(name, "simulated", {"pool": POOLS[name], "seed": 4})

    async def runs(self, profile: str) -> str:
        """Start a miner by command; return its name."""
        found = self.profiles.find(profile)
        [name] = await self.miners.launch(found, validate(found.miner_type, found.config))
        await until_mining(self.miners, name)
        return name

    async def at(self, text: str) -> None:
        """Make it ``2026-11-`` this day and time, and look at the schedule. The 23rd is a Monday."""
        self.now_s = datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC).timestamp()
        await self.schedule.look()

    def asks(self, *rules: str) -> None:
        self.schedule.set(parse_rules(rules), by="owner")

    def state(self, name: str) -> MinerState:
        return stats_of(self.miners, name).state

    def running(self) -> dict[str, str]:
        """Return the profile of each miner that lives, by its name."""
        return {each.name: each.profile_name for each in self.miners.latest() if each.state.alive}

    def _now_ms(self) -> int:
        return int(self.now_s * 1000)

    def _wall(self, unix_s: float) -> datetime:
        return datetime.fromtimestamp(unix_s, UTC).replace(tzinfo=None)


async def until_mining(miners: Miners, name: str) -> None:
    """Wait until a miner has begun."""
    await sampled(miners, name, lambda stats: stats.state is not MinerState.STARTING)
