"""The watchdog's ladder with real processes: noticed, named, restarted, given up."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import NotFound
from miner_ctrl.miners import LaunchPlan, MinerApi
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MinerState, WatchStats
from miner_ctrl.model.profiles import MinerConfig
from tests.miners.rig import (
    QUICK,
    Rig,
    ScriptedAdapter,
    config,
    hashing,
    kinds,
    profile,
    sampled,
    start_of,
    stats_of,
    until,
    watch_of,
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"


async def test_a_killed_miner_is_started_again_and_the_reason_is_told(rig: Rig) -> None:
    miners = await rig.agent(settings=QUICK)
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid or 0
    os.kill(pid, signal.SIGKILL)
    stats = await sampled(miners, name, lambda stats: hashing(stats) and stats.pid != pid)
    assert stats.name == name
    assert stats.watch is not None
    assert stats.watch.restarts == 1
    assert "killed by signal 9 (SIGKILL)" in stats.watch.last_reason
    assert stats.reason == ""
    assert kinds(rig) == ["started", "crashed", "watchdog"]
    assert [event.by for event in rig.events] == ["", "", "watchdog"]


async def test_a_hung_miner_is_named_and_restarted(rig: Rig) -> None:
    miners = await rig.agent(settings=QUICK)
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid or 0
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: "SIGSTOP" in stats_of(miners, name).reason, "its name")
    assert stats_of(miners, name).state is MinerState.UNRESPONSIVE
    await sampled(miners, name, lambda stats: hashing(stats) and stats.pid != pid)
    assert start_of(pid) == 0
    assert any("SIGTERM received" in line for line in (await miners.tail(name, 100))[0]), "it could end in order"


async def test_the_ladder_has_an_end_that_outlives_the_agent_and_a_command_begins_anew(rig: Rig) -> None:
    adapter = ScriptedAdapter("import time\nprint('bad luck')\ntime.sleep(1)\nraise SystemExit(3)")
    miners = await rig.agent(adapter, settings=QUICK)
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    await until(lambda: watch_of(miners, name).gave_up, "the end of the ladder")
    stats = stats_of(miners, name)
    assert stats.state is MinerState.CRASHED
    assert watch_of(miners, name).restarts == 2
    assert stats.reason.startswith("The watchdog has given up after 2 restarts: It ended by itself with exit code 3.")
    assert "bad luck" in stats.reason
    assert kinds(rig).count("watchdog") == 2
    assert kinds(rig)[-1] == "gave_up"
    await miners.close()

    forgetful = msgspec.structs.replace(QUICK.watchdog, restarts_within_s=0.1)  # that it tried enough is not the reason
    again = await rig.agent(adapter, settings=msgspec.structs.replace(QUICK, watchdog=forgetful))
    await asyncio.sleep(1.5)  # nothing may happen in this time
    assert (stats_of(again, name).state, watch_of(again, name).gave_up) == (MinerState.CRASHED, True)
    assert rig.keepers() == []
    adapter.script = FOR_EVER
    await again.restart(name)
    assert (stats_of(again, name).state.alive, watch_of(again, name)) == (True, WatchStats())


async def test_a_full_disk_costs_no_rung_and_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    miners = await rig.agent(settings=QUICK)
    [name] = await miners.launch(profile(), config())
    with monkeypatch.context() as patched:
        patched.setattr("miner_ctrl.miners.launching.write_atomic", full)
        os.kill(rig.state(name)["pid"], signal.SIGKILL)
        await until(lambda: "the disk is full" in stats_of(miners, name).reason, "the reason")
        await asyncio.sleep(2)  # time for all the rungs there are
        assert (watch_of(miners, name).gave_up, watch_of(miners, name).restarts) == (False, 0)
    await sampled(miners, name, hashing)


async def test_a_program_that_vanished_is_named(rig: Rig) -> None:
    class Vanishing(SimulatedAdapter):
        there = True

        def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
            if not self.there:
                raise NotFound("The miner's program is not on this rig.")
            return super().plan(config, folder=folder, rig_name=rig_name, api=api)

    adapter = Vanishing()
    miners = await rig.agent(adapter, settings=QUICK)
    [name] = await miners.launch(profile(), config())
    adapter.there = False
    os.kill(rig.state(name)["pid"], signal.SIGKILL)
    await until(lambda: watch_of(miners, name).gave_up, "the end of the ladder")
    assert "program is not on this rig" in stats_of(miners, name).reason


@pytest.mark.parametrize("age_s", [100.0, 3700.0])
async def test_the_reboot_command_is_run_once_and_not_soon_after_a_boot(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: float
) -> None:
    monkeypatch.setattr("miner_ctrl.miners.rounds.boot_age_s", lambda: age_s)
    ran = tmp_path / "ran; touch nothing"
    command = (sys.executable, "-c", "import sys; open(sys.argv[1], 'a').write('x')", str(ran))
    watchdog = msgspec.structs.replace(QUICK.watchdog, restarts_at_most=0, reboot_command=command)
    settings = msgspec.structs.replace(QUICK, watchdog=watchdog)
    adapter = ScriptedAdapter("import time\ntime.sleep(1)")
    miners = await rig.agent(adapter, settings=settings)
    names = [(await miners.launch(profile(miner_type="scripted"), config()))[0] for _ in range(2)]
    for name in names:
        await until(lambda name=name: watch_of(miners, name).gave_up, "the end of the ladder")  # type: ignore[misc]
    if age_s < 3600:
        await asyncio.sleep(1)  # nothing may happen in this time
        assert not ran.exists()
        return
    await until(lambda: ran.exists() and ran.read_text() == "x", "the command")
    await asyncio.sleep(0.5)
    assert ran.read_text() == "x"
    await miners.close()
    monkeypatch.setattr("miner_ctrl.miners.guard.boot_id", lambda: "another run of the machine")
    adapter.script = FOR_EVER
    again = await rig.agent(adapter, settings=QUICK)
    gave_up = sorted(watch_of(again, name).gave_up for name in names)
    assert gave_up == [False, True], "who had it rebooted gets another chance"


async def test_a_hot_machine_pauses_its_miner_until_it_is_cooler(rig: Rig) -> None:
    temperature_c = 99.0
    miners = await rig.agent(settings=QUICK, machine=lambda: MachineStats(cpu_temperature_c=temperature_c))
    [name] = await miners.launch(profile(), config())
    await until(lambda: stats_of(miners, name).state is MinerState.PAUSED, "the pause")
    stats = stats_of(miners, name)
    assert "The CPU is 99 °C hot, over the limit of 90 °C." in stats.reason
    assert stats.wanted == "running"
    temperature_c = 85.0
    await asyncio.sleep(1.5)  # nothing may happen in this time
    assert stats_of(miners, name).state is MinerState.PAUSED
    temperature_c = 79.0
    await until(lambda: stats_of(miners, name).state is MinerState.MINING, "the end of the pause")
    await until(lambda: stats_of(miners, name).reason == "", "the end of the reason")


async def test_a_hot_miner_that_cannot_pause_is_stopped_until_it_is_cooler(rig: Rig) -> None:
    temperature_c = 99.0
    machine = lambda: MachineStats(cpu_temperature_c=temperature_c)  # noqa: E731
    adapter = ScriptedAdapter(FOR_EVER)
    miners = await rig.agent(adapter, settings=QUICK, machine=machine)
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    await until(lambda: stats_of(miners, name).state is MinerState.STOPPED, "the stop")
    await miners.close()
    again = await rig.agent(adapter, settings=QUICK, machine=machine)
    await asyncio.sleep(1.0)  # nothing may happen in this time
    assert not stats_of(again, name).state.alive
    temperature_c = 60.0
    await until(lambda: stats_of(again, name).state.alive, "the start")


async def test_what_was_learned_outlives_the_agent(rig: Rig) -> None:
    watchdog = msgspec.structs.replace(QUICK.watchdog, learn_for_s=2.0)
    settings = msgspec.structs.replace(QUICK, watchdog=watchdog)
    miners = await rig.agent(settings=settings)
    [name] = await miners.launch(profile(), config())
    await until(lambda: watch_of(miners, name).baseline_hps, "a baseline")
    learned = watch_of(miners, name).baseline_hps
    await miners.close()
    slow = msgspec.structs.replace(QUICK.watchdog, learn_for_s=900.0)
    again = await rig.agent(settings=msgspec.structs.replace(QUICK, watchdog=slow))
    await sampled(again, name, hashing)
    await until(lambda: watch_of(again, name).baseline_hps, "what was learned")
    assert watch_of(again, name).baseline_hps == pytest.approx(learned, rel=0.05)
