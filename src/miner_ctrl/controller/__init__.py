"""A controller: keeps what is known of the fleet, and commands it."""

from miner_ctrl.controller.commands import Commands
from miner_ctrl.controller.deploys import Deploys
from miner_ctrl.controller.fleet import Fleet
from miner_ctrl.controller.watch import FleetWatch

__all__ = ["Commands", "Deploys", "Fleet", "FleetWatch"]
