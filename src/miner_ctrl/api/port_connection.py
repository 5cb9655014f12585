"""A connection at the port, and how many of them there may be."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from miner_ctrl.access import address_block
from miner_ctrl.api.connection_owner import CannotTell, Ends, owner_of
from miner_ctrl.api.guard import OWN
from miner_ctrl.api.http_protocol import HttpProtocol
from miner_ctrl.api.rates import Rate, Rates
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.errors import MinerCtrlError

TOTAL = 256
"""From other machines and other users; this node's own user is not counted, and so not kept out by them."""
PER_ADDRESS = 32
NEW_ONES = Rate(burst=100, per_s=20)
"""From one address. A browser, and every program that keeps its connection, has a few."""


class Comer(Protocol):
    """A connection, as far as a crowd wants to know it."""

    def get_extra_info(self, name: str, default: Any = None, /) -> Any:
        """Return ``peername`` or ``sockname``."""

    def is_closing(self) -> bool: ...


class Arrival:
    """A connection whose TLS handshake is still to come.

    Raises:
        OSError: it is gone already.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._names = {"peername": connection.getpeername(), "sockname": connection.getsockname()}

    def get_extra_info(self, name: str, default: Any = None, /) -> Any:
        return self._names.get(name, default)

    def is_closing(self) -> bool:
        return False


class Crowd:
    """Who is connected. ``can_tell``: the system says whose a connection from this machine is; else all of those are
    taken for this user's."""

    def __init__(
        self,
        *,
        can_tell: bool,
        total: int = TOTAL,
        per_address: int = PER_ADDRESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._can_tell = can_tell
        self._total = total
        self._per_address = per_address
        self._here: dict[Comer, str] = {}
        self._rates = Rates(clock)

    def enter(self, transport: Comer) -> bool:
        """Let a connection in; return whether it is this node's own user's.

        Raises:
            MinerCtrlError: there are too many, in all or from its address; or too many came from there just now.
        """
        peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not peer or not here:  # it is gone
            return False
        if self._is_own(Ends((peer[0], peer[1]), (here[0], here[1]))):
            return True
        block = address_block(str(peer[0]))
        self._rates.take(block, NEW_ONES)
        if self._is_full(block):
            self._here = {each: at for each, at in self._here.items() if not each.is_closing()}
        if self._is_full(block):
            raise MinerCtrlError(
                "This node has as many connections as it takes.",
                suggestion="Close some, or try again in a moment.",
                code="TOO_MANY_CONNECTIONS",
            )
        self._here[transport] = block
        return False

    def leave(self, transport: Comer) -> None:
        """Forget a connection; one that never was let in, too."""
        self._here.pop(transport, None)

    def _is_full(self, block: str) -> bool:
        return len(self._here) >= self._total or Counter(self._here.values())[block] >= self._per_address

    def _is_own(self, ends: Ends) -> bool:
        if not ipaddress.ip_address(ends.peer[0].partition("%")[0]).is_loopback:
            return False
        if not self._can_tell or sys.platform == "win32":
            return True
        try:
            return owner_of(ends) in (0, os.geteuid())
        except CannotTell:
            return False


class PortConnection(HttpProtocol):
    """One connection of ``serving`` in ``crowd``; one that was let in before its TLS is an ``arrival``, of this node's
    ``own`` user or not."""

    def __init__(
        self, serving: HttpServing, crowd: Crowd, arrival: Arrival | None = None, *, own: bool = False
    ) -> None:
        super().__init__(serving)
        self._crowd = crowd
        self._arrival = arrival
        if arrival is not None:
            self.app_state = {**self.app_state, OWN: own}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if transport.is_closing() or self._arrival is not None:
            return
        try:
            own = self._crowd.enter(transport)
        except MinerCtrlError as error:
            self._refuse(error)
        else:
            self.app_state = {**self.app_state, OWN: own}

    def upgraded_lost(self) -> None:
        """The connection was handed over to a WebSocket, and is gone now."""
        self._crowd.leave(self._arrival or self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leave(self._arrival or self.transport)
        super().connection_lost(exc)
