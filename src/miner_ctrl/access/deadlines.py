"""When something ends, for a clock that may jump."""

from __future__ import annotations

from collections.abc import Callable


class Clocks:
    """Unix time in ms, and a clock in seconds that only moves forward."""

    def __init__(self, now_ms: Callable[[], int], monotonic_s: Callable[[], float]) -> None:
        self.now_ms = now_ms
        self.monotonic_s = monotonic_s

    def deadline(self, at_ms: int) -> Deadline:
        """Return the end of something that ends at ``at_ms``."""
        return Deadline(self, at_ms)


class Deadline:
    """Past when either clock says so. The wall clock set back does not put it off while the node runs; the other one,
    which stands still while a machine sleeps, is not trusted alone."""

    def __init__(self, clocks: Clocks, at_ms: int) -> None:
        self.at_ms = at_ms
        self._clocks = clocks
        self._at_s = clocks.monotonic_s() + (at_ms - clocks.now_ms()) / 1000

    @property
    def past(self) -> bool:
        """Whether it has come."""
        return self._clocks.now_ms() >= self.at_ms or self._clocks.monotonic_s() >= self._at_s
