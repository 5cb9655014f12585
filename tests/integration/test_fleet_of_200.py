"""A controller and 200 rigs over real sockets: one that hangs, is gone or swallows what it is sent holds nobody up."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.identity.introductions import InviteStatus
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grant, Role
from miner_ctrl.protocol.messages import GetStats, Stats, SubscribeStats
from miner_ctrl.transport import ACCEPTED, Endpoint, Request
from tests.integration.inside import Inside, running, until

RIGS = 200
HANGING, GONE, SWALLOWED = "rig-hanging", "rig-gone", "rig-swallowed"
TIMEOUT_S = 2.0
AT_MOST_S = 1.75 * TIMEOUT_S
"""One time-out and room for a slow machine; two one after the other would take longer."""


def rig_keys(name: str) -> NodeKeys:
    return NodeKeys.from_secret(hashlib.sha256(name.encode()).digest())


class Rig:
    """The link of a rig, without miners: it says what a rig would say, or nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys = rig_keys(name)
        self.endpoint = Endpoint(
            self.keys, name=name, role=Role.WORKER, version="0.1.0", capabilities=(), judge=lambda *_: ACCEPTED,
            find_psk=lambda _: (InviteStatus.UNKNOWN, None), grants_of=lambda _: ALL_GRANTS,
        )  # fmt: skip
        answer = self._never if name == HANGING else self._stats
        for question in (GetStats, SubscribeStats):
            self.endpoint.route(question, answer, needs=Grant.OBSERVE)

    def _stats(self, _request: Request) -> Stats:
        miner = MinerStats(name="xmrig-1", type="xmrig", state=MinerState.MINING, hashrate_hps=1000.0)
        return Stats(
            stats=NodeStats(node_id=self.keys.public.node_id, node_name=self.name, at_ms=0, miners=(miner,) * 3)
        )

    async def _never(self, _request: Request) -> Stats:
        silence: asyncio.Future[Stats] = asyncio.get_running_loop().create_future()
        return await silence


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Inside]:
    """A controller with 200 registered rigs: 197 answer, one hangs, one is gone, one swallows every byte."""
    names = [f"rig-{number:03}" for number in range(RIGS - 3)]
    with socket.create_server(("127.0.0.1", 0)) as swallower, socket.create_server(("127.0.0.1", 0)) as once:
        gone_port = once.getsockname()[1]
        once.close()
        async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk, AsyncExitStack() as rigs:
            for name in (*names, HANGING):
                rig = Rig(name)
                desk.know_rig(rig.keys, name)
                rigs.push_async_callback(rig.endpoint.close)
                rig.endpoint.keep_dialled(desk.fingerprint, Address("127.0.0.1", desk.port))
            for name, port in ((GONE, gone_port), (SWALLOWED, swallower.getsockname()[1])):
                keys = rig_keys(name).public
                desk.pairing._registered(
                    desk.registry.add(keys, name=name, address=f"127.0.0.1:{port}", grants=NO_GRANTS)
                )
            await until(lambda: len(desk.endpoint.channels()) == RIGS - 2)
            yield desk


async def test_a_sweep_returns_all_with_the_failed_marked_in_the_time_of_one_time_out(desk: Inside) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    views = {view.node_name: view for view in (await desk.commands.sweep(TIMEOUT_S)).values()}
    took_s = loop.time() - began_s

    assert len(views) == RIGS
    failed = {name: view.error for name, view in views.items() if view.error}
    assert failed.keys() == {HANGING, GONE, SWALLOWED}
    assert "did not answer within 2 s" in failed[HANGING]
    assert "Nobody listens" in failed[GONE]
    assert failed[SWALLOWED]
    assert {name for name, view in views.items() if not view.connected} == {GONE, SWALLOWED}
    for name, view in views.items():
        if name not in failed:
            assert (len(view.miners), view.miners[0].hashrate_hps) == (3, 1000.0)
            assert view.age_s is not None
            assert view.age_s <= took_s
    assert took_s < AT_MOST_S


async def test_remote_status_asks_all_and_marks_the_failed(desk: Inside) -> None:
    """What ``remote status`` asks the running node for."""
    api = LocalApi(desk.node._home.socket)
    began_s = asyncio.get_running_loop().time()
    answer = await asyncio.to_thread(api.get, "/remote/stats", refresh="true", timeout=f"{TIMEOUT_S:g}")
    took_s = asyncio.get_running_loop().time() - began_s
    assert len(answer.data) == RIGS
    assert {one["nodeName"] for one in answer.data.values() if one.get("error")} == {HANGING, GONE, SWALLOWED}
    assert took_s < AT_MOST_S


async def test_what_was_pushed_is_answered_from_memory_while_rigs_hang(desk: Inside) -> None:
    await until(lambda: sum(1 for view in desk.fleet.rigs().values() if view.miners) == RIGS - 3)
    views = {view.node_name: view for view in desk.fleet.rigs().values()}
    assert len(views) == RIGS
    assert not views[HANGING].miners
    assert views[GONE].error
