"""How often one caller may ask: token buckets, bounded in number. Pure but for the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from miner_ctrl.errors import RateLimited

MAX_BUCKETS = 4096


class Rate(NamedTuple):
    """``burst`` at once, ``per_s`` for long."""

    burst: float
    per_s: float


class Rates:
    """One bucket for each key. When there are too many, those that were used longest ago go; they are full by then, but
    for a flood from thousands of addresses. ``clock`` is in seconds and only moves forward."""

    def __init__(self, clock: Callable[[], float], *, max_buckets: int = MAX_BUCKETS) -> None:
        self._clock = clock
        self._max_buckets = max_buckets
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, rate: Rate) -> None:
        """Take one request out of the bucket of ``key``.

        Raises:
            RateLimited: it is empty; ``details`` has when it will not be.
        """
        now_s = self._clock()
        level, since_s = self._buckets.pop(key, (rate.burst, now_s))
        level = min(rate.burst, level + (now_s - since_s) * rate.per_s)
        self._buckets[key] = (level - 1 if level >= 1 else level, now_s)
        while len(self._buckets) > self._max_buckets:
            del self._buckets[next(iter(self._buckets))]
        if level < 1:
            seconds = int((1 - level) / rate.per_s) + 1
            raise RateLimited(
                "There are too many requests from there.",
                suggestion=f"Try again in {seconds} s.",
                code="TOO_MANY_REQUESTS",
                details={"retryAfterS": seconds},
            )
