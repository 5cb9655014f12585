"""What an endpoint counts, over real sockets."""

from __future__ import annotations

import pytest

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.transport import Timings
from miner_ctrl.transport.picows_link import PicowsLinks
from tests.transport.nodes import Node, anyone, nodes, pair, until


async def test_a_session_that_stands_and_ends() -> None:
    async with pair() as (here, there, channel):
        dialler, listener = here.endpoint.counts, there.endpoint.counts
        assert (dialler.dialled, dialler.dial_failures, dialler.accepted) == (1, 0, 0)
        assert (listener.accepted, listener.refused, listener.failed, listener.dialled) == (1, 0, 0, 0)
        sent, received = dialler.sent_bytes, listener.received_bytes
        await channel.ping(10)
        assert dialler.sent_bytes - sent > 100
        await until(lambda: listener.received_bytes - received == dialler.sent_bytes - sent)
        await until(lambda: dialler.received_bytes == listener.sent_bytes)
        await channel.close("That is all.")
        await until(lambda: there.downs)
        assert [(counts.ended_cleanly, counts.lost) for counts in (dialler, listener)] == [(1, 0), (1, 0)]


async def test_a_session_that_is_lost() -> None:
    async with pair() as (_here, there, channel):
        channel._link.abort()
        await until(lambda: there.downs)
        assert (there.endpoint.counts.ended_cleanly, there.endpoint.counts.lost) == (0, 1)


async def test_who_is_not_let_in() -> None:
    here, there = Node(1), Node(2)
    async with nodes(here, there):
        await there.listen()
        there.verdict = Verdict(VerdictStatus.REFUSED, "no")
        with pytest.raises(MinerCtrlError):
            await here.endpoint.dial(there.address, check=anyone)
        assert (here.endpoint.counts.dialled, here.endpoint.counts.dial_failures) == (0, 1)
        counts = there.endpoint.counts
        assert (counts.accepted, counts.refused, counts.failed) == (0, 1, 0)


async def test_handshakes_that_are_broken_given_up_or_too_slow() -> None:
    there = Node(2, timings=Timings(tick_s=0.01, message_1_within_s=0.5))
    counts = there.endpoint.counts
    async with nodes(there):
        await there.listen()
        broken, given_up, _slow = [await PicowsLinks().connect(there.address, tls=None, timeout_s=10) for _ in range(3)]
        broken.send(b"this is no message 1")
        await until(lambda: counts.failed == 1)
        given_up.abort()
        await until(lambda: counts.failed == 2)
        await until(lambda: counts.failed == 3)
        await until(lambda: there.endpoint.half_open == 0)
        assert (counts.accepted, counts.refused) == (0, 0)
