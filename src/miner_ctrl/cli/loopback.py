"""The way to the local node where there are no Unix sockets (Windows): a loopback port, proved on both sides.

The node's token file holds its port and a secret that is new at each start and never sent. The server proves first
that it knows the secret: who has taken its port learns nothing. The exchange is tested on Linux against the door that
the node opens; as a whole it has not been run on Windows.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from pathlib import Path

from miner_ctrl.errors import Refused, StateDamaged

_MAGIC = b"MCLP\x01"
_NONCE_BYTES = 32
_PROOF_BYTES = 32


def connect(token_file: Path, timeout_s: float) -> socket.socket:
    """Return a connection to the node that wrote ``token_file``, proved on both sides and ready for HTTP.

    Raises:
        OSError: no node runs, or it went.
        Refused: who listens at its port is not the node.
        StateDamaged: the file is not what a node writes.
    """
    port, secret = _read(token_file)
    connection = socket.create_connection(("127.0.0.1", port), timeout_s)
    try:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        connection.sendall(_MAGIC + nonce)
        reply = _read_exactly(connection, _NONCE_BYTES + _PROOF_BYTES)
        nonces = nonce + reply[:_NONCE_BYTES]
        _check(reply[_NONCE_BYTES:], _proof(secret, b"server", nonces))
        connection.sendall(_proof(secret, b"client", nonces))
    except BaseException:
        connection.close()
        raise
    return connection


def _read(token_file: Path) -> tuple[int, bytes]:
    try:
        found = json.loads(token_file.read_text("utf-8"))
        return int(found["port"]), bytes.fromhex(found["token"])
    except (ValueError, TypeError, KeyError):
        raise StateDamaged(
            f"{token_file} is not what a node writes.", suggestion="Start the node again: it writes it anew."
        ) from None


def _check(proof: bytes, expected: bytes) -> None:
    if not hmac.compare_digest(proof, expected):
        raise Refused(
            "What listens on this node's local port is not this node.",
            suggestion="Start the node again: it takes a new port and a new token.",
            code="LOCAL_NODE_UNPROVED",
        )


def _proof(secret: bytes, role: bytes, nonces: bytes) -> bytes:
    return hmac.digest(secret, b"miner-ctrl/1 loopback " + role + b"\0" + nonces, "sha256")


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return received
