"""What this machine lacks for mining, what having it would bring, and the commands that bring it.

``snapshot`` reads the machine, ``rules`` judge what was read: pure, a value in, findings out.
"""

from miner_ctrl.doctor.rules import examine
from miner_ctrl.doctor.snapshot import Snapshot, take_snapshot

__all__ = ["Snapshot", "examine", "take_snapshot"]
