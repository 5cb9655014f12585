"""Figures, what they should be, and the table that shows them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """How a figure stands to its target; ``NONE`` where there is no target."""

    REACHED = "reached"
    MET = "met"
    MISSED = "MISSED"
    NONE = ""


class Target(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """``bound`` must hold, ``reach`` is hoped for. ``at_least``: more is better."""

    bound: float
    reach: float | None = None
    at_least: bool = False

    def verdict(self, value: float) -> Verdict:
        """Return how ``value`` stands."""
        if self.reach is not None and self._holds(value, self.reach):
            return Verdict.REACHED
        return Verdict.MET if self._holds(value, self.bound) else Verdict.MISSED

    def _holds(self, value: float, bound: float) -> bool:
        return value >= bound if self.at_least else value <= bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.bound)}"


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """A median, and the 99th percentile where there were enough samples for one."""

    p50: float
    p99: float | None = None

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Return the spread of ``samples``; below 20 of them without a percentile."""
        ordered = sorted(samples)
        p99 = ordered[math.ceil(len(ordered) * 0.99) - 1] if len(ordered) >= 20 else None
        return cls(statistics.median(ordered), p99)


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One figure. ``raw`` is the same over a bare WebSocket (or of a bare interpreter), measured in between."""

    name: str
    unit: str
    ours: Spread
    raw: Spread | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the raw one."""
        return self.ours.p50 / self.raw.p50 if self.raw is not None and self.raw.p50 else None

    @property
    def verdict(self) -> Verdict:
        """How the median stands to the target."""
        return self.target.verdict(self.ours.p50) if self.target else Verdict.NONE


class Group(msgspec.Struct, frozen=True):
    """Figures that were measured together. ``load`` is the machine's before and after: a busy one measures little."""

    name: str
    title: str
    figures: list[Figure]
    load: tuple[float, float]


def number(value: float | None) -> str:
    """Return ``value`` for people, with three digits or more."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


_HEAD = ("", "p50", "p99", "raw", "raw p99", "ratio", "target", "")


def table(groups: Sequence[Group]) -> str:
    """Return the figures as a table of 80 columns."""
    lines = [_line(_HEAD)]
    for group in groups:
        lines += ["", f"{group.title} (load {group.load[0]:.1f} to {group.load[1]:.1f})"]
        lines += [_line(_cells(figure)) for figure in group.figures]
    return "\n".join(lines)


def _cells(figure: Figure) -> tuple[str, ...]:
    raw = figure.raw or Spread(math.nan)
    ratio = figure.ratio
    return (
        f"{figure.name}, {figure.unit}" if figure.unit else figure.name,
        number(figure.ours.p50),
        number(figure.ours.p99),
        number(raw.p50) if figure.raw else "",
        number(raw.p99),
        f"{ratio:.2f}" if ratio is not None else "",
        str(figure.target) if figure.target else "",
        figure.verdict,
    )


def _line(cells: Sequence[str]) -> str:
    name, p50, p99, raw, raw_p99, ratio, target, verdict = cells
    return f"{name:<30}{p50:>7}{p99:>7}{raw:>8}{raw_p99:>8}{ratio:>6} {target:<9}{verdict}".rstrip()
