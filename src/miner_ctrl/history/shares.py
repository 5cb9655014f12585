"""How much one rig may have stored in a day: a hostile one fills neither the disk nor the dictionaries. Pure."""

from __future__ import annotations

import msgspec

from miner_ctrl.history.parts import Nonsense, cost_of
from miner_ctrl.model.history import JournalEntry

DAY_MS = 86_400_000
BYTES_A_DAY = 256 * 1024 * 1024
"""Of samples and events: seven days of 64 miners at 10 s are less."""
EVENT_BYTES_A_DAY = 4 * 1024 * 1024
"""Of events alone: they are kept for years."""
JOURNALS_A_DAY = 24
NAMES_A_DAY = 500
"""New names of miners and algorithms."""
GAP_COST = 16 * 1024


class Cost(msgspec.Struct):
    """What a part takes."""

    bytes: int = 0
    event_bytes: int = 0
    names: int = 0

    def add(self, other: Cost) -> None:
        """Take ``other`` too."""
        self.bytes += other.bytes
        self.event_bytes += other.event_bytes
        self.names += other.names


def cost_of_part(entries: tuple[JournalEntry, ...], *, names: int, new_journal: bool, hole: bool) -> Cost:
    """Return what a part takes; ``names`` of its miners and algorithms are new."""
    stored, events = cost_of(entries)
    return Cost(stored + hole * GAP_COST + new_journal * (BYTES_A_DAY // JOURNALS_A_DAY), events, names)


class Shares:
    """What each rig has had today."""

    def __init__(self) -> None:
        self._day = 0
        self._spent: dict[bytes, Cost] = {}

    def check(self, rig: bytes, cost: Cost, now_ms: int) -> None:
        """Let ``rig`` have this too; ``taken`` notes that it was stored.

        Raises:
            Nonsense: it has had its share for today.
        """
        if now_ms // DAY_MS != self._day:
            self._day, self._spent = now_ms // DAY_MS, {}
        spent = self._spent.get(rig, Cost())
        if (
            spent.bytes + cost.bytes > BYTES_A_DAY
            or spent.event_bytes + cost.event_bytes > EVENT_BYTES_A_DAY
            or spent.names + cost.names > NAMES_A_DAY
        ):
            raise Nonsense("The rig's journal is more than one rig may have stored here in a day.")

    def taken(self, rig: bytes, cost: Cost) -> None:
        """Count what was stored."""
        self._spent.setdefault(rig, Cost()).add(cost)
