"""One simulated rig: what it says of itself, and what commands do to it."""

from __future__ import annotations

import random

import msgspec
from msgspec.structs import replace

from benches.page_fleet.hostile import MARKUP, TEXTS, flooded, floods, some_text
from benches.page_fleet.plans import MINUTE_MS, Mood, Plan
from miner_ctrl.errors import NotFound, OperationFailed
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.machine import GpuStats, Hardware, MachineStats
from miner_ctrl.model.miners import (
    DeviceStats,
    Hashrates,
    HugePages,
    InstalledMiner,
    MinerState,
    MinerStats,
    NodeInfo,
    NodeStats,
    ProfileRef,
    WatchStats,
)
from miner_ctrl.model.profiles import Profile
from miner_ctrl.model.rig import Schedule, ScheduleState
from miner_ctrl.protocol.messages import (
    Deploy,
    DeployAck,
    DeployChunk,
    MinerAck,
    PauseMiner,
    Payload,
    RestartMiner,
    ResumeMiner,
    RollbackMiner,
    SetLock,
    StartMiner,
    StopMiner,
)

GIB = 2**30
FAILS_EVERY = 9
"""Of the rigs that are in trouble: one in so many cannot do what it is told."""
_POOLS = {
    "rx/0": ("pool.supportxmr.com:3333", 480_045.0, 28),
    "kawpow": ("rvn.2miners.com:6060", 4.3e9, 41),
    "autolykos2": ("ergo.herominers.com:1180", 8.6e9, 35),
}
_VERSIONS = {"xmrig": "6.26.0", "t-rex": "0.26.8", "lolminer": "1.92"}
_FAILED = {
    Mood.CRASHED: "Killed by signal 9: the system ran out of memory.",
    Mood.GAVE_UP: "The pool refuses the wallet: Invalid address used for login.",
    Mood.HUNG: "Its API has not answered for 3 min.",
}
_decode = msgspec.msgpack.Decoder(NodeStats).decode


class SimRig:
    """Its stats change with ``tell``; commands go to ``do``. ``happened`` hears of its events."""

    def __init__(self, plan: Plan, keys: PublicKeys, profiles: dict[str, Profile], *, hostile: bool) -> None:
        self.plan = plan
        self.keys = keys
        self.fingerprint = keys.fingerprint
        self.hostile = hostile
        self.events: list[RigEvent] = []
        self._dice = random.Random(plan.number)
        self._profiles = profiles
        self._schedule = Schedule()
        self._uptime_s = self._dice.randrange(3600, 40 * 86400)
        self._began = 0
        self._rates = {name: rate * plan.factor for name, _, rate, _ in self._named()}
        self.miners = (
            {}
            if plan.mood is Mood.IDLE
            else {name: self._miner(kind, rate, power) for name, kind, rate, power in self._named()}
        )

    # --- what it says -----------------------------------------------------------------------------------

    def tell(self, now_ms: int) -> NodeStats:
        """Return its stats of now."""
        self._began = self._began or now_ms
        miners = tuple(self._now(miner, now_ms) for miner in self.miners.values())
        problems: tuple[str, ...] = ()
        if self.plan.mood is Mood.DISK:
            problems = ("The disk of /home/miner has 128 MB left.",)
        if self.hostile and self.plan.number % 5 == 0:
            problems = (*problems, MARKUP)
        stats = NodeStats(
            node_id=self.keys.node_id, node_name=self.plan.name, at_ms=now_ms,
            uptime_s=self._uptime_s + (now_ms - self._began) // 1000, version=self._version(), miners=miners,
            machine=self._machine(), problems=problems, locked=self.plan.number % 50 == 3,
            schedule=self._schedule.otherwise if self._schedule.rules or self._schedule.otherwise != "run" else "",
        )  # fmt: skip
        if self.hostile and floods(self.plan.number):
            stats = flooded(stats)
        return _decode(msgspec.msgpack.encode(stats)) if self.hostile else stats

    def info(self) -> NodeInfo:
        """Return its hardware and software."""
        machine = self.plan.machine
        gpus = tuple(
            GpuStats(index=index, name=self._gpu_name(), uuid=f"GPU-{self.plan.number:08x}-{index}", driver="550.120")
            for index in range(machine.gpus)
        )
        hardware = Hardware(
            cpu=machine.cpu, packages=1, cores=machine.cores, threads=machine.cores * 2, numa_nodes=1,
            l2_cache_bytes=machine.cores * 512 * 1024, l3_cache_bytes=64 * 2**20, features=("aes", "avx2", "pdpe1gb"),
            memory_total_bytes=machine.ram_gib * GIB, gpus=gpus,
        )  # fmt: skip
        state = None
        if self._schedule != Schedule():
            state = ScheduleState(schedule=self._schedule, now=self._schedule.otherwise, local_time="wed 22:10")
        return NodeInfo(
            node_id=self.keys.node_id, node_name=self.plan.name, version=self._version(),
            os=some_text(self._dice) if self.hostile and self.plan.number % 4 == 1 else "Debian GNU/Linux 13 (trixie)",
            architecture="aarch64" if machine.cpu.startswith("ARM") else "x86_64", cpu=machine.cpu,
            cpu_cores=machine.cores, ram_bytes=machine.ram_gib * GIB, hardware=hardware,
            miners=tuple(
                InstalledMiner(type=kind, installed=True, version=version, path=f"/usr/bin/{kind}", source="package")
                for kind, version in _VERSIONS.items()
            ),
            profiles=tuple(
                ProfileRef(id=each.id, name=each.name, hash=each.content_hash) for each in self._profiles.values()
            ),
            schedule=state,
        )  # fmt: skip

    # --- what it is told --------------------------------------------------------------------------------

    def do(self, order: Payload, by: str, now_ms: int) -> Payload:
        """Carry a command out.

        Raises:
            NotFound: it has no such miner.
            OperationFailed: it cannot.
        """
        if isinstance(order, Deploy):
            self._schedule = order.schedule or self._schedule
            if order.bundle is not None:
                return DeployAck(status="installed", version=order.bundle.version)
            self._happened(now_ms, "deployed", by, order.profile.name if order.profile else "a schedule")
            return DeployAck(status="stored", profile_hash=order.profile.content_hash if order.profile else "")
        if isinstance(order, DeployChunk):
            return DeployAck(status="received", next_offset=order.offset + len(order.data))
        if isinstance(order, RollbackMiner):
            return DeployAck(status="rolled back", version="6.25.0")
        if isinstance(order, SetLock):
            return MinerAck(status="locked")
        if self.plan.mood in _FAILED and self.plan.number % FAILS_EVERY == 0:
            raise OperationFailed(
                f"xmrig-1 could not be started: {_FAILED[self.plan.mood]}",
                suggestion="See its log.",
                code="NOT_STARTED",
            )
        return self._command(order, by, now_ms)

    def _command(self, order: Payload, by: str, now_ms: int) -> Payload:
        if isinstance(order, StartMiner):
            named = [row for row in self._named() if not order.miner_type or row[1] == order.miner_type]
            names = [name for name, *_ in named or self._named()]
            for name, kind, rate, power in self._named():
                if name in names:
                    self.miners[name] = self._running(self._miner(kind, rate, power), now_ms)
            self._happened(now_ms, "started", by, "as asked", names[0])
            return MinerAck(status="started", miners=tuple(names))
        wanted: str | None = getattr(order, "miner", None)
        if wanted is not None and wanted not in self.miners:
            raise NotFound(f"There is no miner {wanted!r} here.", code="MINER_NOT_FOUND")
        names = [wanted] if wanted else list(self.miners)
        status = "nothing to do"
        for name in names:
            miner = self.miners[name]
            if isinstance(order, StopMiner):
                del self.miners[name]
                status, kind = "stopped", "stopped"
            elif isinstance(order, PauseMiner):
                self.miners[name] = replace(miner, state=MinerState.PAUSED, wanted="paused", hashrate_hps=None)
                status, kind = "paused", "paused"
            else:
                assert isinstance(order, RestartMiner | ResumeMiner)
                self.miners[name] = self._running(miner, now_ms)
                status = "restarted" if isinstance(order, RestartMiner) else "resumed"
                kind = "started" if isinstance(order, RestartMiner) else "resumed"
            self._happened(now_ms, kind, by, "as asked", name)
        return MinerAck(status=status, miners=tuple(names))

    def _running(self, miner: MinerStats, now_ms: int) -> MinerStats:
        """A miner that was down runs well from now on; what else is wrong with the rig stays."""
        if self.plan.mood in (*_FAILED, Mood.PAUSED, Mood.IDLE):
            self.plan = self.plan._replace(mood=Mood.WELL, since_ms=now_ms)
        self._rates = {name: rate * self.plan.factor for name, _, rate, _ in self._named()}
        watch = WatchStats(baseline_hps=self._rates[miner.name], share_expected_every_s=180.0, last_share_at_ms=now_ms)
        return replace(
            miner, state=MinerState.MINING, wanted="running", reason="", exit_code=None, uptime_s=0, watch=watch,
            profile_hash=self._profile_of(miner.algorithm)[2], pid=1000 + self.plan.number,
        )  # fmt: skip

    def _happened(self, now_ms: int, kind: str, by: str, text: str, miner: str = "") -> None:
        self.events.append(RigEvent(at_ms=now_ms, kind=kind, by=by, text=text, miner=miner))

    # --- within -----------------------------------------------------------------------------------------

    def _named(self) -> list[tuple[str, str, float, float]]:
        """Return its miners: name, type, hashrate and power; the algorithm goes by its name in ``_algorithms``."""
        return [
            (f"{kind}-{index + 1}", kind, rate, power)
            for index, (kind, _, rate, power) in enumerate(self.plan.machine.hashes)
        ]

    def _algorithm(self, kind: str) -> str:
        return next(algorithm for each, algorithm, _, _ in self.plan.machine.hashes if each == kind)

    def _profile_of(self, algorithm: str) -> tuple[str, str, str]:
        profile = self._profiles.get(algorithm)
        if profile is None:
            return "", "", ""
        stale = self.plan.mood is Mood.DRIFTED
        return profile.id, profile.name, "00" * 32 if stale else profile.content_hash

    def _miner(self, kind: str, rate: float, power: float) -> MinerStats:
        mood, dice, since_ms = self.plan.mood, self._dice, self.plan.since_ms
        algorithm = self._algorithm(kind)
        pool, difficulty, ping_ms = _POOLS[algorithm]
        id_, name, hash_ = self._profile_of(algorithm)
        accepted = dice.randrange(50, 20_000)
        miner = MinerStats(
            name=f"{kind}-{[each for each, *_ in self.plan.machine.hashes].index(kind) + 1}", type=kind,
            state=MinerState.MINING, version=_VERSIONS[kind], accepted=accepted,
            rejected=accepted // 8 if mood is Mood.REJECTED else accepted // 900, stale=accepted // 2000,
            uptime_s=self._uptime_s // 2, pool=pool, pool_ping_ms=ping_ms + dice.randrange(20), algorithm=algorithm,
            difficulty=difficulty, profile_id=id_, profile_name=name, profile_hash=hash_, pid=1000 + self.plan.number,
            wanted="running", huge_pages=HugePages(1168, 1168) if kind == "xmrig" else None,
            msr=self.plan.number % 7 != 2 if kind == "xmrig" else None,
            watch=WatchStats(
                baseline_hps=rate * self.plan.factor, share_expected_every_s=180.0, last_share_at_ms=since_ms,
                restarts=dice.choice((0, 0, 0, 1, 4)), last_reason="", last_at_ms=None,
            ),
        )  # fmt: skip
        assert miner.watch is not None
        if mood in _FAILED:
            state = MinerState.UNRESPONSIVE if mood is Mood.HUNG else MinerState.CRASHED
            watch = replace(
                miner.watch, restarts=5 if mood is Mood.GAVE_UP else 2, gave_up=mood is Mood.GAVE_UP,
                last_reason=_FAILED[mood], last_at_ms=since_ms,
                next_try_at_ms=None if mood is Mood.GAVE_UP else since_ms + 300_000,
            )  # fmt: skip
            miner = replace(miner, state=state, reason=_FAILED[mood], exit_code=137, pid=None, watch=watch)
        elif mood is Mood.PAUSED:
            miner = replace(miner, state=MinerState.PAUSED, wanted="paused")
        if self.hostile:
            miner = self._spoiled(miner)
        return miner

    def _spoiled(self, miner: MinerStats) -> MinerStats:
        """Return it with texts that are meant to do harm, one after the other of all there are."""
        text = TEXTS[self.plan.number % len(TEXTS)][:255]
        which = self.plan.number % 5
        return replace(
            miner, pool=text if which in (0, 1) else miner.pool, reason=text if miner.reason else "",
            algorithm=text if which == 2 else miner.algorithm, version=text if which == 4 else miner.version,
            profile_name=text if which in (1, 3) else miner.profile_name,
        )  # fmt: skip

    def _now(self, miner: MinerStats, now_ms: int) -> MinerStats:
        dice, mood = self._dice, self.plan.mood
        passed_s = (now_ms - self._began) // 1000
        if miner.state is not MinerState.MINING:
            return replace(miner, sampled_at_ms=now_ms, hashrate_hps=None)
        baseline = self._rates[miner.name]
        rate = round(baseline * dice.uniform(0.985, 1.012) * (0.58 if mood is Mood.SLOW else 1.0), 1)
        watch = miner.watch
        if watch is not None and mood is not Mood.NO_SHARES:
            watch = replace(watch, last_share_at_ms=now_ms - dice.randrange(200_000))
        elif watch is not None:
            watch = replace(watch, last_share_at_ms=min(self.plan.since_ms, now_ms - 41 * MINUTE_MS))
        devices: tuple[DeviceStats, ...] = ()
        if miner.type != "xmrig":
            count = self.plan.machine.gpus
            devices = tuple(
                DeviceStats(
                    index=index, name=self._gpu_name(), kind="cuda" if miner.type == "t-rex" else "opencl",
                    hashrate_hps=round(rate / count, 1), temperature_c=float(self._heat(index)),
                    fan_percent=float(55 + index * 3), power_w=round(self._watts(miner) / count, 1),
                )
                for index in range(count)
            )  # fmt: skip
        cores = self.plan.machine.cores
        threads = tuple(round(rate / cores, 1) for _ in range(cores)) if miner.type == "xmrig" else ()
        return replace(
            miner, sampled_at_ms=now_ms, hashrate_hps=rate, devices=devices, threads_hps=threads, watch=watch,
            hashrates_hps=Hashrates(s10=rate, s60=round(baseline * 0.998, 1), m15=round(baseline * 0.99, 1)),
            accepted=miner.accepted + (passed_s // 180 if mood is not Mood.NO_SHARES else 0),
            uptime_s=miner.uptime_s + passed_s,
        )  # fmt: skip

    def _machine(self) -> MachineStats:
        machine, dice = self.plan.machine, self._dice
        busy = any(miner.state is MinerState.MINING for miner in self.miners.values())
        gpu_power = sum(power for kind, _, _, power in machine.hashes if kind != "xmrig") / max(1, machine.gpus)
        hot = self.plan.mood is Mood.HOT
        return MachineStats(
            uptime_s=self._uptime_s, load_1m=float(machine.cores) if busy else 0.2, cpu_percent=98.0 if busy else 3.0,
            cpu_temperature_c=round(dice.uniform(92.0, 96.0) if hot else dice.uniform(55.0, 74.0), 1),
            memory_total_bytes=machine.ram_gib * GIB, memory_available_bytes=machine.ram_gib * GIB // 3,
            disk_total_bytes=128 * GIB, disk_free_bytes=GIB // 8 if self.plan.mood is Mood.DISK else 60 * GIB,
            huge_pages_total=1280, huge_pages_free=112,
            gpus=tuple(
                GpuStats(
                    index=index, name=self._gpu_name(), driver="550.120", temperature_c=float(self._heat(index)),
                    fan_percent=float(55 + index * 3), power_w=round(gpu_power if busy else 18.0, 1),
                    power_limit_w=round(gpu_power * 1.3, 0), core_mhz=1725.0, memory_mhz=8001.0,
                    memory_used_bytes=5 * GIB, memory_total_bytes=8 * GIB, load_percent=100.0 if busy else 0.0,
                )
                for index in range(machine.gpus)
            ),
        )  # fmt: skip

    def _heat(self, index: int) -> int:
        return self._dice.randrange(93, 97) if self.plan.mood is Mood.HOT and index == 1 else 58 + index * 2

    def _watts(self, miner: MinerStats) -> float:
        return next((power for kind, _, _, power in self.plan.machine.hashes if kind == miner.type), 0.0)

    def _gpu_name(self) -> str:
        return MARKUP if self.hostile and self.plan.number % 6 == 4 else self.plan.machine.gpu

    def _version(self) -> str:
        return "0.1.0" if self.plan.number % 11 else "0.0.9"
