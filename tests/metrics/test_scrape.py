"""The page as a whole: over a real fleet, parts that fail, and a loop that goes on meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from msgspec.structs import replace

from miner_ctrl.app.metrics import rigs_of
from miner_ctrl.controller import Overview
from miner_ctrl.controller.fleet import Fleet, RigConnected, RigGone, RigKnown, RigMissing, RigReported
from miner_ctrl.metrics import Exposition, Metrics, Values
from miner_ctrl.metrics.families import ALERTS, AUDIT_LOST, BY_NAME, HISTORY_WAITING, Kind
from miner_ctrl.metrics.lag import WATCHED_FOR_S, LoopLag
from miner_ctrl.metrics.scrape import FRESH_FOR_S, SLICE
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.views import NodeInfoView
from tests.metrics.pages import parse_openmetrics, parse_text, values

MINER = MinerStats(
    name="xmrig-1", type="xmrig", state=MinerState.MINING, hashrate_hps=1000.0, algorithm="rx/0", uptime_s=60
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Node:
    """Metrics over a fleet whose clock is ours."""

    def __init__(self, rigs: int, **options: Any) -> None:
        self.clock = Clock()
        self.fleet = Fleet(clock=self.clock)
        self.overview = Overview(self.fleet, clock=self.clock, now_ms=lambda: int(self.clock.now_s * 1000) + 10**12)
        self.fleet.observe(self.overview._see)
        for number in range(rigs):
            self.apply(number, RigKnown(self.key(number), f"{number:016x}", f"rig-{number}"))
            self.report(number, MINER)
        self.metrics = Metrics(
            clock=self.clock,
            now_s=lambda: self.clock.now_s + 1e9,
            blocking=(lambda: {"process_open_fds": 7},),
            **options,
        )
        self.metrics.fleet = lambda: rigs_of(self.fleet, self.overview)
        self.metrics.info = lambda: NodeInfoView(has_identity=False, version="1.2.3", registered_peers=rigs)

    @staticmethod
    def key(number: int) -> bytes:
        return number.to_bytes(32, "big")

    def apply(self, _number: int, event: Any) -> None:
        self.fleet.apply(event)

    def report(self, number: int, *miners: MinerStats) -> None:
        stats = NodeStats(node_id=f"{number:016x}", node_name="by its own word", at_ms=1, miners=miners)
        self.fleet.apply(RigConnected(self.key(number), "1.2.3"))
        self.fleet.apply(RigReported(self.key(number), stats, self.clock.now_s))

    async def scrape(self, form: Exposition = Exposition.TEXT) -> dict[str, dict[str, float]]:
        """Return sample names to label values to numbers, as read a while after the last time."""
        self.clock.now_s += FRESH_FOR_S
        page = b"".join(await self.metrics.exposition(form)).decode()
        return values(parse_text(page) if form is Exposition.TEXT else parse_openmetrics(page))


async def test_both_formats_tell_the_same() -> None:
    node = Node(3)
    text, openmetrics = await node.scrape(), await node.scrape(Exposition.OPENMETRICS)
    reported = "miner_ctrl_rig_last_report_timestamp_seconds"
    assert text.pop(reported) == openmetrics.pop(reported) == {f"rig-{n}|{n:016x}": 1e9 + 1000.0 for n in range(3)}
    assert text == openmetrics
    assert text["miner_ctrl_info"] == {"1.2.3||": 1}
    assert text["miner_ctrl_peers"] == {"": 3}
    assert text["process_open_fds"] == {"": 7}
    assert text["miner_ctrl_fleet_rigs"] == {"mining": 3, "paused": 0, "idle": 0, "trouble": 0, "offline": 0}
    assert text["miner_ctrl_fleet_hashrate_hps"] == {"rx/0": 3000.0}
    assert text["miner_ctrl_fleet_miners"]["mining"] == 3


async def test_the_families_are_introduced_once_and_as_what_they_are() -> None:
    page = b"".join(await Node(2).metrics.exposition(Exposition.TEXT)).decode().splitlines()
    kinds = [line.split(" ")[2:] for line in page if line.startswith("# TYPE ")]
    assert len({name for name, _ in kinds}) == len(kinds)
    for name, kind in kinds:
        wanted = BY_NAME[name].kind
        assert kind == ("gauge" if wanted is Kind.INFO else wanted), name


async def test_an_offline_rig_is_down_and_out_of_the_sums() -> None:
    node = Node(2)
    node.apply(0, RigMissing(Node.key(0), "It is gone.", "DISCONNECTED"))
    found = await node.scrape()
    assert found["miner_ctrl_rig_up"] == {"rig-0|0000000000000000": 0, "rig-1|0000000000000001": 1}
    assert found["miner_ctrl_rig_hashrate_hps"] == {"rig-1|0000000000000001|rx/0": 1000.0}
    assert found["miner_ctrl_fleet_hashrate_hps"] == {"rx/0": 1000.0}
    assert found["miner_ctrl_fleet_rigs"] == {"mining": 1, "paused": 0, "idle": 0, "trouble": 0, "offline": 1}
    assert set(found["miner_ctrl_rig_last_report_timestamp_seconds"]) == {
        "rig-0|0000000000000000",
        "rig-1|0000000000000001",
    }, "when it was last heard of remains"


async def test_no_counter_goes_down_whatever_miners_and_rigs_do() -> None:
    node = Node(2)
    await node.scrape()
    at = "miner_ctrl_fleet_shares_accepted_total"
    node.report(0, replace(MINER, accepted=10, uptime_s=70))
    node.report(1, replace(MINER, accepted=5, uptime_s=70))
    assert (await node.scrape())[at] == {"": 15}
    node.report(0, replace(MINER, accepted=1, uptime_s=1))
    after = await node.scrape()
    assert after[at] == {"": 16}
    assert after["miner_ctrl_rig_shares_accepted_total"]["rig-0|0000000000000000"] == 11
    node.apply(1, RigGone(Node.key(1)))
    found = await node.scrape()
    assert found[at] == {"": 16}
    assert list(found["miner_ctrl_rig_shares_accepted_total"]) == ["rig-0|0000000000000000"]
    node.report(0)
    assert (await node.scrape())["miner_ctrl_rig_shares_accepted_total"] == {"rig-0|0000000000000000": 11}


async def test_others_are_served_while_a_large_fleet_is_told() -> None:
    node, turns, over = Node(1000), 0, asyncio.Event()

    async def other() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    found = await node.scrape()
    over.set()
    await running
    assert len(found["miner_ctrl_rig_up"]) == 1000
    assert turns >= 1000 // SLICE, "one turn for the others after each slice"


async def test_what_is_asked_for_twice_at_once_is_made_once() -> None:
    node, asked = Node(50), 0

    def source() -> Values:
        nonlocal asked
        asked += 1
        return {}

    node.metrics.sources.append(source)
    pages = await asyncio.gather(*(node.metrics.exposition(Exposition.TEXT) for _ in range(5)))
    assert asked == 1
    assert len(set(map(b"".join, pages))) == 1
    await node.scrape()
    assert asked == 2


async def test_what_other_rooms_count_is_told_and_one_that_fails_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = Node(1)

    def broken() -> Values:
        raise RuntimeError("no history today")

    node.metrics.sources += [
        lambda: {HISTORY_WAITING.name: 12},
        broken,
        lambda: {AUDIT_LOST.name: 2, ALERTS.name: {"critical": 1, "notice": 3}},
    ]
    with caplog.at_level(logging.ERROR):
        found = await node.scrape()
    assert "no history today" in caplog.text
    assert found["miner_ctrl_history_waiting_parts"] == {"": 12}
    assert found["miner_ctrl_audit_lost_total"] == {"": 2}
    assert found["miner_ctrl_alerts"] == {"critical": 1, "notice": 3}
    assert found["miner_ctrl_metrics_failures_total"] == {"": 1}
    assert found["miner_ctrl_rig_up"] == {"rig-0|0000000000000000": 1}


async def test_the_summary_says_the_same_in_short() -> None:
    node = Node(2)
    node.metrics.requests.answered("GET", "/x", 200, 0.1)
    node.metrics.requests.answered("GET", "/x", 401, 0.1)
    view = await node.metrics.summary()
    assert (view.rigs, view.miners, view.hashrate) == (
        {"mining": 2, "paused": 0, "idle": 0, "trouble": 0, "offline": 0},
        {"mining": 2},
        {"rx/0": 2e3},
    )
    assert (view.answers, view.refused) == ({"2xx": 1, "4xx": 1}, {"unauthorized": 1})
    assert view.values["process_open_fds"] == 7


async def test_without_an_identity_the_process_is_told_of() -> None:
    page = b"".join(await Metrics().exposition(Exposition.TEXT)).decode()
    found = values(parse_text(page))
    assert found["process_resident_memory_bytes"][""] > 1e6
    assert found["process_cpu_seconds_total"][""] > 0
    assert 1e9 < found["process_start_time_seconds"][""] < 1e11
    assert found["process_open_fds"][""] >= 3
    assert "miner_ctrl_fleet_rigs" not in found
    assert {one for one in found if one.startswith("miner_ctrl_rig")} == set()


async def test_the_loop_is_looked_at_only_while_somebody_scrapes() -> None:
    class Loop:
        """A loop whose timers are called by hand."""

        def __init__(self) -> None:
            self.now_s = 0.0
            self.due: list[tuple[float, Any]] = []

        def time(self) -> float:
            return self.now_s

        def call_at(self, when_s: float, call: Any, *arguments: Any) -> object:
            self.due.append((when_s, lambda: call(*arguments)))
            return object()

    loop, lag = Loop(), LoopLag()
    lag._wait(loop)  # type: ignore[arg-type]
    lag._until_s = WATCHED_FOR_S
    late_s = 0.3
    while loop.due:
        when_s, call = loop.due.pop()
        loop.now_s = when_s + late_s
        call()
        late_s = 0.0
    assert WATCHED_FOR_S <= loop.now_s < WATCHED_FOR_S + 2
    assert lag.seconds.counts[4] == 1, "one look between 0.1 and 0.5 s late"
    assert lag.seconds.counts[0] == sum(lag.seconds.counts) - 1
    lag.wanted()
    assert lag._timer is not None
    lag._timer.cancel()
