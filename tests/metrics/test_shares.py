"""Shares: whatever miners and rigs do, no count goes down, and no share is counted twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.metrics.shares import MINERS_REMEMBERED, FleetShares, RigShares
from miner_ctrl.model.miners import MinerState, MinerStats


def miner(accepted: int, uptime_s: int, *, name: str = "m", rejected: int = 0) -> MinerStats:
    return MinerStats(
        name=name, type="xmrig", state=MinerState.MINING, accepted=accepted, rejected=rejected, uptime_s=uptime_s
    )


def test_what_a_miner_had_before_this_node_looked_is_not_counted() -> None:
    rig = RigShares(1000.0)
    assert rig.note([miner(500, 3600)], 1000.0) == (0, 0)
    assert rig.note([miner(503, 3610, rejected=1)], 1010.0) == (3, 1)
    assert (rig.accepted, rig.rejected) == (3, 1)


def test_a_restart_counts_what_came_since() -> None:
    rig = RigShares(0.0)
    rig.note([miner(500, 3600), miner(700, 3600, name="other")], 0.0)
    assert rig.note([miner(2, 5), miner(701, 3610, name="other")], 10.0) == (3, 0)


def test_a_restart_shows_in_the_uptime_too() -> None:
    rig = RigShares(0.0)
    rig.note([miner(1, 3600)], 0.0)
    assert rig.note([miner(4, 30)], 60.0) == (4, 0)


def test_a_miner_that_is_new_counts_whole() -> None:
    rig = RigShares(0.0)
    rig.note([], 0.0)
    assert rig.note([miner(7, 60)], 100.0) == (7, 0)


def test_a_miner_that_ran_before_the_rig_was_known_does_not() -> None:
    """An agent that has just been started reports no miners before it has taken them up."""
    rig = RigShares(0.0)
    rig.note([], 0.0)
    assert rig.note([miner(5000, 3600)], 10.0) == (0, 0)
    assert rig.note([miner(5001, 3610)], 20.0) == (1, 0)


def test_a_miner_that_does_not_say_since_when_counts_from_now() -> None:
    rig = RigShares(0.0)
    rig.note([], 0.0)
    assert rig.note([miner(5000, 0)], 10.0) == (0, 0)
    assert rig.note([miner(5002, 0)], 20.0) == (2, 0)


def test_a_miner_that_is_missing_from_a_report_is_not_new_in_the_next() -> None:
    rig = RigShares(0.0)
    rig.note([miner(10, 50)], 60.0)
    rig.note([], 70.0)
    assert rig.note([miner(11, 70)], 80.0) == (1, 0)


def test_a_rig_that_invents_miners_costs_little() -> None:
    rig = RigShares(0.0)
    for number in range(1000):
        rig.note([miner(1, 1, name=f"m{number}-{part}") for part in range(64)], 10.0)
    assert len(rig._miners) == MINERS_REMEMBERED


REPORT = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 9), st.integers(0, 100)),
    max_size=3,
    unique_by=lambda one: one[0],
)


@given(st.lists(st.tuples(st.sampled_from(["r1", "r2"]), REPORT)))
def test_no_count_goes_down_and_the_sum_is_that_of_the_rigs(
    reports: list[tuple[str, list[tuple[str, int, int, int]]]],
) -> None:
    fleet, last = FleetShares(), {"r1": (0, 0), "r2": (0, 0)}
    for now_s, (rig, miners) in enumerate(reports):
        held = fleet.note(rig, [miner(a, up, name=n, rejected=r) for n, a, r, up in miners], float(now_s))
        assert (held.accepted, held.rejected) >= last[rig]
        assert held.rejected >= last[rig][1]
        last[rig] = held.accepted, held.rejected
    assert (fleet.accepted, fleet.rejected) == tuple(map(sum, zip(*last.values(), strict=True)))


def test_the_fleets_shares_stay_when_a_rig_goes() -> None:
    fleet = FleetShares()
    fleet.note("r1", [], 0.0)
    fleet.note("r1", [miner(9, 5, rejected=2)], 10.0)
    fleet.keep({"r2"})
    assert (fleet.accepted, fleet.rejected) == (9, 2)
    assert fleet.note("r1", [miner(10, 15)], 20.0).accepted == 0
    assert fleet.accepted == 9
