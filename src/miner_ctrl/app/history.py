"""What a controller remembers of its rigs: the store, and what fills it."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from miner_ctrl.config import Home
from miner_ctrl.controller import Backfill, RigHistory
from miner_ctrl.history import HistoryStore
from miner_ctrl.model.times import now_ms
from miner_ctrl.peers import Registry
from miner_ctrl.transport import Endpoint


def bring_up_history(
    up: AsyncExitStack, *, home: Home, endpoint: Endpoint, registry: Registry, fill: bool
) -> RigHistory:
    """Build the store, and with ``fill`` what keeps it filled from the rigs; ``up`` undoes it."""
    store = HistoryStore(home.history_database, now_ms=now_ms)
    up.push_async_callback(store.close)
    if fill:
        backfill = Backfill(endpoint, registry, store, clock=time.monotonic, now_ms=now_ms)
        up.push_async_callback(backfill.close)
        backfill.start()
    return RigHistory(registry, store)
