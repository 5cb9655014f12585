"""The worker side of a node: enters its handlers in the endpoint's route table and keeps them fed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import NodeInfo, ProfileRef
from miner_ctrl.model.nodes import Grant
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.protocol.messages import (
    COMMANDS,
    FollowLogs,
    GetInfo,
    GetLogs,
    GetStats,
    Info,
    SubscribeStats,
)
from miner_ctrl.telemetry.machine import Machine, read_machine
from miner_ctrl.transport import Endpoint, Request
from miner_ctrl.worker.commands import CommandDesk
from miner_ctrl.worker.journal import Journal
from miner_ctrl.worker.local import LocalRig
from miner_ctrl.worker.logs import LogDesk
from miner_ctrl.worker.rig_schedule import RigSchedule
from miner_ctrl.worker.stats import StatsDesk


class Worker:
    """Serves this rig's miners to the peers that were granted it.

    ``clock`` is monotonic, in seconds; ``now_ms`` Unix time in ms.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        miners: Miners,
        profiles: ProfileStore,
        schedule: RigSchedule,
        local: LocalRig,
        *,
        journal_path: Path,
        node_id: str,
        node_name: str,
        version: str,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._endpoint = endpoint
        self._miners = miners
        self._profiles = profiles
        self._schedule = schedule
        self._local = local
        self._node_id = node_id
        self._node_name = node_name
        self._version = version
        self._machine: Machine | None = None
        self._refs: tuple[int, tuple[ProfileRef, ...]] = (-1, ())
        self._journal = Journal(journal_path, now_ms=now_ms)
        self._commands = CommandDesk(miners, profiles, schedule, self._journal)
        self._logs = LogDesk(miners)
        self._stats = StatsDesk(
            miners,
            node_id=node_id,
            node_name=node_name,
            version=version,
            clock=clock,
            now_ms=now_ms,
            schedule=schedule,
        )

    async def start(self) -> None:
        """Reattach to the miners that live, then answer peers and keep the schedule.

        Raises:
            StateDamaged: a file of the worker's is not what it wrote.
        """
        self._journal.open()
        self._schedule.open()
        self._miners.on_sampled = self._local.sampled
        await self._miners.start()
        self._miners.on_change = self._stats.miners_changed
        route = self._endpoint.route
        route(GetStats, self._stats.answer, needs=Grant.OBSERVE)
        route(SubscribeStats, self._stats.subscribe, needs=Grant.OBSERVE)
        route(GetLogs, self._logs.tail, needs=Grant.OBSERVE)
        route(FollowLogs, self._logs.follow, needs=Grant.OBSERVE)
        route(GetInfo, self._info, needs=Grant.OBSERVE)
        for command in COMMANDS:
            route(command, self._commands.carry_out, needs=Grant.CONTROL)
        self._stats.start()
        self._schedule.start()

    async def close(self) -> None:
        """Stop answering. Miners go on."""
        await self._schedule.close()
        await self._stats.close()
        await self._commands.close()
        await self._miners.close()
        await self._journal.close()

    def _info(self, _request: Request) -> Info:
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
                miners=self._miners.installed(),
                profiles=self._profile_refs(),
                schedule=self._schedule.state(),
            )
        )

    def _profile_refs(self) -> tuple[ProfileRef, ...]:
        revision, refs = self._refs
        if revision != self._profiles.revision:
            refs = tuple(
                ProfileRef(id=profile.id, name=profile.name, hash=profile.content_hash)
                for profile in self._profiles.list()
            )
            self._refs = self._profiles.revision, refs
        return refs
