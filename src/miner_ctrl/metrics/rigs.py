"""What is told of a rig: its row made numbers, and these made lines. Pure.

What a rig says is hostile text and numbers: a name is the registry's, an algorithm has to look like one, a number that
is none is not known.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from miner_ctrl.metrics import families as of
from miner_ctrl.metrics.exposition import escaped, number
from miner_ctrl.metrics.families import Family
from miner_ctrl.metrics.shares import RigShares
from miner_ctrl.model.summaries import RigState, RigSummary
from miner_ctrl.model.views import RigView

SILENT_AFTER_S = 30.0
"""As long as a row has numbers (``controller.faults``): three pushes that did not come."""
OTHER = "other"
NAMES_OF_A_RIG = 8
NAMES_AT_MOST = 256
_ALGORITHM = re.compile(r"[a-z0-9][a-z0-9/_.+-]{0,31}")


class RigReading(NamedTuple):
    """What is told of one rig. ``is_up``: it is connected and reports; else all after ``reported_at_s`` is empty or
    ``None``."""

    id: str
    name: str
    state: RigState
    is_up: bool
    reported_at_s: float | None
    hashrate_hps: dict[str, float]
    miners: dict[str, int]
    temperature_c: float | None
    power_w: float | None
    ping_s: float | None
    disk_free_bytes: int | None
    problems: int


class Algorithms:
    """The names of algorithms as labels: a new label is a new series for ever, so each rig can add a few, and all
    together some hundred; the rest is ``other``."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._added: Counter[str] = Counter()

    def label(self, name: str, rig: str) -> str:
        """Return the label for the algorithm that ``rig`` (its ID) calls ``name``."""
        if name in self._known:
            return name
        name = name.lower()
        if name in self._known:
            return name
        if not _ALGORITHM.fullmatch(name) or len(self._known) >= NAMES_AT_MOST or self._added[rig] >= NAMES_OF_A_RIG:
            return OTHER
        self._added[rig] += 1
        self._known.add(name)
        return name


def read_rig(view: RigView, row: RigSummary, algorithms: Algorithms) -> RigReading:
    """Return what is told of a rig that is ``view``, and ``row`` in short."""
    is_up = view.connected and view.age_s is not None and view.age_s <= SILENT_AFTER_S
    reported_at_s = None if row.seen_at_ms is None else row.seen_at_ms / 1000
    if not is_up:
        return RigReading(row.id, row.name, row.state, is_up, reported_at_s, {}, {}, None, None, None, None, 0)
    hashrate_hps: dict[str, float] = {}
    for name, rate in row.hashrate_hps.items():
        if rate >= 0 and math.isfinite(rate):
            label = algorithms.label(name, row.id)
            hashrate_hps[label] = hashrate_hps.get(label, 0.0) + rate
    miners: dict[str, int] = {}
    for miner in view.miners:
        miners[miner.state] = miners.get(miner.state, 0) + 1
    return RigReading(
        row.id,
        row.name,
        row.state,
        is_up,
        reported_at_s,
        hashrate_hps,
        miners,
        _known(row.temperature_c),
        _known(row.power_w),
        None if row.ping_ms is None else row.ping_ms / 1000,
        None if view.machine is None else view.machine.disk_free_bytes,
        len(view.problems),
    )


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def rig_lines(reading: RigReading, shares: RigShares | None) -> Iterator[str]:
    """Yield the rig's lines of each family of ``OF_RIGS``, in that order; ``shares`` are ``None`` before its first
    report."""
    labels = f'peer="{escaped(reading.name)}",id="{escaped(reading.id)}"'

    def line(family: Family, value: float | None) -> str:
        return "" if value is None else f"{family.name}{{{labels}}} {number(value)}\n"

    yield line(of.RIG_UP, int(reading.is_up))
    yield line(of.RIG_REPORTED, reading.reported_at_s)
    yield "".join(
        f'{of.RIG_HASHRATE.name}{{{labels},algorithm="{escaped(name)}"}} {number(rate)}\n'
        for name, rate in reading.hashrate_hps.items()
    )
    yield line(of.RIG_ACCEPTED, None if shares is None else shares.accepted)
    yield line(of.RIG_REJECTED, None if shares is None else shares.rejected)
    yield "".join(
        f'{of.RIG_MINERS.name}{{{labels},state="{escaped(state)}"}} {count}\n'
        for state, count in reading.miners.items()
    )
    yield line(of.RIG_TEMPERATURE, reading.temperature_c)
    yield line(of.RIG_POWER, reading.power_w)
    yield line(of.RIG_PING, reading.ping_s)
    yield line(of.RIG_DISK_FREE, reading.disk_free_bytes)
    yield line(of.RIG_PROBLEMS, reading.problems if reading.is_up else None)
