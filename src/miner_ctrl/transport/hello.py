"""The signed hello that opens each direction of a session (protocol.md, "Handshake")."""

from __future__ import annotations

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.protocol.codec import decode, encode
from miner_ctrl.protocol.messages import Hello, HelloMessage
from miner_ctrl.session import Session
from miner_ctrl.transport.shared import Shared


def seal_hello(shared: Shared, session: Session, hello: Hello) -> bytes:
    """Return the frame with this node's hello."""
    message = HelloMessage(
        id=shared.new_id(),
        sender=session.local.node_id,
        recipient=session.remote.node_id,
        ts=shared.now_ms(),
        payload=hello,
    )
    return session.seal(encode(message), sign=True)


def open_hello(session: Session, frame: bytes) -> Hello:
    """Return the peer's hello, its signature verified.

    Raises:
        ProtocolViolation: the first frame is anything else.
    """
    opened = session.open(frame)
    message = decode(opened.message)
    if not isinstance(message, HelloMessage):
        raise ProtocolViolation("The first message of a session is not a hello.")
    if message.sender != session.remote.node_id or message.recipient != session.local.node_id:
        raise ProtocolViolation("A message names other nodes than those of its session.")
    session.verify(opened)
    return message.payload
