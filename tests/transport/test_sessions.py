"""Two sessions with one peer, copied keys, and coming back after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from miner_ctrl.errors import IdentityMismatch, PendingApproval, Unreachable
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.protocol.messages import FollowLogs, GetStats
from miner_ctrl.transport import ACCEPTED, Channel, Request, Timings
from miner_ctrl.transport.link import LinkFactory
from miner_ctrl.transport.memory_link import MemoryLinks
from miner_ctrl.transport.picows_link import PicowsLinks
from miner_ctrl.transport.redial import Redial
from miner_ctrl.transport.websockets_link import WebsocketsLinks
from tests.transport.nodes import LOCAL, STATS, Node, Stranger, anyone, nodes, pair, until

QUICK = Timings(tick_s=0.01, reconnect_first_s=0.02, reconnect_last_s=0.1, duplicate_pong_within_s=0.3)


@pytest.mark.parametrize("made", [PicowsLinks, WebsocketsLinks, MemoryLinks])
async def test_sessions_stand_on_every_kind_of_link(made: type[LinkFactory]) -> None:
    links = made()
    here, there = Node(1, links=links), Node(2, links=links)
    there.endpoint.route(GetStats, lambda _request: STATS, needs=None)
    async with nodes(here, there):
        [bound] = await there.endpoint.listen(LOCAL, 0)
        channel = await here.endpoint.dial(Address(*bound), check=anyone)
        assert await channel.request(GetStats(), timeout_s=5) == STATS
        await channel.close("done")
        await until(lambda: there.downs)
        assert there.downs[0].clean


async def test_both_ends_dial_at_once_and_one_session_stands() -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        await here.listen()
        await there.listen()
        from_here, from_there = await asyncio.gather(here.dial(there), there.dial(here))
        await until(lambda: len(here.endpoint._standing._alive) == len(there.endpoint._standing._alive) == 1)
        smaller = here if here.keys.public.x < there.keys.public.x else there
        assert here.to(there).is_initiator == (smaller is here)
        assert there.to(here).is_initiator == (smaller is there)
        await here.to(there).ping(5)
        await there.to(here).ping(5)
        for node in (here, there):
            assert len(node.ups) - len(node.downs) == 1
        assert {from_here.closed, from_there.closed} <= {True, False}


async def test_of_two_sessions_in_one_direction_the_later_stands() -> None:
    async with pair(timings=QUICK) as (here, there, first):
        second = await here.dial(there)
        assert second is not first
        await until(lambda: first.closed and len(there.endpoint._standing._alive) == 1)
        await second.ping(5)
        await until(lambda: len(here.downs) == len(there.downs) == 1)
        assert here.downs[0].clean
        assert [type(event).__name__ for event in here.events] == ["ChannelUp", "ChannelDown", "ChannelUp"]


async def test_a_replaced_session_finishes_what_is_under_way() -> None:
    async with pair(timings=QUICK) as (here, there, first):
        go_on = asyncio.Event()

        async def answer(_request: Request) -> object:
            await go_on.wait()
            return STATS

        there.endpoint.route(GetStats, answer, needs=None)  # type: ignore[arg-type]
        asked = asyncio.ensure_future(first.request(GetStats(), timeout_s=10))
        await asyncio.sleep(0)
        assert await here.dial(there) is not first
        go_on.set()
        assert await asked == STATS
        await until(lambda: first.closed)


async def test_replaced_sessions_do_not_pile_up() -> None:
    """Each may hold what its requests hold; a peer that dials again and again has one that stands and one that ends."""
    node, other = Node(2, timings=QUICK), Node(99, timings=QUICK)
    hung = asyncio.Event()
    asked = []

    async def answer(_request: Request) -> None:
        await hung.wait()

    node.endpoint.route(GetStats, answer, needs=None)
    async with nodes(node, other):
        await node.listen()
        for _ in range(6):
            asked.append((await other.dial(node)).ask(GetStats(), timeout_s=10))
            await until(lambda: not node.endpoint._standing._contests)
            assert len(node.endpoint._standing._alive) <= 2
        hung.set()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_who_is_dropped_while_it_is_dialled_does_not_stand() -> None:
    here, there = Node(1), Node(2)

    def check(keys: PublicKeys) -> None:
        here.endpoint.drop(keys.fingerprint, "removed")

    async with nodes(here, there):
        await there.listen()
        with pytest.raises(Unreachable):
            await here.endpoint.dial(there.address, check=check)
        assert here.events == []
        assert await here.dial(there), "a later one may"


async def test_dials_that_hang_do_not_keep_others_from_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner_ctrl.transport.redial._AT_ONCE", 2)
    now = 0.0
    shared = Node(1, clock=lambda: now).endpoint._shared
    dialled: list[bytes] = []

    async def hang_up(_address: Address, fingerprint: bytes) -> Channel:
        dialled.append(fingerprint)
        raise Unreachable("nobody there")

    redial = Redial(shared, hang_up, lambda _: False)
    for number in range(10):
        redial.keep(bytes([number]), Address(LOCAL, 1))
    for _ in range(10):
        now += 60.0
        redial.tick()
        await asyncio.gather(*shared.tasks)
    assert set(dialled) == {bytes([number]) for number in range(10)}


async def test_a_new_instance_replaces_the_old_session() -> None:
    node = Node(2, timings=QUICK)
    async with nodes(node):
        await node.listen()
        old = await Stranger.meet(node, instance="a" * 16)
        again = Node(99, instance="b" * 16)
        async with nodes(again):
            channel = await again.dial(node)
            await until(lambda: old.closed)
            assert node.to(again).hello.instance == "b" * 16
            await channel.ping(5)


async def test_a_winner_that_keeps_silent_loses() -> None:
    node, other = Node(2, timings=QUICK), Node(99, timings=QUICK)
    async with nodes(node, other):
        await node.listen()
        await other.dial(node)
        await until(lambda: node.endpoint.channel(other.fingerprint))
        standing = node.to(other)
        mute = await Stranger.meet(node, instance=other.endpoint._shared.instance)
        await until(lambda: mute.closed)
        assert node.to(other) is standing
        await standing.ping(5)


async def test_a_stream_ends_with_its_session_also_where_that_never_stood() -> None:
    """Nobody hears of the end of a session that lost: what a handler keeps of it would stay for ever."""
    node, other = Node(2, timings=QUICK), Node(99, timings=QUICK)
    over: list[str] = []

    def follow(request: Request) -> None:
        request.on_over = lambda: over.append(request.id)

    node.endpoint.route(FollowLogs, follow, needs=None)
    async with nodes(node, other):
        await node.listen()
        await other.dial(node)
        await until(lambda: node.endpoint.channel(other.fingerprint))
        mute = await Stranger.meet(node, instance=other.endpoint._shared.instance)
        mute.send(FollowLogs(miner="xmrig-1"))
        await until(lambda: mute.closed)
        assert node.downs == []
        assert over == ["m1"]


async def test_machines_with_a_copied_key_are_reported_and_both_closed(caplog: pytest.LogCaptureFixture) -> None:
    node = Node(2, timings=QUICK)
    copies = [Node(99, timings=QUICK), Node(99, timings=QUICK)]
    async with nodes(node, *copies):
        await node.listen()
        with caplog.at_level(logging.ERROR):
            for turn in range(12):
                with contextlib.suppress(Unreachable):
                    await copies[turn % 2].dial(node)
                if caplog.records:
                    break
        assert "copied" in caplog.text
        assert copies[0].keys.public.node_id in caplog.text
        await until(lambda: node.endpoint.channels() == [])
        assert turn in (4, 5)  # the dialler's side may hear of it one turn later


async def test_a_restarted_listener_is_found_again() -> None:
    here, there = Node(1, timings=QUICK), Node(2, timings=QUICK)
    async with nodes(here, there):
        address = await there.listen()
        here.endpoint.keep_dialled(there.fingerprint, address)
        await until(lambda: here.endpoint.channel(there.fingerprint))
        await there.endpoint.close()
        await until(lambda: here.endpoint.dial_failure(there.fingerprint))
        failure = here.endpoint.dial_failure(there.fingerprint)
        assert isinstance(failure, Unreachable)
        assert str(address) in failure.message
        reborn = Node(2, timings=QUICK)
        async with nodes(reborn):
            await reborn.listen(address.port)
            await until(lambda: here.endpoint.channel(there.fingerprint))
            await here.to(there).ping(5)
            assert here.endpoint.dial_failure(there.fingerprint) is None


async def test_a_cut_session_comes_back_by_itself() -> None:
    here, there = Node(1, timings=QUICK), Node(2, timings=QUICK)
    async with nodes(here, there):
        here.endpoint.keep_dialled(there.fingerprint, await there.listen())
        for _ in range(3):
            await until(lambda: there.endpoint.channel(here.fingerprint))
            channel = there.to(here)
            channel._link.abort()
            await until(lambda channel=channel: channel.closed)  # type: ignore[misc]
        await until(lambda: len(here.ups) == 4)


async def test_redialling_never_accepts_other_keys_and_tells_why() -> None:
    here, there = Node(1, timings=QUICK), Node(2, timings=QUICK)
    told: list[object] = []
    here.endpoint.on_dial_failure.append(lambda _fingerprint, error: told.append(error))
    async with nodes(here, there):
        wrong = bytes(32)
        here.endpoint.keep_dialled(wrong, await there.listen())
        await until(lambda: len(told) >= 3)
        assert isinstance(here.endpoint.dial_failure(wrong), IdentityMismatch)
        assert isinstance(told[0], IdentityMismatch)
        assert there.met == []
        here.endpoint.stop_dialling(wrong)
        assert here.endpoint.dial_failure(wrong) is None


async def test_a_pending_dial_succeeds_once_it_is_approved() -> None:
    here, there = Node(1, timings=QUICK), Node(2, timings=QUICK)
    there.verdict = Verdict(VerdictStatus.PENDING)
    async with nodes(here, there):
        here.endpoint.keep_dialled(there.fingerprint, await there.listen())
        await until(lambda: isinstance(here.endpoint.dial_failure(there.fingerprint), PendingApproval))
        there.verdict = ACCEPTED
        await until(lambda: here.endpoint.channel(there.fingerprint))


async def test_redial_now_does_not_wait() -> None:
    slow = Timings(tick_s=0.01, reconnect_first_s=3600, reconnect_last_s=3600)
    here, there = Node(1, timings=slow), Node(2)
    async with nodes(here, there):
        address = await there.listen()
        there.verdict = Verdict(VerdictStatus.PENDING)
        here.endpoint.keep_dialled(there.fingerprint, address)
        await until(lambda: here.endpoint.dial_failure(there.fingerprint))
        there.verdict = ACCEPTED
        here.endpoint.redial_now(there.fingerprint)
        await until(lambda: here.endpoint.channel(there.fingerprint))
