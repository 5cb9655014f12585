"""The half of a node that is a rig: its miners and the worker that serves them, built and wired."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from miner_ctrl import __version__
from miner_ctrl.config import Home
from miner_ctrl.errors import Conflict
from miner_ctrl.miners import Miners
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.times import now_ms
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.transport import Endpoint
from miner_ctrl.worker import LocalRig, RigSchedule, Worker


class RigHalf:
    """Miners, schedule and who serves them; ``up`` undoes what is started.

    A node that serves brings it up at its start. One that lives for a command alone does so when its miners are asked
    for: it takes them over, acts, and lets go of them again; nobody watches them then.
    """

    def __init__(self, up: AsyncExitStack, *, home: Home, identity: Identity, profiles: ProfileStore) -> None:
        self._up = up
        self._identity = identity
        self._profiles = profiles
        self._home = home
        self._local: LocalRig | None = None
        self._starting = asyncio.Lock()

    async def serve(self, endpoint: Endpoint) -> None:
        """Take over the miners that live, answer peers and keep the schedule.

        Raises:
            StateDamaged: a file of the rig's is not what it wrote.
        """
        miners, schedule, local = self._built()
        worker = Worker(
            endpoint,
            miners,
            self._profiles,
            schedule,
            local,
            journal_path=self._home.worker_database,
            node_id=self._identity.id,
            node_name=self._identity.name,
            version=__version__,
            clock=time.monotonic,
            now_ms=now_ms,
        )
        self._up.push_async_callback(worker.close)
        await worker.start()
        self._local = local

    async def local(self) -> LocalRig:
        """Return the rig for its owner, brought up if it is not.

        Raises:
            Conflict: this node runs no miners.
            StateDamaged: as ``serve``.
        """
        if not self._identity.role.works:
            raise Conflict(
                "This node is a controller: it runs no miners of its own.",
                suggestion="Use miner-ctrl remote for its rigs, or make this machine a rig with a home of its own.",
                code="NOT_A_RIG",
            )
        async with self._starting:
            if self._local is None:
                miners, schedule, local = self._built()
                schedule.open()
                miners.on_sampled = local.sampled
                self._up.push_async_callback(miners.close)
                await miners.start()
                self._local = local
            return self._local

    def _built(self) -> tuple[Miners, RigSchedule, LocalRig]:
        miners = Miners(
            adapters=default_adapters(self._home.data),
            data_dir=self._home.miners_data,
            socket_for=self._home.socket_for,
            rig_name=self._identity.name,
        )
        schedule = RigSchedule(self._home.schedule_file, miners, self._profiles, now_ms=now_ms)
        local = LocalRig(miners, self._profiles, schedule, clock=time.monotonic, now_ms=now_ms)
        return miners, schedule, local
