"""Where profiles are in use, and what starting one would change, by what the rigs told last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner_ctrl.controller import assignments
from miner_ctrl.errors import BadInput, NotFound
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.jobs import Selection
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profile_views import PlannedChange
from miner_ctrl.model.views import RigView
from tests.controller.house import House, runs


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


async def test_an_idle_rig_starts_it_beside_nothing(house: House) -> None:
    rig = await house.forecast()
    assert (rig.change, rig.replace, rig.text) == (PlannedChange.START, None, "monero starts.")
    adopted = await house.forecast(runs(house.other, adopted=True))
    assert (adopted.change, adopted.replace) == (PlannedChange.START, None)


async def test_another_profile_makes_way_and_what_differs_is_told(house: House) -> None:
    rig = await house.forecast(runs(house.other))
    assert (rig.change, rig.replace) == (PlannedChange.REPLACE, "*")
    assert rig.text == "xmrig-1 goes from other to monero."
    assert rig.changes_known
    assert {each.field: (each.before, each.after) for each in rig.changes} == {
        "pool": ("b.example:1", "a.example:1"),
        "password": ("hunter3", "hunter2"),
        "threads": (None, 4),
    }
    (miner,) = rig.miners
    assert (miner.name, miner.profile, miner.version) == ("xmrig-1", "other", None)


async def test_an_older_version_is_replaced_by_the_present_one(house: House) -> None:
    for miner in (runs(house.old), runs(house.old, profile_id="another-id")):
        rig = await house.forecast(miner)
        assert (rig.change, rig.replace) == (PlannedChange.RESTART, "*")
        assert [(each.field, each.before, each.after) for each in rig.changes] == [("threads", 2, 4)]
        assert rig.miners[0].version == "older"


async def test_what_this_node_does_not_know_is_not_compared(house: House) -> None:
    strange = runs(house.monero, profile_hash="f" * 64)
    rig = await house.forecast(strange)
    assert (rig.change, rig.changes_known, rig.changes, rig.miners[0].version) == (
        PlannedChange.RESTART, False, (), "other",
    )  # fmt: skip


@pytest.mark.parametrize("state", [MinerState.MINING, MinerState.PAUSED, MinerState.STARTING, MinerState.UNRESPONSIVE])
async def test_what_runs_already_runs_on(house: House, state: MinerState) -> None:
    rig = await house.forecast(runs(house.other), runs(house.monero, "xmrig-2", state))
    assert (rig.change, rig.replace) == (PlannedChange.NONE, None)
    assert ("(it is " in rig.text) is (state is not MinerState.MINING)


async def test_one_that_crashed_makes_way(house: House) -> None:
    assert (await house.forecast(runs(house.monero, state=MinerState.CRASHED))).change is PlannedChange.RESTART


async def test_several_miners_need_to_be_told_apart_but_the_two_of_a_profile(house: House) -> None:
    two = (runs(house.other), runs(house.old, "xmrig-2"))
    assert (await house.forecast(*two)).change is PlannedChange.REFUSED
    assert (await house.forecast(*two, replace="xmrig-2")).change is PlannedChange.RESTART
    same = (runs(house.other), runs(house.other, "xmrig-2"))
    assert (await house.forecast(*same)).change is PlannedChange.REFUSED
    parts = (runs(house.other, part="cpu"), runs(house.other, "xmrig-2", part="gpu"))
    rig = await house.forecast(*parts)
    assert (rig.change, rig.text) == (PlannedChange.REPLACE, "xmrig-1, xmrig-2 goes from other to monero.")


async def test_a_miner_by_name_and_none_at_all(house: House) -> None:
    assert (await house.forecast(runs(house.other), replace="nobody")).change is PlannedChange.REFUSED
    assert (await house.forecast(runs(house.other, adopted=True), replace="xmrig-1")).change is PlannedChange.REFUSED
    beside = await house.forecast(runs(house.other), replace=None)
    assert (beside.change, beside.replace, beside.text) == (PlannedChange.START, None, "monero starts beside xmrig-1.")


async def test_a_rig_that_is_away_silent_or_locked(house: House) -> None:
    away = await house.forecast(runs(house.other), connected=False)
    assert (away.change, away.text) == (PlannedChange.OFFLINE, "It would have to be reached first: The session ended.")
    locked = await house.forecast(runs(house.other), locked=True)
    assert (locked.change, len(locked.notices)) == (PlannedChange.REPLACE, 1)
    assert (await house.forecast(runs(house.monero), locked=True)).notices == ()
    house.now_s += 31
    assert {rig.change for rig in (await house.plan()).rigs} == {PlannedChange.OFFLINE, PlannedChange.UNKNOWN}


async def test_the_orders_are_for_those_that_would_change(house: House) -> None:
    idle, running = house.rig("idle"), house.rig("running", runs(house.monero))
    old, other = house.rig("old", runs(house.old)), house.rig("other", runs(house.other))
    house.rig("away", connected=False)
    plan = await house.plan()
    assert {str(change): count for change, count in plan.counts.items()} == {
        "start": 1, "none": 1, "restart": 1, "replace": 1, "offline": 1,
    }  # fmt: skip
    assert {order.replace: set(order.peers) for order in plan.orders} == {None: {idle}, "*": {old, other}}
    assert {order.profile_id for order in plan.orders} == {house.monero.id} == {plan.profile}
    assert running not in {peer for order in plan.orders for peer in order.peers}
    assert plan.hash == house.monero.content_hash


async def test_whoever_may_not_see_passwords_sees_that_they_differ(house: House) -> None:
    house.rig("rig", runs(house.other))
    changes = (await house.plan(hide=True)).rigs[0].changes
    assert [(each.before, each.after) for each in changes if each.field == "password"] == [("********", "********")]
    assert "hunter" not in str(changes)


async def test_who_is_no_rig_is_said_and_a_selection_is_checked(house: House) -> None:
    keys = NodeKeys.from_secret(b"\x09" * 32).public
    house.registry.add(keys, name="desk", role=Role.CONTROLLER)
    named = Selection(peers=("desk",), filter=None)
    (rig,) = (await house.assignments.plan("monero", named, replace="*", hide=False)).rigs
    assert (rig.change, rig.text) == (PlannedChange.REFUSED, "desk is no rig of this node.")
    with pytest.raises(BadInput):
        (await house.assignments.plan("monero", Selection(peers=None, filter=None), replace="*", hide=False))
    for selection, query in ((Selection(peers=("nobody",), filter=None), "monero"), (named, "nothing")):
        with pytest.raises(NotFound):
            (await house.assignments.plan(query, selection, replace="*", hide=False))


async def test_the_uses_of_a_profile(house: House) -> None:
    house.rig("same", runs(house.monero, hashrate_hps=1000.0), runs(house.other, "xmrig-2"))
    house.rig("older", runs(house.old, profile_id="its-own"), connected=False)
    house.rig("changed", runs(house.monero, profile_hash="f" * 64))
    house.rig("planned", schedule="profile:Monero")
    house.rig("planned-other", schedule="profile:other")
    house.rig("running-as-planned", runs(house.monero), schedule="profile:monero")
    uses = await house.assignments.uses("monero")
    assert [(use.rig_name, use.miner, use.version, use.connected, use.scheduled) for use in uses] == [
        ("same", "xmrig-1", "same", True, False),
        ("older", "xmrig-1", "older", False, False),
        ("changed", "xmrig-1", "other", True, False),
        ("planned", "", None, True, True),
        ("running-as-planned", "xmrig-1", "same", True, True),
    ]
    assert (uses[0].hashrate_hps, uses[0].age_s) == (1000.0, 0.0)
    with pytest.raises(NotFound):
        (await house.assignments.uses("nothing"))


async def test_who_asks_for_many_plans_at_once_has_two_of_them_worked_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        house.rig(f"rig-{number}", runs(house.other))
    monkeypatch.setattr(assignments, "AT_ONCE", 1)
    busy: set[asyncio.Task[object] | None] = set()
    most = 0
    looked_up = house.fleet.rig

    def rig(fingerprint: bytes) -> RigView | None:
        nonlocal most
        busy.add(asyncio.current_task())
        most = max(most, len(busy))
        return looked_up(fingerprint)

    async def ask() -> None:
        assert len((await house.plan()).rigs) == 4
        busy.discard(asyncio.current_task())

    monkeypatch.setattr(house.fleet, "rig", rig)
    await asyncio.gather(*(ask() for _ in range(10)))
    assert most == 2
