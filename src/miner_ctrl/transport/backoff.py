"""How long to wait before the next dial. Pure: randomness is passed in."""

from __future__ import annotations

from collections.abc import Callable

SOUND_AFTER_S = 5.0
"""A session that stood this long was sound: the next wait is a short one again."""


class Backoff:
    """Exponential from ``first_s`` to ``last_s`` seconds, for ever (protocol.md, "Sessions").

    Each wait is drawn from the last quarter of its step, so that a farm that lost its controller does not come back
    in one moment, and nobody waits longer than the step. From half a second to thirty that means: a peer that was
    away for less than 10 s is dialled within 8 s, any other within 30 s.
    """

    __slots__ = ("_first_s", "_last_s", "_step_s")

    def __init__(self, first_s: float, last_s: float) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._step_s = first_s

    def next_wait_s(self, random: Callable[[], float]) -> float:
        """Return the wait before the next attempt; ``random`` gives a number in [0, 1)."""
        step_s = self._step_s
        self._step_s = min(step_s * 2, self._last_s)
        return step_s * (0.75 + random() / 4)

    def stood(self, duration_s: float) -> None:
        """A session stood that long. One that falls at once does not count as a success."""
        if duration_s >= min(self._step_s, SOUND_AFTER_S):
            self._step_s = self._first_s
