"""Agents come and go; miners, their logs and their ends stay."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from miner_ctrl.errors import NotFound, StateDamaged
from miner_ctrl.model.miners import MinerState
from tests.miners.rig import (
    QUICK,
    Rig,
    ScriptedAdapter,
    config,
    hashing,
    profile,
    sampled,
    start_of,
    stats_of,
    until,
    watch_of,
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"


async def killed_agent(rig: Rig, *script: str) -> str:
    """Have a miner started by an agent that is then killed with SIGKILL; return the miner's name."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.miners.agent", str(rig.data), str(rig.run), *script,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2], start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        name = (await process.stdout.readline()).decode().strip()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return name


async def test_a_killed_agent_costs_nothing(rig: Rig) -> None:
    name = await killed_agent(rig)
    pid = rig.state(name)["pid"]
    assert start_of(pid)
    miners = await rig.agent()
    assert miners.names() == (name,)
    stats = await sampled(miners, name, hashing)
    assert (stats.pid, stats.profile_name) == (pid, "some")
    await miners.pause(name)
    assert stats_of(miners, name).state is MinerState.PAUSED
    await miners.stop(name)
    assert start_of(pid) == 0


async def test_the_log_has_no_gap_where_no_agent_was(rig: Rig) -> None:
    counting = "import time\nfor number in range(200):\n    print(number)\n    time.sleep(0.01)"
    name = await killed_agent(rig, counting)
    miners = await rig.agent(ScriptedAdapter(counting))
    first, cursor = await miners.tail(name, 10_000)
    read = list(first)
    async for part in miners.follow(name, lines=0, cursor=cursor):
        assert part.skipped == 0
        read += part.lines
    assert read == [str(number) for number in range(200)]


async def test_a_miner_whose_description_was_removed_goes_on_is_named_and_can_be_stopped(rig: Rig) -> None:
    name = await killed_agent(rig, FOR_EVER)
    pid = rig.state(name)["pid"]
    miners = await rig.agent(settings=QUICK)  # this agent knows the simulated miner alone
    stats = stats_of(miners, name)
    assert (stats.type, stats.pid, stats.hashrate_hps) == ("scripted", pid, None)
    with pytest.raises(NotFound, match="no description of the miner type scripted any more"):
        await miners.restart(name)
    await asyncio.sleep(3)  # the watchdog would have acted by then
    assert start_of(pid)
    assert watch_of(miners, name).restarts == 0
    await miners.stop(name)
    assert start_of(pid) == 0
    assert miners.names() == ()


async def test_a_miner_that_has_ended_and_whose_description_was_removed_says_so(rig: Rig) -> None:
    name = await killed_agent(rig, FOR_EVER)
    state = rig.state(name)
    os.kill(state["keeperPid"], signal.SIGKILL)
    os.killpg(state["pid"], signal.SIGKILL)
    await until(lambda: not start_of(state["pid"]) and not start_of(state["keeperPid"]), "a power cut")
    miners = await rig.agent(settings=QUICK)
    stats = stats_of(miners, name)
    assert stats.state is MinerState.CRASHED
    assert stats.reason.startswith("This rig has no description of the miner type scripted any more")


async def test_how_it_ended_is_known_though_no_agent_lived(rig: Rig) -> None:
    name = await killed_agent(rig, "import time\ntime.sleep(1)\nprint('out of memory')\nraise SystemExit(7)")
    await until(lambda: "endedMs" in rig.state(name), "the miner's end")
    miners = await rig.agent(ScriptedAdapter(""))
    stats = stats_of(miners, name)
    assert (stats.state, stats.exit_code) == (MinerState.CRASHED, 7)
    assert "out of memory" in stats.reason


async def test_a_pid_that_is_somebody_elses_by_now_is_left_alone(rig: Rig) -> None:
    name = await killed_agent(rig, FOR_EVER)
    facts = rig.state(name)
    os.kill(facts["keeperPid"], signal.SIGKILL)
    os.kill(facts["pid"], signal.SIGKILL)
    stranger = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    try:
        path = rig.data / name / "state.json"
        path.write_text(path.read_text().replace(f'"pid": {facts["pid"]}', f'"pid": {stranger.pid}'))
        miners = await rig.agent(ScriptedAdapter(""))
        assert stats_of(miners, name).state is MinerState.CRASHED
        assert stats_of(miners, name).pid is None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(stranger.wait()), 0.3)
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_runtime_directory_that_was_cleared_does_not_cost_the_miner(rig: Rig) -> None:
    name = await killed_agent(rig)
    pid = rig.state(name)["pid"]
    (rig.run / f"{name}.sock").unlink()
    miners = await rig.agent()
    assert (await sampled(miners, name, hashing)).pid == pid


async def test_a_connection_that_breaks_does_not_cost_the_miner(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid
    link = miners._instances[name]._link
    assert link is not None
    link._tell({"do": "dance"})  # what a keeper hangs up on
    await until(lambda: miners._instances[name]._link not in (link, None), "another connection")
    assert (await sampled(miners, name, hashing)).pid == pid
    await miners.stop(name)
    assert start_of(pid or 0) == 0


async def test_a_stop_while_the_keeper_is_called_again_still_ends_the_miner(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid
    instance = miners._instances[name]
    assert instance._link is not None
    (rig.run / f"{name}.sock").unlink()
    instance._link._tell({"do": "dance"})
    await until(lambda: instance._link is None, "the break")
    await miners.stop(name)
    assert start_of(pid or 0) == 0
    assert miners.names() == ()


async def test_a_damaged_record_is_named_and_not_replaced(rig: Rig) -> None:
    name = await killed_agent(rig)
    path = rig.data / name / "instance.json"
    path.write_bytes(b"{half")
    with pytest.raises(StateDamaged, match=r"instance\.json"):
        await rig.agent()
    assert path.read_bytes() == b"{half"
