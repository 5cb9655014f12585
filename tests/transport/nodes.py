"""Endpoints for tests: real ones over real sockets, with what they were told noted down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from miner_ctrl.identity.introductions import Introduction, InviteStatus
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.miners import NodeStats
from miner_ctrl.model.nodes import ALL_GRANTS, Grants, Role
from miner_ctrl.model.verdict import Verdict
from miner_ctrl.protocol.codec import MESSAGE_CLASS, encode
from miner_ctrl.protocol.messages import Payload, Stats
from miner_ctrl.session import Initiator, Session
from miner_ctrl.transport import ACCEPTED, Channel, ChannelDown, ChannelUp, Endpoint, Event, Timings
from miner_ctrl.transport.hello import open_hello, seal_hello
from miner_ctrl.transport.link import Link, LinkFactory
from miner_ctrl.transport.picows_link import PicowsLinks
from miner_ctrl.transport.verdict import FindPsk

LOCAL = "127.0.0.1"
STATS = Stats(stats=NodeStats(node_id="0123456789abcdef", node_name="rig-alpha", at_ms=1))


def keys_of(seed: int) -> NodeKeys:
    return NodeKeys.from_secret(seed.to_bytes(32, "big"))


def anyone(_keys: PublicKeys) -> None:
    """A check that lets any responder pass."""


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.005)


class Node:
    """An endpoint, its keys, its events and its address."""

    def __init__(self, seed: int, *, name: str = "", grants: Grants = ALL_GRANTS, find_psk: FindPsk | None = None,
                 **options: Any) -> None:  # fmt: skip
        self.keys = keys_of(seed)
        self.fingerprint = self.keys.public.fingerprint
        self.events: list[Event] = []
        self.grants = grants
        self.verdict: Verdict = ACCEPTED
        self.met: list[Introduction] = []
        self.address = Address(LOCAL, 1)
        self.endpoint = Endpoint(
            self.keys,
            name=name or f"node-{seed}",
            role=Role.DUAL,
            version="0.1.0",
            capabilities=(),
            judge=self._judge,
            find_psk=find_psk or (lambda _id: (InviteStatus.UNKNOWN, None)),
            grants_of=lambda _fingerprint: self.grants,
            **options,
        )
        self.endpoint.on_event.append(self.events.append)

    def _judge(self, introduction: Introduction, _host: str) -> Verdict:
        self.met.append(introduction)
        return self.verdict

    @property
    def ups(self) -> list[ChannelUp]:
        return [event for event in self.events if isinstance(event, ChannelUp)]

    @property
    def downs(self) -> list[ChannelDown]:
        return [event for event in self.events if isinstance(event, ChannelDown)]

    async def listen(self, port: int = 0) -> Address:
        [(host, bound)] = await self.endpoint.listen(LOCAL, port)
        self.address = Address(host, bound)
        return self.address

    async def dial(self, other: Node) -> Channel:
        return await self.endpoint.dial(other.address, check=anyone)

    def to(self, other: Node) -> Channel:
        channel = self.endpoint.channel(other.fingerprint)
        assert channel is not None
        return channel


@asynccontextmanager
async def nodes(*made: Node) -> AsyncIterator[None]:
    """Close the endpoints afterwards."""
    try:
        yield
    finally:
        for node in made:
            await node.endpoint.close()


@asynccontextmanager
async def pair(**options: Any) -> AsyncIterator[tuple[Node, Node, Channel]]:
    """A dialler and a listener with a session between them; ``here`` dialled."""
    here, there = Node(1, **options), Node(2, **options)
    async with nodes(here, there):
        await there.listen()
        channel = await here.dial(there)
        await until(lambda: there.endpoint.channel(here.fingerprint))
        yield here, there, channel


class Stranger:
    """A peer that keeps no rule it is not made to keep: it holds the bare link and the session."""

    def __init__(self, link: Link, session: Session) -> None:
        self.link = link
        self.session = session
        self.frames: list[bytes] = []
        self.closed = False
        self._ids = 0

    @classmethod
    async def meet(
        cls,
        node: Node,
        seed: int = 99,
        *,
        links: LinkFactory | None = None,
        instance: str = "f" * 16,
        accepted: bool = True,
        sign_hello: bool = True,
    ) -> Stranger:
        """Shake hands; whatever the verdict is, go on as if it were to be let in."""
        link = await (links or PicowsLinks()).connect(node.address, tls=None, timeout_s=10)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        link.on_frame = queue.put_nowait
        other = Node(seed, instance=instance)
        initiator = Initiator(other.keys, name="stranger", check=anyone)
        link.send(initiator.write_message_1())
        initiator.read_message_2(await queue.get())
        link.send(initiator.write_message_3())
        session = initiator.session
        shared = other.endpoint._shared
        open_hello(session, await queue.get())
        link.widen()
        stranger = cls(link, session)
        link.on_frame = stranger.frames.append
        link.on_closed = stranger._gone
        hello = shared.hello(session.remote.fingerprint)
        if sign_hello:
            link.send(seal_hello(shared, session, hello))
        else:
            stranger.send(hello)
        if accepted:
            await until(lambda: node.endpoint.channel(other.fingerprint))
        return stranger

    def _gone(self) -> None:
        self.closed = True

    def send(self, payload: Payload, *, sign: bool = False, **fields: Any) -> str:
        self._ids += 1
        message_id = fields.pop("message_id", f"m{self._ids}")
        self.send_bytes(encode(self.message(payload, message_id, **fields)), sign=sign)
        return str(message_id)

    def message(self, payload: Payload, message_id: str, **fields: Any) -> Any:
        given = {"sender": self.session.local.node_id, "recipient": self.session.remote.node_id, "ts": 0, **fields}
        return MESSAGE_CLASS[type(payload)](id=message_id, payload=payload, **given)

    def send_bytes(self, data: bytes, *, sign: bool = False) -> None:
        self.link.send(self.session.seal(data, sign=sign))


FAST = Timings(tick_s=0.02)
