"""The reducer: a rig that is missing is there with its reason, and old numbers say their age."""

from __future__ import annotations

import msgspec

from miner_ctrl.controller.fleet import (
    Fleet,
    RigConnected,
    RigGone,
    RigKnown,
    RigMissing,
    RigPinged,
    RigReported,
)
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.views import RigView

ALPHA, BETA = b"a" * 32, b"b" * 32
MINER = MinerStats(name="xmrig-1", type="xmrig", state=MinerState.MINING, hashrate_hps=12_500.0)

REPORT = NodeStats(node_id="a" * 16, node_name="whatever", at_ms=2, uptime_s=9, version="2", miners=())


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def two_rigs() -> tuple[Fleet, Clock]:
    clock = Clock()
    fleet = Fleet(clock=clock)
    fleet.apply(RigKnown(ALPHA, "a" * 16, "rig-alpha"))
    fleet.apply(RigKnown(BETA, "b" * 16, "rig-beta"))
    return fleet, clock


def stats(clock: Clock) -> RigReported:
    report = NodeStats(node_id="a" * 16, node_name="whatever", at_ms=1, uptime_s=7, version="1", miners=(MINER,))
    return RigReported(ALPHA, report, clock.now_s)


def test_a_rig_that_was_never_reached_is_listed_with_a_reason() -> None:
    fleet, _ = two_rigs()
    views = fleet.rigs()
    assert set(views) == {"a" * 16, "b" * 16}
    assert all(view.error and view.age_s is None and not view.connected for view in views.values())


def test_stats_age_and_survive_the_loss_of_the_link_with_its_reason() -> None:
    fleet, clock = two_rigs()
    fleet.apply(RigConnected(ALPHA, "1"))
    fleet.apply(stats(clock))
    clock.now_s += 12.5
    view = fleet.rigs()["a" * 16]
    assert (view.connected, view.age_s, view.error, view.miners) == (True, 12.5, "", (MINER,))

    fleet.apply(RigMissing(ALPHA, "The link was lost.", "DISCONNECTED"))
    clock.now_s += 10
    view = fleet.rigs()["a" * 16]
    assert (view.connected, view.age_s, view.error, view.miners) == (False, 22.5, "The link was lost.", (MINER,))


def test_the_name_is_the_registrys_not_the_rigs() -> None:
    fleet, clock = two_rigs()
    fleet.apply(stats(clock))
    assert fleet.rigs()["a" * 16].node_name == "rig-alpha"
    fleet.apply(RigKnown(ALPHA, "a" * 16, "renamed"))
    view = fleet.rig(ALPHA)
    assert view is not None
    assert (view.node_name, view.miners) == ("renamed", (MINER,))


def test_watchers_hear_of_each_change_and_of_removal() -> None:
    fleet, clock = two_rigs()
    heard: list[tuple[str, RigView | None]] = []
    unwatch = fleet.watch(lambda node_id, view: heard.append((node_id, view)))
    fleet.apply(stats(clock))
    fleet.apply(RigPinged(ALPHA, 1.5))
    fleet.apply(RigGone(ALPHA))
    assert [node_id for node_id, _ in heard] == ["a" * 16] * 3
    assert heard[1][1] is not None
    assert heard[1][1].ping_ms == 1.5
    assert heard[2][1] is None
    unwatch()
    fleet.apply(RigGone(BETA))
    assert len(heard) == 3


def test_events_of_unknown_rigs_change_nothing() -> None:
    fleet, clock = two_rigs()
    fleet.apply(RigGone(ALPHA))
    fleet.apply(stats(clock))
    fleet.apply(RigMissing(ALPHA, "late news", "X"))
    assert set(fleet.rigs()) == {"b" * 16}


def test_encoded_rigs_are_the_rigs_whatever_changed_since_they_were_last_encoded() -> None:
    fleet, clock = two_rigs()
    alpha = RigConnected(ALPHA, "1"), stats(clock), RigPinged(ALPHA, 1.5), RigMissing(ALPHA, "gone", "GONE")
    for event in (*alpha, RigKnown(ALPHA, "a" * 16, "renamed"), RigReported(ALPHA, REPORT, 999.0), RigGone(BETA)):
        fleet.apply(event)
        for _ in range(2):
            clock.now_s += 1.25
            assert msgspec.json.decode(fleet.rigs_json(), type=dict[str, RigView]) == fleet.rigs()
    assert fleet.rigs()["a" * 16].node_name == "renamed"
