"""Handshakes to test with: the two nodes' sides of one, and messages as somebody dishonest would write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.session import Initiator, Introduction, InviteStatus, JoinKey, Responder
from miner_ctrl.session.noise import XX, HandshakeState

PSK = b"p" * 32
JOIN = JoinKey(b"invite-id-16byte", PSK)
KINDS = pytest.mark.parametrize("join", [None, JOIN], ids=["XX", "XXpsk3"])
GO = (InviteStatus.GO, PSK)
FIXED = [X25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]


def accept(keys: PublicKeys) -> None:
    """What the initiator thinks of the responder when it does not matter."""


def initiator(keys: NodeKeys, join: JoinKey | None = None, check: Callable[[PublicKeys], None] = accept) -> Initiator:
    return Initiator(keys, name="alice", check=check, join=join, new_ephemeral=lambda: FIXED[0])


def responder(keys: NodeKeys, found: tuple[InviteStatus, bytes | None] = GO) -> Responder:
    return Responder(keys, find_psk=lambda invite_id: found, new_ephemeral=lambda: FIXED[1])


def complete(dialling: Initiator, answering: Responder) -> Introduction:
    answering.read_message_1(dialling.write_message_1())
    dialling.read_message_2(answering.write_message_2())
    return answering.read_message_3(dialling.write_message_3())


def initiator_text(h2: bytes, own: PublicKeys, remote: PublicKeys) -> bytes:
    return b"miner-ctrl/1 initiator\0" + h2 + own.x + own.e + remote.x + remote.e


def message_2(keys: NodeKeys, first: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Message 2 of a plain handshake as ``keys`` would write it, its payload changed before it is sealed."""
    noise = HandshakeState(XX, initiator=False, prologue=b"miner-ctrl p2p\0\x01\x00", s=keys.x_private)
    noise.read_message(first[3:])
    signature = keys.sign(b"miner-ctrl/1 responder\0" + noise.h + keys.public.x + keys.public.e)
    return b"\x01\x00\x02" + noise.write_message(change(b"\x00" + keys.public.e + signature))


def message_3(keys: NodeKeys, answering: Responder, payload: Callable[[bytes], bytes]) -> bytes:
    """Message 3 of a plain handshake with ``answering``, its payload made from h after message 2."""
    noise = HandshakeState(XX, initiator=True, prologue=b"miner-ctrl p2p\0\x01\x00", s=keys.x_private)
    answering.read_message_1(b"\x01\x00\x01" + noise.write_message(b""))
    noise.read_message(answering.write_message_2()[3:])
    return b"\x01\x00\x03" + noise.write_message(payload(noise.h))
