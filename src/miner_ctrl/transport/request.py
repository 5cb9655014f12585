"""A peer's request, as its handler gets it, and the table that finds the handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from miner_ctrl.model.nodes import Grant, Grants
from miner_ctrl.protocol.codec import TYPE_NAMES
from miner_ctrl.protocol.messages import COMMANDS, REQUESTS, FollowLogs, Logs, Message, Payload, SubscribeStats
from miner_ctrl.session import Evidence, Opened

if TYPE_CHECKING:
    from miner_ctrl.transport.channel import Channel

STREAMS: frozenset[type[Payload]] = frozenset({SubscribeStats, FollowLogs})
"""Requests that stay open and are answered many times, unless they ``cancel`` one."""


class Request:
    """One request of a peer. A command's signature has been verified before a handler sees it.

    The handler's return value is a reply; before and after it the handler may ``reply`` itself. A stream
    (``subscribe_stats``, ``follow_logs``) stays ``open`` until ``finish``, a ``logs`` without ``more``, a ``cancel``
    naming it, or the session's end; then ``on_over`` is called, once. Any other request is finished when its handler
    has returned a payload, or its coroutine has ended, or the handler calls ``finish``; until then it counts as in
    flight.
    """

    __slots__ = ("_on_finish", "_opened", "channel", "id", "message", "on_over", "open", "payload", "stream")

    def __init__(
        self, channel: Channel, message: Message[Any], opened: Opened, on_finish: Callable[[Request], None]
    ) -> None:
        self.channel = channel
        self.message = message
        self.payload: Any = message.payload
        self.id = message.id
        self.open = True
        self.stream = type(message.payload) in STREAMS and message.payload.cancel is None
        self.on_over: Callable[[], object] = _nothing
        self._opened = opened
        self._on_finish = on_finish

    @property
    def peer(self) -> bytes:
        """The fingerprint of who asks."""
        return self.channel.fingerprint

    @property
    def message_bytes(self) -> bytes:
        """The message as it was sent, and as its signature covers it."""
        return bytes(self._opened.message)

    @property
    def evidence(self) -> Evidence | None:
        """What proves to a third party that the peer sent this command; ``None`` for anything but a command."""
        if type(self.payload) not in COMMANDS:
            return None
        return self.channel.session.evidence(self._opened)

    def reply(self, payload: Payload) -> None:
        """Send a reply; a stream may send many. Nothing happens once the session is over or the request finished."""
        if self.open and not self.channel.closed:
            self.channel.post(payload, reply_to=self.id)
            if self.stream and type(payload) is Logs and not payload.more:
                self.finish()

    def finish(self) -> None:
        """No more replies: the peer may have another request under way instead."""
        if self.open:
            self.open = False
            self._on_finish(self)
            self.on_over()


def _nothing() -> None:
    """Most handlers keep nothing of a request."""


Handler = Callable[[Request], Payload | Awaitable[Payload | None] | None]
Needs = Grant | None | Callable[[Any], Grants]
"""The grant that a request needs (``None``: any peer with a session), or what says of its payload which it needs."""


class Route(NamedTuple):
    """Who answers a type, and what a peer must have been granted to ask."""

    handler: Handler
    needs: Needs

    def lacking(self, payload: Payload, granted: Callable[[], Grants]) -> Grant | None:
        """Return a grant that the peer would need for this and does not have."""
        needs = self.needs
        if needs is None:
            return None
        if isinstance(needs, Grant):
            return None if needs in granted() else needs
        return min(needs(payload) - granted(), default=None)


class Routes:
    """One owner a type, so that a dual node is simply one where both halves have entered theirs."""

    __slots__ = ("_routes",)

    def __init__(self) -> None:
        self._routes: dict[type[Payload], Route] = {}

    def add(self, payload_class: type[Payload], handler: Handler, *, needs: Needs) -> None:
        """Enter a handler.

        Raises:
            ValueError: the type is no request, or has an owner already.
        """
        if payload_class not in REQUESTS:
            raise ValueError(f"{payload_class.__name__} is not a request")
        if payload_class in self._routes:
            raise ValueError(f"{TYPE_NAMES[payload_class]} has an owner already")
        self._routes[payload_class] = Route(handler, needs)

    def find(self, payload_class: type[Payload]) -> Route | None:
        """Return the route of a type."""
        return self._routes.get(payload_class)
