"""Sessions that stand: frames, flags, rekeying, and the end of a session."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.protocol.limits import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, REKEY_EVERY_FRAMES
from miner_ctrl.session import Session
from miner_ctrl.session.frame import HEADER
from miner_ctrl.session.noise import CipherState
from tests.session.endings import assert_ends, assert_over

SessionPair = Callable[..., tuple[Session, Session]]
JSON = b'{"algorithm":"chacha20poly1305","format":"session","version":"1.0"}'


# --- frames ----------------------------------------------------------------------------------------------


def test_a_frame_is_what_the_protocol_says(new_sessions: SessionPair) -> None:
    sender, _ = new_sessions()
    frame = sender.seal(b"message", sign=False)
    header = b"SMSG\x02" + len(JSON).to_bytes(4, "big") + JSON
    assert frame.startswith(header)
    aead = ChaCha20Poly1305(sha256(b"there").digest())
    assert aead.decrypt(bytes(12), frame[len(header) :], header) == b"\x00message"
    second = sender.seal_keepalive()
    assert aead.decrypt(bytes(4) + struct.pack("<Q", 1), second[len(header) :], header) == b"\x02"
    third = sender.seal(b"signed", sign=True)
    plaintext = aead.decrypt(bytes(4) + struct.pack("<Q", 2), third[len(header) :], header)
    assert plaintext[:1] == b"\x01"
    assert plaintext[65:] == b"signed"


@pytest.mark.parametrize("sign", [False, True])
@pytest.mark.parametrize("size", [0, 1, 64, 65, 300, 65_536, MAX_MESSAGE_BYTES])
def test_messages_of_every_size_arrive(new_sessions: SessionPair, size: int, sign: bool) -> None:
    sender, receiver = new_sessions()
    message = bytes(range(256)) * (size // 256) + bytes(size % 256)
    frame = sender.seal(message, sign=sign)
    assert len(frame) <= MAX_FRAME_BYTES
    opened = receiver.open(memoryview(frame))
    assert opened.message == message
    assert (opened.signature is not None) is sign
    assert not opened.keepalive
    if sign:
        receiver.verify(opened)


def test_both_directions_run_on_their_own(new_sessions: SessionPair) -> None:
    alice, bob = new_sessions()
    for number in range(5):
        there = alice.seal(b"there %d" % number, sign=False)
        back = bob.seal(b"back %d" % number, sign=False)
        assert bob.open(there).message == b"there %d" % number
        assert alice.open(back).message == b"back %d" % number


def test_a_message_over_the_limit_is_not_sealed_and_ends_nothing(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    for seal in (lambda data: sender.seal(data, sign=False), sender.seal_with_evidence):
        with pytest.raises(ProtocolViolation, match="limit"):
            seal(bytes(MAX_MESSAGE_BYTES + 1))
    assert receiver.open(sender.seal(b"next", sign=False)).index == 1


def test_every_wrong_bit_ends_the_session(new_sessions: SessionPair) -> None:
    frame = new_sessions()[0].seal(b"message", sign=True)
    for bit in range(len(frame) * 8):
        wrong = bytearray(frame)
        wrong[bit // 8] ^= 1 << bit % 8
        _, receiver = new_sessions()
        assert_ends(receiver, bytes(wrong))


def test_every_wrong_length_ends_the_session(new_sessions: SessionPair) -> None:
    frame = new_sessions()[0].seal(b"message", sign=False)
    for wrong in [frame[:size] for size in range(len(frame))] + [frame + b"\0", b"\0" + frame, bytes(MAX_FRAME_BYTES)]:
        _, receiver = new_sessions()
        assert_ends(receiver, wrong)


def test_a_huge_frame_is_refused_unread(new_sessions: SessionPair) -> None:
    _, receiver = new_sessions()
    with pytest.raises(ProtocolViolation, match="limit"):
        receiver.open(HEADER + bytes(MAX_FRAME_BYTES))


def test_a_replayed_frame_ends_the_session(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    frame = sender.seal(b"stop_miner", sign=True)
    receiver.open(frame)
    assert_ends(receiver, frame)


def test_a_reordered_frame_ends_the_session(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    sender.seal(b"1", sign=False)
    assert_ends(receiver, sender.seal(b"2", sign=False))


@pytest.mark.parametrize("dropped", [Session.seal_keepalive, lambda sender: sender.seal(b"x", sign=False)])
def test_a_dropped_frame_ends_the_session(new_sessions: SessionPair, dropped: Callable[[Session], bytes]) -> None:
    sender, receiver = new_sessions()
    receiver.open(sender.seal(b"1", sign=False))
    dropped(sender)
    assert_ends(receiver, sender.seal(b"3", sign=False))


def test_a_frame_sent_back_to_its_sender_ends_the_session(new_sessions: SessionPair) -> None:
    sender, _ = new_sessions()
    assert_ends(sender, sender.seal(b"message", sign=True))


def test_a_frame_of_another_session_ends_the_session(new_sessions: SessionPair) -> None:
    _, receiver = new_sessions("one")
    assert_ends(receiver, new_sessions("two")[0].seal(b"message", sign=True))


# --- flags -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"\x03", b"\x03message", b"\xff", b"\x01", b"\x01" + bytes(63), b"\x02x", b"\x02" + bytes(64)],
    ids=bytes.hex,
)
def test_a_plaintext_that_is_none_of_the_three_ends_the_session(new_sessions: SessionPair, plaintext: bytes) -> None:
    _, receiver = new_sessions()
    frame = HEADER + CipherState(sha256(b"there").digest()).encrypt_with_ad(HEADER, plaintext)
    assert_ends(receiver, frame)


def test_a_signature_cannot_be_taken_off_or_put_on(new_sessions: SessionPair, alice: NodeKeys) -> None:
    """Whoever knows the keys of the session, but not the signing key, cannot turn one flag into another."""
    sender, receiver = new_sessions()
    aead = ChaCha20Poly1305(sha256(b"there").digest())
    signed = aead.decrypt(bytes(12), sender.seal(b"message", sign=True)[len(HEADER) :], HEADER)
    unsigned = HEADER + aead.encrypt(bytes(12), b"\x00" + signed[1:], HEADER)
    assert receiver.open(unsigned).message != b"message"

    _, receiver = new_sessions()
    opened = receiver.open(HEADER + aead.encrypt(bytes(12), b"\x01" + bytes(64) + b"message", HEADER))
    with pytest.raises(ProtocolViolation):
        receiver.verify(opened)


def test_keepalives_are_outside_the_transcript(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    quiet_sender, quiet_receiver = new_sessions()
    for number in range(3):
        keepalive = receiver.open(sender.seal_keepalive())
        assert keepalive.keepalive
        assert keepalive.message == b""
        assert keepalive.index == number
        message = b"%d" % number
        opened = receiver.open(sender.seal(message, sign=True))
        assert opened == quiet_receiver.open(quiet_sender.seal(message, sign=True))
        receiver.verify(opened)
    assert receiver.uncovered_received == sender.uncovered_sent == 0


def test_a_keepalive_is_never_a_signed_message(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    keepalive = receiver.open(sender.seal_keepalive())
    with pytest.raises(ProtocolViolation):
        receiver.verify(keepalive)
    assert_over(receiver)


# --- rekeying --------------------------------------------------------------------------------------------


def _rekeyed(key: bytes) -> bytes:
    """REKEY of the Noise specification, section 4.2, spelled out."""
    return ChaCha20Poly1305(key).encrypt(bytes(4) + b"\xff" * 8, bytes(32), b"")[:32]


@pytest.mark.parametrize("from_initiator", [True, False])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_frames_around_a_rekey(new_sessions: SessionPair, every: int, from_initiator: bool) -> None:
    pair = new_sessions(rekey_every=every)
    sender, receiver = pair if from_initiator else pair[::-1]
    key = sha256(b"there" if from_initiator else b"back").digest()
    for n in range(4 * every):
        if n and n % every == 0:
            key = _rekeyed(key)
        frame = sender.seal_keepalive() if n % 3 == 0 else sender.seal(b"x", sign=False)
        nonce = bytes(4) + struct.pack("<Q", n)
        assert ChaCha20Poly1305(key).decrypt(nonce, frame[len(HEADER) :], HEADER) in (b"\x02", b"\x00x")
        receiver.open(frame)


def test_one_direction_rekeys_without_the_other(new_sessions: SessionPair) -> None:
    alice, bob = new_sessions(rekey_every=4)
    for _ in range(9):
        bob.open(alice.seal(b"x", sign=False))
    assert alice.open(bob.seal(b"first of this direction", sign=False)).index == 1


def test_the_real_interval(new_sessions: SessionPair) -> None:
    assert REKEY_EVERY_FRAMES == 65_536
    sender, receiver = new_sessions()
    for _ in range(65_536):
        receiver.open(sender.seal_keepalive())
    frame = sender.seal(b"after", sign=True)
    key = sha256(b"there").digest()
    nonce = bytes(4) + struct.pack("<Q", 65_536)
    assert ChaCha20Poly1305(_rekeyed(key)).decrypt(nonce, frame[len(HEADER) :], HEADER).endswith(b"after")
    receiver.verify(receiver.open(frame))


@pytest.mark.parametrize("n", [2**64 - 1, 2**64])
def test_the_last_nonce_is_never_used(n: int) -> None:
    cipher = CipherState(bytes(32))
    cipher.n = n
    with pytest.raises(ProtocolViolation, match="nonces"):
        cipher.encrypt_with_ad(b"", b"")
    with pytest.raises(ProtocolViolation, match="nonces"):
        cipher.decrypt_with_ad(b"", bytes(16))


# --- anything at all -------------------------------------------------------------------------------------


@given(data=st.binary(max_size=400), framed=st.booleans())
def test_only_documented_errors_come_out_of_frames(new_sessions: SessionPair, data: bytes, framed: bool) -> None:
    _, receiver = new_sessions()
    assert_ends(receiver, HEADER + data if framed else data)


@given(plaintext=st.binary(max_size=200))
def test_only_documented_errors_come_out_of_plaintexts(new_sessions: SessionPair, plaintext: bytes) -> None:
    _, receiver = new_sessions()
    frame = HEADER + CipherState(sha256(b"there").digest()).encrypt_with_ad(HEADER, plaintext)
    try:
        opened = receiver.open(frame)
        receiver.verify(opened)
    except ProtocolViolation:
        assert_over(receiver)


@given(messages=st.lists(st.tuples(st.binary(max_size=100), st.sampled_from(["signed", "unsigned", "keepalive"]))))
def test_whatever_is_said_arrives_in_order(new_sessions: SessionPair, messages: list[tuple[bytes, str]]) -> None:
    sender, receiver = new_sessions(rekey_every=3)
    index = 0
    for message, how in messages:
        if how == "keepalive":
            assert receiver.open(sender.seal_keepalive()).keepalive
            continue
        index += 1
        opened = receiver.open(sender.seal(message, sign=how == "signed"))
        assert (opened.message, opened.index) == (message, index)
        if how == "signed":
            receiver.verify(opened)
        assert receiver.uncovered_received == sender.uncovered_sent
