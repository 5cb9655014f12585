"""Who may ask this node for something over its port: API tokens, logins, sessions, lock-outs. Knows no HTTP."""

from miner_ctrl.access.access import Access
from miner_ctrl.access.attempts import address_block

__all__ = ["Access", "address_block"]
