"""What one node learns of another while they shake hands, and what a join adds to it.

Here and not in ``session``, because ``peers`` judges introductions and must not know how they come about.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from miner_ctrl.identity.keys import PublicKeys

INVITE_ID_BYTES = 16
PSK_BYTES = 32


class InviteStatus(IntEnum):
    """What the responder says of an invite in message 2 (docs/protocol.md, "Handshake")."""

    GO = 0
    UNKNOWN = 1
    EXPIRED = 2
    REVOKED = 3


class JoinKey(NamedTuple):
    """What a join token gives the handshake: the invite's public ID (16 bytes) and its pre-shared key (32 bytes)."""

    invite_id: bytes
    psk: bytes

    def __repr__(self) -> str:
        return f"JoinKey({self.invite_id.hex()})"


class Introduction(NamedTuple):
    """What the responder knows after message 3: authenticated keys, the name the initiator claims (valid, but its
    own choice), and the invite it proved to hold (16 bytes), if it joins."""

    keys: PublicKeys
    name: str
    invite_id: bytes | None
