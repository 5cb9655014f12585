"""What this controller remembers of its rigs: samples and events, each by journal and number, stored once."""

from miner_ctrl.history.parts import HistoryPart, Nonsense, Place
from miner_ctrl.history.store import HistoryStore

__all__ = ["HistoryPart", "HistoryStore", "Nonsense", "Place"]
