"""What is told of a rig: what holds now, and nothing that a hostile one could do harm with."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from miner_ctrl.controller.faults import FRESH_FOR_S
from miner_ctrl.controller.fleet import RigAbout, RigSight
from miner_ctrl.controller.summaries import summarize
from miner_ctrl.metrics.families import OF_RIGS, RIG_ACCEPTED, RIG_REJECTED, RIG_REPORTED, RIG_UP
from miner_ctrl.metrics.rigs import (
    NAMES_AT_MOST,
    NAMES_OF_A_RIG,
    OTHER,
    SILENT_AFTER_S,
    Algorithms,
    RigReading,
    read_rig,
    rig_lines,
)
from miner_ctrl.metrics.shares import RigShares
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import DeviceStats, MinerState, MinerStats
from miner_ctrl.model.summaries import RigState, RigSummary
from miner_ctrl.model.views import RigView
from tests.metrics.pages import parse_text

CPU_MINER = MinerStats(
    name="xmrig-1",
    type="xmrig",
    state=MinerState.MINING,
    hashrate_hps=1000.0,
    algorithm="rx/0",
    accepted=5,
    uptime_s=60,
)
GPU_MINER = MinerStats(
    name="lol-1",
    type="lolminer",
    state=MinerState.MINING,
    hashrate_hps=3e7,
    algorithm="ETCHASH",
    devices=(DeviceStats(index=0, temperature_c=71.0, power_w=120.0),),
)
PAUSED = replace(CPU_MINER, name="xmrig-2", state=MinerState.PAUSED, hashrate_hps=12.0)
RIG = RigView(
    node_id="a1b2c3d4e5f60718",
    node_name="rig-alpha",
    connected=True,
    age_s=2.5,
    ping_ms=1.5,
    miners=(CPU_MINER, replace(CPU_MINER, name="xmrig-3"), GPU_MINER, PAUSED),
    machine=MachineStats(cpu_temperature_c=64.0, disk_free_bytes=10**12),
    problems=("The disk is nearly full.",),
)
SEEN_AT_MS = 1_790_000_000_000


def row(view: RigView) -> RigSummary:
    """Return its row, as the fleet's overview makes it."""
    fresh = view.connected and view.age_s is not None and view.age_s <= FRESH_FOR_S
    seen_at_ms = None if view.age_s is None else SEEN_AT_MS
    return summarize(RigSight(view, RigAbout(), 0.0), fresh=fresh, worst=None, seen_at_ms=seen_at_ms)


def read(view: RigView, algorithms: Algorithms | None = None) -> RigReading:
    return read_rig(view, row(view), algorithms or Algorithms())


def lines(view: RigView) -> dict[str, dict[str, float]]:
    """Return what Prometheus reads: metric to (labels beside peer and id) to value."""
    text = "".join(rig_lines(read(view), RigShares(0.0)))
    found: dict[str, dict[str, float]] = {}
    for family in parse_text(text):
        for one in family.samples:
            labels = dict(one.labels)
            assert (labels.pop("peer"), labels.pop("id")) == (view.node_name, view.node_id)
            found.setdefault(one.name, {})["".join(labels.values())] = one.value
    return found


def test_a_rig_that_is_up() -> None:
    rig = read(RIG)
    assert (rig.is_up, rig.state, rig.reported_at_s) == (True, RigState.MINING, SEEN_AT_MS / 1000)
    assert rig.hashrate_hps == {"rx/0": 2000.0, "etchash": 3e7}, "never added over algorithms; a paused one is no more"
    assert rig.miners == {"mining": 3, "paused": 1}
    assert (rig.temperature_c, rig.power_w, rig.ping_s) == (71.0, 120.0, 0.0015)
    assert (rig.disk_free_bytes, rig.problems) == (10**12, 1)
    found = lines(RIG)
    assert found["miner_ctrl_rig_hashrate_hps"] == {"rx/0": 2000.0, "etchash": 3e7}
    assert found["miner_ctrl_rig_miners"] == {"mining": 3, "paused": 1}
    assert found["miner_ctrl_rig_up"] == {"": 1}
    assert set(found) == {family.name for family in OF_RIGS}, "each of them is told of a rig that has everything"


def test_a_rig_is_up_as_long_as_its_row_has_numbers() -> None:
    assert SILENT_AFTER_S == FRESH_FOR_S
    assert read(replace(RIG, age_s=FRESH_FOR_S)).is_up


@pytest.mark.parametrize(
    "view",
    [
        replace(RIG, connected=False, error="It is gone.", error_code="DISCONNECTED"),
        replace(RIG, connected=False, age_s=None, error="Never.", error_code="NEVER_SEEN"),
        replace(RIG, age_s=SILENT_AFTER_S + 1),
        replace(RIG, age_s=None),
        replace(RIG, age_s=None, error="Not granted.", error_code="NOT_GRANTED"),
    ],
)
def test_last_values_are_not_told_as_if_they_held_now(view: RigView) -> None:
    assert not read(view).is_up
    found = lines(view)
    counts = {RIG_ACCEPTED.name, RIG_REJECTED.name}
    assert set(found) - {RIG_REPORTED.name} == {RIG_UP.name} | counts
    assert found[RIG_UP.name] == {"": 0}
    assert (RIG_REPORTED.name in found) == (view.age_s is not None)


def test_before_the_first_report_nothing_is_counted() -> None:
    never = replace(RIG, connected=False, age_s=None)
    assert "".join(rig_lines(read(never), None)) == 'miner_ctrl_rig_up{peer="rig-alpha",id="a1b2c3d4e5f60718"} 0\n'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_not_known(value: float) -> None:
    bad = replace(row(RIG), hashrate_hps={"rx/0": 1000.0, "x": value}, temperature_c=value, power_w=value)
    rig = read_rig(RIG, bad, Algorithms())
    assert (rig.hashrate_hps, rig.temperature_c, rig.power_w) == ({"rx/0": 1000.0}, None, None)


@pytest.mark.parametrize("name", ["", 'rx/0"} 1\nfake_metric 1', "x" * 33, "Ünicode", "a b", "../..", "\ud800"])
def test_what_does_not_look_like_an_algorithm_is_other(name: str) -> None:
    rig = read_rig(RIG, replace(row(RIG), hashrate_hps={name: 1000.0}), Algorithms())
    assert rig.hashrate_hps == {OTHER: 1000.0}


def test_a_rig_can_make_up_a_few_algorithms_and_no_more() -> None:
    algorithms = Algorithms()
    for number in range(1000):
        assert algorithms.label("rx/0", "honest") == "rx/0"
        algorithms.label(f"made-up-{number}", "hostile")
    assert len(algorithms._known) == NAMES_OF_A_RIG + 1
    for rig in range(1000):
        algorithms.label(f"more-{rig}", f"rig-{rig}")
    assert len(algorithms._known) == NAMES_AT_MOST
    assert algorithms.label("late", "another") == OTHER


def test_a_hostile_name_stays_within_its_quotes() -> None:
    """Names are checked where they come in; this holds if that is ever forgotten."""
    hostile = replace(RIG, node_name='a",id="b"} 1\nminer_ctrl_rig_up{peer="\\')
    assert lines(hostile)["miner_ctrl_rig_up"] == {"": 1}
