"""Real jobs for an application whose other faces are in memory."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from miner_ctrl.controller import Fleet, Jobs, JobStore
from miner_ctrl.controller.fleet import RigKnown
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.peers import Registry


def jobs_in(folder: Path) -> tuple[Jobs, str]:
    """Return jobs that keep what they know in ``folder``, and the ID of the one rig there is, rig-alpha."""
    registry, fleet = Registry.open(folder / "peers.db", now_ms=lambda: 1), Fleet(clock=lambda: 1.0)
    keys = NodeKeys.from_secret(bytes(32)).public
    record = registry.add(keys, name="rig-alpha")
    fleet.apply(RigKnown(keys.fingerprint, keys.node_id, record.name))
    ids = (f"job{number}" for number in count(1))
    jobs = Jobs(registry, fleet, JobStore(folder / "jobs.db"), now_ms=lambda: 1, new_id=lambda: next(ids))
    return jobs, keys.node_id
