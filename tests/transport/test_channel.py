"""Requests, replies, streams and the duties of a session that stands, over real sockets."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import (
    Conflict,
    MinerCtrlError,
    NotFound,
    OperationFailed,
    RateLimited,
    Refused,
    RequestTimedOut,
    Unreachable,
)
from miner_ctrl.model.nodes import Grant, Role
from miner_ctrl.protocol.codec import decode
from miner_ctrl.protocol.messages import (
    Checkpoint,
    Disconnect,
    Error,
    FollowLogs,
    GetInfo,
    GetLogs,
    GetStats,
    Hello,
    Logs,
    MinerAck,
    Payload,
    Ping,
    Pong,
    Stats,
    StopMiner,
    SubscribeStats,
)
from miner_ctrl.session import Evidence, verify_evidence
from miner_ctrl.transport import Request, Timings
from miner_ctrl.transport.limits import STREAMS_OPEN
from tests.transport.nodes import FAST, STATS, Node, Stranger, nodes, pair, until


async def hang(_request: Request) -> Payload:
    await asyncio.Event().wait()
    return STATS


async def test_both_sides_ask_and_answer() -> None:
    async with pair() as (here, there, channel):
        for node in (here, there):
            node.endpoint.route(GetStats, lambda _request: STATS, needs=Grant.OBSERVE)
        assert await channel.request(GetStats(), timeout_s=5) == STATS
        assert await there.to(here).request(GetStats(), timeout_s=5) == STATS


async def test_many_requests_find_their_own_answers() -> None:
    async with pair() as (_, there, channel):

        async def echo(request: Request) -> Payload:
            await asyncio.sleep(0.01 * (request.payload.lines % 3))
            return Logs(lines=(str(request.payload.lines),))

        there.endpoint.route(GetLogs, echo, needs=Grant.OBSERVE)
        asked = [channel.request(GetLogs(miner="m", lines=number), timeout_s=5) for number in range(1, 201)]
        assert await asyncio.gather(*asked) == [Logs(lines=(str(number),)) for number in range(1, 201)]


async def test_ping_measures() -> None:
    async with pair() as (_, _, channel):
        rtt_s, offset_ms = await channel.ping(5)
        assert 0 < rtt_s < 5
        assert abs(offset_ms) < 5000


async def test_errors_arrive_as_they_were_raised() -> None:
    async with pair() as (_, there, channel):

        def refuse(_request: Request) -> Payload:
            raise NotFound("No such miner: x.", suggestion="Look at the list.", code="NO_MINER", details={"runs": "y"})

        there.endpoint.route(StopMiner, refuse, needs=Grant.CONTROL)
        with pytest.raises(NotFound, match="No such miner: x") as failure:
            await channel.request(StopMiner(), timeout_s=5)
        assert failure.value.code == "NO_MINER"
        assert failure.value.suggestion == "Look at the list."
        assert failure.value.details == {"runs": "y"}


@pytest.mark.parametrize("slow", [False, True])
async def test_a_handler_that_fails_costs_its_request_only(slow: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with pair() as (_, there, channel):

        def crash(_request: Request) -> Payload:
            raise RuntimeError("secret detail")

        async def crash_later(_request: Request) -> Payload:
            raise RuntimeError("secret detail")

        there.endpoint.route(GetStats, crash_later if slow else crash, needs=None)
        with pytest.raises(OperationFailed, match="Internal error") as failure:
            await channel.request(GetStats(), timeout_s=5)
        assert "secret" not in str(failure.value)
        assert "secret detail" in caplog.text
        await channel.ping(5)


async def test_an_answer_that_is_too_large_is_an_error() -> None:
    async with pair() as (_, there, channel):
        there.endpoint.route(GetLogs, lambda _request: Logs(lines=("x" * 4000,) * 400), needs=None)
        with pytest.raises(OperationFailed, match="too large"):
            await channel.request(GetLogs(miner="m"), timeout_s=5)
        await channel.ping(5)


async def test_time_outs_come_one_by_one() -> None:
    async with pair(timings=FAST) as (_, there, channel):
        there.endpoint.route(GetStats, hang, needs=None)
        patient = asyncio.ensure_future(channel.request(GetStats(), timeout_s=30))
        with pytest.raises(RequestTimedOut):
            await channel.request(GetStats(), timeout_s=0.05)
        await channel.ping(5)
        assert not patient.done()
        patient.cancel()
        await asyncio.gather(patient, return_exceptions=True)
        assert channel._correlation.waiting == 0


async def test_closing_fails_what_is_pending_at_once() -> None:
    async with pair() as (_, there, channel):
        there.endpoint.route(GetStats, hang, needs=None)
        asked = [asyncio.ensure_future(channel.request(GetStats(), timeout_s=60)) for _ in range(5)]
        ended: list[MinerCtrlError] = []
        channel.subscribe(SubscribeStats(), lambda _payload: None, ended.append)
        await asyncio.sleep(0)
        await channel.close("enough")
        for failure in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(failure, Unreachable)
        assert isinstance(ended[0], Unreachable)
        with pytest.raises(Unreachable):
            await channel.request(GetStats(), timeout_s=5)
        channel.post(Checkpoint())
        await until(lambda: there.downs)
        assert (there.downs[0].reason, there.downs[0].clean) == ("enough", True)


async def test_a_message_id_is_used_once_at_a_time() -> None:
    async with pair() as (_, there, channel):
        there.endpoint.route(GetStats, hang, needs=None)
        first = asyncio.ensure_future(channel.request(GetStats(), timeout_s=60, message_id="same"))
        await asyncio.sleep(0)
        with pytest.raises(Conflict):
            await channel.request(GetStats(), timeout_s=60, message_id="same")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_what_nobody_answers_is_an_error() -> None:
    async with pair() as (_, _, channel):
        with pytest.raises(OperationFailed, match="get_info"):
            await channel.request(GetInfo(), timeout_s=5)


async def test_grants_are_asked_at_each_request_and_refusals_logged_once_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with pair() as (here, there, channel):
        there.endpoint.route(StopMiner, lambda _request: MinerAck(status="stopped"), needs=Grant.CONTROL)
        assert await channel.request(StopMiner(), timeout_s=5) == MinerAck(status="stopped")
        there.grants = frozenset({Grant.OBSERVE})
        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                with pytest.raises(Refused, match="control"):
                    await channel.request(StopMiner(), timeout_s=5)
        lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
        assert len(lines) == 1
        assert here.keys.public.node_id in lines[0]
        assert "stop_miner" in lines[0]


async def test_commands_carry_evidence_that_a_third_party_can_verify() -> None:
    async with pair() as (here, there, channel):
        seen: list[tuple[Evidence | None, bytes]] = []

        def note(request: Request) -> Payload:
            seen.append((request.evidence, request.message_bytes))
            return MinerAck(status="stopped") if isinstance(request.payload, StopMiner) else STATS

        there.endpoint.route(StopMiner, note, needs=Grant.CONTROL)
        there.endpoint.route(GetStats, note, needs=Grant.OBSERVE)
        await channel.request(StopMiner(miner="xmrig-1"), timeout_s=5, message_id="the-command")
        await channel.request(GetStats(), timeout_s=5)
        evidence, message = seen[0]
        assert evidence is not None
        assert verify_evidence(evidence)
        assert evidence.sender == here.keys.public
        assert evidence.message == message
        assert decode(message).id == "the-command"
        assert seen[1][0] is None


# --- streams --------------------------------------------------------------------------------------------


async def test_a_subscription_gets_many_replies_until_it_is_cancelled() -> None:
    async with pair() as (_, there, channel):
        requests: list[Request] = []

        def serve(request: Request) -> Payload:
            requests.append(request)
            return STATS

        there.endpoint.route(SubscribeStats, serve, needs=Grant.OBSERVE)
        got: list[Payload] = []
        subscription = channel.subscribe(SubscribeStats(), got.append, lambda _error: None)
        await until(lambda: got)
        requests[0].reply(STATS)
        requests[0].reply(STATS)
        await until(lambda: len(got) == 3)
        assert [request.open for request in requests] == [True]
        await channel.request(SubscribeStats(cancel=subscription.id), timeout_s=5)
        assert [request.open for request in requests] == [False, False]
        subscription.cancel()
        requests[0].reply(STATS)
        await channel.ping(5)
        assert len(got) == 3


async def test_a_subscription_ends_with_an_error_once() -> None:
    async with pair() as (_, there, channel):

        def refuse(_request: Request) -> Payload:
            raise NotFound("No such miner.")

        there.endpoint.route(FollowLogs, refuse, needs=None)
        ended: list[MinerCtrlError] = []
        channel.subscribe(FollowLogs(miner="m"), lambda _payload: None, ended.append)
        await until(lambda: ended)
        await channel.close("done")
        assert len(ended) == 1
        assert isinstance(ended[0], NotFound)


async def test_a_subscriber_that_fails_does_not_end_the_session() -> None:
    async with pair() as (_, there, channel):
        there.endpoint.route(SubscribeStats, lambda _request: STATS, needs=None)

        def broken(_payload: Payload) -> None:
            raise RuntimeError("out of order")

        channel.subscribe(SubscribeStats(), broken, lambda _error: None)
        await channel.ping(5)
        assert not channel.closed


async def test_streams_are_bounded_on_both_sides() -> None:
    async with pair() as (here, there, channel):
        opened: list[Request] = []
        there.endpoint.route(FollowLogs, opened.append, needs=None)
        for _ in range(STREAMS_OPEN):
            channel.subscribe(FollowLogs(miner="m"), lambda _payload: None, lambda _error: None)
        with pytest.raises(RateLimited):
            channel.subscribe(FollowLogs(miner="m"), lambda _payload: None, lambda _error: None)
        await channel.ping(5)
        with pytest.raises(RateLimited):
            await channel.request(FollowLogs(miner="m"), timeout_s=5)
        assert len(opened) == STREAMS_OPEN
        opened[0].reply(Logs(lines=()))
        opened[1].finish()
        assert not opened[0].open
        assert await asyncio.gather(
            *(channel.request(FollowLogs(miner="m"), timeout_s=0.1) for _ in range(2)), return_exceptions=True
        )
        assert len(opened) == STREAMS_OPEN + 2
        there.endpoint.drop(here.fingerprint, "removed")
        assert not any(request.open for request in opened)


async def test_a_handler_hears_once_that_its_stream_is_over() -> None:
    async with pair() as (_, there, channel):
        over: list[str] = []

        def follow(request: Request) -> Payload | None:
            request.on_over = lambda: over.append(request.id)
            return Logs(lines=()) if request.payload.cancel is not None else None

        there.endpoint.route(FollowLogs, follow, needs=None)
        first = channel.subscribe(FollowLogs(miner="xmrig-1"), lambda _: None, lambda _: None)
        second = channel.subscribe(FollowLogs(miner="xmrig-1"), lambda _: None, lambda _: None)
        await channel.request(FollowLogs(miner="xmrig-1", cancel=first.id), timeout_s=5)
        assert over[:1] == [first.id]
        await channel.close("done")
        await until(lambda: second.id in over)
        assert over.count(first.id) == over.count(second.id) == 1


async def test_a_long_answer_comes_in_parts_and_with_back_pressure() -> None:
    async with pair() as (_, there, channel):
        line = "x" * 4000

        async def parts(request: Request) -> Payload:
            for number in range(100):
                await request.channel.drained()
                request.reply(Logs(lines=(line,) * 50, more=True, cursor=number))
            return Logs(lines=())

        there.endpoint.route(GetLogs, parts, needs=None)
        got: list[Payload] = []
        channel.subscribe(GetLogs(miner="m"), got.append, lambda _error: None)
        await until(lambda: len(got) == 101)
        assert isinstance(got[-1], Logs)
        assert not got[-1].more


# --- duties ---------------------------------------------------------------------------------------------


async def test_keepalives_hold_an_idle_session_and_silence_ends_it() -> None:
    short = Timings(tick_s=0.01, keepalive_after_s=0.05, offline_after_s=0.3)
    async with pair(timings=short) as (here, there, channel):
        await asyncio.sleep(0.8)
        assert not channel.closed
        there.endpoint._ticker.stop()  # it falls silent
        await until(lambda: channel.closed)
        [down] = here.downs
        assert not down.clean
        assert "sign of life" in down.reason


async def test_a_cut_connection_is_recorded_as_cut() -> None:
    async with pair() as (here, there, channel):
        there.to(here)._link.abort()
        await until(lambda: channel.closed)
        assert not here.downs[0].clean


async def test_the_debt_of_a_signature_is_paid_in_time() -> None:
    short = Timings(tick_s=0.01, checkpoint_after_s=0.1, uncovered_at_most_s=0.5)
    async with pair(timings=short) as (here, there, channel):
        back = there.to(here)
        await channel.ping(5)
        assert back.session.uncovered_received == channel.session.uncovered_sent == 1
        await until(lambda: channel.session.uncovered_sent == 0)
        await until(lambda: back.session.uncovered_received == 0)
        await asyncio.sleep(0.8)
        assert not channel.closed


async def test_a_thousand_messages_owe_a_signature_too() -> None:
    async with pair() as (here, there, channel):
        there.endpoint.route(GetStats, lambda _request: STATS, needs=None)
        for _ in range(10):
            await asyncio.gather(*(channel.request(GetStats(), timeout_s=5) for _ in range(110)))
        assert channel.session.uncovered_sent < 1000
        assert there.to(here).session.uncovered_received < 1000
        assert channel.session.uncovered_received < 1000


async def test_who_never_signs_is_cut_off() -> None:
    node = Node(2, timings=Timings(tick_s=0.01, uncovered_at_most_s=0.2))
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        stranger.send(Ping())
        await until(lambda: stranger.closed)
        assert "sign" in node.downs[0].reason
        assert not node.downs[0].clean


async def test_who_signs_in_time_is_not() -> None:
    node = Node(2, timings=Timings(tick_s=0.01, checkpoint_after_s=0.02, uncovered_at_most_s=0.3))
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        for _ in range(8):
            stranger.send(Ping())
            stranger.send(Checkpoint(), sign=True)
            await asyncio.sleep(0.1)
        assert node.downs == []
        stranger.link.abort()


async def test_a_signed_answer_that_came_too_late_is_a_signature_too() -> None:
    """Its sender owes nothing more; the receiver must not wait for another signature, and end the session."""
    node = Node(2, timings=Timings(tick_s=0.01, uncovered_at_most_s=1.5))
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        stranger.send(STATS, reply_to="nobody-asked")
        stranger.send(MinerAck(status="stopped"), sign=True, reply_to="long-forgotten")
        session = node.endpoint.channels()[0].session
        await until(lambda: session.uncovered_received == 2)
        await until(lambda: session.uncovered_received == 0)
        stranger.send(MinerAck(status="stopped"), sign=True, reply_to="long-forgotten")
        stranger.send(STATS, reply_to="nobody-asked")
        await until(lambda: stranger.closed)
        assert "sign" in node.downs[0].reason, "what came after the signature is not covered by it"


async def test_a_session_ends_after_its_lifetime_with_its_successor_standing() -> None:
    short = Timings(tick_s=0.01, session_at_most_s=0.6)
    async with pair(timings=short) as (here, there, channel):
        await until(lambda: channel.closed)
        await until(lambda: there.endpoint.channel(here.fingerprint) is not None)
        successor = here.to(there)
        assert successor is not channel
        assert (await successor.ping(5))[0] > 0
        assert here.downs[0].channel is channel
        assert here.downs[0].clean


async def test_a_process_that_was_stopped_does_not_hold_it_against_its_peers() -> None:
    skipped = [0.0]
    loop = asyncio.get_running_loop()
    async with pair(timings=Timings(tick_s=0.01), clock=lambda: loop.time() + skipped[0]) as (_, _, channel):
        skipped[0] = 3600.0
        await asyncio.sleep(0.1)
        assert not channel.closed
        await channel.ping(5)


# --- what ends a session --------------------------------------------------------------------------------


async def meet(node: Node) -> Stranger:
    node.endpoint.route(GetStats, lambda _request: STATS, needs=None)
    node.endpoint.route(StopMiner, lambda _request: MinerAck(status="stopped"), needs=Grant.CONTROL)
    await node.listen()
    return await Stranger.meet(node)


@pytest.mark.parametrize(
    "payload",
    [
        StopMiner(),
        MinerAck(status="x"),
        Error(code=1000, message="x"),
        Disconnect(),
        Checkpoint(),
        Hello(name="x", role=Role.DUAL, version="1", instance="0" * 16),
    ],
    ids=lambda payload: type(payload).__name__,
)
async def test_what_must_be_signed_and_is_not_ends_the_session(payload: Payload) -> None:
    node = Node(2)
    called: list[Request] = []
    async with nodes(node):
        stranger = await meet(node)
        stranger.send(payload)
        await until(lambda: stranger.closed)
        assert "signature" in node.downs[0].reason
        assert called == []
        assert not node.downs[0].clean


async def test_a_bad_signature_ends_the_session_before_the_command_is_acted_on() -> None:
    node = Node(2)
    acted: list[Request] = []
    node.endpoint.route(StopMiner, acted.append, needs=None)
    async with nodes(node):
        await node.listen()
        stranger = await Stranger.meet(node)
        stranger.session._keys = Node(50).keys
        stranger.send(StopMiner(), sign=True)
        await until(lambda: stranger.closed)
        assert acted == []


@pytest.mark.parametrize("field", ["sender", "recipient"])
async def test_other_names_than_the_sessions_end_it(field: str) -> None:
    node = Node(2)
    async with nodes(node):
        stranger = await meet(node)
        fields: dict[str, Any] = {field: "0" * 16}
        stranger.send(GetStats(), **fields)
        await until(lambda: stranger.closed)
        assert "other nodes" in node.downs[0].reason


async def test_a_replayed_or_altered_frame_ends_the_session() -> None:
    node = Node(2)
    async with nodes(node):
        stranger = await meet(node)
        frame = stranger.session.seal(b"", sign=False)
        stranger.link.send(frame)
        stranger.link.send(frame)
        await until(lambda: stranger.closed)
        assert not node.downs[0].clean


async def test_a_second_hello_ends_the_session() -> None:
    node = Node(2)
    async with nodes(node):
        stranger = await meet(node)
        stranger.send(Hello(name="x", role=Role.DUAL, version="1", instance="0" * 16), sign=True)
        await until(lambda: stranger.closed)


async def test_an_answer_of_the_wrong_type_ends_the_session() -> None:
    node = Node(2)
    async with nodes(node):
        stranger = await meet(node)
        channel = node.endpoint.channels()[0]
        asked = asyncio.ensure_future(channel.request(GetStats(), timeout_s=30))
        await until(lambda: stranger.frames)
        message = decode(stranger.session.open(stranger.frames[0]).message)
        stranger.send(Pong(clock_ms=0), reply_to=message.id)
        with pytest.raises(Unreachable):
            await asked
        await until(lambda: stranger.closed)


def answers(stranger: Stranger) -> list[Payload]:
    frames, stranger.frames[:] = list(stranger.frames), []
    opened = [stranger.session.open(frame) for frame in frames]
    return [decode(each.message).payload for each in opened if not each.keepalive]


async def test_an_unknown_type_is_answered_and_the_session_goes_on() -> None:
    node = Node(2)
    async with nodes(node):
        stranger = await meet(node)
        fields = {"id": "u1", "from": stranger.session.local.node_id, "to": node.keys.public.node_id, "ts": 0}
        stranger.send_bytes(msgspec.msgpack.encode({"type": "self_destruct", "payload": {}, **fields}))
        await until(lambda: stranger.frames)
        [answer] = answers(stranger)
        assert isinstance(answer, Error)
        assert answer.code == 1007
        stranger.send(GetStats())
        await until(lambda: stranger.frames)
        assert isinstance(answers(stranger)[0], Stats)
        stranger.link.abort()


async def test_errors_replies_and_garbage_are_never_answered() -> None:
    node = Node(2)
    async with nodes(node):
        stranger = await meet(node)
        fields = {"from": stranger.session.local.node_id, "to": node.keys.public.node_id, "ts": 0, "payload": {}}
        stranger.send(Error(code=1000, message="x"), sign=True, reply_to="nothing")
        stranger.send(STATS, reply_to="nothing")
        stranger.send(STATS)
        stranger.send_bytes(msgspec.msgpack.encode({"type": "novel", "id": "1", "replyTo": "x", **fields}))
        stranger.send_bytes(msgspec.msgpack.encode({"type": "error", "id": "1", **fields}))
        stranger.send_bytes(b"\xc1 not even MessagePack")
        stranger.send(Ping())
        await until(lambda: stranger.frames)
        assert [type(answer) for answer in answers(stranger)] == [Pong]
        assert node.downs == []
        stranger.link.abort()
