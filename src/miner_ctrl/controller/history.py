"""Rigs' history for people: by the rig's name."""

from __future__ import annotations

from miner_ctrl.history import HistoryStore
from miner_ctrl.model.views import GapView, HashratePointView, RigEventView
from miner_ctrl.peers import Registry


class RigHistory:
    """What is remembered of a peer, as ``query`` names it (see ``Registry.find``)."""

    def __init__(self, registry: Registry, store: HistoryStore) -> None:
        self._registry = registry
        self._store = store

    async def events(self, query: str, *, since_ms: int, limit: int) -> list[RigEventView]:
        """Return the last ``limit`` events from ``since_ms`` on, the oldest first."""
        return await self._store.events(self._rig(query), since_ms=since_ms, limit=limit)

    async def hashrate(self, query: str, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last ``limit`` samples within a time, the oldest first."""
        return await self._store.hashrate(self._rig(query), since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def gaps(self, query: str) -> list[GapView]:
        """Return what is missing."""
        return await self._store.gaps(self._rig(query))

    def _rig(self, query: str) -> bytes:
        return self._registry.find(query).keys.fingerprint
