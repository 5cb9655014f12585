"""A controller: keeps what is known of the fleet, and commands it."""

from miner_ctrl.controller.assignments import Assignments
from miner_ctrl.controller.backfill import Backfill
from miner_ctrl.controller.commands import Commands
from miner_ctrl.controller.deeds import Deeds
from miner_ctrl.controller.deploys import Deploys
from miner_ctrl.controller.fleet import Fleet
from miner_ctrl.controller.history import RigHistory
from miner_ctrl.controller.job_store import JobStore
from miner_ctrl.controller.jobs import Jobs
from miner_ctrl.controller.overview import Overview
from miner_ctrl.controller.own_journal import OwnJournal
from miner_ctrl.controller.watch import FleetWatch

__all__ = [
    "Assignments", "Backfill", "Commands", "Deeds", "Deploys", "Fleet", "FleetWatch", "JobStore", "Jobs", "Overview",
    "OwnJournal", "RigHistory",
]  # fmt: skip
