"""The gate at work in whole nodes: commands and deploys of whoever signs them, and what a change does to what runs."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from miner_ctrl.errors import Refused
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.lock import Change, sign_change
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.model.rig import Lock
from miner_ctrl.protocol.messages import (
    Deploy,
    Error,
    GetHistory,
    GetStats,
    History,
    MinerAck,
    RestartMiner,
    SetLock,
    StartMiner,
    Stats,
    StopMiner,
)
from miner_ctrl.worker.lock_desk import LockDesk, asked_by
from miner_ctrl.worker.lock_face import LockFace
from tests.integration.inside import Inside, running
from tests.integration.raw_peer import RawPeer, dialled

KEYS = NodeKeys.from_secret(b"\1" * 32)
OWNER = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
LOCK = Lock(wallets=("ours",), pools=("127.0.0.1",), keys=(OWNER.public_key().public_bytes_raw(),))


def simulated(wallet: str, name: str = "p") -> Profile:
    config: dict[str, Any] = {"pool": "127.0.0.1:9", "wallet": wallet, "seed": 4}
    return Profile(id=name, name=name, miner_type="simulated", config=config)


def face(rig: Inside) -> LockFace:
    assert isinstance(rig.node._faces.lock, LockFace)
    return rig.node._faces.lock


@asynccontextmanager
async def commanded(home: Path) -> AsyncIterator[tuple[Inside, RawPeer]]:
    async with running(home, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            yield rig, peer
            asked = await peer.say(StopMiner())
            await peer.hear_a(MinerAck, reply_to=asked)


async def refusal_of(peer: RawPeer, command: Any) -> Error:
    return await peer.hear_a(Error, reply_to=await peer.say(command))


async def events_of(peer: RawPeer) -> list[RigEvent]:
    history = await peer.hear_a(History, reply_to=await peer.say(GetHistory()))
    return [entry.what for entry in history.entries if isinstance(entry.what, RigEvent)]


def signed(rig: Inside, wallet: str, serial: int) -> SetLock:
    lock = Lock(wallets=(wallet,), pools=LOCK.pools, keys=LOCK.keys, serial=serial)
    change = sign_change(Change(rig=rig.fingerprint.hex(), lock=lock), OWNER.private_bytes_raw())
    return SetLock(document=change.document.encode(), signature=change.signature)


async def test_commands_outside_the_lock_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    async with commanded(tmp_path) as (rig, peer):
        await face(rig).set_lock(LOCK)
        theirs = simulated("theirs")
        for command in (
            StartMiner(profile=theirs),
            StartMiner(profile=simulated("ours"), config={"wallet": "theirs"}),
            StartMiner(miner_type="simulated", config=theirs.config),
            StartMiner(profile=simulated("ours"), config={"pool": "10.0.0.1:9"}),
            Deploy(profile=theirs),
        ):
            refused = await refusal_of(peer, command)
            assert refused.details["code"] == "WALLET_LOCKED", command
            assert "ours" not in refused.message
            assert refused.details["suggestion"]
        assert rig.profiles.list() == []
        assert rig.profiles.by_hash(theirs.content_hash) is None
        stats = (await peer.hear_a(Stats, reply_to=await peer.say(GetStats()))).stats
        assert stats.locked
        assert stats.miners == ()
        assert [event.by for event in await events_of(peer) if event.kind == "refused"] == [KEYS.public.node_id]


async def test_a_profile_stored_before_the_lock_does_not_start_under_it(tmp_path: Path) -> None:
    async with commanded(tmp_path) as (rig, peer):
        rig.profiles.put(simulated("theirs", "old"))
        await face(rig).set_lock(LOCK)
        assert (await refusal_of(peer, StartMiner(local_profile="old"))).details["code"] == "WALLET_LOCKED"


async def test_a_new_lock_stops_what_it_forbids_and_nothing_else(tmp_path: Path) -> None:
    async with commanded(tmp_path) as (rig, peer):
        for wallet in ("theirs", "ours"):
            await peer.hear_a(MinerAck, reply_to=await peer.say(StartMiner(profile=simulated(wallet))))
        assert (await face(rig).set_lock(LOCK)).stopped == ("simulated-1",)
        stats = (await peer.hear_a(Stats, reply_to=await peer.say(GetStats()))).stats
        assert [miner.name for miner in stats.miners] == ["simulated-2"]
        told = [(event.kind, event.miner, event.by) for event in await events_of(peer)]
        assert ("stopped", "simulated-1", "owner") in told
        assert ("lock", "", "owner") in told
        await peer.hear_a(MinerAck, reply_to=await peer.say(RestartMiner(miner="simulated-2")))


async def test_a_signed_change_stops_and_starts_from_afar_and_counts_once(tmp_path: Path) -> None:
    async with commanded(tmp_path) as (rig, peer):
        unlocked = await refusal_of(peer, signed(rig, "new", 9))
        assert unlocked.details["code"] == "LOCK_NOT_CHANGED"
        await face(rig).set_lock(LOCK)
        await peer.hear_a(MinerAck, reply_to=await peer.say(StartMiner(profile=simulated("ours"))))
        done = await peer.hear_a(MinerAck, reply_to=await peer.say(signed(rig, "new", 2)))
        assert (done.status, done.miners) == ("locked", ("simulated-1",))
        assert (await refusal_of(peer, StartMiner(profile=simulated("ours")))).details["code"] == "WALLET_LOCKED"
        await peer.hear_a(MinerAck, reply_to=await peer.say(StartMiner(profile=simulated("new"))))
        assert (await refusal_of(peer, signed(rig, "ours", 2))).details["code"] == "LOCK_SERIAL_OLD"
        forged = SetLock(document=signed(rig, "ours", 3).document, signature=KEYS.sign(b"any"))
        assert (await refusal_of(peer, forged)).details["code"] == "LOCK_NOT_CHANGED"
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        assert face(rig).lock().wallets == ("new",)


async def test_a_lock_set_while_the_agent_was_away_stops_what_runs_at_its_start(tmp_path: Path) -> None:
    home = tmp_path / "rig"
    async with running(home, "rig-alpha", Role.WORKER) as rig:
        rig.know_controller(KEYS)
        async with dialled(KEYS, rig.address) as peer:
            await peer.hear_a(MinerAck, reply_to=await peer.say(StartMiner(profile=simulated("theirs"))))
    (home / "config" / "lock.json").write_text('{"wallets": ["ours"], "pools": ["127.0.0.1"]}')
    (home / "config" / "lock.json").chmod(0o600)
    async with running(home, "rig-alpha", Role.WORKER) as rig, dialled(KEYS, rig.address) as peer:
        stats = (await peer.hear_a(Stats, reply_to=await peer.say(GetStats()))).stats
        assert stats.miners == ()


async def test_a_vanished_lock_refuses_starts_and_says_so(tmp_path: Path) -> None:
    async with commanded(tmp_path) as (rig, peer):
        await face(rig).set_lock(LOCK)
        await peer.hear_a(MinerAck, reply_to=await peer.say(StartMiner(profile=simulated("ours"))))
        (tmp_path / "config" / "lock.json").unlink()
        refused = await refusal_of(peer, StartMiner(profile=simulated("theirs")))
        assert refused.details["code"] == "WALLET_LOCKED"
        assert "lock.json" in refused.message
        stats = (await peer.hear_a(Stats, reply_to=await peer.say(GetStats()))).stats
        assert len(stats.miners) == 1, "what runs was allowed"
        assert "lock.json" in stats.problems[0]


async def test_keys_are_shown_as_text(tmp_path: Path) -> None:
    async with running(tmp_path, "rig-alpha", Role.WORKER) as rig:
        await face(rig).set_lock(LOCK)
        view = face(rig).lock()
        assert view.keys == (base64.b64encode(LOCK.keys[0]).decode(),)
        assert view.fingerprint == rig.fingerprint.hex()


class Never:
    """A lock that allows nothing."""

    locked = True

    def allow(self, config: MinerConfig) -> None:
        raise Refused("No.", code="WALLET_LOCKED")


def test_refusals_are_noted_and_logged_once_a_second_for_each_who_asks(caplog: pytest.LogCaptureFixture) -> None:
    times = [0.0]
    noted: list[RigEvent] = []
    desk = LockDesk(Never(), now_ms=lambda: 5, clock=lambda: times[0])  # type: ignore[arg-type]  # what it uses of a lock
    desk.note = noted.append
    for times[0] in (0.0, 0.5, 0.9, 1.0):
        for who in ("a", "b"):
            with asked_by(who), pytest.raises(Refused):
                desk.allow(MinerConfig(pool="p:1"))
    assert [event.by for event in noted] == ["a", "b", "a", "b"]
    assert len(caplog.records) == 4
