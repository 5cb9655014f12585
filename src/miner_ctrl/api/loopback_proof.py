"""Mutual proof over a loopback connection, where there is no Unix socket: both ends hold a token that is never sent.

::

    client → server   "MCLP" 01 ‖ nonce_c (32)
    server → client   nonce_s (32) ‖ HMAC-SHA256(token, "miner-ctrl/1 loopback server\\0" ‖ nonce_c ‖ nonce_s)
    client → server   HMAC-SHA256(token, "miner-ctrl/1 loopback client\\0" ‖ nonce_c ‖ nonce_s)

The server proves itself first: who has taken its port learns nothing that it could use. Then HTTP starts. Standard
library only; the command line uses the client's half.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import NamedTuple

from miner_ctrl.errors import Refused, StateDamaged, Unreachable

TOKEN_BYTES = 32
NONCE_BYTES = 32
PROOF_BYTES = 32
MAGIC = b"MCLP\x01"
GREETING_BYTES = len(MAGIC) + NONCE_BYTES
_MAX_FILE_BYTES = 1024


class LoopbackToken(NamedTuple):
    """Where the node listens, and the secret of its present start. Its repr does not show the secret."""

    port: int
    token: bytes

    def __repr__(self) -> str:
        return f"LoopbackToken(port={self.port})"


class ServerSide:
    """The server's half. Feed it with ``read_greeting`` and ``check_proof``; both say with ``None``/False: cut it."""

    def __init__(self, token: bytes, *, nonce: bytes | None = None) -> None:
        self._token = token
        self._nonce = nonce or secrets.token_bytes(NONCE_BYTES)
        self._nonces = b""

    def read_greeting(self, greeting: bytes) -> bytes | None:
        """Return the answer to the client's first ``GREETING_BYTES``, or ``None`` if they are not a greeting."""
        if len(greeting) != GREETING_BYTES or not greeting.startswith(MAGIC):
            return None
        self._nonces = greeting[len(MAGIC) :] + self._nonce
        return self._nonce + _proof(self._token, b"server", self._nonces)

    def check_proof(self, proof: bytes) -> bool:
        """Return whether the client knows the token."""
        return bool(self._nonces) and hmac.compare_digest(proof, _proof(self._token, b"client", self._nonces))


class ClientSide:
    """The client's half."""

    def __init__(self, token: bytes, *, nonce: bytes | None = None) -> None:
        self._token = token
        self._nonce = nonce or secrets.token_bytes(NONCE_BYTES)

    def greeting(self) -> bytes:
        """Return what the client sends first."""
        return MAGIC + self._nonce

    def answer(self, reply: bytes) -> bytes:
        """Return the client's proof, once the server's ``reply`` has proved the server.

        Raises:
            Refused: who listens there does not know the token.
        """
        nonces = self._nonce + reply[:NONCE_BYTES]
        if len(reply) != NONCE_BYTES + PROOF_BYTES or not hmac.compare_digest(
            reply[NONCE_BYTES:], _proof(self._token, b"server", nonces)
        ):
            raise Refused(
                "What listens on this node's local port is not this node.",
                suggestion="Start the node again: it takes a new port and a new token.",
                code="LOCAL_NODE_UNPROVED",
            )
        return _proof(self._token, b"client", nonces)


def connect(where: LoopbackToken, *, timeout_s: float) -> socket.socket:
    """Return a connection to the node, proved on both sides and ready for HTTP.

    Raises:
        Unreachable: nobody listens there. Refused: it is not this node.
    """
    side = ClientSide(where.token)
    connection: socket.socket | None = None
    try:
        connection = socket.create_connection(("127.0.0.1", where.port), timeout_s)
        connection.sendall(side.greeting())
        connection.sendall(side.answer(_read_exactly(connection, NONCE_BYTES + PROOF_BYTES)))
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, OSError):
            raise Unreachable("The local node does not answer.", suggestion="Is it running?") from None
        raise
    return connection


def write_token_file(path: Path, token: LoopbackToken) -> None:
    """Write ``path`` for this user's eyes only, in one step.

    On POSIX the file is 0600. On Windows it gets the access list of its directory, which in a user's profile is the
    user, SYSTEM and administrators: the standard library cannot set a narrower one.
    """
    content = json.dumps({"port": token.port, "token": token.token.hex()}).encode()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_token_file(path: Path) -> LoopbackToken:
    """Return what the node wrote.

    Raises:
        Unreachable: there is no such file: no node runs. StateDamaged: it is not what a node writes.
    """
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_FILE_BYTES))
        token = LoopbackToken(int(found["port"]), bytes.fromhex(found["token"]))
    except FileNotFoundError:
        raise Unreachable("No node runs here.", suggestion="Start one with `miner-ctrl node serve`.") from None
    except (ValueError, TypeError, KeyError):
        token = LoopbackToken(0, b"")
    if len(token.token) != TOKEN_BYTES or not 0 < token.port < 65536:
        raise StateDamaged(f"{path} is not what a node writes.", suggestion="Start the node again: it writes it anew.")
    return token


def _proof(token: bytes, role: bytes, nonces: bytes) -> bytes:
    return hmac.digest(token, b"miner-ctrl/1 loopback " + role + b"\0" + nonces, "sha256")


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return received
