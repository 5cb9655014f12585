"""A rig that is given programs: by whom, in which order, with how much room; and what a hostile sender gets."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from miner_ctrl.deploy import ProgramStore
from miner_ctrl.deploy.offers import sign_offer
from miner_ctrl.deploy.programs import Version
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.nodes import Grant, Role
from miner_ctrl.model.profiles import Profile
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.protocol.messages import (
    Deploy,
    DeployAck,
    DeployChunk,
    Error,
    GetStats,
    Payload,
    RollbackMiner,
    Stats,
)
from miner_ctrl.worker.deploys import WAITING_AT_MOST_BYTES, DeployDesk
from tests.deploy.archives import ROOT_FOLDER, offer_of, speaking, tar_of, tree
from tests.integration.inside import Inside, running
from tests.integration.raw_peer import RawPeer, dialled

KEYS = NodeKeys.from_secret(b"\1" * 32)
OTHER = NodeKeys.from_secret(b"\2" * 32)
PART = 256 * 1024
PROFILE = Profile(id="p", name="p", miner_type="simulated", config={"pool": "127.0.0.1:9"})


def archive(version: str = "6.22.2", size: int = 600_000) -> bytes:
    return tar_of({f"{ROOT_FOLDER}/xmrig": speaking(version), f"{ROOT_FOLDER}/data": os.urandom(size)})


def offered(data: bytes, *, keys: NodeKeys = KEYS, **changes: object) -> BundleOffer:
    return sign_offer(offer_of(data, "tar", **changes), key=keys.public.e, sign=keys.sign)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Inside]:
    monkeypatch.delenv("MINER_CTRL_XMRIG", raising=False)
    async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as node:
        node.know_controller(KEYS)
        yield node


def desk_of(rig: Inside) -> DeployDesk:
    """The rig's own desk, as it is wired."""
    route = rig.endpoint._shared.routes.find(DeployChunk)
    assert route is not None
    desk = route.handler.__self__  # type: ignore[attr-defined]
    assert isinstance(desk, DeployDesk)
    return desk


async def answer(peer: RawPeer, payload: Payload) -> DeployAck | Error:
    asked = await peer.say(payload)
    while True:
        message = await peer.hear()
        if message.reply_to == asked:
            assert isinstance(message.payload, DeployAck | Error)
            return message.payload


async def ack(peer: RawPeer, payload: Payload) -> DeployAck:
    got = await answer(peer, payload)
    assert isinstance(got, DeployAck), got
    return got


async def refusal(peer: RawPeer, payload: Payload) -> str:
    got = await answer(peer, payload)
    assert isinstance(got, Error), got
    assert got.message.endswith(".")
    return str(got.details["code"])


async def send(peer: RawPeer, data: bytes, offer: BundleOffer) -> DeployAck | Error:
    at = (await ack(peer, Deploy(bundle=offer))).next_offset
    while at < len(data):
        at = (await ack(peer, DeployChunk(sha256=offer.sha256, offset=at, data=data[at : at + PART]))).next_offset
    return await answer(peer, Deploy(bundle=offer))


async def test_offered_sent_installed_replaced_and_rolled_back(rig: Inside) -> None:
    events: list[RigEvent] = []
    desk_of(rig)._note = events.append
    first, second = archive("6.1.0"), archive("6.2.0")
    async with dialled(KEYS, rig.address) as peer:
        for data, version in ((first, "6.1.0"), (second, "6.2.0")):
            got = await send(peer, data, offered(data, version=version))
            assert isinstance(got, DeployAck)
            assert (got.status, got.version, got.next_offset) == ("installed", version, len(data))
        back = await ack(peer, RollbackMiner(miner_type="xmrig"))
        assert (back.status, back.version) == ("rolled back", "6.1.0")
        there = await ack(peer, Deploy(bundle=offered(second, version="6.2.0")))
        assert there.status == "installed", "it is still there: nothing is sent again"
        assert await refusal(peer, RollbackMiner(miner_type="t-rex")) == "NO_EARLIER_VERSION"
    assert [(one.kind, one.miner, one.by) for one in events] == [
        ("deployed", "xmrig", KEYS.public.node_id),
        ("deployed", "xmrig", KEYS.public.node_id),
        ("rolled_back", "xmrig", KEYS.public.node_id),
        ("deployed", "xmrig", KEYS.public.node_id),
    ]


async def test_a_part_from_elsewhere_is_answered_with_where_to_go_on(rig: Inside) -> None:
    data = archive()
    offer = offered(data)
    async with dialled(KEYS, rig.address) as peer:
        part = DeployChunk(sha256=offer.sha256, offset=0, data=data[:1000])
        assert await refusal(peer, part) == "NOT_OFFERED"
        assert (await ack(peer, Deploy(bundle=offer))).next_offset == 0
        assert (await ack(peer, part)).next_offset == 1000
        assert (await ack(peer, part)).next_offset == 1000
        ahead = DeployChunk(sha256=offer.sha256, offset=50_000, data=b"x")
        assert (await ack(peer, ahead)).next_offset == 1000
        assert await refusal(peer, DeployChunk(sha256="0" * 64, offset=0, data=b"x")) == "NOT_OFFERED"
        got = await send(peer, data, offer)
        assert isinstance(got, DeployAck)
        assert got.status == "installed"


async def test_more_bytes_than_were_offered_are_refused(rig: Inside) -> None:
    data = archive()
    offer = offered(data)
    async with dialled(KEYS, rig.address) as peer:
        await ack(peer, Deploy(bundle=msgspec.structs.replace(offered(data, size_bytes=100))))
        assert await refusal(peer, DeployChunk(sha256=offer.sha256, offset=0, data=b"x" * 101)) == "BAD_BUNDLE"


async def test_bytes_that_are_not_what_was_signed_are_thrown_away(rig: Inside, tmp_path: Path) -> None:
    data = archive()
    offer = offered(data)
    before = tree(tmp_path / "rig/data/programs") if (tmp_path / "rig/data/programs").exists() else {}
    async with dialled(KEYS, rig.address) as peer:
        got = await send(peer, data[:-1] + b"\1", offer)
        assert isinstance(got, Error)
        assert got.details["code"] == "BUNDLE_DAMAGED"
        assert tree(tmp_path / "rig/data/programs") == before
        got = await send(peer, data, offer)
        assert isinstance(got, DeployAck)
        assert got.status == "installed"


async def test_who_may_sign_and_who_may_send(rig: Inside, tmp_path: Path) -> None:
    data = archive()
    operator = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
    public = operator.public_key().public_bytes_raw()
    by_operator = sign_offer(offer_of(data, "tar"), key=public, sign=operator.sign)
    events: list[RigEvent] = []
    desk = desk_of(rig)
    desk._note = events.append
    async with dialled(KEYS, rig.address) as peer:
        for wrong in (
            offered(data, keys=OTHER),
            by_operator,
            msgspec.structs.replace(offered(data), version="6.22.3"),
            msgspec.structs.replace(offered(data, keys=OTHER), signing_key=KEYS.public.e),
            offer_of(data, "tar"),
        ):
            assert await refusal(peer, Deploy(bundle=wrong)) in {"BUNDLE_KEY_UNKNOWN", "BUNDLE_SIGNATURE"}
        assert {one.kind for one in events} == {"refused"}
        desk._operator_keys = lambda: (public,)
        desk._operator_only = lambda: True
        assert await refusal(peer, Deploy(bundle=offered(data))) == "BUNDLE_KEY_UNKNOWN"
        assert not (tmp_path / "rig/data/programs").exists()
        got = await send(peer, data, by_operator)
        assert isinstance(got, DeployAck)
        assert got.status == "installed"


async def test_an_operators_older_program_is_refused_whoever_shows_its_signature_again(rig: Inside) -> None:
    operator = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
    public = operator.public_key().public_bytes_raw()

    def by_operator(data: bytes, version: str) -> BundleOffer:
        return sign_offer(offer_of(data, "tar", version=version), key=public, sign=operator.sign)

    desk = desk_of(rig)
    desk._operator_keys = lambda: (public,)
    events: list[RigEvent] = []
    desk._note = events.append
    old, new = archive("6.9.0"), archive("6.10.0")
    async with dialled(KEYS, rig.address) as peer:
        assert isinstance(await send(peer, new, by_operator(new, "6.10.0")), DeployAck)
        assert await refusal(peer, Deploy(bundle=by_operator(old, "6.9.0"))) == "BUNDLE_OLDER"
        assert (events[-1].kind, "older than 6.10.0" in events[-1].text) == ("refused", True)
        desk._operator_only = lambda: True
        assert await refusal(peer, Deploy(bundle=by_operator(old, "6.9.0"))) == "BUNDLE_OLDER"
        assert desk.programs.version("xmrig") == "6.10.0"
        desk._operator_only = lambda: False
        got = await send(peer, old, offered(old, version="6.9.0"))
        assert isinstance(got, DeployAck), "who may install and signs it takes the responsibility"
        assert (await ack(peer, Deploy(bundle=by_operator(new, "6.10.0")))).version == "6.10.0", "newer ones are taken"


async def test_a_locked_rig_goes_back_only_to_what_a_key_of_the_lock_has_signed(rig: Inside) -> None:
    operator = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
    public = operator.public_key().public_bytes_raw()

    def by_operator(data: bytes, version: str) -> BundleOffer:
        return sign_offer(offer_of(data, "tar", version=version), key=public, sign=operator.sign)

    async def problems() -> tuple[str, ...]:
        return (await peer.hear_a(Stats, reply_to=await peer.say(GetStats()))).stats.problems

    first, second = archive("6.1.0"), archive("6.2.0")
    events: list[RigEvent] = []
    desk = desk_of(rig)
    async with dialled(KEYS, rig.address) as peer:
        for data, version in ((first, "6.1.0"), (second, "6.2.0")):
            assert isinstance(await send(peer, data, offered(data, version=version)), DeployAck)
        assert not any("before the lock" in problem for problem in await problems())
        desk._note, desk._operator_keys, desk._operator_only = events.append, lambda: (public,), lambda: True
        assert await refusal(peer, RollbackMiner(miner_type="xmrig")) == "BUNDLE_KEY_UNKNOWN"
        assert desk.programs.version("xmrig") == "6.2.0"
        assert [(event.kind, event.miner, event.by) for event in events] == [("refused", "xmrig", KEYS.public.node_id)]
        assert any("xmrig (6.2.0) was here before the lock" in problem for problem in await problems())
        assert (await ack(peer, Deploy(bundle=by_operator(second, "6.2.0")))).status == "installed"
        assert not any("before the lock" in problem for problem in await problems()), "its key has signed the same"
        assert (await ack(peer, Deploy(bundle=by_operator(first, "6.1.0")))).version == "6.1.0"
        assert (await ack(peer, RollbackMiner(miner_type="xmrig"))).version == "6.2.0"
    again = ProgramStore(desk.programs._folder)
    again.open()
    assert again.not_of((public,)) == (), "also for the next agent"


def test_what_the_owner_put_here_counts_under_a_lock() -> None:
    def version(key: bytes | None) -> Version:
        return Version(version="1", sha256="0" * 64, folder="0" * 32, program="xmrig", signing_key=key)

    assert [version(key).counts_under((b"k" * 32,)) for key in (bytes(32), b"k" * 32, b"o" * 32, None)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("what", ["observe", "control"])
async def test_a_program_needs_the_install_grant(rig: Inside, tmp_path: Path, what: str) -> None:
    grants = frozenset({Grant.OBSERVE, Grant(what)})
    rig.registry.add(OTHER.public, name="other", role=Role.CONTROLLER, grants=grants)
    data = archive()
    offer = offered(data, keys=OTHER)
    async with dialled(OTHER, rig.address) as peer:
        for wanted in (
            Deploy(bundle=offer),
            Deploy(bundle=offer, profile=PROFILE),
            DeployChunk(sha256=offer.sha256, offset=0, data=b"x"),
            RollbackMiner(miner_type="xmrig"),
        ):
            got = await answer(peer, wanted)
            assert isinstance(got, Error)
            assert "not granted install" in got.message or "not granted control" in got.message
        assert not (tmp_path / "rig/data/programs").exists()
        assert not rig.profiles.list()


async def test_the_install_grant_alone_is_for_programs_alone(rig: Inside) -> None:
    rig.registry.add(OTHER.public, name="other", role=Role.CONTROLLER, grants=frozenset({Grant.INSTALL}))
    data = archive()
    async with dialled(OTHER, rig.address) as peer:
        got = await answer(peer, Deploy(profile=PROFILE))
        assert isinstance(got, Error)
        assert "not granted control" in got.message
        done = await send(peer, data, offered(data, keys=OTHER))
        assert isinstance(done, DeployAck)
        assert done.status == "installed"


async def test_a_short_disk_refuses_before_the_first_byte_and_before_unpacking(rig: Inside, tmp_path: Path) -> None:
    data = archive()
    offer = offered(data)
    desk = desk_of(rig)
    reserve = desk._disk_reserve_bytes
    async with dialled(KEYS, rig.address) as peer:
        desk._disk_reserve_bytes = 1 << 60
        assert await refusal(peer, Deploy(bundle=offer)) == "DISK_SHORT"
        assert not (tmp_path / "rig/data/programs").exists()
        desk._disk_reserve_bytes = reserve
        await ack(peer, Deploy(bundle=offer))
        for at in range(0, len(data), PART):
            await ack(peer, DeployChunk(sha256=offer.sha256, offset=at, data=data[at : at + PART]))
        desk._disk_reserve_bytes = 1 << 60
        assert await refusal(peer, Deploy(bundle=offer)) == "DISK_SHORT"
        assert not (tmp_path / "rig/data/programs/xmrig").exists()
        desk._disk_reserve_bytes = reserve
        assert (await ack(peer, Deploy(bundle=offer))).status == "installed", "what had come was kept"


async def test_a_flood_of_parts_is_refused_and_stats_still_flow(rig: Inside) -> None:
    data = os.urandom(PART)
    many = WAITING_AT_MOST_BYTES // PART * 3
    desk = desk_of(rig)
    async with dialled(KEYS, rig.address) as peer:
        digest = hashlib.sha256(data).hexdigest()
        offer = offered(data, sha256=digest, size_bytes=many * PART, unpacked_bytes=0)
        await ack(peer, Deploy(bundle=offer))
        going = asyncio.Event()

        def hold() -> None:
            asyncio.run_coroutine_threadsafe(going.wait(), loop).result()

        loop = asyncio.get_running_loop()
        held = asyncio.ensure_future(desk._in_thread(hold))  # as a disk that stands still
        await asyncio.sleep(0)
        asked = [
            await peer.say(DeployChunk(sha256=offer.sha256, offset=number * PART, data=data)) for number in range(many)
        ]
        stats = await peer.say(GetStats())
        refused = 0
        while True:
            message = await peer.hear()
            refused += isinstance(message.payload, Error) and message.payload.details["code"] == "RATE_LIMITED"
            if isinstance(message.payload, Stats) and message.reply_to == stats:
                break
        assert desk._waiting_bytes <= WAITING_AT_MOST_BYTES
        assert refused >= 1
        going.set()
        await held
        assert asked


async def test_a_killed_session_loses_nothing_that_was_on_its_way_to_the_disk(rig: Inside) -> None:
    data = archive(size=5 * PART)
    offer = offered(data, unpacked_bytes=2 * len(data))
    async with dialled(KEYS, rig.address) as peer:
        await ack(peer, Deploy(bundle=offer))
        for at in range(0, 4 * PART, PART):
            await peer.say(DeployChunk(sha256=offer.sha256, offset=at, data=data[at : at + PART]))
    async with dialled(KEYS, rig.address) as peer:
        got = await send(peer, data, offer)
        assert isinstance(got, DeployAck)
        assert got.status == "installed"


async def test_a_deploy_of_nothing_is_refused(rig: Inside) -> None:
    async with dialled(KEYS, rig.address) as peer:
        assert await refusal(peer, Deploy()) == "BAD_INPUT"
