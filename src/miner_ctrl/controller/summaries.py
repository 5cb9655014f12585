"""The fleet as one row for each rig, and its totals: a pure reducer beside ``Fleet``.

Totals are kept as whole numbers (tenths of an H/s, of a watt) and changed with each row: exact whatever came and went,
and no fleet is counted anew because one rig spoke.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from miner_ctrl.controller.faults import hottest_c, number
from miner_ctrl.controller.fleet import RigSight
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.summaries import Alert, FleetTotals, RigState, RigSummary, Severity
from miner_ctrl.model.text import one_line

MAX_ALGORITHM_CHARS = 32
MAX_ALGORITHMS = 8
"""Of one rig; names come from miners, and a hostile one can make up many."""
MAX_TOTAL_ALGORITHMS = 64
MAX_RUNNING = 8
MOST_SHARES = 10**12
"""Of one miner; what is more is no count of shares."""
MAX_OF_BASELINE = 9.99

Watcher = Callable[[str, RigSummary | None], None]


def summarize(sight: RigSight, *, fresh: bool, worst: Alert | None, seen_at_ms: int | None) -> RigSummary:
    """Return a rig's row, without since when it is in its state.

    ``fresh``: its numbers are of now; ``worst`` is the worst alert that stands of it.
    """
    view, about = sight.view, sight.about
    row = RigSummary(
        id=view.node_id,
        name=view.node_name,
        state=RigState.OFFLINE if not view.connected else RigState.IDLE,
        seen_at_ms=seen_at_ms,
        connected=view.connected,
        role=about.role,
        tags=about.tags,
        address=about.address or about.remote,
        ping_ms=number(view.ping_ms),
        score=about.score,
        version=view.version,
        locked=view.locked,
        schedule=view.schedule,
        assigned=view.schedule.removeprefix("profile:") if view.schedule.startswith("profile:") else "",
    )
    if fresh:
        row = _with_numbers(row, sight)
    if worst is not None:
        trouble = worst.severity is Severity.CRITICAL and view.connected
        row = replace(
            row,
            state=RigState.TROUBLE if trouble else row.state,
            problem=one_line(worst.text, 200),
            problem_code=worst.kind.value,
        )
    if not view.connected:
        row = replace(row, problem=one_line(view.error, 200), problem_code=view.error_code)
    return row


def _with_numbers(row: RigSummary, sight: RigSight) -> RigSummary:
    view = sight.view
    hashrate: dict[str, float] = {}
    accepted = rejected = mining = paused = 0
    running: dict[str, None] = {}
    of_baseline: list[float] = []
    power_w = [number(gpu.power_w, 1e5) for gpu in view.machine.gpus] if view.machine else []
    for miner in view.miners:
        accepted += _shares(miner.accepted)
        rejected += _shares(miner.rejected)
        paused += miner.state is MinerState.PAUSED
        if miner.state.alive and miner.profile_name:
            running[one_line(miner.profile_name, 63)] = None
        if miner.state is not MinerState.MINING:
            continue
        mining += 1
        rate = number(miner.hashrate_hps)
        algorithm = one_line(miner.algorithm, MAX_ALGORITHM_CHARS) or "unknown"
        baseline = number(miner.watch.baseline_hps) if miner.watch else None
        if rate is not None and baseline:
            of_baseline.append(min(MAX_OF_BASELINE, rate / baseline))
        if rate is not None and (algorithm in hashrate or len(hashrate) < MAX_ALGORITHMS):
            hashrate[algorithm] = round(hashrate.get(algorithm, 0.0) + rate, 1)
    if not any(power is not None for power in power_w):
        power_w = [number(device.power_w, 1e5) for miner in view.miners for device in miner.devices]
    known_w = [power for power in power_w if power is not None]
    state = RigState.MINING if mining else RigState.PAUSED if paused else RigState.IDLE
    return replace(
        row,
        state=state,
        hashrate_hps=hashrate,
        of_baseline=round(sum(of_baseline) / len(of_baseline), 2) if of_baseline else None,
        miners=len(view.miners),
        mining=mining,
        shares=accepted,
        rejected=rejected,
        temperature_c=hottest_c(view),
        power_w=round(sum(known_w), 1) if known_w else None,
        running=tuple(running)[:MAX_RUNNING],
    )


def _shares(count: int) -> int:
    return count if 0 <= count <= MOST_SHARES else 0


class Summaries:
    """Every rig's row by its node ID, and the totals."""

    def __init__(self) -> None:
        self._rows: dict[str, RigSummary] = {}
        self._states: Counter[RigState] = Counter()
        self._tenths: Counter[str] = Counter()
        self._hashing: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()
        """Of the rigs that hash one algorithm alone and say their power, by it: tenths of an H/s, and how many."""
        self._alone_power: Counter[str] = Counter()
        self._watchers: list[Watcher] = []

    def put(self, row: RigSummary, *, began_ms: int | None) -> None:
        """Enter a rig's row. ``began_ms``: since when it is in its state, if it was in another before."""
        held = self._rows.get(row.id)
        row = replace(row, since_ms=held.since_ms if held is not None and held.state is row.state else began_ms)
        if row == held:
            return
        if held is not None:
            self._count(held, -1)
        self._count(row, 1)
        self._rows[row.id] = row
        self._tell(row.id, row)

    def drop(self, id_: str) -> None:
        """A rig was removed."""
        held = self._rows.pop(id_, None)
        if held is not None:
            self._count(held, -1)
            self._tell(id_, None)

    def rows(self) -> dict[str, RigSummary]:
        """Return every row by its rig's ID."""
        return dict(self._rows)

    def row(self, id_: str) -> RigSummary | None:
        """Return one row."""
        return self._rows.get(id_)

    def totals(self) -> FleetTotals:
        """Return the totals, without alerts."""
        known = self._counts["power_known"]
        named = sorted(self._hashing, key=lambda name: (-self._hashing[name], name))[:MAX_TOTAL_ALGORITHMS]
        return FleetTotals(
            rigs=len(self._rows),
            **{state.value: self._states[state] for state in RigState},
            miners=self._counts["miners"],
            miners_mining=self._counts["mining"],
            hashrate_hps={name: self._tenths[name] / 10 for name in named},
            hashing={name: self._hashing[name] for name in named},
            shares=self._counts["shares"],
            rejected=self._counts["rejected"],
            power_w=self._counts["power"] / 10 if known else None,
            power_known=known,
            efficiency={
                name: round(self._alone[name] / power, 4)
                for name in named
                if (power := self._alone_power[name]) and self._alone[name]
            },
        )

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have ``watcher(id, row or None when removed)`` called at each change; the answer undoes it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _count(self, row: RigSummary, sign: int) -> None:
        self._states[row.state] += sign
        for name, rate in row.hashrate_hps.items():
            self._tenths[name] += sign * round(rate * 10)
            self._hashing[name] += sign
            if not self._hashing[name]:
                del self._tenths[name], self._hashing[name]
        counts = self._counts
        counts["miners"] += sign * row.miners
        counts["mining"] += sign * row.mining
        counts["shares"] += sign * row.shares
        counts["rejected"] += sign * row.rejected
        if row.power_w is not None:
            counts["power"] += sign * round(row.power_w * 10)
            counts["power_known"] += sign
            if len(row.hashrate_hps) == 1:
                [(name, rate)] = row.hashrate_hps.items()
                self._alone[name] += sign * round(rate * 10)
                self._alone_power[name] += sign * round(row.power_w * 10)
                if not self._alone[name] and not self._alone_power[name]:
                    del self._alone[name], self._alone_power[name]

    def _tell(self, id_: str, row: RigSummary | None) -> None:
        for watcher in tuple(self._watchers):
            watcher(id_, row)
