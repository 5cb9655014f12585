"""The node's half of the mutual proof over a loopback connection: both ends hold a token that is never sent.

::

    client → server   "MCLP" 01 ‖ nonce_c (32)
    server → client   nonce_s (32) ‖ HMAC-SHA256(token, "miner-ctrl/1 loopback server\\0" ‖ nonce_c ‖ nonce_s)
    client → server   HMAC-SHA256(token, "miner-ctrl/1 loopback client\\0" ‖ nonce_c ‖ nonce_s)

The server proves itself first: who has taken its port learns nothing that it could use. Then HTTP starts. The
client's half is the command line's (``cli.loopback``).
"""

from __future__ import annotations

import hmac
import json
import secrets
from pathlib import Path

from miner_ctrl.storage.atomic import write_atomic

TOKEN_BYTES = 32
NONCE_BYTES = 32
PROOF_BYTES = 32
MAGIC = b"MCLP\x01"
GREETING_BYTES = len(MAGIC) + NONCE_BYTES


class ServerProof:
    """One connection's proof: ``read_greeting``, then ``check_proof``."""

    def __init__(self, token: bytes, *, nonce: bytes | None = None) -> None:
        self._token = token
        self._nonce = nonce or secrets.token_bytes(NONCE_BYTES)
        self._nonces = b""

    def read_greeting(self, greeting: bytes) -> bytes | None:
        """Return the answer to the client's first ``GREETING_BYTES``, or ``None`` if they are not a greeting."""
        if len(greeting) != GREETING_BYTES or not greeting.startswith(MAGIC):
            return None
        self._nonces = greeting[len(MAGIC) :] + self._nonce
        return self._nonce + self._proof(b"server")

    def check_proof(self, proof: bytes) -> bool:
        """Return whether the client knows the token."""
        return bool(self._nonces) and hmac.compare_digest(proof, self._proof(b"client"))

    def _proof(self, role: bytes) -> bytes:
        return hmac.digest(self._token, b"miner-ctrl/1 loopback " + role + b"\0" + self._nonces, "sha256")


def write_token_file(path: Path, port: int, token: bytes) -> None:
    """Write where the node listens and the token of its present start, for this user's eyes only.

    On POSIX the file is 0600. On Windows it gets the access list of its directory, which in a user's profile is the
    user, SYSTEM and administrators: the standard library cannot set a narrower one.
    """
    write_atomic(path, json.dumps({"port": port, "token": token.hex()}).encode())
