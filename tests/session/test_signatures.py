"""Signatures: what they cover, whose they are, and what they prove to a third party."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.session import Evidence, Session, verify_evidence
from tests.session.endings import assert_over

SessionPair = Callable[..., tuple[Session, Session]]
JSON = b'{"algorithm":"chacha20poly1305","format":"session","version":"1.0"}'


# --- signatures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_initiator", [True, False])
def test_the_transcript_and_the_signed_text(
    new_sessions: SessionPair, alice: NodeKeys, bob: NodeKeys, from_initiator: bool
) -> None:
    sender, receiver = new_sessions() if from_initiator else new_sessions()[::-1]
    signer = alice if from_initiator else bob
    fps = sender.local.fingerprint + sender.remote.fingerprint
    context = (b"\x00" if from_initiator else b"\x01") + sender.handshake_hash + fps
    t = sha256(b"miner-ctrl/1 transcript\0" + context).digest()
    for index, message in enumerate([b"one", b"", b"three"], start=1):
        opened = receiver.open(sender.seal(message, sign=True))
        assert opened.index == index
        assert opened.t_before == t
        t = sha256(t + struct.pack(">Q", index) + sha256(message).digest()).digest()
        assert opened.t_after == t
        assert opened.signature is not None
        text = b"miner-ctrl/1 message\0" + context + struct.pack(">Q", index) + t
        assert opened.signature == signer.sign(text)  # Ed25519 is deterministic
        receiver.verify(opened)


def test_a_signature_covers_all_before_it(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    for number in range(3):
        receiver.open(sender.seal(b"telemetry", sign=False))
        assert sender.uncovered_sent == receiver.uncovered_received == number + 1
    opened = receiver.open(sender.seal(b"checkpoint", sign=True))
    assert sender.uncovered_sent == 0
    assert receiver.uncovered_received == 4, "an unverified signature covers nothing"
    receiver.open(sender.seal(b"telemetry", sign=False))
    receiver.verify(opened)
    assert sender.uncovered_sent == receiver.uncovered_received == 1


def test_signatures_verified_late_and_out_of_order_uncover_nothing(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    first = receiver.open(sender.seal(b"1", sign=True))
    second = receiver.open(sender.seal(b"2", sign=True))
    receiver.verify(second)
    receiver.verify(first)
    assert receiver.uncovered_received == 0


def test_an_unsigned_message_that_should_be_signed_ends_the_session(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    opened = receiver.open(sender.seal(b"start_miner", sign=False))
    with pytest.raises(ProtocolViolation):
        receiver.verify(opened)
    assert_over(receiver)
    with pytest.raises(ProtocolViolation):
        receiver.verify(opened)


@pytest.mark.parametrize("position", [0, 31, 32, 63])
def test_a_bad_signature_ends_the_session(new_sessions: SessionPair, position: int) -> None:
    sender, receiver = new_sessions()
    opened = receiver.open(sender.seal(b"start_miner", sign=True))
    assert opened.signature is not None
    bad = bytearray(opened.signature)
    bad[position] ^= 1
    with pytest.raises(ProtocolViolation):
        receiver.verify(msgspec.structs.replace(opened, signature=bytes(bad)))
    assert_over(receiver)


def test_a_sender_that_signs_another_history_is_found_out(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    receiver.open(sender.seal(b"what it said", sign=False))
    sender._sent.settle()
    sender._sent._t = new_sessions()[0]._sent.t
    opened = receiver.open(sender.seal(b"checkpoint", sign=True))
    with pytest.raises(ProtocolViolation):
        receiver.verify(opened)


def test_a_signature_by_another_key_is_found_out(new_sessions: SessionPair, bob: NodeKeys) -> None:
    sender, receiver = new_sessions()
    sender._keys = bob
    opened = receiver.open(sender.seal(b"message", sign=True))
    with pytest.raises(ProtocolViolation):
        receiver.verify(opened)


def test_a_signature_of_another_session_is_found_out(new_sessions: SessionPair) -> None:
    elsewhere, there = new_sessions("elsewhere")
    stolen = there.open(elsewhere.seal(b"stop_miner", sign=True))
    sender, receiver = new_sessions()
    opened = receiver.open(sender.seal(b"stop_miner", sign=True))
    with pytest.raises(ProtocolViolation):
        receiver.verify(msgspec.structs.replace(opened, signature=stolen.signature))


def test_what_an_opened_frame_says_of_itself_shows_no_content(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    assert "password" not in repr(receiver.open(sender.seal(b"password", sign=True)))


# --- evidence --------------------------------------------------------------------------------------------


def _evidence(new_sessions: SessionPair) -> Evidence:
    sender, receiver = new_sessions()
    receiver.open(sender.seal(b"telemetry", sign=False))
    opened = receiver.open(sender.seal(b"start_miner", sign=True))
    receiver.verify(opened)
    return receiver.evidence(opened)


def test_a_third_party_can_verify_a_message(new_sessions: SessionPair, alice: NodeKeys, bob: NodeKeys) -> None:
    evidence = _evidence(new_sessions)
    assert (evidence.sender, evidence.receiver, evidence.direction) == (alice.public, bob.public, 0)
    assert (evidence.index, evidence.message) == (2, b"start_miner")
    assert verify_evidence(evidence)
    stored = msgspec.json.encode(evidence)
    assert verify_evidence(msgspec.json.decode(stored, type=Evidence))


def test_both_ends_hold_the_same_evidence(new_sessions: SessionPair) -> None:
    for here, there in (new_sessions(), new_sessions()[::-1]):
        there.open(here.seal(b"telemetry", sign=False))
        frame, sent = here.seal_with_evidence(b"start_miner")
        assert here.uncovered_sent == 0
        opened = there.open(frame)
        there.verify(opened)
        assert sent == there.evidence(opened)
        assert verify_evidence(sent)
        assert there.open(here.seal(b"after", sign=True)).index == 3


@pytest.mark.parametrize(
    "change",
    [
        {"message": b"stop_miner"},
        {"index": 1},
        {"index": 0},
        {"index": -1},
        {"index": 2**64},
        {"direction": 1},
        {"direction": 256},
        {"handshake_hash": bytes(32)},
        {"handshake_hash": b""},
        {"t_before": bytes(32)},
        {"t_before": b""},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
    ids=str,
)
def test_evidence_with_anything_changed_proves_nothing(new_sessions: SessionPair, change: dict[str, object]) -> None:
    assert not verify_evidence(msgspec.structs.replace(_evidence(new_sessions), **change))


def test_evidence_names_sender_and_receiver(new_sessions: SessionPair, alice: NodeKeys, bob: NodeKeys) -> None:
    evidence = _evidence(new_sessions)
    assert not verify_evidence(msgspec.structs.replace(evidence, sender=bob.public))
    assert not verify_evidence(msgspec.structs.replace(evidence, receiver=alice.public))


def test_bytes_do_not_move_between_the_fields_of_evidence(new_sessions: SessionPair) -> None:
    evidence = _evidence(new_sessions)
    moved = {
        "handshake_hash": evidence.handshake_hash[:31],
        "t_before": evidence.handshake_hash[31:] + evidence.t_before,
    }
    assert not verify_evidence(msgspec.structs.replace(evidence, **moved))


def test_an_unsigned_message_gives_no_evidence(new_sessions: SessionPair) -> None:
    sender, receiver = new_sessions()
    opened = receiver.open(sender.seal(b"telemetry", sign=False))
    with pytest.raises(ValueError, match="unsigned"):
        receiver.evidence(opened)
