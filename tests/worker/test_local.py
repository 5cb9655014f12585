"""This machine's miners for its owner: the same ``Miners`` as from afar, and what is remembered of them."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import BadInput, Conflict, NotFound, OperationFailed
from miner_ctrl.miners import Miners
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.miners import MinerState, MinerStats
from miner_ctrl.worker.local import POINTS_APART_MS, POINTS_KEPT
from tests.miners.rig import ScriptedAdapter, config, profile, until
from tests.worker.own_rig import OwnRig, Unpausable, until_mining

ECHOES = """
import sys
for line in sys.stdin:
    print("read", ascii(line), flush=True)
"""


async def test_from_start_to_stop(own: OwnRig) -> None:
    own.has_profiles("day")
    await own.agent()
    assert await own.local.miners() == ()
    [name] = await own.local.start("day")
    await until_mining(own.miners, name)
    [before] = own.miners.latest()
    with pytest.raises(Conflict, match=f"{name} already runs"):
        await own.local.start("day")
    assert await own.local.pause(None, None) == [name]
    assert (await own.local.miner(name)).state is MinerState.PAUSED
    assert await own.local.resume(name) == [name]
    assert (await own.local.miner(name)).state is MinerState.MINING
    assert await own.local.restart(None) == [name]
    [after] = own.miners.latest()
    assert after.pid != before.pid
    assert await own.local.stop(None) == [name]
    assert await own.local.miners() == ()
    assert any("paused" in line for line in await own.local.logs(name, 100)), "its log stays"
    with pytest.raises(NotFound):
        await own.local.miner(name)


async def test_another_profile_in_place_of_what_runs(own: OwnRig) -> None:
    own.has_profiles("day", "night", "weekend")
    await own.agent()
    with pytest.raises(BadInput, match="No miner runs here"):
        await own.local.start("night", replace="*")
    [name] = await own.local.start("day")
    assert await own.local.start("night", replace="*") == (name,)
    assert own.running() == {name: "night"}
    with pytest.raises(Conflict):
        await own.local.start("night", replace=name)
    [other] = await own.local.start("day")
    with pytest.raises(BadInput, match="2 miners run here"):
        await own.local.start("weekend", replace="*")
    with pytest.raises(NotFound):
        await own.local.start("weekend", replace="xmrig-9")
    assert await own.local.start("weekend", replace=other) == (other,)
    assert own.running() == {name: "night", other: "weekend"}


async def test_of_several_that_fail_the_first_is_told_and_who_was_done(own: OwnRig) -> None:
    own.has_profiles("day")
    await own.agent(SimulatedAdapter(), ScriptedAdapter("import time; time.sleep(1000)"))
    [name] = await own.local.start("day")
    await until_mining(own.miners, name)
    await own.miners.launch(*scripted())
    with pytest.raises(OperationFailed, match="1 of 2 miners paused") as caught:
        await own.local.pause(None, None)
    assert caught.value.details == {"done": [name]}
    assert own.state(name) is MinerState.PAUSED


async def test_one_that_cannot_says_so_itself(own: OwnRig) -> None:
    own.has_profiles("day")
    await own.agent(Unpausable())
    [name] = await own.local.start("day")
    with pytest.raises(OperationFailed) as caught:
        await own.local.pause(None, None)
    assert caught.value.code == "CANNOT_PAUSE"
    assert name in caught.value.message


def scripted() -> tuple[Any, Any]:
    return profile(miner_type="scripted"), config()


async def test_a_line_is_typed_at_the_miners_terminal(own: OwnRig) -> None:
    await own.agent(ScriptedAdapter(ECHOES))
    [name] = await own.miners.launch(*scripted())
    await own.local.type(name, "h")
    await own.local.type(name, "größe 3")
    await until(lambda: any("'gr\\xf6" in line for line in own._rig.lines_of(name)), "both lines")
    assert any("read 'h\\n'" in line for line in own._rig.lines_of(name))
    assert own.state(name) is not MinerState.CRASHED


@pytest.mark.parametrize("line", ["", "\x03", "a\nb", "a\x1b[A", "x" * 257, "a\u202eb", "\ud800"])
async def test_only_one_printable_line_is_typed(own: OwnRig, line: str) -> None:
    await own.agent(ScriptedAdapter(ECHOES))
    [name] = await own.miners.launch(*scripted())
    with pytest.raises(BadInput, match="printable"):
        await own.local.type(name, line)
    assert not any("read" in each for each in own._rig.lines_of(name))


async def test_nothing_is_typed_at_a_miner_that_is_down_or_whose_keeper_is_older(own: OwnRig) -> None:
    await own.agent(ScriptedAdapter(ECHOES))
    [name] = await own.miners.launch(*scripted())
    instance = own.miners._instances[name]
    assert instance._facts is not None
    instance._facts = msgspec.structs.replace(instance._facts, takes=())
    with pytest.raises(Conflict) as caught:
        await own.local.type(name, "h")
    assert caught.value.code == "NO_MINER_TERMINAL"
    with pytest.raises(NotFound):
        await own.local.type("scripted-7", "h")


async def test_the_last_hour_is_remembered_and_no_more(own: OwnRig) -> None:
    await own.agent()
    stats = MinerStats(name="a", type="simulated", state=MinerState.MINING, hashrate_hps=1.0)
    for number in range(POINTS_KEPT + 50):
        own.now_s = number * 10
        own.local.sampled([stats])
        own.local.sampled([stats])  # somebody asked in between
    points = own.local.hashrates("a")
    assert len(points) == POINTS_KEPT
    assert points[-1] == ((POINTS_KEPT + 49) * 10_000, 1.0)
    assert points[-1][0] - points[0][0] >= 3_600_000
    assert min(b[0] - a[0] for a, b in itertools.pairwise(points)) >= POINTS_APART_MS
    own.now_s = 0
    own.local.sampled([stats])
    assert own.local.hashrates("a")[-1] == (0, 1.0), "a clock that was set back stops nothing"
    own.local.sampled([msgspec.structs.replace(stats, name=f"m{number}") for number in range(200)])
    assert len(own.local._points) == 64
    with pytest.raises(NotFound):
        own.local.hashrates("nobody")


async def test_a_miner_that_was_just_started_has_no_history_yet(own: OwnRig) -> None:
    own.has_profiles("day")
    await own.agent()
    own.miners.on_sampled = None
    [name] = await own.local.start("day")
    assert own.local.hashrates(name) == ()


class Adopting(Miners):
    async def adopt(self, miner_type: str, api: Any, *, name: str | None = None, by: str = "") -> str:
        return f"{miner_type} {api.port} {api.token} {name} {by}"


async def test_an_adoption_is_handed_on(own: OwnRig) -> None:
    await own.agent(miners=Adopting)
    assert await own.local.adopt("xmrig", port=18088, token="t", name="n") == "xmrig 18088 t n owner"
    with pytest.raises(NotFound):
        await own.local.release("simulated-1")
