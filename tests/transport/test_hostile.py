"""A hostile peer can neither crash a node, nor make its memory grow, nor stop it from serving others."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from miner_ctrl.errors import RateLimited, Unreachable
from miner_ctrl.model.nodes import Grant
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.protocol import limits
from miner_ctrl.protocol.codec import decode
from miner_ctrl.protocol.messages import (
    Checkpoint,
    Error,
    FollowLogs,
    GetLogs,
    GetStats,
    Logs,
    MinerAck,
    Payload,
    Ping,
    Pong,
    StopMiner,
)
from miner_ctrl.session import Opened, Session
from miner_ctrl.transport import Request, Timings
from miner_ctrl.transport.limits import STRANGERS_LINES_BURST
from miner_ctrl.transport.link import WRITE_LIMIT_BYTES
from miner_ctrl.transport.picows_link import PicowsLinks
from tests.transport.nodes import LOCAL, STATS, Node, Stranger, anyone, keys_of, nodes, pair, until
from tests.transport.test_link_contract import raw_frame, upgrade


def answers(stranger: Stranger) -> list[Payload]:
    frames, stranger.frames[:] = list(stranger.frames), []
    return [decode(opened.message).payload for opened in map(stranger.session.open, frames) if not opened.keepalive]


@contextmanager
def counted_checks() -> Iterator[list[Opened]]:
    """Count the signatures that any session checks meanwhile."""
    checked: list[Opened] = []
    original = Session.verify

    def verify(self: Session, opened: Opened) -> None:
        checked.append(opened)
        original(self, opened)

    Session.verify = verify  # type: ignore[method-assign]
    try:
        yield checked
    finally:
        Session.verify = original  # type: ignore[method-assign]


async def test_excess_commands_are_answered_once_a_second_and_then_end_the_session() -> None:
    node = Node(2, timings=Timings(tick_s=0.01, excess_at_most_s=1.5))
    acted: list[Request] = []

    def act(request: Request) -> Payload:
        acted.append(request)
        return MinerAck(status="stopped")

    node.endpoint.route(StopMiner, act, needs=Grant.CONTROL)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        began = time.monotonic()
        while not stranger.closed:
            assert time.monotonic() - began < 20
            for _ in range(60):
                stranger.send(StopMiner(), sign=True)
            await asyncio.sleep(0.05)
        took_s = time.monotonic() - began
        got = answers(stranger)
        errors = [answer for answer in got if isinstance(answer, Error)]
        assert took_s > 1.4
        assert limits.COMMANDS_BURST <= len(acted) <= limits.COMMANDS_BURST + limits.COMMANDS_PER_S * (took_s + 1)
        assert {error.code for error in errors} == {1006}
        assert 1 <= len(errors) <= took_s + 1
        assert "more than it may" in node.downs[0].reason


def ponged(stranger: Stranger) -> bool:
    return any(isinstance(answer, Pong) for answer in answers(stranger))


async def test_a_new_session_earns_no_new_burst_of_commands() -> None:
    node = Node(2)
    acted: list[Request] = []
    go_on = asyncio.Event()

    async def act(request: Request) -> Payload:
        acted.append(request)
        await go_on.wait()
        return MinerAck(status="stopped")

    node.endpoint.route(StopMiner, act, needs=None)
    async with nodes(node):
        await node.listen()
        began = time.monotonic()
        for _ in range(4):
            stranger = await Stranger.meet(node)
            for _ in range(limits.COMMANDS_BURST):
                stranger.send(StopMiner(), sign=True)
            stranger.send(Ping())
            await until(partial(ponged, stranger))
            stranger.link.abort()
            await until(lambda: not node.endpoint.channels())
        took_s = time.monotonic() - began
        assert len(acted) <= limits.COMMANDS_BURST + limits.COMMANDS_PER_S * (took_s + 1)
        counted = node.endpoint._shared.command_limits(keys_of(99).public.fingerprint)
        assert counted.under_way == len(acted), "what was commanded goes on, and counts"
        go_on.set()
        await until(lambda: counted.under_way == 0)


async def test_limits_come_before_signature_checks() -> None:
    node = Node(2)
    node.endpoint.route(StopMiner, lambda _request: MinerAck(status="stopped"), needs=None)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        for _ in range(limits.COMMANDS_BURST):
            stranger.send(StopMiner(), sign=True)
        await until(lambda: len(stranger.frames) == limits.COMMANDS_BURST)
        with counted_checks() as checked:
            for _ in range(200):
                stranger.send(StopMiner(), sign=True)
            stranger.send(Ping())
            await until(lambda: any(isinstance(answer, Pong) for answer in answers(stranger)))
        assert len(checked) <= 5
        assert not stranger.closed
        stranger.link.abort()


async def test_requests_in_flight_are_bounded_and_slow_handlers_of_one_peer_hold_up_no_other() -> None:
    node, other = Node(2), Node(3)
    running: list[Request] = []

    async def hang(request: Request) -> Payload:
        running.append(request)
        await asyncio.Event().wait()
        return STATS

    node.endpoint.route(GetLogs, hang, needs=None)
    node.endpoint.route(GetStats, lambda _request: STATS, needs=None)
    async with nodes(node, other):
        await node.listen()
        stranger = await Stranger.meet(node)
        for _ in range(1000):
            stranger.send(GetLogs(miner="m"))
        await until(lambda: stranger.frames and len(running) == limits.REQUESTS_IN_FLIGHT)
        assert isinstance(answers(stranger)[0], Error)
        channel = await other.dial(node)
        assert await channel.request(GetStats(), timeout_s=5) == STATS
        stranger.link.abort()
        await until(lambda: len(node.downs) == 1)
        await until(lambda: not any(request.open for request in running))


async def test_our_own_requests_over_the_limit_come_back_as_rate_limited() -> None:
    async with pair() as (_, there, channel):

        async def hang(_request: Request) -> Payload:
            await asyncio.Event().wait()
            return STATS

        there.endpoint.route(GetStats, hang, needs=None)
        asked = [asyncio.ensure_future(channel.request(GetStats(), timeout_s=60)) for _ in range(257)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert isinstance(done.pop().exception(), RateLimited)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_a_flood_of_refused_requests_is_excess_too() -> None:
    node = Node(2, grants=frozenset(), timings=Timings(tick_s=0.01, excess_at_most_s=0.5))
    node.endpoint.route(GetStats, lambda _request: STATS, needs=Grant.OBSERVE)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        deadline = time.monotonic() + 20
        while not stranger.closed:
            assert time.monotonic() < deadline
            for _ in range(100):
                stranger.send(GetStats())
            await asyncio.sleep(0.01)
        assert len(answers(stranger)) < 500


async def test_a_flood_of_checkpoints_is_not_checked_one_by_one() -> None:
    node = Node(2)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        with counted_checks() as checked:
            for _ in range(400):
                stranger.send(Checkpoint(), sign=True)
            stranger.send(Ping())
            await until(lambda: stranger.frames)
        assert len(checked) <= 1
        stranger.link.abort()


async def test_who_does_not_read_is_cut_off_and_memory_stays_bounded() -> None:
    node = Node(2)
    line = "x" * 4000
    node.endpoint.route(GetLogs, lambda _request: Logs(lines=(line,) * 200), needs=None)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        channel = node.endpoint.channels()[0]
        stranger.link._transport.underlying_transport.pause_reading()  # type: ignore[attr-defined]
        most = 0
        for _ in range(400):
            if channel.closed:
                break
            stranger.send(GetLogs(miner="m"))
            await asyncio.sleep(0.001)
            most = max(most, channel._link.buffered)
        await until(lambda: channel.closed)
        assert "does not read" in node.downs[0].reason
        assert most < WRITE_LIMIT_BYTES + limits.MAX_FRAME_BYTES


async def test_streams_wait_for_a_slow_reader() -> None:
    node = Node(2)
    sent: list[int] = []

    async def stream(request: Request) -> Payload | None:
        for number in range(1000):
            await request.channel.drained()
            request.reply(Logs(lines=("x" * 4000,) * 10, more=True, cursor=number))
            sent.append(number)
        return Logs(lines=())

    node.endpoint.route(FollowLogs, stream, needs=None)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        tcp = stranger.link._transport.underlying_transport  # type: ignore[attr-defined]
        tcp.pause_reading()
        stranger.send(FollowLogs(miner="m"))
        await until(lambda: node.endpoint.channels() and not node.endpoint.channels()[0].writable)
        assert len(sent) < 1000
        tcp.resume_reading()
        await until(lambda: len(sent) == 1000, 30)
        got: list[Payload] = []

        def ended() -> bool:
            got.extend(answers(stranger))
            return bool(got) and got[-1] == Logs(lines=())

        await until(ended, 30)
        parts = [part for part in got if isinstance(part, Logs)]
        assert [part.cursor for part in parts] == [*range(1000), 0]  # a checkpoint is due among them, too
        assert node.downs == []
        stranger.link.abort()


async def test_a_flood_of_half_open_connections_leaves_others_served() -> None:
    node, other = Node(2), Node(3)
    async with nodes(node, other):
        await node.listen()
        flood = [await asyncio.open_connection(LOCAL, node.address.port) for _ in range(300)]
        await until(lambda: node.endpoint.half_open == limits.HALF_OPEN_PER_ADDRESS)
        channel = await other.dial(node)
        assert (await channel.ping(5))[0] > 0
        for _, writer in flood:
            writer.close()
        await until(lambda: node.endpoint.half_open == 0)


@pytest.mark.parametrize("status", [VerdictStatus.PENDING, VerdictStatus.REFUSED])
async def test_who_goes_on_as_if_it_had_been_accepted_gets_nothing(status: VerdictStatus) -> None:
    node = Node(2)
    node.verdict = Verdict(status)
    asked: list[Request] = []

    def answer(request: Request) -> Payload:
        asked.append(request)
        return STATS

    node.endpoint.route(GetStats, answer, needs=None)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node, accepted=False)
        stranger.send(GetStats())
        stranger.send(Ping())
        await until(lambda: stranger.closed)
        assert asked == []
        assert stranger.frames == []
        assert node.events == []
        assert node.endpoint.channels() == []
        await until(lambda: node.endpoint.half_open == 0)


async def test_an_unsigned_hello_lets_nobody_in() -> None:
    node = Node(2)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node, accepted=False, sign_hello=False)
        await until(lambda: stranger.closed)
        assert node.events == []


async def test_strangers_share_their_handshakes_and_known_addresses_do_not_pay_for_them() -> None:
    stopped = time.monotonic()
    node = Node(2, clock=lambda: stopped)  # no token comes back
    async with nodes(node):
        await node.listen()
        table = node.endpoint._accepting._half_open
        while table._stranger_handshakes.take(stopped):
            pass
        other = Node(3)
        async with nodes(other):
            with pytest.raises(Unreachable):
                await other.dial(node)
            assert node.met == []
            table.note_good(LOCAL, stopped)
            await (await other.dial(node)).ping(5)


async def test_who_does_not_renew_its_session_loses_it() -> None:
    node = Node(2, timings=Timings(tick_s=0.01, session_at_most_s=0.3))
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        await until(lambda: stranger.closed)
        assert "as long as one may" in node.downs[0].reason


async def test_strangers_write_few_lines_of_log(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    node = Node(2, clock=lambda: now)
    accepting = node.endpoint._accepting
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            accepting.log("handshake from %s failed: %s", "192.0.2.1", "The bytes are not a message.")
        now = 2.0
        accepting.log("%s from %s is %s: %s", "who", "192.0.2.1", "pending", "It waits.")
    assert len(caplog.messages) == STRANGERS_LINES_BURST + 1
    assert (
        caplog.messages[-1]
        == f"who from 192.0.2.1 is pending: It waits. ({1000 - STRANGERS_LINES_BURST} more since the last line)"
    )


async def test_slow_handshakes_are_cut() -> None:
    node = Node(2, timings=Timings(tick_s=0.01, message_1_within_s=0.2, message_3_within_s=0.3))
    async with nodes(node):
        await node.listen()
        reader, writer = await asyncio.open_connection(LOCAL, node.address.port)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        link = await PicowsLinks().connect(node.address, tls=None, timeout_s=5)
        closed = asyncio.Event()
        link.on_closed = closed.set
        await asyncio.wait_for(closed.wait(), 10)
        assert node.endpoint.half_open == 0
        writer.close()


@pytest.mark.parametrize("size", [0, 1, 3, 34, 35, 67, 125])
async def test_garbage_for_a_handshake_harms_nobody(size: int) -> None:
    node, other = Node(2), Node(3)
    async with nodes(node, other):
        await node.listen()
        for head in (b"", b"\x01\x00\x01", b"\x01\x01\x01", b"\x02\x00\x01"):
            _, reader, writer = await upgrade(node.address)
            writer.write(raw_frame((head + os.urandom(125))[:size]))
            await asyncio.wait_for(reader.read(1), 10)
            writer.close()
        assert node.met == []
        channel = await other.endpoint.dial(node.address, check=anyone)
        await channel.ping(5)


async def test_garbage_after_the_handshake_ends_that_session_only() -> None:
    node, other = Node(2), Node(3)
    async with nodes(node, other):
        await node.listen()
        channel = await other.dial(node)
        for size in (0, 1, 76, 500, 5000):
            stranger = await Stranger.meet(node)
            stranger.link.send(os.urandom(size))
            await until(lambda stranger=stranger: stranger.closed)  # type: ignore[misc]
            await until(lambda: len(node.endpoint.channels()) == 1)
        await channel.ping(5)


async def test_connections_that_fail_again_and_again_are_turned_away_before_they_cost() -> None:
    node = Node(2)
    async with nodes(node):
        await node.listen()
        turned_away = False
        for _ in range(60):
            try:
                _, reader, writer = await upgrade(node.address)
            except (ConnectionError, asyncio.IncompleteReadError):
                turned_away = True
                break
            writer.write(raw_frame(b"garbage"))
            await asyncio.wait_for(reader.read(), 10)
            writer.close()
        assert turned_away
