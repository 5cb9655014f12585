"""Replacing what runs where one of the two profiles makes two miners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from miner_ctrl.errors import BadInput, OperationFailed
from miner_ctrl.miners import LaunchPlan
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.profiles import validate
from miner_ctrl.worker.starting import Starter
from tests.miners.rig import Rig

BOTH = {"pool": "127.0.0.1:9", "seed": 4, "opencl": True, "gpuPool": {"pool": "127.0.0.1:11"}}


class Simulated(SimulatedAdapter):
    """Takes a GPU's pool too; ``broken`` names the pools that it cannot run."""

    broken: ClassVar[set[str]] = set()

    fields = frozenset(MinerConfig.__struct_encode_fields__)

    def plan(self, config: MinerConfig, **where: Any) -> LaunchPlan:
        if config.pool in self.broken:
            raise OperationFailed("It cannot.")
        plain = MinerConfig(pool=config.pool, seed=config.seed)
        return super().plan(plain, **where)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.clean_up()


def made(name: str, config: dict[str, object]) -> tuple[Profile, MinerConfig]:
    profile = Profile(id=name, name=name, miner_type="simulated", config=config)  # type: ignore[arg-type]
    return profile, validate(profile.miner_type, profile.config)


async def test_two_for_one_and_back(rig: Rig) -> None:
    miners = await rig.agent(Simulated())
    starter = Starter(miners, rig.data.with_name("replacing.json"))
    [one] = await starter.start(*made("one", {"pool": "127.0.0.1:9", "seed": 4}), by="owner")
    two = await starter.start(*made("both", BOTH), replace=one, by="owner")
    assert len(two) == 2
    assert set(miners.names()) == set(two)
    [again] = await starter.start(*made("one", {"pool": "127.0.0.1:9", "seed": 4}), replace="*", by="owner")
    assert miners.names() == (again,)
    assert len(rig.keepers()) == 1
    await miners.stop(again)


async def test_what_ran_runs_again_if_the_new_one_cannot(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Simulated, "broken", {"127.0.0.1:11"})
    miners = await rig.agent(Simulated())
    starter = Starter(miners, rig.data.with_name("replacing.json"))
    [one] = await starter.start(*made("one", {"pool": "127.0.0.1:9", "seed": 4}), by="owner")
    with pytest.raises(OperationFailed, match=r"both could not be started, and .* runs one again"):
        await starter.start(*made("both", BOTH), replace=one, by="owner")
    [name] = miners.names()
    assert miners.profile_of(name).name == "one"
    assert len(rig.keepers()) == 1
    await miners.stop(name)


async def test_two_miners_of_two_profiles_are_not_one(rig: Rig) -> None:
    miners = await rig.agent(Simulated())
    starter = Starter(miners, rig.data.with_name("replacing.json"))
    for name, pool in (("one", "127.0.0.1:9"), ("other", "127.0.0.1:10")):
        await starter.start(*made(name, {"pool": pool, "seed": 4}), by="owner")
    with pytest.raises(BadInput):
        await starter.start(*made("both", BOTH), replace="*", by="owner")
    for name in miners.names():
        await miners.stop(name)


@pytest.mark.parametrize("moment", ["before the first stop", "between stop and start", "when one of two has started"])
async def test_a_replacement_that_is_cut_off_is_finished_by_the_next_agent(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    miners = await rig.agent(Simulated())
    file = rig.data.with_name("replacing.json")
    starter = Starter(miners, file)
    [one] = await starter.start(*made("one", {"pool": "127.0.0.1:9", "seed": 4}), by="owner")
    reached = asyncio.Event()

    async def never(*_words: object, **_more: object) -> Any:
        reached.set()
        await asyncio.Event().wait()

    where = {
        "before the first stop": (miners, "stop"),
        "between stop and start": (miners, "launch"),
        "when one of two has started": (miners, "_launch"),
    }[moment]
    if moment.startswith("when"):
        launch_one, began = miners._launch, []

        async def second_never(*words: Any) -> Any:
            began.append(words)
            return await (never() if len(began) == 2 else launch_one(*words))

        monkeypatch.setattr(miners, "_undo", never)  # nobody is left who could
        monkeypatch.setattr(*where, second_never)
    else:
        monkeypatch.setattr(*where, never)
    replacing = asyncio.create_task(starter.start(*made("both", BOTH), replace=one, by="owner"))
    await asyncio.wait_for(reached.wait(), 60)
    await miners.close()
    next_miners = await rig.agent(Simulated())
    await Starter(next_miners, file).finish()
    profiles = [next_miners.profile_of(name).name for name in next_miners.names()]
    assert profiles == ["both", "both"]
    assert len(rig.keepers()) == 2
    assert not file.exists()
    await Starter(next_miners, file).finish()
    assert len(rig.keepers()) == 2
    for name in next_miners.names():
        await next_miners.stop(name)
    while not replacing.done():
        replacing.cancel()
        await asyncio.sleep(0)
