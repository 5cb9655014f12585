"""A sweep asks every rig at once; those that fail are there with their reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.controller import Commands, Fleet
from miner_ctrl.controller.fleet import RigKnown
from miner_ctrl.errors import RequestTimedOut, Unreachable
from miner_ctrl.identity.introductions import InviteStatus
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.miners import NodeStats
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grant, Grants, Role
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.protocol.messages import GetStats, Payload, Stats
from miner_ctrl.transport import ACCEPTED, Channel, Endpoint, Handler, Request

ANSWERS, HANGS, FORBIDS, GONE = range(1, 5)
NAMES = {ANSWERS: "answers", HANGS: "hangs", FORBIDS: "forbids", GONE: "gone"}


def keys_of(number: int) -> NodeKeys:
    return NodeKeys.from_secret(bytes([number]) * 32)


def endpoint(number: int, grants: Grants = ALL_GRANTS) -> Endpoint:
    return Endpoint(
        keys_of(number),
        name=NAMES.get(number, "controller"),
        role=Role.DUAL,
        version="1",
        capabilities=(),
        judge=lambda introduction, host: ACCEPTED,
        find_psk=lambda invite_id: (InviteStatus.UNKNOWN, None),
        grants_of=lambda fingerprint: grants,
    )


def answer(request: Request) -> Payload:
    return Stats(stats=NodeStats(node_id=request.channel.node_id, node_name="x", at_ms=1, uptime_s=17))


async def never(request: Request) -> Payload:
    await asyncio.Event().wait()
    raise AssertionError


class Sweeping:
    """A controller with four rigs: one answers, one hangs, one forbids it, one is gone."""

    def __init__(self, home: Path) -> None:
        self.endpoint = endpoint(9)
        self.registry = Registry.open(home / "peers.db", now_ms=lambda: 1)
        self.fleet = Fleet(clock=time.monotonic)
        self.commands = Commands(
            self.registry,
            ProfileStore(home / "profiles.db"),
            self.fleet,
            reach=self.reach,
            live=self.endpoint.channel,
            clock=time.monotonic,
            new_message_id=iter(f"id-{number}" for number in range(100)).__next__,
        )
        for number, name in NAMES.items():
            keys = keys_of(number).public
            self.registry.add(keys, name=name)
            self.fleet.apply(RigKnown(keys.fingerprint, keys.node_id, name))

    async def reach(self, record: PeerRecord, patience_s: float = 0.0) -> Channel:
        raise Unreachable(f"{record.name} is not there.", code="NOT_CONNECTED")

    def record(self, number: int) -> PeerRecord:
        record = self.registry.get(keys_of(number).public.fingerprint)
        assert record is not None
        return record


@pytest.fixture
async def sweeping(tmp_path: Path) -> AsyncIterator[Sweeping]:
    controller = Sweeping(tmp_path)
    rigs = [endpoint(ANSWERS), endpoint(HANGS), endpoint(FORBIDS, NO_GRANTS)]
    handlers: tuple[Handler, ...] = (answer, never, answer)
    for rig, handler in zip(rigs, handlers, strict=True):
        rig.route(GetStats, handler, needs=Grant.OBSERVE)
        [(_, port)] = await rig.listen("127.0.0.1", 0)
        await controller.endpoint.dial(Address("127.0.0.1", port), check=lambda keys: None)
    yield controller
    for each in (controller.endpoint, *rigs):
        await each.close()
    controller.registry.close()


async def test_every_rig_is_there_with_its_state_or_its_reason(sweeping: Sweeping) -> None:
    found = {view.node_name: view for view in (await sweeping.commands.sweep(timeout_s=0.5)).values()}
    assert set(found) == set(NAMES.values())
    assert (found["answers"].uptime_s, found["answers"].error) == (17, "")
    hangs = found["hangs"]
    assert (hangs.error, hangs.error_code, hangs.connected) == (
        "hangs did not answer within 0.5 s.",
        RequestTimedOut.default_code,
        True,
    )
    assert "observe" in found["forbids"].error
    assert found["forbids"].connected
    assert (found["gone"].error, found["gone"].error_code, found["gone"].connected) == (
        "gone is not there.",
        "NOT_CONNECTED",
        False,
    )


async def test_what_came_of_it_is_scored(sweeping: Sweeping) -> None:
    await sweeping.commands.sweep(timeout_s=0.5)
    assert {NAMES[number]: sweeping.record(number).score - 50 for number in NAMES} == {
        "answers": 1,
        "hangs": -3,
        "forbids": 0,
        "gone": -5,
    }


async def test_a_session_that_ends_meanwhile_is_a_reason(sweeping: Sweeping) -> None:
    sweep = asyncio.ensure_future(sweeping.commands.sweep(timeout_s=60))
    await asyncio.sleep(0)
    sweeping.endpoint.drop(keys_of(HANGS).public.fingerprint, "dropped")
    hangs = (await sweep)[keys_of(HANGS).public.node_id]
    assert "dropped" in hangs.error
