"""What is wanted of a miner, on disk, and what is done to have it so: with real keepers and real processes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from miner_ctrl.errors import OperationFailed, Refused, Unreachable
from miner_ctrl.miners import Capabilities, LaunchPlan, MinerApi
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.xmrig import PROGRAM_VARIABLE, XmrigAdapter
from miner_ctrl.model.miners import MinerState, MinerStats
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from tests.components.monerod import free_ports
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
from tests.miners.test_reattach import killed_agent

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"


def record(rig: Rig, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((rig.data / name / "instance.json").read_bytes())
    return found


async def gone(rig: Rig) -> None:
    """Kill every keeper and miner, as a power cut does."""
    pids = rig.pids()
    for pid, start in pids:
        if start and start_of(pid) == start:
            os.kill(pid, signal.SIGKILL)
    await until(lambda: not any(start and start_of(pid) == start for pid, start in pids), "their end")


# --- what is wanted -------------------------------------------------------------------------------------


async def test_after_a_reboot_it_runs_again_under_its_name_and_log(rig: Rig) -> None:
    name = await killed_agent(rig)
    await gone(rig)
    before = rig.lines_of(name)
    miners = await rig.agent()
    assert miners.names() == (name,)
    await sampled(miners, name, hashing)
    lines, _ = await miners.tail(name, 1000)
    assert lines[: len(before)] == before
    assert stats_of(miners, name).wanted == "running"
    assert [event for event in rig.events if event.kind == "started"]
    assert watch_of(miners, name).restarts == 0, "that was not the miner's fault"


async def test_after_a_reboot_what_was_paused_is_paused(rig: Rig) -> None:
    first = await rig.agent()
    [name] = await first.launch(profile(), config())
    await first.pause(name, by="ab" * 8)
    await first.close()
    await gone(rig)
    miners = await rig.agent()
    await sampled(miners, name, lambda stats: stats.state is MinerState.PAUSED)
    assert record(rig, name)["wanted"] == "paused"
    assert record(rig, name)["by"] == "ab" * 8
    await miners.resume(name)
    await sampled(miners, name, hashing)


async def test_what_was_stopped_stays_stopped(rig: Rig) -> None:
    first = await rig.agent()
    [name] = await first.launch(profile(), config())
    await first.stop(name)
    await first.close()
    miners = await rig.agent()
    assert miners.names() == ()
    assert rig.keepers() == []


async def test_an_agent_that_died_while_it_stopped_a_miner_leaves_that_to_the_next(rig: Rig) -> None:
    name = await killed_agent(rig)
    path = rig.data / name / "instance.json"
    path.write_text(json.dumps({**record(rig, name), "stopped": True, "settled": False}))
    pid = rig.state(name)["pid"]
    assert (await rig.agent()).names() == ()
    assert start_of(pid) == 0


async def test_an_agent_that_died_before_it_told_the_miner_leaves_that_to_the_next(rig: Rig) -> None:
    name = await killed_agent(rig)
    path = rig.data / name / "instance.json"
    path.write_text(json.dumps({**record(rig, name), "wanted": "paused", "settled": False}))
    miners = await rig.agent()
    await sampled(miners, name, lambda stats: stats.state is MinerState.PAUSED)
    await until(lambda: record(rig, name)["settled"], "that it was told")


async def test_what_is_wanted_is_on_disk_before_the_process_changes(rig: Rig) -> None:
    seen: list[dict[str, Any]] = []

    class Noting(SimulatedAdapter):
        async def pause(self, api: MinerApi) -> None:
            seen.append(record(rig, "simulated-1"))
            await super().pause(api)

    miners = await rig.agent(Noting())
    [name] = await miners.launch(profile(), config())
    await sampled(miners, name, hashing)
    await miners.pause(name)
    assert (seen[0]["wanted"], seen[0]["settled"]) == ("paused", False)
    assert record(rig, name)["settled"] is True


async def test_a_pause_that_the_miner_refuses_changes_nothing(rig: Rig) -> None:
    class Refusing(SimulatedAdapter):
        async def pause(self, api: MinerApi) -> None:
            raise OperationFailed("It declines.")

    miners = await rig.agent(Refusing())
    [name] = await miners.launch(profile(), config())
    with pytest.raises(OperationFailed, match="declines"):
        await miners.pause(name)
    assert record(rig, name)["wanted"] == "running"
    assert stats_of(miners, name).wanted == "running"


async def test_a_pause_ends_by_itself(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    await sampled(miners, name, hashing)
    await miners.pause(name, resume_after_s=1.5)
    stats = stats_of(miners, name)
    assert stats.state is MinerState.PAUSED
    assert abs((stats.resume_at_ms or 0) - time.time() * 1000) < 30_000
    await until(lambda: stats_of(miners, name).state is MinerState.MINING, "the end of the pause")
    assert (stats_of(miners, name).wanted, stats_of(miners, name).resume_at_ms) == ("running", None)


async def test_a_pause_ends_by_itself_though_the_agent_was_away(rig: Rig) -> None:
    first = await rig.agent()
    [name] = await first.launch(profile(), config())
    await first.pause(name, resume_after_s=1.0)
    await first.close()
    miners = await rig.agent()
    await until(lambda: stats_of(miners, name).state is MinerState.MINING, "the end of the pause")


@pytest.mark.parametrize("jump_s", [-10 * 365 * 86_400, 10 * 365 * 86_400])
async def test_a_clock_that_jumps_does_not_make_a_pause_last_for_years(rig: Rig, jump_s: int) -> None:
    offset_ms = 0

    def now_ms() -> int:
        return time.time_ns() // 1_000_000 + offset_ms

    first = await rig.agent(now_ms=now_ms)
    [name] = await first.launch(profile(), config())
    await first.pause(name, resume_after_s=1.0)
    offset_ms = jump_s * 1000
    await until(lambda: stats_of(first, name).state is MinerState.MINING, "the end of the pause")
    await first.pause(name, resume_after_s=1.0)
    await first.close()
    offset_ms = 0
    miners = await rig.agent(now_ms=now_ms)
    await until(lambda: stats_of(miners, name).state is MinerState.MINING, "the end of the other pause")


async def test_a_paused_miner_that_ended_is_started_by_a_resume(rig: Rig) -> None:
    miners = await rig.agent(settings=QUICK)
    [name] = await miners.launch(profile(), config())
    await miners.pause(name)
    os.kill(rig.state(name)["pid"], signal.SIGKILL)
    await until(lambda: stats_of(miners, name).state is MinerState.CRASHED, "the crash")
    await asyncio.sleep(1.5)  # nothing may happen in this time
    assert stats_of(miners, name).state is MinerState.CRASHED
    await miners.resume(name)
    await sampled(miners, name, hashing)


async def test_a_profile_with_a_pool_for_the_gpus_makes_two_miners_or_none(rig: Rig) -> None:
    both = config(gpu_pool=PoolConfig(pool="127.0.0.1:10", wallet="g"), cuda=True, threads=2)
    miners = await rig.agent()
    assert await miners.launch(profile(), both) == ("simulated-1", "simulated-2")
    assert [stats.part for stats in miners.latest()] == ["cpu", "gpu"]
    pools = [json.loads((rig.data / name / "config.json").read_bytes())["pool"] for name in miners.names()]
    assert pools == ["127.0.0.1:9", "127.0.0.1:10"]
    for name in miners.names():
        await miners.stop(name)
    broken = msgspec.structs.replace(both, gpu_pool=PoolConfig(pool="no-port", wallet="g"))
    with pytest.raises(OperationFailed, match="HOST:PORT"):
        await miners.launch(profile(), broken)
    assert miners.names() == ()
    assert rig.keepers() == []


async def test_what_the_owner_forbids_is_started_by_nobody(rig: Rig) -> None:
    forbidden: list[str] = []

    def allow(config: MinerConfig) -> None:
        if config.pool in forbidden:
            raise Refused("The owner's lock does not allow this pool.")

    miners = await rig.agent(allow=allow, settings=QUICK)
    [name] = await miners.launch(profile(), config())
    forbidden.append("127.0.0.1:9")
    with pytest.raises(Refused):
        await miners.launch(profile(), config())
    with pytest.raises(Refused):
        await miners.switch(name, profile(), config())
    with pytest.raises(Refused):
        await miners.restart(name)
    assert stats_of(miners, name).state.alive
    os.kill(rig.state(name)["pid"], signal.SIGKILL)
    await until(lambda: watch_of(miners, name).gave_up, "the end of trying")
    assert "lock" in stats_of(miners, name).reason
    assert "refused" in kinds(rig)
    assert rig.keepers() == []


async def test_a_disk_that_takes_nothing_refuses_a_start_in_words(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    miners = await rig.agent()
    with monkeypatch.context() as patched:
        patched.setattr("miner_ctrl.miners.launching.write_atomic", full)
        with pytest.raises(OperationFailed, match="the disk is full") as refused:
            await miners.launch(profile(), config())
    assert refused.value.code == "DISK_FULL"
    assert miners.names() == ()
    assert rig.keepers() == []


async def test_a_port_that_is_taken_first_is_replaced_by_another(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice of a port and its use another program may take it."""
    squatter = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    taken, free = squatter.sockets[0].getsockname()[1], free_ports(1)[0]
    ports = [taken, taken, free]
    apis = [MinerApi(port=port, token="t" * 32) for port in ports]
    async with squatter:
        monkeypatch.setattr("miner_ctrl.miners.launching.new_api", lambda: apis.pop(0) if len(apis) > 1 else apis[0])
        miners = await rig.agent(GoesOnWithoutApi())
        [name] = await miners.launch(profile(miner_type="goes-on"), config())
        assert record(rig, name)["api"]["port"] == free
        assert (await sampled(miners, name, lambda stats: stats.state is MinerState.MINING)).reason == ""


async def test_a_real_xmrig_whose_port_is_taken_gets_another(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, xmrig_program: Path, tmp_path: Path
) -> None:
    squatter = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    taken, free = squatter.sockets[0].getsockname()[1], free_ports(1)[0]
    apis = [MinerApi(port=taken, token="t" * 32), MinerApi(port=free, token="u" * 32)]
    async with squatter:
        monkeypatch.setattr("miner_ctrl.miners.launching.new_api", lambda: apis.pop(0) if len(apis) > 1 else apis[0])
        miners = await rig.agent(XmrigAdapter(environ={PROGRAM_VARIABLE: str(xmrig_program)}))
        solo = config(pool="127.0.0.1:1", algo="rx/0", threads=1, huge_pages=False, randomx_mode="light", seed=None)
        async with asyncio.timeout(15):
            [name] = await miners.launch(profile(miner_type="xmrig"), solo)
        assert record(rig, name)["api"]["port"] == free
        lines, _ = await miners.tail(name, 1000)
        assert sum("HTTP API server failed to start" in line for line in lines) == 1
        await sampled(miners, name, lambda stats: stats.version.startswith("6."))


async def test_a_taken_port_is_named_when_there_is_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    squatter = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    taken = squatter.sockets[0].getsockname()[1]
    async with squatter:
        monkeypatch.setattr("miner_ctrl.miners.launching.new_api", lambda: MinerApi(port=taken, token="t" * 32))
        miners = await rig.agent(GoesOnWithoutApi())
        [name] = await miners.launch(profile(miner_type="goes-on"), config())
        assert stats_of(miners, name).reason == f"Another program has its API's port {taken}."


class GoesOnWithoutApi(ScriptedAdapter):
    """As XMRig does when its port is taken: says so, and goes on."""

    type = "goes-on"

    def __init__(self) -> None:
        super().__init__("")
        self._answers = SimulatedAdapter()

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        self.script = (
            "import socket, time\nprint(' * ABOUT  a test', flush=True)\n"
            f"try: s = socket.create_server(('127.0.0.1', {api.port}))\n"
            "except OSError: print('net HTTP API server failed to start.', flush=True)\n"
            "time.sleep(600)"
        )
        return super().plan(config, folder=folder, rig_name=rig_name, api=api)

    async def read(self, api: MinerApi, **more: Any) -> Any:
        if "failed" in " ".join((more["log"]).tail(5, ended=False).lines[-1:]):
            raise Unreachable("nobody answers")
        return await super().read(api, **more)


# --- another profile ------------------------------------------------------------------------------------


class Reloading(SimulatedAdapter):
    """Takes another configuration while it runs, or says it cannot."""

    capabilities: ClassVar[Capabilities] = Capabilities(pause=True, reload=True)

    def __init__(self, *, can: bool) -> None:
        self.can = can
        self.plans: list[LaunchPlan] = []

    async def reload(self, plan: LaunchPlan) -> bool:
        self.plans.append(plan)
        return self.can


@pytest.mark.parametrize("can", [True, False])
async def test_a_profile_is_switched_without_a_restart_where_it_can_be(rig: Rig, can: bool) -> None:
    adapter = Reloading(can=can)
    miners = await rig.agent(adapter)
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid
    other = msgspec.structs.replace(profile({"pool": "127.0.0.1:10"}), name="other")
    assert await miners.switch(name, other, config(pool="127.0.0.1:10")) is can
    stats = await sampled(miners, name, hashing)
    assert (stats.pid == pid) is can
    assert (stats.profile_name, stats.profile_hash) == ("other", other.content_hash)
    assert record(rig, name)["config"]["pool"] == "127.0.0.1:10"
    assert len(adapter.plans) == 1


async def test_a_switch_that_fails_leaves_what_ran(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid
    with pytest.raises(OperationFailed, match="HOST:PORT"):
        await miners.switch(name, profile({"pool": "nowhere"}), config(pool="nowhere"))
    stats = await sampled(miners, name, hashing)
    assert (stats.pid, stats.profile_hash) == (pid, profile().content_hash)
    assert record(rig, name)["config"]["pool"] == "127.0.0.1:9"


async def test_a_switch_that_fails_late_brings_the_old_one_back_and_says_so(rig: Rig) -> None:
    adapter = ScriptedAdapter("print('no luck')\nraise SystemExit(3)")
    miners = await rig.agent(SimulatedAdapter(), adapter)
    [name] = await miners.launch(profile(), config())
    await sampled(miners, name, hashing)
    other = msgspec.structs.replace(profile(miner_type="scripted"), name="other")
    with pytest.raises(OperationFailed, match=r"could not run other and runs some again.*no luck"):
        await miners.switch(name, other, config())
    stats = await sampled(miners, name, hashing)
    assert (stats.type, stats.profile_name) == ("simulated", "some")
    assert record(rig, name)["profile"]["minerType"] == "simulated"


async def test_all_are_asked_by_themselves(rig: Rig) -> None:
    seen: list[MinerStats] = []
    miners = await rig.agent(settings=QUICK)
    miners.on_sampled = seen.extend
    await miners.launch(profile(), config())
    await until(lambda: any(map(hashing, seen)), "a hashrate that nobody asked for")
