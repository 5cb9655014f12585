"""Pairing: how two nodes come to know each other, and stay in touch."""

from miner_ctrl.pairing.pairing import Pairing
from miner_ctrl.pairing.views import dial_addresses, identity_view, planned_view, read_token

__all__ = ["Pairing", "dial_addresses", "identity_view", "planned_view", "read_token"]
