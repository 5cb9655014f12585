"""A worker in a whole node: what its peers get of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profiles import Profile
from miner_ctrl.protocol.codec import MESSAGE_CLASS
from miner_ctrl.protocol.messages import (
    IN_PROGRESS,
    Deploy,
    DeployAck,
    Error,
    GetInfo,
    GetStats,
    Info,
    MinerAck,
    StartMiner,
    Stats,
    StopMiner,
)
from tests.integration.inside import running
from tests.integration.raw_peer import RawPeer, dialled

KEYS = NodeKeys.from_secret(b"\1" * 32)
SIMULATED = Profile(id="p", name="p", miner_type="simulated", config={"pool": "127.0.0.1:9"})


def start_of(peer: RawPeer, message_id: str) -> bytes:
    ends = {"sender": peer.session.local.node_id, "recipient": peer.session.remote.node_id}
    message = MESSAGE_CLASS[StartMiner](id=message_id, ts=0, payload=StartMiner(profile=SIMULATED), **ends)
    return msgspec.msgpack.encode(message)


async def test_a_command_under_way_is_answered_before_the_rig_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            command = start_of(peer, "start")
            await peer.say_bytes(command, sign=True)
            await peer.say_bytes(command, sign=True)
            repeat = await peer.hear_a(MinerAck, reply_to="start")
            assert (repeat.status, repeat.repeated) == (IN_PROGRESS, True)
            assert repeat.command_hash == hashlib.sha256(command).hexdigest()
            closing = asyncio.create_task(rig.node.close())
            answered = await peer.hear_a(MinerAck, reply_to="start")
            assert answered.miners == ("simulated-1",)
            await closing
    assert caplog.records == []
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig, dialled(KEYS, rig.address) as peer:
        await peer.say_bytes(command, sign=True)
        assert (await peer.hear_a(MinerAck, reply_to="start")).repeated, "the answer is on the disk"
        asked = await peer.say(StopMiner())
        assert (await peer.hear_a(MinerAck, reply_to=asked)).miners == ("simulated-1",)


async def test_one_profile_started_twice_at_the_same_moment_runs_once(tmp_path: Path) -> None:
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            await peer.say_bytes(start_of(peer, "one"), sign=True)
            await peer.say_bytes(start_of(peer, "two"), sign=True)
            assert (await peer.hear_a(MinerAck, reply_to="one")).miners == ("simulated-1",)
            refused = await peer.hear_a(Error, reply_to="two")
            assert refused.details["code"] == "ALREADY_RUNNING"
            asked = await peer.say(StopMiner())
            assert (await peer.hear_a(MinerAck, reply_to=asked)).miners == ("simulated-1",)


async def test_info_names_the_profiles_there_are_now(tmp_path: Path) -> None:
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            seen = []
            for name in ("one", "two"):
                asked = await peer.say(Deploy(profile=msgspec.structs.replace(SIMULATED, name=name)))
                await peer.hear_a(DeployAck, reply_to=asked)
                for _ in range(2):
                    info = await peer.hear_a(Info, reply_to=await peer.say(GetInfo()))
                    seen.append([profile.name for profile in info.info.profiles])
            rig.profiles.delete("one")
            info = await peer.hear_a(Info, reply_to=await peer.say(GetInfo()))
            assert [profile.name for profile in info.info.profiles] == ["two"]
            assert seen == [["one"], ["one"], ["one", "two"], ["one", "two"]]


async def test_info_and_stats_tell_of_the_machine(tmp_path: Path) -> None:
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            info = await peer.hear_a(Info, reply_to=await peer.say(GetInfo()))
            assert info.info.hardware is not None
            assert info.info.hardware.threads == info.info.cpu_cores
            stats = await peer.hear_a(Stats, reply_to=await peer.say(GetStats()))
            assert stats.stats.machine is not None, "the first reading is taken when the rig starts"
            assert stats.stats.machine.memory_total_bytes == info.info.ram_bytes
            assert stats.stats.machine.disk_free_bytes
