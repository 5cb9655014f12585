"""The node's audit log, made when something is to be noted or told: most rigs are commanded seldom."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from miner_ctrl.config import Home
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.times import now_ms
from miner_ctrl.peers import Registry
from miner_ctrl.protocol.messages import AuditHeads, AuditHeadTold
from miner_ctrl.transport import Channel, ChannelDown, ChannelUp, Endpoint, Request
from miner_ctrl.worker.commands import caller_of_peer

if TYPE_CHECKING:
    from miner_ctrl.app.audit_face import AuditFace
    from miner_ctrl.app.audit_heads import HeadExchange
    from miner_ctrl.audit.log import AuditLog
    from miner_ctrl.controller.deeds import Deeds

CAPABILITY = "audit"
"""In a node's hello: it keeps heads of its peers' audit logs."""


def capabilities(serving: bool) -> tuple[str, ...]:
    """Return what a node says in its hello that it can do. One that lives for a command alone keeps nobody's heads."""
    return ("profiles", CAPABILITY) if serving else ("profiles",)


class NodeAudit:
    """A node that ``controls`` has a thread for its log; a rig gives it, as ``thread``, one that it has anyway.

    ``close`` comes after everything that notes.
    """

    def __init__(self, home: Home, keys: NodeKeys, *, controls: bool) -> None:
        self.home = home
        self.keys = keys
        self.thread: Executor | None = None
        self.deeds: Deeds | None = None
        """Hears the same, where a controller keeps a history."""
        self._controls = controls
        self._own_thread: Executor | None = None
        self._endpoint: Endpoint | None = None
        self._log: AuditLog | None = None
        self._exchange: HeadExchange | None = None

    def begin(self, endpoint: Endpoint, *, serving: bool) -> None:
        """Note what peers are refused from now on; where it serves, tell them this log's heads, and keep theirs."""
        endpoint.on_refused = self._refused
        if serving:
            self._endpoint = endpoint
            endpoint.route(AuditHeadTold, self._told, needs=None)
            endpoint.on_event.append(self._session_event)

    async def close(self) -> None:
        """Write what is not written."""
        if self._exchange is not None:
            await self._exchange.close()
        if self._log is not None:
            await self._log.close()
        if self._own_thread is not None:
            self._own_thread.shutdown()

    def asked(self, caller: Caller, action: str, target: Mapping[str, str], body: msgspec.Struct | None) -> int:
        """As ``Audit.asked``."""
        entry = self.log.asked(caller, action, target, body)
        if self.deeds is not None:
            self.deeds.asked(entry, caller, action, target, body)
        return entry

    def ended(self, entry: int, code: str) -> None:
        """As ``Audit.ended``."""
        self.log.ended(entry, code)
        if self.deeds is not None:
            self.deeds.ended(entry, code)

    def noted(self, caller: Caller, action: str, target: Mapping[str, str], code: str = "") -> None:
        """As ``Audit.noted``."""
        self.log.noted(caller, action, target, code)
        if self.deeds is not None:
            self.deeds.noted(caller, action, target, code)

    @property
    def log(self) -> AuditLog:
        """The log, made if it was not."""
        if self._log is None:
            from miner_ctrl.audit.log import AuditLog  # noqa: PLC0415 - see above

            if self._controls:
                self._own_thread = ThreadPoolExecutor(1, "audit")
            keys = self.keys
            self._log = AuditLog(
                self.home.audit_database,
                fingerprint=keys.public.fingerprint,
                sign=keys.sign,
                now_ms=now_ms,
                thread=self._own_thread or self.thread,
                flush_thread=None if self._controls else self.thread,
            )
            if self._endpoint is not None:
                self._log.on_head = self.exchange.changed
        return self._log

    @property
    def made(self) -> AuditLog | None:
        """The log, if something was noted or told by this process."""
        return self._log

    def face(self, identity: Identity, registry: Registry) -> AuditFace:
        """Return it as the API sees it."""
        from miner_ctrl.app.audit_face import AuditFace  # noqa: PLC0415 - for who is asked locally

        return AuditFace(self, identity, registry)

    @property
    def exchange(self) -> HeadExchange:
        """What tells peers of this log and keeps what they tell, made if it was not."""
        if self._exchange is None:
            from miner_ctrl.app.audit_heads import HeadExchange  # noqa: PLC0415 - see above

            self._exchange = HeadExchange(self, self._endpoint)
        return self._exchange

    def _refused(self, channel: Channel, action: str, code: str) -> None:
        self.noted(caller_of_peer(channel), action, {}, code)

    async def _told(self, request: Request) -> AuditHeads:
        return await self.exchange.told(request)

    def _session_event(self, event: ChannelUp | ChannelDown) -> None:
        if isinstance(event, ChannelDown) or CAPABILITY not in event.channel.hello.capabilities:
            return
        if self._log is not None or self.home.audit_database.exists():
            self.exchange.connected(event.channel)
