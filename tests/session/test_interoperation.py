"""Against an implementation of Noise that is not ours, and a peer written from docs/protocol.md with it."""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from noise.connection import Keypair, NoiseConnection

from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.session import Initiator, InviteStatus, JoinKey, Responder, Session
from miner_ctrl.session.noise import XX, XXPSK3, HandshakeState

PSK = b"s" * 32
INVITE = b"0123456789abcdef"
NAMES = {XX: b"Noise_XX_25519_ChaChaPoly_SHA256", XXPSK3: b"Noise_XXpsk3_25519_ChaChaPoly_SHA256"}
PATTERNS = pytest.mark.parametrize("pattern", [XX, XXPSK3], ids=["XX", "XXpsk3"])
FRAME_HEADER = b'SMSG\x02\x00\x00\x00\x43{"algorithm":"chacha20poly1305","format":"session","version":"1.0"}'


def _theirs(name: bytes, *, initiator: bool, prologue: bytes, static: bytes) -> Any:
    side = NoiseConnection.from_name(name)
    side.set_prologue(prologue)
    side.set_keypair_from_private_bytes(Keypair.STATIC, static)
    if b"psk" in name:
        side.set_psks(PSK)
    side.set_as_initiator() if initiator else side.set_as_responder()
    side.start_handshake()
    return side


@PATTERNS
@pytest.mark.parametrize("we_initiate", [True, False])
def test_noise_on_its_own(pattern: Any, we_initiate: bool) -> None:
    ours = HandshakeState(
        pattern,
        initiator=we_initiate,
        prologue=b"p",
        s=X25519PrivateKey.generate(),
        psk=PSK if pattern is XXPSK3 else None,
    )
    theirs = _theirs(NAMES[pattern], initiator=not we_initiate, prologue=b"p", static=b"t" * 32)
    we_write = we_initiate
    for payload in (b"", b"second", b"x" * 500):
        if we_write:
            assert bytes(theirs.read_message(ours.write_message(payload))) == payload
        else:
            assert ours.read_message(bytes(theirs.write_message(payload))) == payload
        we_write = not we_write
    assert ours.h == theirs.get_handshake_hash()

    sending, receiving = ours.split()
    for number in range(4):
        payload = b"transport %d" % number
        assert bytes(theirs.decrypt(sending.encrypt_with_ad(b"", payload))) == payload
        assert receiving.decrypt_with_ad(b"", bytes(theirs.encrypt(payload))) == payload
        if number == 1:
            sending.rekey()
            theirs.rekey_inbound_cipher()
        if number == 2:
            receiving.rekey()
            theirs.rekey_outbound_cipher()


class IndependentPeer:
    """A node that shares no code with ours beyond its key pairs."""

    def __init__(self, keys: NodeKeys, *, initiator: bool, join: bool) -> None:
        kind = 1 if join else 0
        self.keys = keys
        self.initiator = initiator
        self.start = bytes((1, kind))
        self.noise = _theirs(
            NAMES[XXPSK3 if join else XX],
            initiator=initiator,
            prologue=b"miner-ctrl p2p\0" + self.start,
            static=keys.x_private.private_bytes_raw(),
        )

    def write(self, number: int, payload: bytes) -> bytes:
        return self.start + bytes([number]) + bytes(self.noise.write_message(payload))

    def read(self, number: int, message: bytes) -> bytes:
        assert message[:3] == self.start + bytes([number])
        return bytes(self.noise.read_message(message[3:]))

    @property
    def h(self) -> bytes:
        return bytes(self.noise.noise_protocol.handshake_state.symmetric_state.h)

    def check(self, remote: PublicKeys, signature: bytes, text: bytes) -> None:
        Ed25519PublicKey.from_public_bytes(remote.e).verify(signature, text)

    def talk(self, session: Session, h: bytes) -> None:
        """Exchange frames with one of our sessions, both ways."""
        noise, own, remote = self.noise.noise_protocol, self.keys.public, session.local
        here, there = (b"\x00", b"\x01") if self.initiator else (b"\x01", b"\x00")
        assert session.handshake_hash == h

        context = there + h + remote.fingerprint + own.fingerprint
        t = sha256(b"miner-ctrl/1 transcript\0" + context).digest()
        for index, message in enumerate((b"one", b"two", b""), start=1):
            frame = session.seal(message, sign=True)
            assert frame.startswith(FRAME_HEADER)
            plaintext = noise.cipher_state_decrypt.decrypt_with_ad(FRAME_HEADER, frame[len(FRAME_HEADER) :])
            t = sha256(t + struct.pack(">Q", index) + sha256(message).digest()).digest()
            self.check(remote, plaintext[1:65], b"miner-ctrl/1 message\0" + context + struct.pack(">Q", index) + t)
            assert plaintext[:1] + plaintext[65:] == b"\x01" + message

        context = here + h + own.fingerprint + remote.fingerprint
        t = sha256(b"miner-ctrl/1 transcript\0" + context).digest()
        for index, message in enumerate((b"", b"two", b"three"), start=1):
            t = sha256(t + struct.pack(">Q", index) + sha256(message).digest()).digest()
            signature = self.keys.sign(b"miner-ctrl/1 message\0" + context + struct.pack(">Q", index) + t)
            sealed = noise.cipher_state_encrypt.encrypt_with_ad(FRAME_HEADER, b"\x01" + signature + message)
            opened = session.open(FRAME_HEADER + sealed)
            session.verify(opened)
            assert opened.message == message


@pytest.mark.parametrize("join", [False, True])
def test_an_independent_responder(alice: NodeKeys, bob: NodeKeys, join: bool) -> None:
    key = JoinKey(INVITE, PSK) if join else None
    dialling = Initiator(alice, name="alice", check=lambda keys: None, join=key)
    peer = IndependentPeer(bob, initiator=False, join=join)

    assert peer.read(1, dialling.write_message_1()) == (INVITE if join else b"")
    signature = bob.sign(b"miner-ctrl/1 responder\0" + peer.h + bob.public.x + bob.public.e)
    dialling.read_message_2(peer.write(2, b"\x00" + bob.public.e + signature))
    keys = alice.public.x + alice.public.e + bob.public.x + bob.public.e
    text = b"miner-ctrl/1 initiator\0" + peer.h + keys
    payload = peer.read(3, dialling.write_message_3())
    assert payload[:32] == alice.public.e
    peer.check(alice.public, payload[32:96], text)
    assert payload[96:] == b"\x05alice"
    peer.talk(dialling.session, peer.noise.get_handshake_hash())


@pytest.mark.parametrize("join", [False, True])
def test_an_independent_initiator(alice: NodeKeys, bob: NodeKeys, join: bool) -> None:
    answering = Responder(bob, find_psk=lambda invite_id: (InviteStatus.GO, PSK))
    peer = IndependentPeer(alice, initiator=True, join=join)

    answering.read_message_1(peer.write(1, INVITE if join else b""))
    h1 = peer.h
    payload = peer.read(2, answering.write_message_2())
    assert payload[:33] == b"\x00" + bob.public.e
    peer.check(bob.public, payload[33:], b"miner-ctrl/1 responder\0" + h1 + bob.public.x + bob.public.e)
    keys = alice.public.x + alice.public.e + bob.public.x + bob.public.e
    signature = alice.sign(b"miner-ctrl/1 initiator\0" + peer.h + keys)
    introduction = answering.read_message_3(peer.write(3, alice.public.e + signature + b"\x05alice"))
    assert introduction == (alice.public, "alice", INVITE if join else None)
    peer.talk(answering.session, peer.noise.get_handshake_hash())
