"""The half of a node that is a rig: its miners and the worker that serves them, built and wired."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from miner_ctrl import __version__
from miner_ctrl.config import Home
from miner_ctrl.miners import Miners
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.times import now_ms
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.transport import Endpoint
from miner_ctrl.worker import Worker


async def bring_up_rig(
    up: AsyncExitStack, *, home: Home, identity: Identity, endpoint: Endpoint, profiles: ProfileStore
) -> Worker:
    """Build miners and worker, and start them; ``up`` undoes it.

    Raises:
        StateDamaged: a file of the rig's is not what it wrote.
    """
    miners = Miners(
        adapters=default_adapters(descriptions=home.miner_descriptions),
        data_dir=home.miners_data,
        socket_for=home.socket_for,
        rig_name=identity.name,
    )
    worker = Worker(
        endpoint,
        miners,
        profiles,
        journal_path=home.worker_database,
        node_id=identity.id,
        node_name=identity.name,
        version=__version__,
        clock=time.monotonic,
        now_ms=now_ms,
    )
    up.push_async_callback(worker.close)
    await worker.start()
    return worker
