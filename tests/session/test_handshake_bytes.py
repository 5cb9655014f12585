"""Handshake messages as they must not be: forged, malformed, out of turn, or with one bit wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput, ProtocolViolation
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.session import Initiator, JoinKey
from miner_ctrl.session.noise import XX, XXPSK3, HandshakeState
from tests.session.handshakes import (
    JOIN,
    KINDS,
    accept,
    initiator,
    initiator_text,
    message_2,
    message_3,
    responder,
)

# --- signatures ------------------------------------------------------------------------------------------


def test_a_responders_signature_from_another_handshake(alice: NodeKeys, bob: NodeKeys) -> None:
    elsewhere = HandshakeState(XX, initiator=False, prologue=b"other", s=bob.x_private).h
    stolen = bob.sign(b"miner-ctrl/1 responder\0" + elsewhere + bob.public.x + bob.public.e)
    dialling = initiator(alice)
    second = message_2(bob, dialling.write_message_1(), lambda payload: payload[:33] + stolen)
    with pytest.raises(ProtocolViolation, match="signature"):
        dialling.read_message_2(second)


def test_a_responder_with_somebody_elses_signing_key(alice: NodeKeys, bob: NodeKeys) -> None:
    mallory = NodeKeys.from_secret(b"m" * 32)
    dialling = initiator(alice)
    second = message_2(mallory, dialling.write_message_1(), lambda payload: payload[:1] + bob.public.e + payload[33:])
    with pytest.raises(ProtocolViolation, match="signature"):
        dialling.read_message_2(second)


@pytest.mark.parametrize("what", ["h", "x", "e", "responder", "label", "key"])
def test_an_initiators_signature_over_anything_else(alice: NodeKeys, bob: NodeKeys, what: str) -> None:
    mallory = NodeKeys.from_secret(b"m" * 32)

    def forge(h2: bytes) -> bytes:
        right = initiator_text(h2, alice.public, bob.public)
        text = {
            "h": initiator_text(bytes(32), alice.public, bob.public),
            "x": initiator_text(h2, PublicKeys(mallory.public.x, alice.public.e), bob.public),
            "e": initiator_text(h2, PublicKeys(alice.public.x, mallory.public.e), bob.public),
            "responder": initiator_text(h2, alice.public, mallory.public),
            "label": right.replace(b"initiator", b"responder"),
            "key": right,
        }[what]
        return (mallory if what == "key" else alice).sign(text)

    answering = responder(bob)
    third = message_3(alice, answering, lambda h2: alice.public.e + forge(h2) + b"\x05alice")
    with pytest.raises(ProtocolViolation, match="signature"):
        answering.read_message_3(third)


# --- payloads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"\x00",
        b"\x05alic",
        b"\x05alicee",
        b"\x06alice",
        b"\x40" + b"a" * 64,
        b"\xff" + b"a" * 255,
        b"\x05al ce",
        b"\x05al\x00ce",
        b"\x06alic\xc3\xa9",
        b"\x01\xff",
        b"\x05stats",
        b"\x100123456789abcdef",
    ],
)
def test_a_name_no_node_may_have(alice: NodeKeys, bob: NodeKeys, tail: bytes) -> None:
    answering = responder(bob)
    third = message_3(
        alice, answering, lambda h2: alice.public.e + alice.sign(initiator_text(h2, alice.public, bob.public)) + tail
    )
    with pytest.raises(ProtocolViolation):
        answering.read_message_3(third)


def test_the_same_message_3_with_a_good_name_is_taken(alice: NodeKeys, bob: NodeKeys) -> None:
    answering = responder(bob)
    tail = b"\x05alice"
    third = message_3(
        alice, answering, lambda h2: alice.public.e + alice.sign(initiator_text(h2, alice.public, bob.public)) + tail
    )
    assert answering.read_message_3(third).name == "alice"


@pytest.mark.parametrize("change", [lambda payload: payload[:-1], lambda payload: payload + b"x", lambda payload: b""])
def test_message_2_with_more_or_less_in_it(alice: NodeKeys, bob: NodeKeys, change: Callable[[bytes], bytes]) -> None:
    dialling = initiator(alice)
    second = message_2(bob, dialling.write_message_1(), change)
    with pytest.raises(ProtocolViolation, match="length"):
        dialling.read_message_2(second)


@pytest.mark.parametrize("e", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32], ids=["zero", "one", "not canonical"])
def test_unsound_signing_keys(alice: NodeKeys, bob: NodeKeys, e: bytes) -> None:
    dialling, answering = initiator(alice), responder(bob)
    second = message_2(bob, dialling.write_message_1(), lambda payload: payload[:1] + e + payload[33:])
    with pytest.raises(ProtocolViolation, match="sound"):
        dialling.read_message_2(second)
    third = message_3(alice, answering, lambda h2: e + bytes(64) + b"\x05alice")
    with pytest.raises(ProtocolViolation, match="sound"):
        answering.read_message_3(third)


UNSOUND_X = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ec" + "ff" * 30 + "7f"),
    bytes.fromhex("ed" + "ff" * 30 + "7f"),
    bytes.fromhex("ee" + "ff" * 30 + "7f"),
    b"\x09" + bytes(30) + b"\x80",
    b"\xff" * 32,
]


@pytest.mark.parametrize("x", UNSOUND_X, ids=bytes.hex)
def test_unsound_ephemeral_keys(alice: NodeKeys, bob: NodeKeys, x: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="sound"):
        responder(bob).read_message_1(b"\x01\x00\x01" + x)
    dialling = initiator(alice)
    dialling.write_message_1()
    with pytest.raises(ProtocolViolation, match="sound"):
        dialling.read_message_2(b"\x01\x00\x02" + x + bytes(161))


def test_an_all_zero_shared_secret(alice: NodeKeys, bob: NodeKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence: the key agreement itself refuses, were the first ever to miss a key."""
    monkeypatch.setattr("miner_ctrl.session.noise.is_sound_x25519", lambda key: True)
    answering = responder(bob)
    answering.read_message_1(b"\x01\x00\x01" + bytes(32))
    with pytest.raises(ProtocolViolation, match="zero"):
        answering.write_message_2()


# --- order, size, every wrong bit ------------------------------------------------------------------------


def test_steps_out_of_turn_end_it(alice: NodeKeys, bob: NodeKeys) -> None:
    for step in (
        lambda: initiator(alice).write_message_3(),
        lambda: initiator(alice).read_message_2(bytes(196)),
        lambda: responder(bob).write_message_2(),
        lambda: responder(bob).read_message_3(bytes(167)),
    ):
        with pytest.raises(ProtocolViolation, match="turn"):
            step()
    dialling, answering = initiator(alice), responder(bob)
    first = dialling.write_message_1()
    answering.read_message_1(first)
    with pytest.raises(ProtocolViolation, match="turn"):
        answering.read_message_1(first)
    with pytest.raises(ProtocolViolation, match="turn"):
        answering.write_message_2()


def test_a_failed_message_gets_no_second_try(alice: NodeKeys, bob: NodeKeys) -> None:
    dialling, answering = initiator(alice), responder(bob)
    answering.read_message_1(dialling.write_message_1())
    second = answering.write_message_2()
    with pytest.raises(ProtocolViolation):
        dialling.read_message_2(second[:-1])
    with pytest.raises(ProtocolViolation):
        dialling.read_message_2(second)


def test_a_node_does_not_dial_under_a_bad_name(alice: NodeKeys) -> None:
    with pytest.raises(BadInput):
        Initiator(alice, name="no spaces", check=accept)


@pytest.mark.parametrize("payload", [b"x", bytes(15), bytes(16), bytes(17), bytes(64)], ids=len)
@KINDS
def test_message_1_with_more_or_less_in_it(
    alice: NodeKeys, bob: NodeKeys, join: JoinKey | None, payload: bytes
) -> None:
    kind = 1 if join else 0
    noise = HandshakeState(
        XXPSK3 if join else XX, initiator=True, prologue=b"miner-ctrl p2p\0\x01" + bytes([kind]), s=alice.x_private
    )
    first = bytes((1, kind, 1)) + noise.write_message(payload)
    if join and len(payload) == 16:
        responder(bob).read_message_1(first)
        return
    with pytest.raises(ProtocolViolation, match="length"):
        responder(bob).read_message_1(first)


@KINDS
def test_every_length_but_the_right_one_ends_it(alice: NodeKeys, bob: NodeKeys, join: JoinKey | None) -> None:
    def lengths(message: bytes) -> Iterator[bytes]:
        yield from (message[:size] for size in range(len(message)))
        yield from (message + bytes(more) for more in (1, 16, 1024 - len(message), 1025 - len(message), 2**20))

    _every_variant_ends_it(alice, bob, join, lengths)


@KINDS
def test_every_wrong_bit_ends_it(alice: NodeKeys, bob: NodeKeys, join: JoinKey | None) -> None:
    _every_variant_ends_it(alice, bob, join, flips)


@pytest.mark.parametrize("size", [1025, 2**20])
def test_more_than_1024_bytes_are_not_even_looked_at(alice: NodeKeys, bob: NodeKeys, size: int) -> None:
    dialling, answering = initiator(alice), responder(bob)
    first = dialling.write_message_1()
    with pytest.raises(ProtocolViolation, match="limit"):
        answering.read_message_1(first + bytes(size - len(first)))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), kind=st.sampled_from([0, 1]), framed=st.booleans())
def test_only_documented_errors_come_out(alice: NodeKeys, bob: NodeKeys, data: bytes, kind: int, framed: bool) -> None:
    def header(number: int) -> bytes:
        return bytes((1, kind, number)) if framed else b""

    join = JOIN if kind else None
    dialling = initiator(alice, join)
    dialling.write_message_1()
    with pytest.raises(ProtocolViolation):
        dialling.read_message_2(header(2) + data)
    answering = responder(bob)
    try:
        answering.read_message_1(header(1) + data)
        answering.write_message_2()
    except ProtocolViolation:
        return
    with pytest.raises(ProtocolViolation):
        answering.read_message_3(header(3) + data)


# --- tools ------------------------------------------------------------------------------------------


def flips(data: bytes) -> Iterator[bytes]:
    """Every way to get one bit wrong."""
    for bit in range(len(data) * 8):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        yield bytes(wrong)


def _every_variant_ends_it(
    alice: NodeKeys, bob: NodeKeys, join: JoinKey | None, variants: Callable[[bytes], Iterator[bytes]]
) -> None:
    dialling, answering = initiator(alice, join), responder(bob)
    first = dialling.write_message_1()
    answering.read_message_1(first)
    second = answering.write_message_2()
    dialling.read_message_2(second)
    third = dialling.write_message_3()

    for wrong in variants(first):
        dialling, answering = initiator(alice, join), responder(bob)
        dialling.write_message_1()
        try:
            answering.read_message_1(wrong)
        except ProtocolViolation:
            continue
        answer = answering.write_message_2()
        with pytest.raises(ProtocolViolation):
            dialling.read_message_2(answer)
    for wrong in variants(second):
        dialling = initiator(alice, join)
        dialling.write_message_1()
        with pytest.raises(ProtocolViolation):
            dialling.read_message_2(wrong)
    for wrong in variants(third):
        answering = responder(bob)
        answering.read_message_1(first)
        answering.write_message_2()
        with pytest.raises(ProtocolViolation):
            answering.read_message_3(wrong)
