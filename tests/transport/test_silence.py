"""Something that upgrades the connection and then says nothing: the dial ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from miner_ctrl.errors import Unreachable
from miner_ctrl.model.addresses import Address
from miner_ctrl.transport.half_open import HalfOpen, Visit
from miner_ctrl.transport.link import Link
from miner_ctrl.transport.picows_link import PicowsLinks
from tests.transport.nodes import LOCAL, Node, anyone


class Mute:
    """Receives connections, and never answers a frame."""

    def __init__(self) -> None:
        self._table = HalfOpen(0.0)
        self.frames: list[bytes] = []

    def admit(self, host: str, abort: Callable[[], None]) -> Visit | None:
        return self._table.admit(host, 0.0, 3.0, abort)[0]

    def arrived(self, visit: Visit, link: Link) -> None:
        link.on_frame = self.frames.append

    def left(self, visit: Visit) -> None:
        """Nothing is kept of it."""


async def test_a_node_that_does_not_answer_message_1_is_given_up_in_time() -> None:
    mute = Mute()
    listening = await PicowsLinks().listen(LOCAL, 0, tls=None, reception=mute)
    node = Node(1)
    try:
        dial = node.endpoint.dial(Address(LOCAL, listening.addresses[0][1]), check=anyone, timeout_s=0.5)
        with pytest.raises(Unreachable, match=r"does not answer as a miner-ctrl node within 0\.\d+ s"):
            await asyncio.wait_for(dial, 10)
    finally:
        await node.endpoint.close()
        listening.close()
    assert len(mute.frames) == 1
