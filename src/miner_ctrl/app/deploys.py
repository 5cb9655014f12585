"""Deploys, the rig's side of them: built and wired."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from miner_ctrl.app.own_machine import adapters_of
from miner_ctrl.config import Home
from miner_ctrl.deploy import Incoming, ProgramStore
from miner_ctrl.deploy.operators import pinned_operators
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.model.times import now_ms
from miner_ctrl.worker.deploys import DeployDesk
from miner_ctrl.worker.lock_desk import LockDesk
from miner_ctrl.worker.trial import trial_by


def deploys_of(
    home: Home, programs: ProgramStore, settings: RigSettings, *, lock: LockDesk, note: Callable[[RigEvent], None]
) -> DeployDesk:
    """Return the desk that takes miner programs for the rig of ``home``: signed by who sends them or by an operator
    whose key is pinned; under a lock only those signed by its keys."""
    return DeployDesk(
        programs,
        Incoming(home.programs / "incoming"),
        try_program=trial_by(partial(adapters_of, home)),
        now_ms=now_ms,
        disk_reserve_bytes=settings.disk_reserve_bytes,
        operator_keys=lambda: lock.operator_keys() if lock.operator_only() else pinned_operators(home.operators_file),
        operator_only=lock.operator_only,
        note=note,
    )
