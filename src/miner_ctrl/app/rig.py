"""The half of a node that is a rig: its miners, its schedule and the worker that serves them, built and wired."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import NamedTuple

from miner_ctrl import __version__
from miner_ctrl.app.audit import NodeAudit
from miner_ctrl.app.deploys import deploys_of
from miner_ctrl.app.own_machine import OwnMachine, adapters_of
from miner_ctrl.config import Home
from miner_ctrl.errors import Conflict
from miner_ctrl.miners import Miners
from miner_ctrl.miners.adapters import description_problems
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.model.times import now_ms
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.rig_settings import read_rig_settings
from miner_ctrl.transport import Endpoint
from miner_ctrl.worker import LocalRig, MachineWatch, RigSchedule, Worker
from miner_ctrl.worker.lock_desk import LockDesk
from miner_ctrl.worker.rig_journal import RigJournal
from miner_ctrl.worker.starting import Starter


class _Parts(NamedTuple):
    settings: RigSettings
    journal: RigJournal
    miners: Miners
    machine: MachineWatch
    schedule: RigSchedule
    starter: Starter
    local: LocalRig


class RigHalf:
    """Miners, schedule and who serves them; ``up`` undoes what is started. ``lock`` is ``None`` where no miners run.

    A node that serves brings it up at its start. One that lives for a command alone does so when its miners are asked
    for: it takes them over, acts, and lets go of them again; nobody watches them then.
    """

    def __init__(
        self,
        up: AsyncExitStack,
        own: OwnMachine,
        *,
        home: Home,
        identity: Identity,
        profiles: ProfileStore,
        lock: LockDesk | None,
        audit: NodeAudit,
    ) -> None:
        self._up = up
        self._audit = audit
        self._own = own
        self._home = home
        self._identity = identity
        self._profiles = profiles
        self._lock = lock
        self._local: LocalRig | None = None
        self._starting = asyncio.Lock()

    async def serve(self, endpoint: Endpoint) -> None:
        """Take over the miners that live, answer peers and keep the schedule.

        Raises:
            StateDamaged: a file of the rig's is not what it wrote.
            BadInput: the owner's settings cannot be used.
            Conflict: this node runs no miners.
        """
        lock = self._its_lock()
        parts = self._built(lock)
        self._audit.thread = parts.journal.thread
        worker = Worker(
            endpoint,
            parts.miners,
            self._profiles,
            starter=parts.starter,
            deploys=deploys_of(self._home, self._own.programs, parts.settings, lock=lock, note=parts.journal.note),
            schedule=parts.schedule,
            local=parts.local,
            journal_path=self._home.worker_database,
            rig_journal=parts.journal,
            lock=lock,
            audit=self._audit,
            node_id=self._identity.id,
            node_name=self._identity.name,
            version=__version__,
            clock=time.monotonic,
            now_ms=now_ms,
            machine_watch=parts.machine,
            standing_problems=description_problems(self._home.miner_descriptions),
        )
        self._up.push_async_callback(worker.close)
        await worker.start()
        self._local = parts.local

    async def local(self) -> LocalRig:
        """Return the rig for its owner, brought up if it is not.

        Raises:
            Conflict: this node runs no miners.
            StateDamaged, BadInput: as ``serve``.
        """
        lock = self._its_lock()
        async with self._starting:
            if self._local is None:
                parts = self._built(lock)
                parts.schedule.open()
                parts.miners.on_sampled = parts.local.sampled
                self._up.push_async_callback(parts.journal.close)
                await parts.journal.start(serving=False)
                lock.note, lock.miners = parts.journal.note, parts.miners
                self._up.push_async_callback(parts.miners.close)
                await parts.miners.start(watch=False)
                self._local = parts.local
            return self._local

    def _its_lock(self) -> LockDesk:
        if self._lock is None:
            raise Conflict(
                "This node is a controller: it runs no miners of its own.",
                suggestion="Use miner-ctrl remote for its rigs, or make this machine a rig with a home of its own.",
                code="NOT_A_RIG",
            )
        return self._lock

    def _built(self, lock: LockDesk) -> _Parts:
        def newest() -> MachineStats | None:
            return machine.newest()

        home, settings = self._home, read_rig_settings(self._home.rig_file)
        journal = RigJournal(home.rig_journal, settings=settings, now_ms=now_ms, machine=newest)
        miners = Miners(
            adapters=adapters_of(home, self._own.programs.program),
            data_dir=home.miners_data,
            socket_for=home.socket_for,
            rig_name=self._identity.name,
            allow=lock.allow,
            note=journal.note,
            settings=settings,
            machine=newest,
        )
        machine = MachineWatch(home.data, settings=settings, clock=time.monotonic, miners=miners.latest)
        self._own.running = lambda: [stats.type for stats in miners.latest() if stats.state.alive]
        schedule = RigSchedule(home.schedule_file, miners, self._profiles, now_ms=now_ms, note=journal.note)
        starter = Starter(miners, home.replacing_file)
        local = LocalRig(miners, self._profiles, schedule, starter, clock=time.monotonic, now_ms=now_ms)
        return _Parts(settings, journal, miners, machine, schedule, starter, local)
