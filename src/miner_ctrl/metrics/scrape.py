"""The page that Prometheus reads, put together a little at a time: the loop serves rigs meanwhile.

A thousand rigs are some ten thousand lines. They are made ``SLICE`` rigs at once, and the page is handed over in parts.
Who asks again within a second gets the same page.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from miner_ctrl.metrics import families as of
from miner_ctrl.metrics.exposition import END, Exposition, head, histogram, label_text, sample
from miner_ctrl.metrics.families import BY_NAME, FAMILIES, OF_RIGS, Family
from miner_ctrl.metrics.lag import LoopLag
from miner_ctrl.metrics.process import read_process
from miner_ctrl.metrics.requests import REASONS, Histogram, RequestCounts
from miner_ctrl.metrics.rigs import Algorithms, RigReading, read_rig, rig_lines
from miner_ctrl.metrics.shares import FleetShares
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.summaries import RigState, RigSummary
from miner_ctrl.model.views import MetricsView, NodeInfoView, RigView

log = logging.getLogger(__name__)

SLICE = 20
LINES_JOINED = 2000
FRESH_FOR_S = 1.0

Value = float | Mapping[str, float] | Mapping[tuple[str, str, str], float]
"""A number; of a metric with one label a number for each value of it, with three for each tuple of values."""
Values = Mapping[str, Value]
"""Metrics by name, as in ``families``."""
Source = Callable[[], Values]
"""What another room counts, asked at each scrape."""


class _Totals:
    """The fleet as one."""

    def __init__(self) -> None:
        self.rigs: Counter[str] = Counter(dict.fromkeys(RigState, 0))
        self.miners: Counter[str] = Counter(dict.fromkeys(MinerState, 0))
        self.hashrate_hps: dict[str, float] = {}
        self.power_w: float | None = None
        self.hottest_c: float | None = None

    def add(self, rig: RigReading) -> None:
        """Count one rig."""
        self.rigs[rig.state] += 1
        for state, count in rig.miners.items():
            self.miners[state] += count
        for algorithm, rate in rig.hashrate_hps.items():
            self.hashrate_hps[algorithm] = self.hashrate_hps.get(algorithm, 0.0) + rate
        if rig.power_w is not None:
            self.power_w = (self.power_w or 0.0) + rig.power_w
        if rig.temperature_c is not None:
            known_c = rig.temperature_c if self.hottest_c is None else self.hottest_c
            self.hottest_c = max(rig.temperature_c, known_c)

    def values(self, shares: FleetShares) -> Values:
        """Return them by name."""
        found: dict[str, Value] = {
            of.FLEET_RIGS.name: self.rigs,
            of.FLEET_MINERS.name: self.miners,
            of.FLEET_HASHRATE.name: self.hashrate_hps,
            of.FLEET_ACCEPTED.name: shares.accepted,
            of.FLEET_REJECTED.name: shares.rejected,
        }
        if self.power_w is not None:
            found[of.FLEET_POWER.name] = self.power_w
        if self.hottest_c is not None:
            found[of.FLEET_HOTTEST.name] = self.hottest_c
        return found


class Metrics:
    """What this node counts; there also while it has no identity.

    ``fleet`` (each rig, and its row) and ``info`` are set by who builds the node, ``sources`` added to by who counts
    something; those that wait for the system are in ``blocking``, and asked in a thread. ``clock`` is monotonic,
    ``now_s`` Unix time, in seconds.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,
        blocking: Sequence[Source] = (read_process,),
    ) -> None:
        self.requests = RequestCounts()
        self.sources: list[Source] = []
        self.problems_of: list[Callable[[], str]] = []
        """Each says what is wrong with a part of this node, in one sentence, or nothing."""
        self.fleet: Callable[[], Iterable[tuple[RigView, RigSummary]]] | None = None
        self.info: Callable[[], NodeInfoView] | None = None
        self._clock = clock
        self._now_s = now_s
        self._blocking = blocking
        self._lag = LoopLag()
        self._algorithms = Algorithms()
        self._shares = FleetShares()
        self._failures = 0
        self._making = asyncio.Lock()
        self._page: dict[str, list[str]] = {}
        self._view: MetricsView | None = None
        self._made_at_s = float("-inf")

    async def exposition(self, form: Exposition) -> Sequence[bytes]:
        """Return the page in parts."""
        await self._fresh()
        page, parts = self._page, []
        for family in FAMILIES:
            texts = page.get(family.name)
            if not texts:
                continue
            parts.append(head(family, form).encode() + texts[0].encode())
            for text in texts[1:]:
                await asyncio.sleep(0)
                parts.append(text.encode())
        if form is Exposition.OPENMETRICS:
            parts.append(END.encode())
        return parts

    async def summary(self) -> MetricsView:
        """Return the same for programs that want to read little."""
        await self._fresh()
        assert self._view is not None  # noqa: S101 - made with the page
        return self._view

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with this node, one sentence each."""
        return tuple(sentence for problem in self.problems_of if (sentence := problem()))

    async def _fresh(self) -> None:
        self._lag.wanted()
        async with self._making:
            if self._clock() - self._made_at_s >= FRESH_FOR_S:
                await self._make()
                self._made_at_s = self._clock()

    async def _make(self) -> None:
        values = await asyncio.to_thread(self._told, self._blocking)
        totals, rigs = await self._rigs()
        values.update(self._told([self._own, *self.sources]))
        if totals is not None:
            values.update(totals.values(self._shares))
        values[of.FAILED_SOURCES.name] = self._failures
        page = {name: [_lines(BY_NAME[name], value)] for name, value in values.items()}
        page[of.LOOP_LAG.name] = [_histogram(of.LOOP_LAG, self._lag.seconds)]
        page[of.REQUEST_SECONDS.name] = [_histogram(of.REQUEST_SECONDS, self.requests.seconds)]
        self._page = {name: texts for name, texts in {**page, **rigs}.items() if any(texts)}
        self._view = _summary(totals, self._shares, self.requests, values)

    async def _rigs(self) -> tuple[_Totals | None, dict[str, list[str]]]:
        """Return the fleet's sums, and each rig's lines."""
        if self.fleet is None:
            return None, {}
        totals, seen = _Totals(), set()
        lines: list[list[str]] = [[] for _ in OF_RIGS]
        each = iter(self.fleet())
        while some := list(islice(each, SLICE)):
            now_s = self._now_s()
            for view, row in some:
                reading = read_rig(view, row, self._algorithms)
                shares = None if view.age_s is None else self._shares.note(view.node_id, view.miners, now_s)
                totals.add(reading)
                seen.add(view.node_id)
                for kept, line in zip(lines, rig_lines(reading, shares), strict=True):
                    kept.append(line)
            await asyncio.sleep(0)
        self._shares.keep(seen)
        return totals, {family.name: await _joined(kept) for family, kept in zip(OF_RIGS, lines, strict=True)}

    def _told(self, sources: Iterable[Source]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for source in sources:
            try:
                found.update(source())
            except Exception:  # the boundary to other rooms: what one cannot tell must not hide what the others do
                self._failures += 1
                log.exception("a part of the metrics could not be had")
        return found

    def _own(self) -> Values:
        requests = self.requests
        found: dict[str, Value] = {
            of.REQUESTS.name: dict(requests.answers),
            of.REFUSED.name: {reason: requests.refused[reason] for reason in REASONS.values()},
            of.STREAMS.name: requests.streams,
        }
        if self.info is not None:
            info = self.info()
            name, role = (info.identity.name, info.identity.role.value) if info.identity else ("", "")
            found[of.NODE_INFO.name] = {(info.version, name, role): 1}
            found[of.PEERS.name] = info.registered_peers
            found[of.PEERS_CONNECTED.name] = info.connected_peers
        return found


async def _joined(lines: list[str]) -> list[str]:
    texts = []
    for start in range(0, len(lines), LINES_JOINED):
        texts.append("".join(lines[start : start + LINES_JOINED]))
        await asyncio.sleep(0)
    return [text for text in texts if text]


def _lines(family: Family, value: Value) -> str:
    if isinstance(value, int | float):
        return sample(family.name, "", value)
    return "".join(
        sample(family.name, label_text(family.labels, (key,) if isinstance(key, str) else key), one)
        for key, one in value.items()
    )


def _histogram(family: Family, seen: Histogram) -> str:
    return histogram(family, seen.bounds, seen.counts, seen.total)


def _summary(totals: _Totals | None, shares: FleetShares, requests: RequestCounts, values: Values) -> MetricsView:
    answers: Counter[str] = Counter()
    for (_, _, status), count in requests.answers.items():
        answers[status] += count
    fleet = totals or _Totals()
    return MetricsView(
        rigs=dict(fleet.rigs),
        miners={state: count for state, count in fleet.miners.items() if count},
        hashrate=dict(fleet.hashrate_hps),
        accepted=shares.accepted,
        rejected=shares.rejected,
        power_w=fleet.power_w,
        hottest_c=fleet.hottest_c,
        answers=dict(answers),
        refused=dict(requests.refused),
        values={name: value for name, value in values.items() if isinstance(value, int | float)},
    )
