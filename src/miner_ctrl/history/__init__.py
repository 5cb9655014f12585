"""What this controller remembers of its rigs: each entry of their journals once, and what it adds up to."""

from miner_ctrl.history.contract import OWN_RIG, HistoryStore
from miner_ctrl.history.parts import HistoryPart, Nonsense, Place
from miner_ctrl.history.sqlite import SqliteHistory

__all__ = ["OWN_RIG", "HistoryPart", "HistoryStore", "Nonsense", "Place", "SqliteHistory"]
