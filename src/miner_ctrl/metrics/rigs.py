"""What is told of a rig: its view made numbers, and these made lines. Pure: the time is passed in.

What a rig says is hostile text and numbers: a name is the registry's, an algorithm has to look like one, a number that
is none is not known.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from miner_ctrl.metrics import families as of
from miner_ctrl.metrics.exposition import escaped, number
from miner_ctrl.metrics.families import Family
from miner_ctrl.metrics.shares import RigShares
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.views import RigView

SILENT_AFTER_S = 60.0
"""Six pushes that did not come."""
OTHER = "other"
NAMES_OF_A_RIG = 8
NAMES_AT_MOST = 256
_ALGORITHM = re.compile(r"[a-z0-9][a-z0-9/_.+-]{0,31}")
_HASHING = frozenset({MinerState.MINING, MinerState.UNRESPONSIVE})
"""States whose hashrate counts: that of a miner which was just paused is still dying away."""


class RigState(StrEnum):
    """``SILENT``: connected, but it has not reported for a minute, or may not be watched."""

    UP = "up"
    SILENT = "silent"
    OFFLINE = "offline"


class RigReading(NamedTuple):
    """What is told of one rig. All but name, state and time of report is of a rig that is up: else it is empty or
    ``None``."""

    id: str
    name: str
    state: RigState
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


def read_rig(view: RigView, *, now_s: float, algorithms: Algorithms) -> RigReading:
    """Return what is told of ``view``, which was taken at ``now_s`` (Unix)."""
    state = _state(view)
    reported_at_s = None if view.age_s is None else round(now_s - view.age_s, 3)
    if state is not RigState.UP:
        return RigReading(view.node_id, view.node_name, state, reported_at_s, {}, {}, None, None, None, None, 0)
    hashrate_hps: dict[str, float] = {}
    miners: dict[str, int] = {}
    for miner in view.miners:
        miners[miner.state] = miners.get(miner.state, 0) + 1
        rate = miner.hashrate_hps
        if rate is not None and miner.state in _HASHING and rate >= 0 and math.isfinite(rate):
            label = algorithms.label(miner.algorithm, view.node_id)
            hashrate_hps[label] = hashrate_hps.get(label, 0.0) + rate
    return RigReading(
        view.node_id,
        view.node_name,
        state,
        reported_at_s,
        hashrate_hps,
        miners,
        max(_temperatures(view), default=None),
        _power_w(view),
        None if view.ping_ms is None else view.ping_ms / 1000,
        None if view.machine is None else view.machine.disk_free_bytes,
        len(view.problems),
    )


def _state(view: RigView) -> RigState:
    if not view.connected:
        return RigState.OFFLINE
    if view.error or view.age_s is None or view.age_s > SILENT_AFTER_S:
        return RigState.SILENT
    return RigState.UP


def _temperatures(view: RigView) -> Iterator[float]:
    if view.machine is not None:
        yield from _known([view.machine.cpu_temperature_c, *(gpu.temperature_c for gpu in view.machine.gpus)])
    for miner in view.miners:
        if miner.devices:
            yield from _known(device.temperature_c for device in miner.devices)


def _power_w(view: RigView) -> float | None:
    """Return the GPUs' power by the machine's word, else by the miners'."""
    if view.machine is not None and (told := list(_known(gpu.power_w for gpu in view.machine.gpus))):
        return sum(told)
    told = [watts for miner in view.miners for watts in _known(device.power_w for device in miner.devices)]
    return sum(told) if told else None


def _known(values: Iterable[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None and math.isfinite(value))


def rig_lines(reading: RigReading, shares: RigShares | None) -> Iterator[str]:
    """Yield the rig's lines of each family of ``OF_RIGS``, in that order; ``shares`` are ``None`` before its first
    report."""
    labels = f'peer="{escaped(reading.name)}",id="{escaped(reading.id)}"'

    def line(family: Family, value: float | None) -> str:
        return "" if value is None else f"{family.name}{{{labels}}} {number(value)}\n"

    is_up = reading.state is RigState.UP
    yield line(of.RIG_UP, int(is_up))
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
    yield line(of.RIG_PROBLEMS, reading.problems if is_up else None)
