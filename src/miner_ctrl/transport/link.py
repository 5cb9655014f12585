"""The link contract: one WebSocket that carries binary messages. Three libraries fulfil it (``picows_link``,
``websockets_link``, ``memory_link``) and pass one suite (``tests/transport/test_link_contract.py``).

What every link guarantees (protocol.md, "Layers"): ``GET /ws`` only; a request with an ``Origin`` header is refused;
no extensions; a text frame, a fragment, a reserved bit or an unmasked client frame ends it; a message over the bound
ends it, and until ``widen`` the bound is 1,024 bytes; CLOSE is answered; a peer that does not read does not make the
write buffer grow beyond what its owner sends after ``writable`` has gone false.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

from miner_ctrl.model.addresses import Address
from miner_ctrl.transport.half_open import Visit

PATH = "/ws"
WRITE_HIGH_BYTES = 256 * 1024
"""Above this a link is not ``writable``: whoever streams waits."""
WRITE_LOW_BYTES = 64 * 1024
WRITE_LIMIT_BYTES = 4 * 1024 * 1024
"""Above this the peer has stopped reading, and its session ends."""
CLOSE_WITHIN_S = 2.0
"""How long a closed link may take to send what it holds before it is cut."""
NARROW_TOTAL_BYTES = 8 * 1024
"""How much a connection may send in all before ``widen``, whatever it is."""

NORMAL, PROTOCOL_ERROR, UNSUPPORTED, TOO_BIG = 1000, 1002, 1003, 1009
"""WebSocket close codes. They decide nothing."""


class Link(Protocol):
    """One WebSocket. The owner sets the three callbacks; none is called after ``on_closed``."""

    remote: tuple[str, int]
    on_frame: Callable[[bytes], None]
    """A binary message came."""
    on_closed: Callable[[], None]
    """The connection is gone, whoever ended it."""
    on_writable: Callable[[], None]
    """What was held back has gone out: ``writable`` is true again."""

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""

    @property
    def writable(self) -> bool:
        """Whether less than ``WRITE_HIGH_BYTES`` wait to be sent."""

    @property
    def buffered(self) -> int:
        """How many bytes wait to be sent."""

    def send(self, frame: bytes) -> None:
        """Send one binary message; on a closed link, nothing happens."""

    def widen(self) -> None:
        """The handshake is done: from now on a message may have ``MAX_FRAME_BYTES``."""

    def close(self, code: int = NORMAL) -> None:
        """Send CLOSE and end the connection once what waits is sent, or after ``CLOSE_WITHIN_S``."""

    def abort(self) -> None:
        """End the connection at once."""


class Reception(Protocol):
    """Who receives connections: it bounds them before a byte of theirs is read."""

    def admit(self, host: str, abort: Callable[[], None]) -> Visit | None:
        """A connection came from ``host``; ``None`` turns it away."""

    def arrived(self, visit: Visit, link: Link) -> None:
        """Its WebSocket stands."""

    def left(self, visit: Visit) -> None:
        """It went away before its WebSocket stood."""


class Listening(Protocol):
    """A listener that runs. Closing it ends no link."""

    addresses: list[tuple[str, int]]

    def close(self) -> None:
        """Stop listening: the ports are free when this returns, or soon after."""


class LinkFactory(Protocol):
    """One WebSocket library, or the memory."""

    async def listen(
        self, host: str | None, port: int, *, tls: ssl.SSLContext | None, reception: Reception
    ) -> Listening:
        """Listen on ``host`` (``None``: all addresses, IPv4 and IPv6); port 0 takes a free one.

        Raises:
            OperationFailed: the address cannot be listened on.
        """

    async def connect(self, address: Address, *, tls: ssl.SSLContext | None, timeout_s: float) -> Link:
        """Return a link to ``address`` whose WebSocket stands, within ``timeout_s`` seconds.

        Raises:
            Unreachable: nobody is there, or it keeps silent (``NOT_MINER_CTRL``).
            OperationFailed: something else than a miner-ctrl node answers (``NOT_MINER_CTRL``), or its certificate
                is not the pinned one (``TLS_REFUSED``).
        """
