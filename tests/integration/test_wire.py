"""What somebody on the network sees of two nodes, and what comes of meddling (docs/protocol.md, "Guarantees")."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import Grant, Role
from miner_ctrl.model.profiles import ConfigValue, Profile
from miner_ctrl.peers import parse_token
from miner_ctrl.protocol.codec import TYPE_NAMES
from miner_ctrl.protocol.codes import WireCode
from miner_ctrl.protocol.messages import (
    COMMANDS,
    REQUESTS,
    AuditHeadTold,
    Deploy,
    DeployAck,
    DeployChunk,
    Error,
    FollowLogs,
    GetLogs,
    GetStats,
    Payload,
    Ping,
    Pong,
    RollbackMiner,
    SetLock,
    StartMiner,
    Stats,
)
from tests.integration.inside import PATIENCE_S, Inside, joined, running, until
from tests.integration.raw_peer import dialled
from tests.integration.tap import Tap, To, framed, tapped

POOL, WALLET, PASSWORD = "pool.secret-place.example:3333", "48WalletOfTheOwner", "WordForThePool"
PROFILE = Profile(id="p", name="night", miner_type="simulated", config={"pool": POOL})
DEPLOY = Deploy(profile=PROFILE)


@pytest.fixture
def keys() -> NodeKeys:
    """A peer's keys, made for the test."""
    return NodeKeys.from_secret(bytes(range(32)))


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as node:
        yield node


@asynccontextmanager
async def tapped_pair(tmp_path: Path) -> AsyncIterator[tuple[Inside, Inside, Tap]]:
    """A controller that dials a rig through a tap, for as long as the block lasts; the session stands."""
    async with (
        running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig,
        running(tmp_path / "desk", "control-center", Role.CONTROLLER) as desk,
        tapped(rig.port) as tap,
    ):
        rig.know_controller(desk.keys, "control-center")
        await desk.pairing.add(tap.address, name="rig-alpha", fingerprint=rig.keys.public.words)
        await until(lambda: desk.connected(rig) and rig.connected(desk))
        yield rig, desk, tap


def profiles_of(rig: Inside) -> list[str]:
    return [profile.name for profile in rig.profiles.list()]


async def same_session(one: Inside, other: Inside) -> Callable[[], bool]:
    """Return whether the session that stands now, at both ends, has been followed by another."""
    here, there = one.endpoint.channel(other.fingerprint), other.endpoint.channel(one.fingerprint)
    assert here is not None
    assert there is not None

    def followed() -> bool:
        now_here, now_there = one.endpoint.channel(other.fingerprint), other.endpoint.channel(one.fingerprint)
        fresh = now_here not in (None, here) and now_there not in (None, there)
        return fresh and here.closed and there.closed

    return followed


async def played(recording: bytes, port: int) -> bytes:
    """Send a recording byte by byte until the listener hangs up, and return what it answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = bytearray()

    async def listen() -> None:
        with suppress(ConnectionError):
            while part := await reader.read(65536):
                answer.extend(part)

    listening = asyncio.create_task(listen())
    for byte in recording:
        if listening.done():
            break
        writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    await asyncio.wait_for(listening, PATIENCE_S)
    writer.close()
    return bytes(answer)


# --- what can be read -------------------------------------------------------------------------------------


async def test_a_captured_session_holds_nothing_that_was_said(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "desk", "control-center", Role.CONTROLLER) as desk,
        running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig,
        tapped(desk.port) as tap,
    ):
        invite = desk.pairing.invite(for_="rig", addresses=[tap.address], uses=1, lifetime_s=600)
        token = parse_token(invite.token or "")
        await rig.pairing.join(invite.token or "", name=None, address=None)
        await until(lambda: desk.connected(rig))
        config: dict[str, ConfigValue] = {"pool": POOL, "wallet": WALLET, "password": PASSWORD, "seed": 7}
        desk.profiles.create("night-shift", "simulated", config)
        try:
            started = await desk.commands.start("rig-alpha", profile="night-shift", miner_type=None, config={})
            miner = started.miner_name or ""
            view = await desk.commands.stats("rig-alpha")
            assert view.miners[0].pool == POOL
            async for part in desk.commands.follow_logs("rig-alpha", miner, 100):
                if any(POOL in line for line in part.lines):
                    break
            assert (await desk.commands.info("rig-alpha")).node_name == "rig-alpha"
        finally:
            await desk.commands.stop("rig-alpha", None)
        [conversation] = tap.conversations
        seen = conversation.everything + b"".join(bytes(raw) for raw in conversation.raw.values())

    for frames in conversation.frames.values():
        said = [frame for frame in frames if frame.startswith(b"SMSG")]
        assert len(said) > 5, "the tap has seen and unmasked the session's frames"
    names = ("rig-alpha", "control-center", "night-shift", "simulated", "start_miner", "stats", miner)
    secret: list[bytes] = [text.encode() for text in (*names, POOL, POOL[:11], WALLET, PASSWORD)]
    secret.append(token.join_key.psk)
    for node in (desk, rig):
        public = node.keys.public
        secret += [node.id.encode(), public.words.encode(), public.fingerprint, public.fingerprint.hex().encode()]
        for key in (public.x, public.e):
            secret += [key, key.hex().encode(), base64.b64encode(key)]
        secret.append((node.node._home.key_file).read_bytes())
    text = (invite.token or "").encode()
    secret += [text, text[-16:]]
    assert [each for each in secret if each in seen] == []


# --- what can be played again -----------------------------------------------------------------------------


async def test_a_recorded_session_played_to_the_listener_achieves_nothing(tmp_path: Path) -> None:
    async with tapped_pair(tmp_path) as (rig, desk, tap):
        desk.profiles.create("night", "simulated", {"pool": POOL})
        await desk.commands.deploy_profile("rig-alpha", "night")
        rig.profiles.delete("night")
        [recorded] = tap.conversations
        channel = rig.endpoint.channel(desk.fingerprint)

        answer = await played(bytes(recorded.raw[To.LISTENER]), rig.port)
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"SMSG" not in answer, "not even a verdict"

        assert profiles_of(rig) == []
        assert rig.endpoint.channel(desk.fingerprint) is channel, "the real session is not disturbed"
        assert (await desk.commands.ping("rig-alpha")).rtt_ms > 0
        assert len(rig.registry) == 1
        assert rig.pairing.pending() == []


@pytest.mark.parametrize("of", ["this session", "an older session"])
async def test_a_frame_played_again_ends_the_session_and_nothing_else(tmp_path: Path, of: str) -> None:
    async with tapped_pair(tmp_path) as (rig, desk, tap):
        desk.profiles.create("night", "simulated", {"pool": POOL})
        before = len(tap.conversations[0].frames[To.LISTENER])
        await desk.commands.deploy_profile("rig-alpha", "night")
        commanded = tap.conversations[0].frames[To.LISTENER][before:]
        assert commanded
        rig.profiles.delete("night")
        if of == "an older session":
            followed = await same_session(desk, rig)
            tap.conversations[0].cut()
            await until(followed)
        followed = await same_session(desk, rig)
        for frame in commanded:
            tap.conversations[-1].put(To.LISTENER, frame)
        await until(followed)
        assert profiles_of(rig) == []
        await desk.commands.deploy_profile("rig-alpha", "night")
        assert profiles_of(rig) == ["night"]


@pytest.mark.parametrize("meddling", ["dropped", "swapped"])
async def test_a_frame_dropped_or_reordered_ends_the_session(tmp_path: Path, meddling: str) -> None:
    async with tapped_pair(tmp_path) as (rig, desk, tap):
        held: list[bytes] = []

        def meddle(to: To, _number: int, payload: bytes) -> list[bytes]:
            if to is not To.LISTENER or len(held) > 1:
                return [payload]
            held.append(payload)
            return [] if len(held) == 1 else [payload, held[0]] if meddling == "swapped" else [payload]

        followed = await same_session(desk, rig)
        channel = desk.endpoint.channel(rig.fingerprint)
        assert channel is not None
        tap.change = meddle
        for _ in range(2):
            channel.post(DEPLOY)
        await until(followed)
        assert profiles_of(rig) == []


# --- what can be altered ----------------------------------------------------------------------------------

HANDSHAKE = {
    "message 1": (To.LISTENER, 0),
    "message 2": (To.DIALLER, 0),
    "message 3": (To.LISTENER, 1),
    "the listener's hello": (To.DIALLER, 1),
    "the dialler's hello": (To.LISTENER, 2),
}


@pytest.mark.parametrize("part", HANDSHAKE)
async def test_a_bit_flipped_in_the_handshake_ends_it_and_the_next_attempt_stands(tmp_path: Path, part: str) -> None:
    async with tapped_pair(tmp_path) as (rig, desk, tap):
        direction, number = HANDSHAKE[part]
        flipped: list[int] = []

        def flip(to: To, at: int, payload: bytes) -> list[bytes]:
            if flipped or (to, at) != (direction, number):
                return [payload]
            flipped.append(len(tap.conversations))
            return [payload[:-1] + bytes((payload[-1] ^ 1,))]

        tap.change = flip
        tap.conversations[0].cut()
        followed = await same_session(desk, rig)
        await until(followed)
        assert flipped == [2]
        assert len(tap.conversations) == 3, "the altered attempt, then one that stands"
        assert rig.pairing.pending() == []


@pytest.mark.parametrize("direction", list(To))
@pytest.mark.parametrize("place", ["first", "header", "middle", "last"])
async def test_a_bit_flipped_in_a_frame_ends_the_session(tmp_path: Path, direction: To, place: str) -> None:
    async with tapped_pair(tmp_path) as (rig, desk, tap):
        flipped: list[bytes] = []

        def flip(to: To, _number: int, payload: bytes) -> list[bytes]:
            if flipped or to is not direction:
                return [payload]
            flipped.append(payload)
            at = {"first": 0, "header": 20, "middle": len(payload) - 40, "last": len(payload) - 1}[place]
            return [payload[:at] + bytes((payload[at] ^ 0x20,)) + payload[at + 1 :]]

        followed = await same_session(desk, rig)
        channel = desk.endpoint.channel(rig.fingerprint)
        assert channel is not None
        tap.change = flip
        channel.post(DEPLOY)
        await until(followed)
        assert len(flipped) == 1
        assert profiles_of(rig) == ([] if direction is To.LISTENER else ["night"])


# --- what a peer may say ----------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [DEPLOY, Ping(), Pong(clock_ms=0)], ids=lambda payload: type(payload).__name__)
@pytest.mark.parametrize("end", ["sender", "recipient"])
async def test_a_message_in_another_nodes_name_ends_the_session(
    rig: Inside, keys: NodeKeys, end: str, payload: Payload, caplog: pytest.LogCaptureFixture
) -> None:
    other = NodeKeys.from_secret(bytes(32))
    rig.know_controller(keys)
    rig.know_controller(other, "other")
    async with dialled(keys, rig.address) as peer:
        own, its = peer.session.local.node_id, peer.session.remote.node_id
        false = other.public.node_id
        await peer.say(
            payload,
            sender=false if end == "sender" else own,
            recipient=false if end == "recipient" else its,
        )
        await peer.ended()
    assert profiles_of(rig) == []
    assert f"session with {keys.public.node_id} ended" in caplog.text


async def test_a_peer_that_may_watch_cannot_command_and_is_logged(
    rig: Inside, keys: NodeKeys, caplog: pytest.LogCaptureFixture
) -> None:
    rig.registry.add(keys.public, name="watcher", role=Role.CONTROLLER, grants=frozenset({Grant.OBSERVE}))
    async with dialled(keys, rig.address) as peer:
        asked = await peer.say(StartMiner(profile=PROFILE, profile_hash=PROFILE.content_hash))
        error = await peer.hear_a(Error, reply_to=asked)
        assert error.code == WireCode.UNAUTHORIZED
        assert "control" in error.message
        assert f"refused start_miner from {keys.public.node_id}" in caplog.text
        assert rig.profiles.by_hash(PROFILE.content_hash) is None
        asked = await peer.say(GetStats())
        assert (await peer.hear_a(Stats, reply_to=asked)).stats.miners == ()


async def test_refusals_are_logged_at_most_once_a_second(
    rig: Inside, keys: NodeKeys, caplog: pytest.LogCaptureFixture
) -> None:
    rig.registry.add(keys.public, name="nosy", role=Role.CONTROLLER, grants=frozenset())
    caplog.set_level(logging.WARNING)
    began_s = asyncio.get_running_loop().time()
    async with dialled(keys, rig.address) as peer:
        for _ in range(200):
            asked = await peer.say(GetStats())
        await peer.hear_a(Error, reply_to=asked)
    took_s = asyncio.get_running_loop().time() - began_s
    assert 1 <= caplog.text.count("refused get_stats") <= 1 + took_s


def in_order(kinds: frozenset[type[Payload]]) -> list[type[Payload]]:
    return sorted(kinds, key=lambda kind: TYPE_NAMES[kind])


def example(kind: type[Payload]) -> Payload:
    """Return a request of a kind that a rig would answer."""
    whole: dict[type[Payload], Payload] = {
        Deploy: DEPLOY,
        DeployChunk: DeployChunk(sha256="ab" * 32, offset=0, data=b"x"),
        RollbackMiner: RollbackMiner(miner_type="xmrig"),
        SetLock: SetLock(document=b"{}", signature=bytes(64)),
    }
    if kind in whole:
        return whole[kind]
    return kind(miner="simulated-1") if kind in (GetLogs, FollowLogs) else kind()


@pytest.mark.parametrize("kind", in_order(REQUESTS - {Ping, AuditHeadTold}), ids=TYPE_NAMES.__getitem__)
async def test_a_peer_without_grants_gets_nothing(rig: Inside, keys: NodeKeys, kind: type[Payload]) -> None:
    rig.registry.add(keys.public, name="nobody", role=Role.CONTROLLER, grants=frozenset())
    async with dialled(keys, rig.address) as peer:
        asked = await peer.say(example(kind))
        answer = await peer.hear()
        assert answer.reply_to == asked
        assert isinstance(answer.payload, Error)
        assert answer.payload.code == WireCode.UNAUTHORIZED
        asked = await peer.say(Ping())
        await peer.hear_a(Pong, reply_to=asked)
    assert profiles_of(rig) == []


@pytest.mark.parametrize("kind", in_order(COMMANDS), ids=TYPE_NAMES.__getitem__)
async def test_an_unsigned_command_ends_the_session_undone(rig: Inside, keys: NodeKeys, kind: type[Payload]) -> None:
    rig.know_controller(keys)
    async with dialled(keys, rig.address) as peer:
        await peer.say(example(kind), sign=False)
        await peer.ended()
    assert profiles_of(rig) == []


async def test_a_command_with_anothers_signature_ends_the_session_undone(rig: Inside, keys: NodeKeys) -> None:
    rig.know_controller(keys)
    async with dialled(keys, rig.address) as peer:
        peer.session._keys = NodeKeys.from_secret(bytes(32))
        await peer.say(DEPLOY)
        await peer.ended()
    assert profiles_of(rig) == []


async def test_a_signed_command_of_a_peer_that_may_is_carried_out(rig: Inside, keys: NodeKeys) -> None:
    """What the refusals above are measured against: the same peer, doing it right."""
    rig.know_controller(keys)
    async with dialled(keys, rig.address) as peer:
        asked = await peer.say(DEPLOY)
        assert (await peer.hear_a(DeployAck, reply_to=asked)).status == "stored"
    assert profiles_of(rig) == ["night"]


async def test_the_relay_passes_on_what_it_is_not_told_to_change(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "desk", "control-center", Role.CONTROLLER) as desk,
        running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig,
        tapped(desk.port) as tap,
    ):
        await joined(rig, desk, address=tap.address)
        assert (await desk.commands.ping("rig-alpha")).rtt_ms > 0
        assert framed(b"x", masked=False) == b"\x82\x01x"
        assert len(tap.conversations) == 1
