"""A command is carried out once, and what is not known of it is said."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.controller import Commands, Fleet
from miner_ctrl.errors import IdentityMismatch, MinerCtrlError, Unreachable
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.nodes import Grant
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.protocol.messages import Payload, RestartMiner
from miner_ctrl.transport import Channel, Endpoint, Request
from tests.controller.test_sweep import endpoint, keys_of

RIG, CONTROLLER = 5, 9


class Once:
    """A controller and a rig that hears a command and is gone; there is no way back to it, for ``error``."""

    def __init__(self, home: Path, error: MinerCtrlError) -> None:
        self.endpoint, self.rig = endpoint(CONTROLLER), endpoint(RIG)
        self.registry = Registry.open(home / "peers.db", now_ms=lambda: 1)
        self.heard = 0
        self.error = error
        self.commands = Commands(
            self.registry, ProfileStore(home / "profiles.db"), Fleet(clock=time.monotonic), reach=self.reach,
            live=self.endpoint.channel, clock=time.monotonic, new_message_id=lambda: "id-1",
        )  # fmt: skip
        self.registry.add(keys_of(RIG).public, name="rig")

    async def reach(self, record: PeerRecord, patience_s: float = 0.0) -> Channel:
        channel = self.endpoint.channel(record.keys.fingerprint)
        if channel is None:
            raise self.error
        return channel

    async def hear(self, request: Request) -> Payload:
        self.heard += 1
        request.channel.end("It went.", clean=False)
        raise Unreachable("It went.")


async def connect(controller: Endpoint, rig: Endpoint) -> None:
    [(_, port)] = await rig.listen("127.0.0.1", 0)
    await controller.dial(Address("127.0.0.1", port), check=lambda keys: None)


@pytest.fixture(params=[
    Unreachable("rig is not connected.", code="NOT_CONNECTED"), IdentityMismatch("Somebody else is there."),
])  # fmt: skip
async def once(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Once]:
    once = Once(tmp_path, request.param)
    once.rig.route(RestartMiner, once.hear, needs=Grant.CONTROL)
    yield once
    for each in (once.endpoint, once.rig):
        await each.close()
    once.registry.close()


async def test_what_was_sent_and_not_answered_is_not_known_whatever_came_after(once: Once) -> None:
    await connect(once.endpoint, once.rig)
    with pytest.raises(Unreachable, match="not known whether the rig did it") as raised:
        await once.commands.command(once.registry.find("rig"), RestartMiner(), within_s=1.5)
    assert (raised.value.code, once.heard, once.error.message in raised.value.message) == ("PEER_UNREACHABLE", 1, True)
    assert "remote status" in raised.value.suggestion


async def test_what_was_never_sent_fails_for_what_kept_it(once: Once) -> None:
    with pytest.raises(type(once.error)) as raised:
        await once.commands.command(once.registry.find("rig"), RestartMiner(), within_s=1.5)
    assert (raised.value, once.heard) == (once.error, 0)
