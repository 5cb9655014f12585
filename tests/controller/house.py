"""A controller's registry, fleet and profiles, and rigs that have told what they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from miner_ctrl.controller import Assignments, Fleet
from miner_ctrl.controller.fleet import RigConnected, RigKnown, RigMissing, RigReported
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.jobs import PeerFilter, Selection
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.profile_views import PlannedRigView, ProfilePlanView
from miner_ctrl.model.profiles import Profile
from miner_ctrl.peers import Registry
from miner_ctrl.profiles import ProfileStore

EVERYBODY = Selection(peers=None, filter=PeerFilter())
CONFIG: dict[str, Any] = {"pool": "a.example:1", "wallet": "w", "password": "hunter2"}


class House:
    """A controller's registry, fleet and profiles; rigs tell what they are given to tell."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 100.0
        self.registry = Registry.open(folder / "peers.db", now_ms=lambda: 1)
        self.fleet = Fleet(clock=lambda: self.now_s)
        self.profiles = ProfileStore(folder / "profiles.db")
        self.profiles.open()
        self.assignments = Assignments(self.registry, self.fleet, self.profiles)
        self.old = self.profiles.create("monero", "xmrig", {**CONFIG, "threads": 2})
        self.monero = self.profiles.change("monero", "monero", "xmrig", {**CONFIG, "threads": 4})
        self.other = self.profiles.create("other", "xmrig", {**CONFIG, "pool": "b.example:1", "password": "hunter3"})
        self._number = 0

    def close(self) -> None:
        self.profiles.close()
        self.registry.close()

    def rig(self, name: str, *miners: MinerStats, connected: bool = True, **facts: Any) -> str:
        """Enter a rig that has told of these miners; return its ID."""
        self._number += 1
        keys = NodeKeys.from_secret(self._number.to_bytes(32, "big")).public
        self.registry.add(keys, name=name)
        self.fleet.apply(RigKnown(keys.fingerprint, keys.node_id, name))
        self.fleet.apply(RigConnected(keys.fingerprint, "1"))
        stats = NodeStats(node_id=keys.node_id, node_name=name, at_ms=1, miners=miners, **facts)
        self.fleet.apply(RigReported(keys.fingerprint, stats, self.now_s))
        if not connected:
            self.fleet.apply(RigMissing(keys.fingerprint, "The session ended.", "SESSION_ENDED"))
        return keys.node_id

    async def plan(self, *, replace: str | None = "*", hide: bool = False, query: str = "monero") -> ProfilePlanView:
        return await self.assignments.plan(query, EVERYBODY, replace=replace, hide=hide)

    async def forecast(self, *miners: MinerStats, replace: str | None = "*", **facts: Any) -> PlannedRigView:
        """Return what would change on one more rig."""
        id_ = self.rig(f"rig-{self._number + 1}", *miners, **facts)
        return next(rig for rig in (await self.plan(replace=replace)).rigs if rig.rig == id_)


def runs(profile: Profile, name: str = "xmrig-1", state: MinerState = MinerState.MINING, **more: Any) -> MinerStats:
    given = {"profile_id": profile.id, "profile_name": profile.name, "profile_hash": profile.content_hash, **more}
    return MinerStats(name=name, type=profile.miner_type, state=state, **given)
