"""A node that speaks the protocol by hand, so that it can break it: a WebSocket, a handshake, frames."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import Role
from miner_ctrl.protocol.codec import MESSAGE_CLASS, decode
from miner_ctrl.protocol.messages import SIGNED, Hello, Message, Payload
from miner_ctrl.session import Initiator, Session
from tests.integration.inside import PATIENCE_S

P = TypeVar("P", bound=Payload)


class RawPeer:
    """The initiator's end of one session; ``verdict`` is what the other side said of it."""

    def __init__(self, link: ClientConnection, session: Session, verdict: Hello) -> None:
        self.link = link
        self.session = session
        self.verdict = verdict
        self._numbers = itertools.count(1)

    async def say(
        self,
        payload: Payload,
        *,
        reply_to: str | None = None,
        sign: bool | None = None,
        sender: str | None = None,
        recipient: str | None = None,
    ) -> str:
        """Send one message and return its id; what is not given is as it should be."""
        message_id = f"raw-{next(self._numbers)}"
        message = MESSAGE_CLASS[type(payload)](
            id=message_id,
            sender=sender or self.session.local.node_id,
            recipient=recipient or self.session.remote.node_id,
            ts=time.time_ns() // 1_000_000,
            payload=payload,
            reply_to=reply_to,
        )
        await self.say_bytes(msgspec.msgpack.encode(message), sign=type(payload) in SIGNED if sign is None else sign)
        return message_id

    async def say_bytes(self, message: bytes, *, sign: bool = False) -> None:
        await self.link.send(self.session.seal(message, sign=sign))

    async def hear(self) -> Message[Any]:
        """Return the next message."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self.link.recv(decode=False)
                opened = self.session.open(frame)
                if not opened.keepalive:
                    return decode(opened.message)

    async def hear_a(self, kind: type[P], *, reply_to: str | None = None) -> P:
        """Return the next payload of a kind, skipping others."""
        while True:
            message = await self.hear()
            if isinstance(message.payload, kind) and reply_to in (None, message.reply_to):
                return message.payload

    async def ended(self) -> None:
        """Return once the other side has ended the session."""
        try:
            while True:
                await self.hear()
        except ConnectionClosed:
            return


@asynccontextmanager
async def dialled(
    keys: NodeKeys,
    address: str,
    *,
    name: str = "raw",
    role: Role = Role.CONTROLLER,
    grants: tuple[str, ...] = (),
    capabilities: tuple[str, ...] = (),
    source: str = "127.0.0.1",
) -> AsyncIterator[RawPeer]:
    """Shake hands with the node at ``address``, from the address ``source``, and say hello if it accepts.

    ``role``, ``grants`` and ``capabilities`` are what the hello says.
    """
    async with connect(
        f"ws://{address}/ws", compression=None, ping_interval=None, max_size=None, proxy=None, open_timeout=PATIENCE_S,
        close_timeout=1, local_addr=(source, 0),
    ) as link:  # fmt: skip
        initiator = Initiator(keys, name=name, check=lambda _: None)
        await link.send(initiator.write_message_1())
        initiator.read_message_2(await link.recv(decode=False))
        await link.send(initiator.write_message_3())
        session = initiator.session
        opened = session.open(await link.recv(decode=False))
        session.verify(opened)
        hello = decode(opened.message).payload
        assert isinstance(hello, Hello)
        peer = RawPeer(link, session, hello)
        if hello.verdict == "accepted":
            instance = f"{id(peer):016x}"
            await peer.say(
                Hello(
                    name=name, role=role, version="0.1.0", instance=instance, grants=grants, capabilities=capabilities
                )
            )  # fmt: skip
        yield peer
