"""The half of a node that is a rig: its miners and the worker that serves them, built and wired."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from miner_ctrl import __version__
from miner_ctrl.app.deploys import deploys_of
from miner_ctrl.app.own_machine import OwnMachine, adapters_of
from miner_ctrl.config import Home
from miner_ctrl.miners import Miners
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.times import now_ms
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.rig_settings import read_rig_settings
from miner_ctrl.transport import Endpoint
from miner_ctrl.worker import MachineWatch, Worker
from miner_ctrl.worker.lock_desk import LockDesk
from miner_ctrl.worker.rig_journal import RigJournal


async def bring_up_rig(
    up: AsyncExitStack,
    own: OwnMachine,
    *,
    home: Home,
    identity: Identity,
    endpoint: Endpoint,
    profiles: ProfileStore,
    lock: LockDesk,
) -> Worker:
    """Build miners and worker, and start them; ``up`` undoes it.

    Raises:
        StateDamaged: a file of the rig's is not what it wrote.
        BadInput: the owner's settings cannot be used.
    """

    def newest() -> MachineStats | None:
        return machine.newest()

    settings = read_rig_settings(home.rig_file)
    journal = RigJournal(home.rig_journal, settings=settings, now_ms=now_ms, machine=newest)
    miners = Miners(
        adapters=adapters_of(home, own.programs.program),
        data_dir=home.miners_data,
        socket_for=home.socket_for,
        rig_name=identity.name,
        allow=lock.allow,
        note=journal.note,
        settings=settings,
        machine=newest,
    )
    machine = MachineWatch(home.data, settings=settings, clock=time.monotonic, miners=miners.latest)
    own.installs.running = lambda: [stats.type for stats in miners.latest() if stats.state.alive]
    worker = Worker(
        endpoint,
        miners,
        profiles,
        deploys_of(home, own.programs, settings, lock=lock, note=journal.note),
        journal_path=home.worker_database,
        rig_journal=journal,
        lock=lock,
        node_id=identity.id,
        node_name=identity.name,
        version=__version__,
        clock=time.monotonic,
        now_ms=now_ms,
        machine_watch=machine,
    )
    up.push_async_callback(worker.close)
    await worker.start()
    return worker
