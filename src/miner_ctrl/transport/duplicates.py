"""Which of two sessions with the same peer stands (protocol.md, "Sessions"). Pure: time is passed in.

Both ends come to the same answer: the instance and the initiator's key are known to both.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from miner_ctrl.protocol.limits import ALTERNATIONS_PER_MINUTE

_MINUTE_S = 60.0


class Claim(NamedTuple):
    """What decides between sessions: the initiator's X25519 key, and the random instance of the peer's process."""

    initiator_x: bytes
    peer_instance: str


def later_wins(earlier: Claim, later: Claim) -> bool:
    """Whether the session that was established later stands.

    A new instance replaces the old session; in the same direction the later wins; in opposite directions the one
    whose initiator has the smaller X.
    """
    if earlier.peer_instance != later.peer_instance or earlier.initiator_x == later.initiator_x:
        return True
    return later.initiator_x < earlier.initiator_x


class Alternations:
    """Counts how often one peer's instance changed while the old session still stood: a copied key shows as two
    machines that keep replacing each other."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=ALTERNATIONS_PER_MINUTE + 1)

    def note(self, now: float) -> bool:
        """One more; return whether there were more than three within a minute."""
        self._at.append(now)
        return len(self._at) > ALTERNATIONS_PER_MINUTE and now - self._at[0] <= _MINUTE_S

    def quiet(self, now: float) -> bool:
        """Whether nothing of the last minute is remembered, so that this can be forgotten."""
        return not self._at or now - self._at[-1] > _MINUTE_S
