"""The audit log as the API and the command line see it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import suppress

import msgspec

from miner_ctrl.app.audit import NodeAudit
from miner_ctrl.app.audit_heads import Answered
from miner_ctrl.audit.checking import view_of_check
from miner_ctrl.audit.exported import Header, comma_separated, json_lines
from miner_ctrl.audit.heads import Kept
from miner_ctrl.audit.reading import Held, Wanted, checked, part, view_of
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.audit import AskedPeerView, AuditCheckView, AuditEntryView, AuditStatusView, KeptHeadView
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.nodes import Identity
from miner_ctrl.peers import Registry


class AuditFace:
    """``api.faces.AuditFace``."""

    def __init__(self, audit: NodeAudit, identity: Identity, registry: Registry) -> None:
        self._audit = audit
        self._identity = identity
        self._registry = registry
        self._path = audit.home.audit_database

    def asked(self, caller: Caller, action: str, target: Mapping[str, str], body: msgspec.Struct | None) -> int:
        return self._audit.asked(caller, action, target, body)

    def ended(self, entry: int, code: str) -> None:
        self._audit.ended(entry, code)

    def noted(self, caller: Caller, action: str, target: Mapping[str, str], code: str = "") -> None:
        self._audit.noted(caller, action, target, code)

    async def entries(
        self, *, limit: int, before: int, caller: str, action: str, peer: str, q: str, since_ms: int, until_ms: int
    ) -> Sequence[AuditEntryView]:
        await self._audit.log.settled()
        wanted = Wanted(limit, before, caller, action, peer, q, since_ms, until_ms)
        return [view_of(entry) for entry in await asyncio.to_thread(part, self._path, wanted)]

    async def status(self) -> AuditStatusView:
        log, problem, heads = self._audit.log, self._audit.log.problem, list[Kept]()
        try:
            head = await log.head()
        except MinerCtrlError as error:
            head, problem = None, problem or error.message
        try:
            heads = await self._audit.exchange.book.kept()
        except MinerCtrlError as error:
            problem = problem or error.message
        return AuditStatusView(
            entries=head.seq if head else 0,
            at_ms=head.at_ms if head else 0,
            hash=base64.b64encode(head.hash).decode() if head else "",
            size_bytes=await asyncio.to_thread(self._size),
            waiting=log.waiting,
            lost=log.lost,
            problem=problem,
            heads=tuple(map(self._kept_view, heads)),
        )

    async def check(self) -> AuditCheckView:
        await self._audit.log.settled()
        answered = await self._audit.exchange.ask()
        held = [Held(each.name, each.heads) for each in answered]
        keys = self._audit.keys.public
        check = await asyncio.to_thread(
            lambda: checked(self._path, held, fingerprint=keys.fingerprint, verifies=keys.verifies)
        )
        return view_of_check(check, tuple(map(_asked_view, answered)))

    def export(self, format_: str, *, since_ms: int) -> AsyncGenerator[bytes, None]:
        if format_ == "csv":
            return _in_parts(lambda: comma_separated(self._path, since_ms=since_ms))
        keys = self._audit.keys.public
        header = Header(
            node=self._identity.id,
            name=self._identity.name,
            fingerprint=keys.fingerprint.hex(),
            public_key=base64.b64encode(keys.x).decode(),
            signing_key=base64.b64encode(keys.e).decode(),
            since_ms=since_ms,
        )
        return _in_parts(lambda: json_lines(self._path, header))

    def _kept_view(self, kept: Kept) -> KeptHeadView:
        record = self._registry.get(kept.peer)
        return KeptHeadView(
            peer=str(record.keys.node_id) if record else kept.peer.hex(),
            peer_name=record.name if record else "",
            seq=kept.head.seq,
            at_ms=kept.head.at_ms,
            kept_at_ms=kept.kept_at_ms,
            hash=base64.b64encode(kept.head.hash).decode(),
            conflict=kept.conflict,
        )

    def _size(self) -> int:
        files = (self._path, self._path.with_name(f"{self._path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())


def _asked_view(each: Answered) -> AskedPeerView:
    newest = max((head.seq for head in each.heads), default=0)
    return AskedPeerView(peer=each.node_id, peer_name=each.name, heads=len(each.heads), newest=newest, error=each.error)


async def _in_parts(begin: Callable[[], Generator[bytes, None, None]]) -> AsyncGenerator[bytes, None]:
    """Yield what ``begin`` yields, each part made in a thread when it is wanted."""
    parts = begin()
    try:
        while (data := await asyncio.to_thread(next, parts, None)) is not None:
            yield data
    finally:
        with suppress(ValueError):  # a thread is in it still: it lets go of the file with its last reference
            parts.close()
