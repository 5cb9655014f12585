"""Miners that somebody else started: watched, paused, never ended."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, OperationFailed, Unreachable
from miner_ctrl.miners import MinerApi, Miners
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.miners import MinerState
from tests.components.monerod import free_ports
from tests.miners.rig import (
    QUICK,
    Rig,
    config,
    hashing,
    kinds,
    profile,
    sampled,
    stats_of,
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"


class Stranger:
    """A simulated miner that somebody else started."""

    def __init__(self, folder: Path) -> None:
        self.api = MinerApi(port=free_ports(1)[0], token="their-token")
        plan = SimulatedAdapter().plan(config(), folder=folder, rig_name="x", api=self.api)
        for name, data in plan.files.items():
            (folder / name).write_bytes(data)
        self.argv = plan.argv
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Stranger:
        self.process = await asyncio.create_subprocess_exec(*self.argv, stdout=asyncio.subprocess.DEVNULL)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def adopted(miners: Miners, api: MinerApi, **more: Any) -> str:
    async with asyncio.timeout(60):
        while True:
            try:
                return await miners.adopt("simulated", api, **more)
            except Unreachable:
                await asyncio.sleep(0.05)


async def test_a_strangers_miner_is_watched_and_paused_and_never_ended(rig: Rig, tmp_path: Path) -> None:
    async with Stranger(tmp_path) as stranger:
        assert stranger.process is not None
        first = await rig.agent(settings=QUICK)
        name = await adopted(first, stranger.api)
        assert name == "simulated-adopted-1"
        await sampled(first, name, hashing)
        assert stats_of(first, name).adopted
        assert first.names(own=True) == ()
        for refused in (first.stop(name), first.restart(name), first.switch(name, profile(), config())):
            with pytest.raises(OperationFailed, match=r"was adopted.*cannot be"):
                await refused
        with pytest.raises(OperationFailed, match="log is not this rig's"):
            await first.tail(name, 5)
        with pytest.raises(Conflict, match="there already"):
            await first.adopt("simulated", stranger.api)
        await first.pause(name)
        assert stats_of(first, name).state is MinerState.PAUSED
        await first.close()

        miners = await rig.agent(settings=QUICK)
        assert stats_of(miners, name).state is MinerState.PAUSED
        await miners.resume(name)
        await sampled(miners, name, hashing)
        stranger.process.kill()
        stats = await sampled(miners, name, lambda stats: stats.state is MinerState.UNRESPONSIVE)
        assert stats.reason.startswith("It is not reachable: ")
        assert stats.watch is None
        await asyncio.sleep(1.5)  # nothing may happen in this time
        assert rig.keepers() == []
        await miners.release(name)
        assert miners.names() == ()
        assert not list(rig.data.glob("*adopted*"))
        await miners.close()
    assert [kind for kind in kinds(rig) if kind != "paused"] == ["adopted", "resumed", "stopped"]


async def test_an_adopted_miner_may_have_a_name_of_its_own(rig: Rig, tmp_path: Path) -> None:
    async with Stranger(tmp_path) as stranger:
        miners = await rig.agent()
        assert await adopted(miners, stranger.api, name="garage") == "garage"
        assert (await rig.agent()).names() == ("garage",)


@pytest.mark.parametrize(
    ("api", "name", "kind"),
    [
        (MinerApi(port=0, token=""), None, BadInput),
        (MinerApi(port=65536, token=""), None, BadInput),
        (MinerApi(port=1, token="a\r\nX: y"), None, BadInput),
        (MinerApi(port=1, token="t" * 257), None, BadInput),
        (MinerApi(port=1, token=""), "../x", BadInput),
        (MinerApi(port=1, token=""), "xmrig-1", Conflict),
        (MinerApi(port=1, token=""), None, Unreachable),
    ],
)
async def test_what_cannot_be_adopted_leaves_nothing(
    rig: Rig, api: MinerApi, name: str | None, kind: type[MinerCtrlError]
) -> None:
    miners = await rig.agent()
    with pytest.raises(kind):
        await miners.adopt("simulated", api, name=name)
    assert list(rig.data.iterdir()) == []


async def test_what_runs_here_cannot_be_released(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    with pytest.raises(OperationFailed, match="cannot be released"):
        await miners.release(name)
