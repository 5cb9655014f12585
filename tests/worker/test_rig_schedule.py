"""A rig's schedule carried out on real miners: at edges only, undone exactly, over restarts and failures."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime

import pytest

from miner_ctrl.errors import OperationFailed, Refused, StateDamaged
from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.rig import Schedule
from miner_ctrl.worker import rig_schedule
from miner_ctrl.worker.rig_schedule import RETRY_FIRST_S, RigSchedule
from tests.miners.rig import until
from tests.worker.own_rig import POOLS, OwnRig, Unpausable

OFFICE = ("mon-fri 08:00-18:00 pause",)
WEEKEND = ("sat,sun 00:00-24:00 profile:weekend",)
PAUSED, MINING = MinerState.PAUSED, MinerState.MINING


async def begun(own: OwnRig, *rules: str) -> None:
    """Have an agent with these rules, on Monday morning before eight."""
    own.has_profiles("day", "night")
    await own.agent()
    await own.at("23 07:00")
    if rules:
        own.asks(*rules)


async def test_a_miner_is_paused_at_the_edge_and_goes_on_at_the_next(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    name = await own.runs("day")
    await own.at("23 07:59:59")
    assert own.state(name) is MINING
    await own.at("23 08:00")
    assert own.state(name) is PAUSED
    assert (own.schedule.asked, own.schedule.problem) == ("pause", "")
    state = own.schedule.state()
    assert state is not None
    assert (state.now, state.local_time) == ("pause", "mon 08:00")
    assert state.until_ms == datetime(2026, 11, 23, 18, tzinfo=UTC).timestamp() * 1000
    await own.at("23 18:00")
    assert own.state(name) is MINING
    told = [(event.kind, event.by, event.text) for event in own.events]
    assert told == [
        ("schedule", "owner", "The schedule was changed."),
        ("schedule", "schedule", "The schedule asks for pause until mon 18:00."),
        ("schedule", "schedule", "The schedule asks for run until tue 08:00."),
    ]


async def test_what_somebody_else_paused_stays_paused(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    first, second = await own.runs("day"), await own.runs("night")
    await own.miners.pause(first)
    await own.at("23 08:00")
    assert {own.state(first), own.state(second)} == {PAUSED}
    await own.at("23 18:00")
    assert (own.state(first), own.state(second)) == (PAUSED, MINING)


async def test_a_command_in_between_holds_until_the_next_edge_and_over_a_restart_of_the_agent(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    name = await own.runs("day")
    await own.at("23 08:00")
    await own.miners.resume(name)
    for when in ("23 08:01", "23 12:00"):
        await own.at(when)
        assert own.state(name) is MINING
    await own.agent()
    await own.at("23 17:00")
    assert own.state(name) is not PAUSED, "the next agent does not repeat what was done"
    await own.at("23 18:00")
    await own.at("24 08:00")
    assert own.state(name) is PAUSED


async def test_a_miner_that_is_started_in_a_pause_goes_on(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    await own.at("23 08:00")
    name = await own.runs("day")
    await own.at("23 09:00")
    assert own.state(name) is MINING


async def test_an_edge_that_passed_while_no_agent_ran_is_made_up_for(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    name = await own.runs("day")
    await own.at("23 07:30")
    await own.agent()
    await own.at("24 09:00")
    assert own.state(name) is PAUSED
    await own.agent()
    await own.at("24 20:00")
    assert own.state(name) is MINING


async def test_a_whole_pause_that_was_slept_through_counts_as_an_edge(own: OwnRig) -> None:
    """The same is asked for as before, but something else was in between: the command before it is over."""
    await begun(own, *OFFICE)
    name = await own.runs("day")
    await own.at("23 08:00")
    await own.miners.resume(name)
    await own.at("24 09:00")  # run was asked for over night, while the machine slept
    assert own.state(name) is PAUSED


async def test_a_clock_that_is_set_back_does_what_it_then_shows(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    name = await own.runs("day")
    await own.at("23 08:00")
    await own.at("23 07:00")
    assert own.state(name) is MINING


async def test_a_miner_that_cannot_pause_is_stopped_and_started_again(own: OwnRig) -> None:
    own.has_profiles("day", "night")
    await own.agent(Unpausable())
    await own.at("23 07:00")
    own.asks(*OFFICE)
    await own.runs("day")
    await own.at("23 08:00")
    assert own.running() == {}
    assert own.schedule.problem == ""
    await own.agent(Unpausable())
    await own.at("23 18:00")
    assert own.running() == {"simulated-2": "day"}
    await own.at("23 18:01")
    assert own.running() == {"simulated-2": "day"}, "once"


async def test_another_profile_and_back_under_the_same_name(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    own.has_profiles("weekend")
    name = await own.runs("day")
    await own.at("28 00:00")
    assert own.running() == {name: "weekend"}
    await own.agent()
    await own.at("30 00:00")
    assert own.running() == {name: "day"}
    assert own.schedule.problem == ""


async def test_a_profile_that_is_lost_is_said_and_taken_when_it_is_there(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    name = await own.runs("day")
    await own.at("28 00:00")
    assert own.schedule.problem == "The schedule asks for the profile weekend, and this rig has none of that name."
    assert own.running() == {name: "day"}, "what runs goes on"
    own.has_profiles("weekend")
    await own.at("28 00:01")
    assert own.running() == {name: "day"}, "not before its time"
    own.clock_s += RETRY_FIRST_S
    await own.at("28 00:01")
    assert own.running() == {name: "weekend"}
    assert own.schedule.problem == ""


async def test_a_profile_is_started_where_nothing_runs_and_stopped_again(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    own.has_profiles("weekend")
    await own.at("28 00:00")
    assert list(own.running().values()) == ["weekend"]
    await own.at("30 00:00")
    assert own.running() == {}


async def test_one_of_several_takes_the_profile_and_the_others_come_back(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    own.has_profiles("weekend")
    await own.runs("day")
    await own.runs("night")
    await own.at("28 00:00")
    assert list(own.running().values()) == ["weekend"]
    await own.at("30 00:00")
    assert sorted(own.running().values()) == ["day", "night"]


async def test_a_profile_that_runs_already_is_left_alone_then_and_later(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    own.has_profiles("weekend")
    name = await own.runs("weekend")
    [before] = own.miners.latest()
    for when in ("28 00:00", "30 00:00"):
        await own.at(when)
        [after] = own.miners.latest()
        assert (after.name, after.pid) == (name, before.pid)


async def test_a_profile_given_by_hand_meanwhile_is_kept(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    own.has_profiles("weekend")
    name = await own.runs("day")
    await own.at("28 00:00")
    await own.local.start("night", replace=name)
    await own.at("30 00:00")
    assert own.running() == {name: "night"}


async def test_from_a_profile_to_a_pause_and_back_to_the_first_profile(own: OwnRig) -> None:
    await begun(own, "mon 08:00-12:00 profile:night", "mon 12:00-18:00 pause")
    name = await own.runs("day")
    await own.at("23 08:00")
    await own.at("23 12:00")
    assert (own.running(), own.state(name)) == ({name: "night"}, PAUSED)
    await own.at("23 18:00")
    await until_(own, name, MINING)
    assert own.running() == {name: "day"}


async def until_(own: OwnRig, name: str, state: MinerState) -> None:
    async with asyncio.timeout(60):
        while own.state(name) is not state:
            await own.miners.sample()


async def test_a_changed_schedule_and_a_removed_one_count_at_once(own: OwnRig) -> None:
    await begun(own)
    name = await own.runs("day")
    own.asks("otherwise pause")
    await own.at("23 07:01")
    assert own.state(name) is PAUSED
    own.schedule.set(Schedule(), by="owner")
    await own.at("23 07:02")
    assert own.state(name) is MINING
    assert own.schedule.state() is None
    assert own.schedule.asked == ""


class PausesAtSecondTry(Miners):
    tries = 0

    async def pause(self, name: str, *, resume_after_s: float | None = None, by: str = "") -> None:
        type(self).tries += 1
        if self.tries == 1:
            raise OperationFailed("Its API fails.")
        await super().pause(name, resume_after_s=resume_after_s, by=by)


async def test_what_failed_is_said_and_tried_again_later_and_later(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    await own.agent(miners=PausesAtSecondTry)
    name = await own.runs("day")
    await own.at("23 08:00")
    assert own.schedule.problem == "Its API fails."
    own.clock_s = RETRY_FIRST_S - 0.1
    await own.at("23 08:01")
    assert PausesAtSecondTry.tries == 1
    own.clock_s = RETRY_FIRST_S
    await own.at("23 08:01")
    assert (own.state(name), own.schedule.problem) == (PAUSED, "")
    await own.at("23 18:00")
    assert own.state(name) is MINING


class Dies(BaseException):
    """The agent ends here."""


class DiesInPause(Miners):
    async def pause(self, name: str, *, resume_after_s: float | None = None, by: str = "") -> None:
        await super().pause(name, resume_after_s=resume_after_s, by=by)
        raise Dies


async def test_an_agent_that_dies_at_an_edge_leaves_what_the_next_one_needs(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    first, second = await own.runs("day"), await own.runs("night")
    await own.agent(miners=DiesInPause)
    with pytest.raises(Dies):
        await own.at("23 08:00")
    await own.agent()
    await own.miners.sample()
    await own.at("23 08:01")
    assert {own.state(first), own.state(second)} == {PAUSED}
    await own.at("23 18:00")
    assert {own.state(first), own.state(second)} == {MINING}


async def test_the_owners_lock_stands_above_the_schedule_and_leaves_what_runs(own: OwnRig) -> None:
    await begun(own, *WEEKEND)
    own.has_profiles("weekend")
    names = [await own.runs("day"), await own.runs("night")]
    await own.agent()

    def allow(config: MinerConfig) -> None:
        if config.pool == POOLS["weekend"]:
            raise Refused("The owner's lock does not allow this pool.")

    own.miners._launcher.allow = allow
    await own.at("28 00:00")
    assert "The owner's lock does not allow this pool." in own.schedule.problem
    assert own.running() == dict(zip(names, ("day", "night"), strict=True)), "nothing has made way for nothing"


async def test_a_pause_that_would_end_by_itself_is_prolonged_and_given_back(own: OwnRig) -> None:
    await begun(own, *OFFICE)
    name = await own.runs("day")
    own.now_s = datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()
    await own.miners.pause(name, resume_after_s=13 * 3600.0)
    [miner] = own.miners.latest()
    ends_ms = miner.resume_at_ms
    assert ends_ms == int(datetime(2026, 11, 23, 20, tzinfo=UTC).timestamp() * 1000)
    await own.at("23 08:00")
    [miner] = own.miners.latest()
    assert (miner.state, miner.resume_at_ms) == (PAUSED, None)
    await own.at("23 18:00")
    [miner] = own.miners.latest()
    assert (miner.state, miner.resume_at_ms) == (PAUSED, ends_ms), "it ends at 20:00 after all"


async def test_the_loop_keeps_an_edge_by_itself(own: OwnRig) -> None:
    """With the real clocks, and a wall clock that will show eight in a second."""
    await begun(own, *OFFICE)
    name = await own.runs("day")
    ahead_s = datetime(2026, 11, 23, 7, 59, 59, tzinfo=UTC).timestamp() - time.time()
    schedule = RigSchedule(
        own.file,
        own.miners,
        own.profiles,
        now_ms=lambda: int((time.time() + ahead_s) * 1000),
        wall=own._wall,
    )
    schedule.open()
    schedule.start()
    try:
        await until(lambda: own.state(name) is PAUSED, "the pause at eight")
        schedule.set(Schedule(), by="owner")
        await until(lambda: own.state(name) is MINING, "the end of the schedule")
    finally:
        await schedule.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there the zone is asked for anew each time")
def test_another_time_zone_of_the_machine_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as changed:
            changed.setenv("TZ", "XXX-5:45")
            rig_schedule._read_time_zone()
            assert rig_schedule.wall_clock(0) == datetime(1970, 1, 1, 5, 45)  # noqa: DTZ001 - a wall clock's
    finally:
        rig_schedule._read_time_zone()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schedule":{"otherwise":"stop"}}', b"\xff" * 20])
async def test_a_damaged_file_is_named_and_left(own: OwnRig, content: bytes) -> None:
    own.file.write_bytes(content)
    with pytest.raises(StateDamaged, match=r"schedule\.json"):
        await own.agent()
    assert own.file.read_bytes() == content
