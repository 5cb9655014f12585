"""The worker side of a node: enters its handlers in the endpoint's route table and keeps them fed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from miner_ctrl.miners import Miners
from miner_ctrl.model.audit import Audit
from miner_ctrl.model.miners import MAX_PROBLEMS, InstalledMiner, MinerStats, NodeInfo, ProfileRef
from miner_ctrl.model.nodes import Grant
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.protocol.messages import (
    COMMANDS,
    Deploy,
    DeployChunk,
    FollowLogs,
    GetHistory,
    GetInfo,
    GetLogs,
    GetStats,
    Info,
    Payload,
    RollbackMiner,
    SubscribeStats,
)
from miner_ctrl.telemetry.machine import Machine, read_machine
from miner_ctrl.transport import Endpoint, Needs, Request
from miner_ctrl.worker.commands import CommandDesk
from miner_ctrl.worker.deploys import DeployDesk, deploy_needs
from miner_ctrl.worker.journal import Journal
from miner_ctrl.worker.local import LocalRig
from miner_ctrl.worker.lock_desk import LockDesk
from miner_ctrl.worker.logs import LogDesk
from miner_ctrl.worker.machine import MachineWatch, RigFacts
from miner_ctrl.worker.rig_journal import RigJournal
from miner_ctrl.worker.rig_schedule import RigSchedule
from miner_ctrl.worker.starting import Starter
from miner_ctrl.worker.stats import StatsDesk

_NEEDS: dict[type[Payload], Needs] = {Deploy: deploy_needs, RollbackMiner: Grant.INSTALL}
"""What commands need that ``control`` is not enough for."""


class Worker:
    """Serves this rig's miners to the peers that were granted it.

    ``clock`` is monotonic, in seconds; ``now_ms`` Unix time in ms. ``machine_watch`` is started and closed here;
    ``standing_problems`` are told as long as this agent lives.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        miners: Miners,
        profiles: ProfileStore,
        *,
        starter: Starter,
        deploys: DeployDesk,
        schedule: RigSchedule,
        local: LocalRig,
        journal_path: Path,
        rig_journal: RigJournal,
        lock: LockDesk,
        audit: Audit,
        node_id: str,
        node_name: str,
        version: str,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        machine_watch: MachineWatch,
        standing_problems: tuple[str, ...] = (),
    ) -> None:
        self._endpoint = endpoint
        self._miners = miners
        self._profiles = profiles
        self._deploys = deploys
        self._schedule = schedule
        self._starter = starter
        self._finishing: asyncio.Task[None] | None = None
        self._local = local
        self._node_id = node_id
        self._node_name = node_name
        self._version = version
        self._machine: Machine | None = None
        self._refs: tuple[int, tuple[ProfileRef, ...]] = (-1, ())
        self._journal = Journal(journal_path, now_ms=now_ms)
        self._rig_journal = rig_journal
        self._lock = lock
        self._commands = CommandDesk(
            miners, profiles, self._journal, starter=starter, schedule=schedule, deploys=deploys, lock=lock,
            audit=audit,
        )  # fmt: skip
        self._logs = LogDesk(miners)
        self._watch = machine_watch
        self._standing_problems = standing_problems
        self._stats = StatsDesk(
            miners,
            node_id=node_id,
            node_name=node_name,
            version=version,
            clock=clock,
            now_ms=now_ms,
            facts=self._facts,
        )

    async def start(self) -> None:
        """Reattach to the miners that live, then answer peers and keep the schedule.

        Raises:
            StateDamaged: a file of the worker's is not what it wrote.
        """
        self._journal.open()
        await self._deploys.start()
        await self._rig_journal.start()
        self._lock.note, self._lock.miners = self._rig_journal.note, self._miners
        self._schedule.open()
        await self._miners.start()
        await self._lock.enforce()
        self._miners.on_change = self._stats.miners_changed
        self._miners.on_sampled = self._sampled
        route = self._endpoint.route
        route(GetStats, self._stats.answer, needs=Grant.OBSERVE)
        route(SubscribeStats, self._stats.subscribe, needs=Grant.OBSERVE)
        route(GetLogs, self._logs.tail, needs=Grant.OBSERVE)
        route(FollowLogs, self._logs.follow, needs=Grant.OBSERVE)
        route(GetInfo, self._info, needs=Grant.OBSERVE)
        route(DeployChunk, self._deploys.chunk, needs=Grant.INSTALL)
        route(GetHistory, self._rig_journal.answer, needs=Grant.OBSERVE)
        for command in COMMANDS:
            route(command, self._commands.carry_out, needs=_NEEDS.get(command, Grant.CONTROL))
        self._stats.start()
        self._watch.start()
        self._finishing = asyncio.get_running_loop().create_task(self._starter.finish(), name="finish-replacing")
        self._schedule.start()

    async def close(self) -> None:
        """Stop answering. Miners go on."""
        if self._finishing is not None:
            self._finishing.cancel()
            await asyncio.gather(self._finishing, return_exceptions=True)
        await self._schedule.close()
        await self._watch.close()
        await self._stats.close()
        await self._commands.close()
        await self._deploys.close()
        await self._miners.close()
        await self._rig_journal.close()
        await self._journal.close()

    def _sampled(self, stats: tuple[MinerStats, ...]) -> None:
        self._rig_journal.sampled(stats)
        self._local.sampled(stats)
        self._stats.miners_sampled()

    def _facts(self) -> RigFacts:
        watch = self._watch
        late = (self._schedule.problem,) if self._schedule.problem else ()
        wrong = (*watch.problems, *self._miners.problems(), *self._deploys.problems(), *late)
        return RigFacts(
            machine=watch.stats,
            problems=(*wrong, *self._lock.problems(), *self._rig_journal.problems(), *self._standing_problems)[
                :MAX_PROBLEMS
            ],
            schedule=self._schedule.asked,
            locked=self._lock.locked,
        )

    async def _info(self, _request: Request) -> Info:
        hardware = await self._watch.hardware()
        if self._machine is None:
            self._machine = read_machine()
        machine = self._machine
        return Info(
            info=NodeInfo(
                node_id=self._node_id,
                node_name=self._node_name,
                version=self._version,
                os=machine.os,
                architecture=machine.architecture,
                cpu=machine.cpu,
                cpu_cores=machine.cpu_cores,
                ram_bytes=machine.ram_bytes,
                hardware=hardware,
                miners=tuple(map(self._with_previous, self._miners.installed())),
                profiles=self._profile_refs(),
                schedule=self._schedule.state(),
            )
        )

    def _with_previous(self, miner: InstalledMiner) -> InstalledMiner:
        return msgspec.structs.replace(miner, previous=self._deploys.programs.previous(miner.type))

    def _profile_refs(self) -> tuple[ProfileRef, ...]:
        revision, refs = self._refs
        if revision != self._profiles.revision:
            refs = tuple(
                ProfileRef(id=profile.id, name=profile.name, hash=profile.content_hash)
                for profile in self._profiles.list()
            )
            self._refs = self._profiles.revision, refs
        return refs
