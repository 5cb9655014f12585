"""Heads of audit logs, exchanged with peers: told soon after a change and at most once a minute, kept, asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from miner_ctrl.app.audit import CAPABILITY
from miner_ctrl.audit.checking import is_head_of
from miner_ctrl.audit.heads import HeadBook
from miner_ctrl.errors import BadInput, MinerCtrlError, RateLimited
from miner_ctrl.model.audit import AuditHead
from miner_ctrl.model.times import now_ms
from miner_ctrl.protocol.messages import AuditHeads, AuditHeadTold
from miner_ctrl.transport.limits import TokenBucket

if TYPE_CHECKING:
    from miner_ctrl.app.audit import NodeAudit
    from miner_ctrl.transport import Channel, Endpoint, Request

log = logging.getLogger(__name__)

SOON_S = 1.0
TOLD_EVERY_S = 60.0
ANSWER_WITHIN_S = 20.0
AT_ONCE = 64
"""Peers that are told, or asked, at a time."""
ASKED_AT_MOST = 256
TOLD_PER_S, TOLD_BURST = 0.5, 20
"""What one peer may tell and ask here."""


class Answered(NamedTuple):
    """What a peer said of the heads it holds; ``error``: why it could not."""

    node_id: str
    name: str
    heads: tuple[AuditHead, ...] = ()
    error: str = ""


class HeadExchange:
    """``endpoint`` is ``None`` for a node that lives for one command: it asks nobody."""

    def __init__(self, audit: NodeAudit, endpoint: Endpoint | None) -> None:
        self.book = HeadBook(audit.home.audit_heads_database, now_ms=now_ms)
        self._audit = audit
        self._endpoint = endpoint
        self._limits: dict[bytes, TokenBucket] = {}
        self._new: dict[bytes, Channel] = {}
        self._changed = False
        self._round_at_s = float("-inf")
        self._news = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None
        self._warned: set[bytes] = set()

    async def close(self) -> None:
        """Tell nobody any more, and write what peers have told."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self.book.close()

    # --- telling ----------------------------------------------------------------------------------------

    def changed(self, head: AuditHead) -> None:
        """The log has a new head."""
        del head  # the newest one is told, whichever that is by then
        self._changed = True
        self._tell_soon()

    def connected(self, channel: Channel) -> None:
        """A peer is there that keeps heads."""
        self._new[channel.fingerprint] = channel
        self._tell_soon()

    def _tell_soon(self) -> None:
        self._news.set()
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell_until_told(), name="audit-heads-tell")

    async def _tell_until_told(self) -> None:
        while self._new or self._changed:
            await asyncio.sleep(SOON_S)
            wait_s = self._round_at_s + TOLD_EVERY_S - time.monotonic()
            if self._changed and wait_s <= 0:
                self._round_at_s, self._changed = time.monotonic(), False
                self._new.clear()
                await self._tell(self._keepers())
            elif self._new:
                channels = tuple(self._new.values())
                self._new.clear()
                await self._tell(channels)
            else:
                self._news.clear()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
                except TimeoutError:
                    continue

    async def _tell(self, channels: Sequence[Channel]) -> None:
        try:
            head = await self._audit.log.head()
        except MinerCtrlError as error:
            log.warning("%s", error.message)
            return
        if head is not None:
            await self._all_of(channels, head)

    async def _all_of(self, channels: Sequence[Channel], head: AuditHead | None) -> list[Answered]:
        answers: list[Answered] = []
        left = iter(channels)
        while some := tuple(islice(left, AT_ONCE)):
            answers += await asyncio.gather(*(self._one(channel, head) for channel in some))
        return answers

    async def _one(self, channel: Channel, head: AuditHead | None) -> Answered:
        node_id, name = channel.node_id, channel.hello.name
        try:
            reply = await channel.request(AuditHeadTold(head=head), timeout_s=ANSWER_WITHIN_S)
        except MinerCtrlError as error:
            log.debug("%s did not take the audit log's head: %s", node_id, error.message)
            return Answered(node_id, name, error=error.message)
        assert isinstance(reply, AuditHeads)  # noqa: S101 - nothing else answers it
        keys = self._audit.keys.public
        if not all(is_head_of(each, keys.fingerprint, keys.verifies) for each in reply.heads):
            return Answered(node_id, name, error="It answered with a head that this node never signed.")
        if head is not None and any(each.seq > head.seq for each in reply.heads):
            self._warn(channel, max(each.seq for each in reply.heads), head)
        return Answered(node_id, name, reply.heads)

    def _warn(self, channel: Channel, held: int, head: AuditHead) -> None:
        if channel.fingerprint not in self._warned:
            self._warned.add(channel.fingerprint)
            log.error(
                "This node's audit log was cut: %s holds its entry %d, it ends at %d. Run: miner-ctrl audit verify",
                channel.node_id, held, head.seq,
            )  # fmt: skip

    def _keepers(self) -> tuple[Channel, ...]:
        channels = self._endpoint.channels() if self._endpoint is not None else []
        return tuple(channel for channel in channels if CAPABILITY in channel.hello.capabilities)

    # --- asking and being told --------------------------------------------------------------------------

    async def ask(self) -> list[Answered]:
        """Return what the peers that are connected hold of this log."""
        return await self._all_of(self._keepers()[:ASKED_AT_MOST], None)

    async def told(self, request: Request) -> AuditHeads:
        """Keep the head that a peer tells, and answer with what is kept of its log.

        Raises:
            RateLimited: it asks too often.
            BadInput: the head is not signed by that peer.
        """
        payload, channel = request.payload, request.channel
        assert isinstance(payload, AuditHeadTold)  # noqa: S101 - the route table's promise
        if not self._admits(channel.fingerprint):
            raise RateLimited("Heads of audit logs come too fast.", suggestion="Tell them once a minute.")
        keys = channel.keys
        if payload.head is not None and not is_head_of(payload.head, keys.fingerprint, keys.verifies):
            raise BadInput("The head is not one that its node signed.", code="BAD_HEAD")
        return AuditHeads(heads=await self.book.take(channel.fingerprint, payload.head))

    def _admits(self, peer: bytes) -> bool:
        now_s = time.monotonic()
        if peer not in self._limits:
            self._limits[peer] = TokenBucket(TOLD_PER_S, TOLD_BURST, now_s)
        return self._limits[peer].take(now_s)
