"""Which refusals the log says: of one caller some at once, then one a minute, which says how many were left out.

Who may look and tries to command, without end, would else fill the disk: nothing is ever taken out of the log.
"""

from __future__ import annotations

from collections.abc import Callable

from miner_ctrl.model.callers import Caller

AT_ONCE = 20
EVERY_S = 60.0
MAX_CALLERS = 1024


class Refusals:
    """Counts them by caller. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of: dict[tuple[str, str], tuple[float, float, int]] = {}
        """What is left at once, since when, and how many were left out."""

    def admit(self, caller: Caller) -> int | None:
        """Return how many of this caller's were left out since the last that is said; ``None``: leave this one out."""
        who, now_s = (caller.door.value, caller.name or caller.id), self._clock()
        left, since_s, left_out = self._of.pop(who, (AT_ONCE, now_s, 0))
        left = min(AT_ONCE, left + (now_s - since_s) / EVERY_S)
        said = left >= 1
        self._of[who] = (left - 1, now_s, 0) if said else (left, now_s, left_out + 1)
        if len(self._of) > MAX_CALLERS:
            del self._of[next(iter(self._of))]
        return left_out if said else None
