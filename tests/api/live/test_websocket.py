"""The feed through real WebSockets: snapshots, deltas, what slow and hostile readers get, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.client import unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from miner_ctrl.api.application import build_app
from miner_ctrl.api.http_protocol import DEAD_AFTER_S
from miner_ctrl.api.live.tables import TablePart
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpLimits, HttpServing
from miner_ctrl.api.websocket_protocol import WebSocketProtocol
from miner_ctrl.errors import Unreachable
from miner_ctrl.model.callers import LOOPBACK, OWNER, Door
from miner_ctrl.protocol.messages import Logs
from tests.api.in_memory import RIG_ID, Client, World, peer_view, rig_view, until
from tests.api.live.readers import PATIENCE_S, URL, Reader, reading
from tests.api.overview import alert, rig_row
from tests.api.own_machine import MINER

LOG = f"log:rig-alpha/{MINER}"

pytestmark = pytest.mark.usefixtures("door")


def id_of(number: int) -> str:
    return f"{number:016x}"


def sockets_of(door: LocalDoor) -> list[WebSocketProtocol]:
    return [each for each in door.warm().state.connections if isinstance(each, WebSocketProtocol)]


async def test_it_greets_with_its_clock_its_topics_and_the_readers_role(socket_path: Path) -> None:
    async with reading(socket_path) as reader:
        [hello] = reader.messages
        assert (hello["seq"], hello["nowMs"], hello["role"]) == (1, 1_000_000, "admin")
        assert hello["topics"] == ["fleet", "alerts", "jobs", "events", "pending", "invites", "totals"]


async def test_a_reader_that_comes_and_goes_is_no_line_of_the_nodes_log(
    socket_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with reading(socket_path, "fleet") as reader:
        await reader.all_of("fleet")
    told = [record for record in caplog.records if not record.name.startswith(("websockets.client", "asyncio"))]
    assert told == []


async def test_a_snapshot_then_only_the_fields_that_changed(world: World, socket_path: Path) -> None:
    async with reading(socket_path, "fleet") as reader:
        snapshot = await reader.next("snapshot")
        assert (snapshot["part"], snapshot["more"], [row["id"] for row in snapshot["rows"]]) == (0, False, [RIG_ID])
        world.overview.put(rig_row(hashrate=2.0))
        delta = await reader.next("delta")
        assert delta["changed"] == [{"id": RIG_ID, "hashrate": {"rx/0": 2.0}}]
        world.overview.put(rig_row(id_of(1), "rig-beta"))
        assert (await reader.next("delta"))["changed"][0]["name"] == "rig-beta"
        world.overview.drop(RIG_ID)
        assert (await reader.next("delta"))["removed"] == [RIG_ID]


async def test_alerts_totals_and_one_rig(world: World, socket_path: Path) -> None:
    async with reading(socket_path, "alerts", "totals", "peer:rig-alpha") as reader:
        await reader.until(lambda: "alerts" in reader.complete and len(reader.states) == 2)
        assert reader.rows["alerts"]["a1"]["kind"] == "crashed"
        assert reader.states["totals"]["rigs"] == 1
        assert reader.states["peer:rig-alpha"]["nodeId"] == RIG_ID
        world.overview.raise_alert(alert("a2"))
        world.fleet.change(rig_view(hashrate=7.0))
        await reader.until(
            lambda: (
                "a2" in reader.rows["alerts"]
                and reader.states["totals"]["critical"] == 2
                and reader.states["peer:rig-alpha"]["miners"][0]["hashrate"] == 7.0
            )
        )
        world.fleet.remove(RIG_ID)
        await reader.until(lambda: reader.states["peer:rig-alpha"] is None)


async def test_a_snapshot_of_a_large_fleet_comes_in_parts_and_changes_meanwhile_are_not_lost(
    world: World, socket_path: Path
) -> None:
    for number in range(2000):
        world.overview.put(rig_row(id_of(number)))
    async with reading(socket_path, "fleet") as reader:
        await reader.next("snapshot")
        world.overview.put(rig_row(id_of(0), hashrate=1.0))
        world.overview.put(rig_row(id_of(1999), hashrate=2.0))
        world.overview.drop(id_of(1998))
        world.overview.put(rig_row(id_of(5000), hashrate=3.0))
        expected = {**world.overview.row_of}
        await reader.until(
            lambda: (
                "fleet" in reader.complete
                and {id_: row.get("hashrate", {}) for id_, row in reader.rows["fleet"].items()}
                == {id_: row.hashrate_hps for id_, row in expected.items()}
            )
        )
        parts = [message for message in reader.messages if message["type"] == "snapshot"]
        assert [part["part"] for part in parts] == list(range(len(parts)))
        assert len(parts) == 9  # 2001 rows, 250 a part


async def test_who_missed_a_message_asks_for_a_snapshot(world: World, socket_path: Path) -> None:
    async with reading(socket_path, "fleet") as reader:
        await reader.all_of("fleet")
        reader.rows["fleet"] = {}
        await reader.say("snapshot", topic="fleet")
        await reader.next("snapshot")
        assert list(reader.rows["fleet"]) == [RIG_ID]
        await reader.say("snapshot", topic="alerts")
        assert (await reader.next("error"))["code"] == "NOT_SUBSCRIBED"


async def test_ping_is_answered(socket_path: Path) -> None:
    async with reading(socket_path) as reader:
        await reader.say("ping", id=42)
        assert (await reader.next())["id"] == 42


async def test_what_is_unsubscribed_is_heard_no_more(world: World, socket_path: Path) -> None:
    async with reading(socket_path, "fleet", "alerts") as reader:
        await reader.until(lambda: len(reader.complete) == 2)
        await reader.say("unsubscribe", topics=["fleet"])
        ended = await reader.next("ended")
        assert (ended["topic"], ended["code"]) == ("fleet", "")
        assert not world.overview.row_watchers
        world.overview.put(rig_row(hashrate=9.0))
        world.overview.raise_alert(alert("a2"))
        assert (await reader.next())["topic"] == "alerts"


async def test_a_topic_that_is_not_there_is_an_answer_and_the_others_go_on(socket_path: Path) -> None:
    async with reading(socket_path, "gossip", "peer:nobody", "log:rig-alpha", "fleet") as reader:
        await reader.all_of("fleet")
        ended = {message["topic"]: message["code"] for message in reader.messages if message["type"] == "ended"}
        assert ended == {"gossip": "NO_SUCH_TOPIC", "peer:nobody": "PEER_NOT_FOUND", "log:rig-alpha": "NO_SUCH_TOPIC"}


# --- logs -------------------------------------------------------------------------------------------------------


async def test_a_log_is_followed_once_for_all_and_let_go_with_the_last(world: World, socket_path: Path) -> None:
    async with reading(socket_path) as first, reading(socket_path) as second:
        await first.say("subscribe", topics=[LOG], lines=2)
        assert len((await first.next("log"))["lines"]) == 2
        await second.say("subscribe", topics=[f"log:{RIG_ID}/{MINER}"], lines=1)
        line = await second.next("log")
        assert (len(line["lines"]), line["first"]) == (1, True)
        assert world.commands.followers == 1
        world.commands.feed.put_nowait(Logs(lines=("new", "\x1b[31mred"), skipped=7))
        for reader in (first, second):
            said = await reader.next("log")
            assert (said["lines"], said["skippedBytes"], said["first"]) == (["new", "\x1b[31mred"], 7, False)
        await first.say("unsubscribe", topics=[LOG])
        await first.next("ended")
        assert world.commands.followers == 1
    await until(lambda: world.commands.followers == 0)
    assert world.live.followed == ()


async def test_a_log_that_ends_says_why_after_its_last_lines(world: World, socket_path: Path) -> None:
    async with reading(socket_path, LOG) as reader:
        await reader.next("log")
        world.commands.feed.put_nowait(Logs(lines=("last words",)))
        world.commands.feed.put_nowait(Unreachable("The rig is gone.", suggestion="Wait."))
        ended = await reader.next("ended")
        assert (ended["reason"], ended["code"], ended["suggestion"]) == (
            "The rig is gone.",
            "PEER_UNREACHABLE",
            "Wait.",
        )
        assert reader.lines[LOG][-1] == "last words"
        await reader.say("subscribe", topics=[LOG])  # and it can be had again
        await reader.next("log")


# --- slow readers -----------------------------------------------------------------------------------------------


async def test_a_slow_reader_gets_fewer_and_ends_with_the_newest_and_memory_is_bounded(
    world: World, door: LocalDoor, socket_path: Path
) -> None:
    rigs, rounds = 1000, 60
    for number in range(rigs):
        world.overview.put(rig_row(id_of(number)))
    async with reading(socket_path, "fleet", max_queue=1) as slow, reading(socket_path, "fleet") as quick:
        await slow.all_of("fleet")
        await quick.all_of("fleet")
        keeping_up = asyncio.create_task(quick.until(lambda: newest(quick)))
        slow.socket.transport.pause_reading()
        [held] = world.live._open.values()
        most = waiting = 0
        for round_ in range(1, rounds + 1):
            for number in range(rigs):
                world.overview.put(rig_row(id_of(number), hashrate=float(round_)))
            await asyncio.sleep(0.13)
            most = max(most, *(each.transport.get_write_buffer_size() for each in sockets_of(door)))
            waiting = max(waiting, *(cast("TablePart", each.part).waiting for each in held.readings))
        slow.socket.transport.resume_reading()
        await slow.until(lambda: newest(slow))
        await keeping_up
        assert slow.rows["fleet"].keys() == quick.rows["fleet"].keys()
        assert changes_in(slow) < changes_in(quick) / 2
        assert 64 * 1024 < most < 256 * 1024
        assert waiting <= rigs + 1  # a state for each rig, however many it has missed


def newest(reader: Reader) -> bool:
    return {row["hashrate"]["rx/0"] for id_, row in reader.rows["fleet"].items() if id_ != RIG_ID} == {60.0}


def changes_in(reader: Reader) -> int:
    return sum(len(message["changed"]) for message in reader.messages if message["type"] == "delta")


async def test_a_reader_that_never_reads_is_cut(
    world: World, door: LocalDoor, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miner_ctrl.api.websocket_protocol.DEAD_AFTER_S", 0.2)
    door.warm().config.ws_ping_interval = 0.1
    door.warm().config.ws_ping_timeout = 0.02
    for number in range(5000):
        world.overview.put(rig_row(id_of(number)))
    async with unix_connect(str(socket_path), URL, ping_interval=None) as stalled:
        stalled.transport.pause_reading()
        await stalled.send('{"op":"subscribe","topics":["fleet"]}')
        await until(lambda: bool(world.live.followed))
        await until(lambda: not sockets_of(door) and not world.live.followed)
        stalled.transport.abort()


class Line:
    """A transport and a loop, as far as the policy of waiting needs them: kernels drain in steps too coarse to time."""

    def __init__(self) -> None:
        self.now_s, self.unsent, self.cut = 1000.0, 0, False
        self.timers: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append(callback)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.cut = True


async def test_a_reader_that_is_slow_and_alive_is_waited_for(world: World) -> None:
    """Its pong is behind what it has not read yet."""
    line = Line()
    protocol = WebSocketProtocol(HttpServing(build_app(world.faces)), {}, lambda: None)
    protocol.transport = protocol.loop = line  # type: ignore[assignment]
    protocol._alive_s = line.now_s
    for unsent in range(100_000, 0, -1000):
        line.now_s, line.unsent = line.now_s + DEAD_AFTER_S / 2, unsent
        protocol.keepalive_timeout()
    assert (line.cut, len(line.timers)) == (False, 100)
    line.now_s += DEAD_AFTER_S - 1
    protocol.keepalive_timeout()
    assert not line.cut
    line.now_s += 1
    protocol.keepalive_timeout()
    assert (line.cut, len(line.timers)) == (True, 101)


# --- who may, and when it ends ----------------------------------------------------------------------------------


async def test_without_a_caller_the_upgrade_is_refused(world: World, tmp_path: Path) -> None:
    door = LocalDoor(lambda: HttpServing(build_app(world.faces)), tmp_path / "other" / "node.sock")
    await door.open()
    with pytest.raises(InvalidStatus) as refused:
        async with reading(door.path):
            pass
    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body)["code"] == "UNAUTHORIZED"
    await door.close()


async def test_a_node_without_an_identity_says_so(socket_path: Path, tmp_path: Path) -> None:
    bare = World(identity=False)
    door = LocalDoor(lambda: HttpServing(build_app(bare.faces), caller=OWNER), tmp_path / "bare" / "node.sock")
    await door.open()
    with pytest.raises(InvalidStatus) as refused:
        async with reading(door.path):
            pass
    assert refused.value.response.status_code == 409
    await door.close()


async def test_a_plain_request_is_told_what_this_is(socket_path: Path) -> None:
    answer = await Client(socket_path)("GET", "/ws/events")
    assert (answer.status, answer.data["code"]) == (400, "NOT_A_WEBSOCKET")
    assert (await Client(socket_path)("POST", "/ws/events", {})).status == 400


async def test_an_upgrade_elsewhere_is_a_plain_request(socket_path: Path) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with unix_connect(str(socket_path), "ws://localhost/api/v1/mining/peers"):
            pass
    assert refused.value.response.status_code == 200


async def test_the_end_of_an_access_ends_its_readers(world: World, socket_path: Path) -> None:
    async with reading(socket_path, "fleet") as reader:
        await reader.all_of("fleet")
        assert world.live.end_readers(lambda caller: caller.door is Door.TOKEN) == 0
        assert world.live.end_readers(lambda caller: caller.door is Door.OWNER) == 1
        with pytest.raises(ConnectionClosed) as closed:
            await reader.next()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "This access has ended.")


async def test_a_door_that_closes_says_goodbye(world: World, door: LocalDoor, socket_path: Path) -> None:
    for number in range(5000):
        world.overview.put(rig_row(id_of(number)))
    async with reading(socket_path, "alerts") as reader, unix_connect(str(socket_path), URL) as stalled:
        await reader.all_of("alerts")
        stalled.transport.pause_reading()
        await stalled.send('{"op":"subscribe","topics":["fleet"]}')
        await until(lambda: any(not each.writable.is_set() for each in sockets_of(door)))
        async with asyncio.timeout(PATIENCE_S):
            await door.warm().close(within_s=300)
        with pytest.raises(ConnectionClosed) as closed:
            await reader.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        stalled.transport.abort()
    await until(lambda: not world.live.followed)


async def test_readers_are_counted_with_the_other_connections(world: World, tmp_path: Path) -> None:
    serving = HttpServing(build_app(world.faces), caller=LOOPBACK, limits=HttpLimits(connections=2))
    door = LocalDoor(lambda: serving, tmp_path / "few" / "node.sock")
    await door.open()
    async with reading(door.path), reading(door.path):
        with pytest.raises(InvalidStatus) as refused:
            async with reading(door.path):
                pass
        assert refused.value.response.status_code == 503
    await until(lambda: not serving.state.connections)
    async with reading(door.path):
        pass
    await door.close()


# --- hostile readers --------------------------------------------------------------------------------------------

BAD: list[tuple[Any, str]] = [
    ("{", "BAD_JSON"),
    ("[" * 4000, "BAD_INPUT"),
    ('{"op":' + "[" * 4000, "BAD_JSON"),
    ("[]", "BAD_INPUT"),
    ('{"op":"dance"}', "BAD_INPUT"),
    ('{"topics":["fleet"]}', "BAD_INPUT"),
    ('{"op":"subscribe","topics":[]}', "BAD_INPUT"),
    ('{"op":"subscribe","topics":[1]}', "BAD_INPUT"),
    ('{"op":"subscribe","topics":["fleet"],"more":1}', "BAD_INPUT"),
    (json.dumps({"op": "subscribe", "topics": ["x"] * 65}), "BAD_INPUT"),
    (json.dumps({"op": "subscribe", "topics": ["x" * 201]}), "BAD_INPUT"),
    ('{"op":"subscribe","topics":["fleet"],"lines":501}', "BAD_INPUT"),
    ('{"op":"ping","id":-1}', "BAD_INPUT"),
    (b"\x00\xff", "BAD_JSON"),
]


@pytest.mark.parametrize(("message", "code"), BAD, ids=lambda value: str(value)[:40])
async def test_what_is_not_understood_is_answered_and_the_connection_goes_on(
    socket_path: Path, message: Any, code: str
) -> None:
    async with reading(socket_path) as reader:
        await reader.socket.send(message)
        problem = await reader.next("error")
        assert problem["code"] == code
        assert "\n" not in problem["error"]
        await reader.say("ping")
        assert (await reader.next())["type"] == "pong"


async def test_topics_are_bounded(world: World, socket_path: Path) -> None:
    async with reading(socket_path) as reader:
        for number in range(70):
            world.pairing.known[id_of(number)] = peer_view(id_of(number), f"rig-{number}")
        await reader.say("subscribe", topics=[f"peer:{id_of(number)}" for number in range(60)])
        await reader.say("subscribe", topics=[f"peer:{id_of(number)}" for number in range(60, 70)])
        ended = [await reader.next("ended") for _ in range(6)]
        assert {message["code"] for message in ended} == {"TOO_MANY_TOPICS"}
        assert len(world.live.followed) == 64


UPGRADE = (
    b"GET /api/v1/mining/ws/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def raw(socket_path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    writer.write(UPGRADE)
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, announced: int | None = None) -> bytes:
    size = len(payload) if announced is None else announced
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + size.to_bytes(8, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


HOSTILE = {
    "a huge frame": (frame(1, announced=2**40), 1009),
    "a message over 4 KiB": (frame(1, b"x" * 5000), 1009),
    "text that is not UTF-8": (frame(1, b"\xff\xfe"), 1007),
    "fragments without end": (frame(1, b"{", fin=False) + frame(0, b"", fin=False) * 30, 1009),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "reserved bits": (b"\xf1\x80" + bytes(4), 1002),
    "an opcode that there is not": (frame(5), 1002),
    "a frame without a mask": (b"\x81\x02{}", 1002),
    "a flood of pings": (frame(9, b"x" * 100) * 500, 1008),
    "a flood of messages": (frame(1, b"{}") * 500, 1008),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_frames_end_their_connection_and_no_other(world: World, socket_path: Path, name: str) -> None:
    data, code = HOSTILE[name]
    async with reading(socket_path, "fleet") as other:
        await other.all_of("fleet")
        reader, writer = await raw(socket_path)
        writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            said = await reader.read()
        assert b"\x88" in said
        assert code.to_bytes(2, "big") in said[said.rindex(b"\x88") :][:4]
        writer.close()
        world.overview.put(rig_row(hashrate=3.0))
        await other.next("delta")
    await until(lambda: not world.live.followed)


async def test_half_an_upgrade_and_bytes_that_are_none_are_bounded(socket_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket_path))
    writer.write(
        b"GET /api/v1/mining/ws/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 99\r\n\r\n"
    )
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 4")
    writer.close()


async def test_an_idle_reader_stays(door: LocalDoor, socket_path: Path) -> None:
    """A connection that is upgraded is not one that waits for a request's head."""
    serving = HttpServing(build_app(World().faces), caller=OWNER, limits=HttpLimits(head_within_s=0.2, keep_alive_s=1))
    other = LocalDoor(lambda: serving, door.path.with_name("idle.sock"))
    await other.open()
    async with reading(other.path) as reader:
        await asyncio.sleep(1.5)
        await reader.say("ping", id=1)
        assert (await reader.next())["id"] == 1
    await other.close()
