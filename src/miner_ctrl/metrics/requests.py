"""What the API was asked and how it answered, counted cheaply; nothing that a caller wrote becomes a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN_ROUTE = "unknown"
REASONS = {
    401: "unauthorized",
    403: "forbidden",
    408: "too_slow",
    413: "too_large",
    429: "rate_limited",
    431: "too_large",
    503: "busy",
}
"""Why a request was refused, by its status."""
LATENCY_S = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)


class Histogram:
    """How often something was at most each of ``bounds``, and what it was in all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        """Count one."""
        at = 0
        for bound in self.bounds:
            if value <= bound:
                break
            at += 1
        self.counts[at] += 1
        self.total += value


class RequestCounts:
    """Counts of all doors of a node together. ``answers`` is by method, route pattern and class of status."""

    __slots__ = ("answers", "refused", "seconds", "streams")

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, str]] = Counter()
        self.refused: Counter[str] = Counter()
        self.seconds = Histogram(LATENCY_S)
        self.streams = 0

    def answered(self, method: str, route: str, status: int, took_s: float | None) -> None:
        """Count an answer; ``took_s`` is ``None`` for one that lasted as long as its reader wanted it."""
        self.answers[method if method in METHODS else "other", route or UNKNOWN_ROUTE, f"{status // 100}xx"] += 1
        self.note_refusal(status)
        if took_s is not None:
            self.seconds.note(took_s)

    def note_refusal(self, status: int) -> None:
        """Count a refusal, if ``status`` is one: also of what never became a request."""
        reason = REASONS.get(status)
        if reason is not None:
            self.refused[reason] += 1
