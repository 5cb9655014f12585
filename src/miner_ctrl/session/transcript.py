"""The running hash over one direction's messages, and the text that signatures cover.

Source: docs/protocol.md, "Signatures".
"""

from __future__ import annotations

import struct
from hashlib import sha256

FROM_INITIATOR = 0
FROM_RESPONDER = 1
pack_index = struct.Struct(">Q").pack
_HELD_BYTES = 1024
"""A longer message is hashed at once: a session holds on to none."""


def context(direction: int, handshake_hash: bytes, sender: bytes, receiver: bytes) -> bytes:
    """Return what ties every hash and signature to its session: D, h and both fingerprints."""
    return bytes((direction,)) + handshake_hash + sender + receiver


def first_hash(of_context: bytes) -> bytes:
    """Return t before any message, 32 bytes."""
    return sha256(b"miner-ctrl/1 transcript\0" + of_context).digest()


def next_hash(t_before: bytes, index: int, message: bytes) -> bytes:
    """Return t after the ``index``-th message (from 1), 32 bytes."""
    return sha256(t_before + pack_index(index) + sha256(message).digest()).digest()


def signed_text(of_context: bytes, index: int, t_after: bytes) -> bytes:
    """Return the bytes that a signature over everything up to the ``index``-th message is made of."""
    return b"miner-ctrl/1 message\0" + of_context + pack_index(index) + t_after


class Transcript:
    """One direction of a session. ``index`` counts its messages, ``t`` is the hash after the last of them.

    A short message's hash is made when somebody asks for it, at ``settle``, or before the next message: so it need
    not hold up the message itself.
    """

    __slots__ = ("_due", "_t", "context", "covered", "index")

    def __init__(self, direction: int, handshake_hash: bytes, sender: bytes, receiver: bytes) -> None:
        self.context = context(direction, handshake_hash, sender, receiver)
        self.index = 0
        self._t = first_hash(self.context)
        self._due: bytes | None = None
        self.covered = 0
        """The index up to which a signature covers the messages."""

    def add(self, message: bytes) -> None:
        """Take up the next message."""
        if self._due is not None:
            self.settle()
        self.index += 1
        self._due = message
        if len(message) > _HELD_BYTES:
            self.settle()

    @property
    def t(self) -> bytes:
        """The hash after the last message, 32 bytes."""
        if self._due is not None:
            self.settle()
        return self._t

    def settle(self) -> None:
        """Make the hash that is due, if one is."""
        if self._due is not None:
            self._t = next_hash(self._t, self.index, self._due)
            self._due = None

    @property
    def uncovered(self) -> int:
        """How many messages came after the last one that a signature covers."""
        return self.index - self.covered
