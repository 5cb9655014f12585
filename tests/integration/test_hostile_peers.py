"""Whole nodes against peers that mean harm: neither crash, nor memory without bound, nor others left unserved
(docs/protocol.md, "Guarantees")."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.deploy.offers import sign_offer
from miner_ctrl.errors import MinerCtrlError, OperationFailed, RequestTimedOut
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.nodes import Grant, Role
from miner_ctrl.model.profiles import Profile
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.peers import parse_token
from miner_ctrl.peers import pending as pending_bounds
from miner_ctrl.protocol.codec import MESSAGE_CLASS
from miner_ctrl.protocol.codes import WireCode
from miner_ctrl.protocol.limits import HALF_OPEN_TOTAL
from miner_ctrl.protocol.messages import (
    Deploy,
    Error,
    FollowLogs,
    GetLogs,
    GetStats,
    Logs,
    Message,
    Ping,
    Pong,
    StartMiner,
    Stats,
    StopMiner,
    SubscribeStats,
)
from tests.integration.inside import Inside, joined, running, until
from tests.integration.raw_peer import RawPeer, dialled

WATCHED = ("observe", "control")


def keys(number: int) -> NodeKeys:
    return NodeKeys.from_secret(hashlib.sha256(f"peer {number}".encode()).digest())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as node:
        yield node


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as node:
        yield node


# --- strangers --------------------------------------------------------------------------------------------


async def test_a_flood_of_strangers_fills_no_more_than_the_places_there_are(rig: Inside, tmp_path: Path) -> None:
    async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk:
        await joined(rig, desk)
        stored = sorted(desk.registry.database.execute("SELECT name FROM peer").fetchall())

        async def introduce(number: int, source: str) -> None:
            async with dialled(keys(number), desk.address, name=f"stranger-{number}", source=source) as stranger:
                assert stranger.verdict.verdict == "pending"
                assert stranger.verdict.grants == ()
                with suppress(ConnectionClosed):
                    await stranger.say(Ping())
                with pytest.raises(ConnectionClosed):
                    await stranger.hear()

        await asyncio.gather(*(introduce(number, "127.0.0.8") for number in range(16)))
        assert len(desk.pairing.pending()) == pending_bounds.PER_ADDRESS
        for start in range(16, 208, 16):
            await asyncio.gather(*(introduce(number, f"127.0.{number % 24}.9") for number in range(start, start + 16)))
        waiting = desk.pairing.pending()
        assert len(waiting) == pending_bounds.TOTAL
        for address in {one.address for one in waiting}:
            assert sum(1 for one in waiting if one.address == address) <= pending_bounds.PER_ADDRESS
        assert sorted(desk.registry.database.execute("SELECT name FROM peer").fetchall()) == stored
        assert (await desk.commands.ping("rig-alpha")).rtt_ms > 0


async def test_half_open_connections_do_not_keep_a_rig_out(desk: Inside, tmp_path: Path) -> None:
    async with AsyncExitStack() as flood, running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig:
        held = []
        for number in range(HALF_OPEN_TOTAL + 100):
            with suppress(OSError):
                half = await asyncio.open_connection("127.0.0.1", desk.port, local_addr=(f"127.0.{number % 40}.7", 0))
                held.append(half)  # a reader that nobody holds is closed
                flood.callback(half[1].transport.abort)
        assert 200 < desk.endpoint.half_open <= HALF_OPEN_TOTAL
        await joined(rig, desk)
        assert (await desk.commands.ping("rig-alpha")).rtt_ms > 0


async def test_a_dial_from_a_web_page_is_refused(desk: Inside) -> None:
    with pytest.raises(InvalidHandshake, match="403"):
        async with connect(f"ws://{desk.address}/ws", origin="http://evil.example", proxy=None):  # type: ignore[arg-type]
            pass


async def test_a_false_token_secret_learns_nothing_and_spends_nothing(desk: Inside, rig: Inside) -> None:
    invite = desk.pairing.invite(for_="rig", addresses=[desk.address], uses=1, lifetime_s=60)
    for number in range(8):
        altered = msgspec.structs.replace(parse_token(invite.token or ""), secret=keys(number).public.x)
        with pytest.raises(MinerCtrlError) as refused:
            await rig.pairing._introductions.join(altered, name=None, address=None)
        assert refused.value.code == "JOIN_REFUSED"
    assert desk.pairing.invites()[0].used == 0
    assert len(rig.registry) == len(desk.registry) == 0


# --- a hostile rig ----------------------------------------------------------------------------------------

Behaviour = Callable[[RawPeer, Message[Any]], Awaitable[None]]


@asynccontextmanager
async def hostile_rig(desk: Inside, behave: Behaviour, *, number: int = 1) -> AsyncIterator[RawPeer]:
    """A registered rig that is connected to ``desk`` and treats each request as ``behave`` says."""
    name = f"rig-{number}"
    desk.know_rig(keys(number), name)
    async with dialled(keys(number), desk.address, name=name, role=Role.WORKER, grants=WATCHED) as peer:

        async def serve() -> None:
            with suppress(ConnectionClosed):
                while True:
                    await behave(peer, await peer.hear())

        serving = asyncio.create_task(serve())
        try:
            await until(lambda: desk.connected(keys(number)))
            yield peer
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def stats(number: int = 1, **fields: Any) -> NodeStats:
    made = {"node_id": keys(number).public.node_id, "node_name": f"rig-{number}", "at_ms": 0, **fields}
    return NodeStats(**made)


def saying(answer: NodeStats) -> Behaviour:
    """Behave well, but for what the stats say."""

    async def behave(peer: RawPeer, message: Message[Any]) -> None:
        if isinstance(message.payload, GetStats | SubscribeStats):
            await peer.say(Stats(stats=answer), reply_to=message.id)
        elif isinstance(message.payload, Ping):
            await peer.say(Pong(clock_ms=0), reply_to=message.id)

    return behave


MINER = MinerStats(name="xmrig-1", type="xmrig", state=MinerState.MINING)
REFUSED_STATS: dict[str, NodeStats] = {
    "ten thousand miners": stats(miners=(MINER,) * 10_000),
    "a name with an escape": stats(miners=(msgspec.structs.replace(MINER, name="\x1b[2Jx"),)),
    "a name with a slash": stats(miners=(msgspec.structs.replace(MINER, name="../x"),)),
    "an endless pool": stats(miners=(msgspec.structs.replace(MINER, pool="p" * 256),)),
    "negative shares": stats(miners=(msgspec.structs.replace(MINER, accepted=-1),)),
    "an uptime beyond all numbers": stats(uptime_s=2**60),
}


@pytest.mark.parametrize("what", REFUSED_STATS)
async def test_stats_out_of_bounds_are_as_good_as_none(desk: Inside, what: str) -> None:
    async with hostile_rig(desk, saying(REFUSED_STATS[what])):
        with pytest.raises(RequestTimedOut):
            await desk.commands.stats("rig-1", timeout_s=0.5)
        [view] = desk.fleet.rigs().values()
        assert view.error
        assert view.miners == ()
        assert view.connected
        assert (await desk.commands.ping("rig-1")).rtt_ms > 0, "the session goes on"


async def test_numbers_that_are_none_reach_nobody_as_numbers(desk: Inside) -> None:
    odd = msgspec.structs.replace(MINER, hashrate_hps=math.nan, difficulty=math.inf, threads_hps=(-math.inf, 1.0))
    async with hostile_rig(desk, saying(stats(miners=(odd,)))):
        await desk.commands.stats("rig-1")
        api = LocalApi(desk.node._home.socket)
        answer = await asyncio.to_thread(api.get, "/remote/stats")
        text = json.dumps(answer.data)
        assert "NaN" not in text
        assert "Infinity" not in text


async def test_a_rig_cannot_report_for_another(desk: Inside) -> None:
    lies = msgspec.structs.replace(MINER, hashrate_hps=1e9)
    async with (
        hostile_rig(desk, saying(stats(2)), number=2),
        hostile_rig(desk, saying(stats(2, miners=(lies,))), number=1),
    ):
        views = {view.node_name: view for view in (await desk.commands.sweep(5)).values()}
        assert views.keys() == {"rig-1", "rig-2"}
        assert views["rig-2"].miners == ()
        assert views["rig-1"].node_id == keys(1).public.node_id


async def test_a_flood_of_stats_leaves_other_rigs_served(desk: Inside, rig: Inside) -> None:
    await joined(rig, desk)
    sent = asyncio.Event()

    async def flood(peer: RawPeer, message: Message[Any]) -> None:
        if isinstance(message.payload, SubscribeStats):
            for _ in range(20_000):
                await peer.say(Stats(stats=stats(miners=(MINER,) * 3)), reply_to=message.id)
            sent.set()

    async with hostile_rig(desk, flood):
        pings = 0
        while not sent.is_set() or pings < 3:
            assert (await desk.commands.ping("rig-alpha")).rtt_ms > 0
            pings += 1


def part(text: str, *, more: bool = True, lines: int = 1, cursor: int = 0) -> Logs:
    return Logs(lines=(text,) * lines, more=more, cursor=cursor)


@pytest.mark.parametrize("lines", [0, 1, 1000])
async def test_a_log_without_an_end_ends_with_a_sentence(desk: Inside, lines: int) -> None:
    async def endless(peer: RawPeer, message: Message[Any]) -> None:
        if isinstance(message.payload, GetLogs):
            while desk.connected(keys(1)):
                await peer.say(part("endless", lines=lines), reply_to=message.id)
                await asyncio.sleep(0)

    async with hostile_rig(desk, endless), asyncio.timeout(30):
        with pytest.raises(OperationFailed) as failed:
            await desk.commands.logs("rig-1", "xmrig-1", 100)
        assert failed.value.code == "WRONG_ANSWER"


async def test_a_log_that_stops_in_the_middle_times_out(desk: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner_ctrl.controller.log_parts.PART_WITHIN_S", 0.3)

    async def halfway(peer: RawPeer, message: Message[Any]) -> None:
        if isinstance(message.payload, GetLogs):
            await peer.say(part("half"), reply_to=message.id)

    async with hostile_rig(desk, halfway):
        with pytest.raises(RequestTimedOut):
            await desk.commands.logs("rig-1", "xmrig-1", 100)


async def test_a_log_that_comes_faster_than_it_is_read_is_taken_up_again_where_it_was(desk: Inside) -> None:
    asked: list[FollowLogs] = []
    flooded = asyncio.Event()

    async def flood(peer: RawPeer, message: Message[Any]) -> None:
        payload = message.payload
        if isinstance(payload, Ping):
            await peer.say(Pong(clock_ms=0), reply_to=message.id)
        if not isinstance(payload, FollowLogs) or payload.cancel is not None:
            return
        asked.append(payload)
        if payload.cursor is not None:
            await peer.say(part("taken up", cursor=payload.cursor), reply_to=message.id)
            return
        for number in range(1, 200):
            await peer.say(part("f" * 4000, lines=64, cursor=number), reply_to=message.id)
        flooded.set()

    async with hostile_rig(desk, flood), asyncio.timeout(30):
        following = desk.commands.follow_logs("rig-1", "xmrig-1", 100)
        first = await anext(aiter(following))
        await flooded.wait()
        await desk.commands.ping("rig-1")  # behind the flood: all of it has come
        read = [first]
        async for each in following:
            read.append(each)
            if each.lines == ("taken up",):
                break
        cursors = [each.cursor for each in read]
        assert cursors[:-1] == list(range(1, len(read)))
        assert cursors[-1] == asked[1].cursor == len(read) - 1
        assert sum(len(line) for each in read[1:-1] for line in each.lines) <= 16 * 2**20


# --- a hostile controller ---------------------------------------------------------------------------------

POOL = "pool.example:3333"


def launching(config: dict[str, Any], *, miner_type: str = "simulated", name: str = "p") -> Profile:
    return Profile(id="p", name=name, miner_type=miner_type, config=config)


HOSTILE_PROFILES = {
    "an option for a pool": launching({"pool": "--config=/etc/passwd"}),
    "an option for a wallet": launching({"pool": POOL, "wallet": "-o evil:1"}),
    "an option for a password": launching({"pool": POOL, "password": "--http-host=0.0.0.0"}),
    "an option for a rig's name": launching({"pool": POOL, "rigId": "--donate-level=99"}),
    "an option for an algorithm": launching({"pool": POOL, "algo": "--log-file=/etc/cron.d/x"}),
    "a path for a coin": launching({"pool": POOL, "coin": "../../etc/passwd"}),
    "control characters": launching({"pool": POOL, "wallet": "4A\n\x1b[2J"}),
    "an unknown field": launching({"pool": POOL, "logFile": "/etc/cron.d/x"}),
    "the miner's own door": launching({"pool": POOL, "http": {"host": "0.0.0.0"}}),
    "threads beyond reason": launching({"pool": POOL, "threads": 10**9}),
    "text for a number": launching({"pool": POOL, "threads": "8; reboot"}),
    "no pool": launching({}),
    "a program's path for a type": launching({"pool": POOL, "wallet": "4A"}, miner_type="../../../bin/sh"),
    "a type nobody knows": launching({"pool": POOL, "wallet": "4A"}, miner_type="tt-miner"),
}


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in (home / "data/miners").rglob("*")}


@pytest.mark.parametrize("what", HOSTILE_PROFILES)
@pytest.mark.parametrize("way", ["sent along", "as overrides"])
async def test_a_hostile_profile_is_refused_with_a_sentence_and_starts_nothing(
    rig: Inside, tmp_path: Path, what: str, way: str
) -> None:
    rig.know_controller(keys(1))
    profile = HOSTILE_PROFILES[what]
    if way == "sent along":
        command = StartMiner(profile=profile, profile_hash=profile.content_hash)
    else:
        command = StartMiner(miner_type=profile.miner_type, config=profile.config)
    before = files(tmp_path / "rig")
    async with dialled(keys(1), rig.address) as peer:
        asked = await peer.say(command)
        error = await peer.hear_a(Error, reply_to=asked)
        assert error.message.endswith(".")
        assert error.message.isprintable()
        asked = await peer.say(GetStats())
        assert (await peer.hear_a(Stats, reply_to=asked)).stats.miners == ()
    assert files(tmp_path / "rig") == before


async def test_a_profile_that_is_not_the_one_its_hash_names_is_refused(rig: Inside) -> None:
    rig.know_controller(keys(1))
    good = launching({"pool": POOL})
    async with dialled(keys(1), rig.address) as peer:
        asked = await peer.say(
            StartMiner(profile=launching({"pool": "evil.example:1"}), profile_hash=good.content_hash)
        )
        error = await peer.hear_a(Error, reply_to=asked)
        assert error.details["code"] == "PROFILE_CHANGED"


OFFER = BundleOffer(
    miner_type="xmrig",
    version="1",
    archive="tar",
    sha256="0" * 64,
    size_bytes=4,
    unpacked_bytes=4,
    files=1,
    program="xmrig",
)


def everything(home: Path) -> dict[str, int]:
    """Every file of a rig that a deploy could touch, and its size."""
    return {str(path): path.stat().st_size for path in (home / "data").glob("[!n]*/**/*") if path.is_file()}


async def test_miner_programs_are_taken_only_signed_and_from_who_may_install(rig: Inside, tmp_path: Path) -> None:
    rig.know_controller(keys(1))
    before = everything(tmp_path / "rig")
    own = keys(1)
    signed = sign_offer(OFFER, key=own.public.e, sign=own.sign)
    hostile = {
        "signed by nobody": (OFFER, "BUNDLE_KEY_UNKNOWN"),
        "signed by somebody else": (sign_offer(OFFER, key=keys(2).public.e, sign=keys(2).sign), "BUNDLE_KEY_UNKNOWN"),
        "changed after it was signed": (msgspec.structs.replace(signed, program="sh"), "BUNDLE_SIGNATURE"),
        "for another machine": (
            sign_offer(msgspec.structs.replace(OFFER, architecture="s390x"), key=own.public.e, sign=own.sign),
            "WRONG_PLATFORM",
        ),
        "a program elsewhere": (
            sign_offer(msgspec.structs.replace(OFFER, program="../../sh"), key=own.public.e, sign=own.sign),
            "BAD_BUNDLE",
        ),
    }
    async with dialled(own, rig.address) as peer:
        for what, (offer, code) in hostile.items():
            asked = await peer.say(Deploy(bundle=offer))
            error = await peer.hear_a(Error, reply_to=asked)
            assert error.details["code"] == code, what
            assert error.message.endswith("."), what
    rig.registry.update(own.public.fingerprint, grants=frozenset({Grant.OBSERVE, Grant.CONTROL}))
    async with dialled(own, rig.address) as peer:
        asked = await peer.say(Deploy(bundle=signed))
        assert (await peer.hear_a(Error, reply_to=asked)).code == WireCode.UNAUTHORIZED
    assert everything(tmp_path / "rig") == before


@pytest.mark.parametrize("miner", ["../../node/private.key", "/etc/passwd", "..", "-x", "xmrig-1\x00", "x" * 64])
async def test_logs_are_of_miners_and_of_no_other_file(rig: Inside, miner: str) -> None:
    rig.know_controller(keys(1))
    async with dialled(keys(1), rig.address) as peer:
        for question in (GetLogs(miner=miner, lines=10), FollowLogs(miner=miner), StopMiner(miner=miner)):
            asked = await peer.say(question)
            error = await peer.hear_a(Error, reply_to=asked)
            assert error.message
            assert "/data/" not in error.message
        asked = await peer.say(Ping())
        await peer.hear_a(Pong, reply_to=asked)


async def test_who_asks_for_a_log_again_and_again_holds_up_nobody(rig: Inside, tmp_path: Path) -> None:
    folder = tmp_path / "rig" / "data" / "miners" / "simulated-1"
    folder.mkdir(mode=0o700)
    record = {
        "name": "simulated-1",
        "profile": launching({"pool": POOL}),
        "api": {"port": 1, "token": "t"},
        "socket": "s",
    }
    (folder / "instance.json").write_bytes(msgspec.json.encode(record))
    (folder / f"log-{0:016d}").write_bytes(b"\x1b[32mone of many lines\x1b[0m that a miner wrote\r\n" * 40_000)
    rig.registry.add(keys(1).public, name="eyes", role=Role.CONTROLLER, grants=frozenset({Grant.OBSERVE}))
    async with dialled(keys(1), rig.address) as peer:
        asked = [await peer.say(GetLogs(miner="simulated-1", lines=10_000)) for _ in range(40)]
        refused, answered = 0, 0
        while refused + answered < len(asked):
            payload = (await peer.hear()).payload
            refused += isinstance(payload, Error)
            answered += isinstance(payload, Logs) and not payload.more
        assert 4 <= answered < len(asked)
        again = await peer.say(GetLogs(miner="simulated-1", lines=1))
        assert len((await peer.hear_a(Logs, reply_to=again)).lines) == 1
        for _ in range(20):
            begun = await peer.say(FollowLogs(miner="simulated-1", lines=10_000))
            await peer.say(FollowLogs(miner="simulated-1", cancel=begun))
            subscribed = await peer.say(SubscribeStats(interval_s=0.1))
            await peer.say(FollowLogs(miner="simulated-1", cancel=subscribed))
        asked_last = await peer.say(Ping())
        await peer.hear_a(Pong, reply_to=asked_last)
        begun = await peer.say(FollowLogs(miner="simulated-1", lines=3))
        assert len((await peer.hear_a(Logs, reply_to=begun)).lines) == 3


async def test_a_worker_asks_nothing_of_a_peer_that_calls_itself_a_rig(rig: Inside) -> None:
    rig.registry.add(keys(1).public, name="boss", role=Role.CONTROLLER)
    async with dialled(keys(1), rig.address, role=Role.DUAL, grants=WATCHED) as peer:
        asked = await peer.say(Ping())
        assert (await peer.hear()).reply_to == asked, "the first message is the answer"


async def test_a_flood_of_commands_is_refused_and_others_are_served(rig: Inside, tmp_path: Path) -> None:
    rig.know_controller(keys(1))
    async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk, dialled(keys(1), rig.address) as peer:
        await joined(rig, desk)
        for _ in range(2000):
            await peer.say(StopMiner(miner="simulated-1"))
        done = await desk.commands.stop("rig-alpha", None)
        assert done.status == "stopped"
        error = await peer.hear_a(Error)
        while "slow down" not in error.message:
            error = await peer.hear_a(Error)
    assert rig_commands(tmp_path / "rig") < 100, "what is over the limit costs no write"


def rig_commands(home: Path) -> int:
    """Return how many commands the rig has written down."""
    database = apsw.Connection(str(home / "data/node/worker.db"), flags=apsw.SQLITE_OPEN_READONLY)
    [(count,)] = database.execute("SELECT count(*) FROM command")
    database.close()
    return int(count)


# --- what is no message -----------------------------------------------------------------------------------


@pytest.mark.parametrize("type_name", ["start", "START_MINER", "", "0", "start_miner "])
async def test_an_unknown_command_is_never_taken_for_another(rig: Inside, type_name: str) -> None:
    rig.know_controller(keys(1))
    async with dialled(keys(1), rig.address) as peer:
        good = launching({"pool": POOL})
        command = MESSAGE_CLASS[StartMiner](
            id="1", sender=keys(1).public.node_id, recipient=rig.id, ts=0, payload=StartMiner(profile=good)
        )
        said = {**msgspec.to_builtins(command), "type": type_name}
        await peer.say_bytes(msgspec.msgpack.encode(said), sign=True)
        error = await peer.hear_a(Error, reply_to="1")
        assert "knows no message type" in error.message
        asked = await peer.say(GetStats())
        assert (await peer.hear_a(Stats, reply_to=asked)).stats.miners == ()
