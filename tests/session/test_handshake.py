"""The handshake: what stands at its end, and everything that must end it early."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput, IdentityMismatch, ProtocolViolation, Refused
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.session import Initiator, Introduction, InviteStatus, JoinKey, Responder
from miner_ctrl.session.noise import XX, XXPSK3, HandshakeState

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


def flips(data: bytes) -> Iterator[bytes]:
    """Every way to get one bit wrong."""
    for bit in range(len(data) * 8):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        yield bytes(wrong)


# --- what a handshake gives -----------------------------------------------------------------------------


@KINDS
def test_both_ends_know_each_other_and_can_talk(alice: NodeKeys, bob: NodeKeys, join: JoinKey | None) -> None:
    seen: list[PublicKeys] = []
    dialling = Initiator(alice, name="alice", check=seen.append, join=join)
    answering = Responder(
        bob, find_psk=lambda invite_id: (InviteStatus.GO, PSK if invite_id == JOIN.invite_id else b"")
    )
    introduction = complete(dialling, answering)

    assert seen == [bob.public]
    assert introduction == Introduction(alice.public, "alice", join.invite_id if join else None)
    here, there = dialling.session, answering.session
    assert (here.local, here.remote, here.is_initiator) == (alice.public, bob.public, True)
    assert (there.local, there.remote, there.is_initiator) == (bob.public, alice.public, False)
    assert here.handshake_hash == there.handshake_hash
    assert there.open(here.seal(b"to bob", sign=True)).message == b"to bob"
    assert here.open(there.seal(b"to alice", sign=False)).message == b"to alice"


@KINDS
def test_sizes_and_headers(alice: NodeKeys, bob: NodeKeys, join: JoinKey | None) -> None:
    dialling, answering = Initiator(alice, name="n" * 63, check=accept, join=join), responder(bob)
    first = dialling.write_message_1()
    answering.read_message_1(first)
    second = answering.write_message_2()
    dialling.read_message_2(second)
    third = dialling.write_message_3()
    assert len(first) == (67 if join else 35)
    assert max(len(second), len(third)) <= 1024
    kind = 1 if join else 0
    assert [message[:3] for message in (first, second, third)] == [bytes((1, kind, number)) for number in (1, 2, 3)]


def test_every_handshake_has_its_own_keys(alice: NodeKeys, bob: NodeKeys) -> None:
    frames = set()
    for _ in range(2):
        dialling, answering = Initiator(alice, name="a", check=accept), Responder(bob, find_psk=lambda _: GO)
        complete(dialling, answering)
        frames.add(dialling.session.seal(b"same", sign=False))
    assert len(frames) == 2


def test_static_keys_name_and_invite_secret_are_hidden_from_observers(alice: NodeKeys, bob: NodeKeys) -> None:
    dialling, answering = Initiator(alice, name="alice-the-rig", check=accept, join=JOIN), responder(bob)
    wire = dialling.write_message_1()
    answering.read_message_1(wire)
    second = answering.write_message_2()
    dialling.read_message_2(second)
    wire += second + dialling.write_message_3()
    hidden = (alice.public.x, alice.public.e, bob.public.x, bob.public.e, b"alice-the-rig", PSK)
    assert not any(secret in wire for secret in hidden)


def test_nothing_of_the_handshake_outlives_it(alice: NodeKeys, bob: NodeKeys) -> None:
    dialling, answering = initiator(alice), responder(bob)
    complete(dialling, answering)
    assert dialling._noise is None
    assert answering._noise is None


# --- the responder's identity ---------------------------------------------------------------------------


@KINDS
def test_a_responder_that_is_not_accepted_learns_nothing(alice: NodeKeys, bob: NodeKeys, join: JoinKey | None) -> None:
    def refuse(keys: PublicKeys) -> None:
        raise IdentityMismatch("The keys there are not the ones expected.")

    dialling, answering = initiator(alice, join, check=refuse), responder(bob)
    answering.read_message_1(dialling.write_message_1())
    second = answering.write_message_2()
    with pytest.raises(IdentityMismatch):
        dialling.read_message_2(second)
    with pytest.raises(ProtocolViolation):
        dialling.write_message_3()
    with pytest.raises(ProtocolViolation):
        _ = dialling.session


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (InviteStatus.UNKNOWN, "INVITE_UNKNOWN"),
        (InviteStatus.EXPIRED, "INVITE_EXPIRED"),
        (InviteStatus.REVOKED, "INVITE_REVOKED"),
    ],
)
def test_an_invite_that_is_no_good(alice: NodeKeys, bob: NodeKeys, status: InviteStatus, code: str) -> None:
    seen: list[PublicKeys] = []
    dialling, answering = initiator(alice, JOIN, check=seen.append), responder(bob, (status, None))
    answering.read_message_1(dialling.write_message_1())
    second = answering.write_message_2()
    assert answering.status is status
    with pytest.raises(Refused) as caught:
        dialling.read_message_2(second)
    assert caught.value.code == code
    assert seen == [bob.public], "the refusal must come from the issuer"
    for step in (dialling.write_message_3, lambda: answering.read_message_3(bytes(200))):
        with pytest.raises(ProtocolViolation):
            step()


def test_a_refusal_from_somebody_else_is_not_believed(alice: NodeKeys, bob: NodeKeys) -> None:
    def only_bob(keys: PublicKeys) -> None:
        if keys != bob.public:
            raise IdentityMismatch("not bob")

    mallory = NodeKeys.from_secret(b"m" * 32)
    dialling, answering = initiator(alice, JOIN, check=only_bob), responder(mallory, (InviteStatus.REVOKED, None))
    answering.read_message_1(dialling.write_message_1())
    second = answering.write_message_2()
    with pytest.raises(IdentityMismatch):
        dialling.read_message_2(second)


def test_a_revoked_invites_key_no_longer_joins(alice: NodeKeys, bob: NodeKeys) -> None:
    answering = responder(bob, (InviteStatus.REVOKED, PSK))
    noise = HandshakeState(XXPSK3, initiator=True, prologue=b"miner-ctrl p2p\0\x01\x01", s=alice.x_private, psk=PSK)
    answering.read_message_1(b"\x01\x01\x01" + noise.write_message(JOIN.invite_id))
    noise.read_message(answering.write_message_2()[3:])
    proof = alice.sign(_initiator_text(noise.h, alice.public, bob.public))
    with pytest.raises(ProtocolViolation):
        answering.read_message_3(b"\x01\x01\x03" + noise.write_message(alice.public.e + proof + b"\x05alice"))


# --- a wrong secret, a downgrade ------------------------------------------------------------------------


def test_a_wrong_secret_fails_at_message_3(alice: NodeKeys, bob: NodeKeys) -> None:
    dialling, answering = initiator(alice, JoinKey(JOIN.invite_id, b"q" * 32)), responder(bob)
    answering.read_message_1(dialling.write_message_1())
    dialling.read_message_2(answering.write_message_2())
    with pytest.raises(ProtocolViolation):
        answering.read_message_3(dialling.write_message_3())
    with pytest.raises(ProtocolViolation):
        _ = answering.session


def test_a_join_does_not_go_on_without_its_key(alice: NodeKeys, bob: NodeKeys) -> None:
    """Somebody between the two dials the responder as a plain peer and passes that answer to the joiner."""
    for rewrite_kind in (False, True):
        dialling, answering = initiator(alice, JOIN), responder(bob)
        first = dialling.write_message_1()
        answering.read_message_1(b"\x01\x00\x01" + first[3:35])
        second = answering.write_message_2()
        with pytest.raises(ProtocolViolation):
            dialling.read_message_2(b"\x01\x01\x02" + second[3:] if rewrite_kind else second)


def test_a_plain_dial_is_not_turned_into_a_join(alice: NodeKeys, bob: NodeKeys) -> None:
    dialling, answering = initiator(alice), responder(bob)
    with pytest.raises(ProtocolViolation):
        answering.read_message_1(b"\x01\x01" + dialling.write_message_1()[2:])


@pytest.mark.parametrize("status", [1, 2, 3, 4, 255])
def test_a_plain_dial_is_not_answered_with_a_status(alice: NodeKeys, bob: NodeKeys, status: int) -> None:
    dialling = initiator(alice)
    second = _message_2(bob, dialling.write_message_1(), lambda payload: bytes([status]) + payload[1:])
    with pytest.raises(ProtocolViolation):
        dialling.read_message_2(second)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_not_spoken(alice: NodeKeys, bob: NodeKeys, version: int) -> None:
    dialling, answering = initiator(alice), responder(bob)
    with pytest.raises(ProtocolViolation):
        answering.read_message_1(bytes([version]) + dialling.write_message_1()[1:])


# --- own keys, reflection, replays ----------------------------------------------------------------------


def test_a_node_does_not_talk_to_itself(alice: NodeKeys) -> None:
    dialling, answering = initiator(alice), responder(alice)
    answering.read_message_1(dialling.write_message_1())
    second = answering.write_message_2()
    with pytest.raises(Refused) as caught:
        dialling.read_message_2(second)
    assert caught.value.code == "OWN_KEYS"


@pytest.mark.parametrize("which", ["x", "e"])
@pytest.mark.parametrize("side", ["initiator", "responder"])
def test_either_key_of_its_own_is_enough_to_refuse(alice: NodeKeys, bob: NodeKeys, which: str, side: str) -> None:
    x_of, e_of = (alice, bob) if which == "x" else (bob, alice)
    mixed = NodeKeys(x_of.x_private, e_of._e_private)
    other = initiator(alice), responder(mixed)
    if side == "responder":
        other = initiator(mixed), responder(alice)
    dialling, answering = other
    answering.read_message_1(dialling.write_message_1())
    second = answering.write_message_2()
    if side == "initiator":
        with pytest.raises(Refused) as caught:
            dialling.read_message_2(second)
    else:
        dialling._keys = bob  # a copy that does not check for itself
        dialling.read_message_2(second)
        dialling._keys = mixed
        third = dialling.write_message_3()
        with pytest.raises(Refused) as caught:
            answering.read_message_3(third)
    assert caught.value.code == "OWN_KEYS"


def test_claiming_its_own_signing_key_is_no_more_than_a_bad_signature(alice: NodeKeys, bob: NodeKeys) -> None:
    dialling = initiator(alice)
    second = _message_2(bob, dialling.write_message_1(), lambda payload: payload[:1] + alice.public.e + payload[33:])
    with pytest.raises(ProtocolViolation, match="signature"):
        dialling.read_message_2(second)


@KINDS
def test_a_message_sent_back_to_its_sender(alice: NodeKeys, join: JoinKey | None) -> None:
    dialling = initiator(alice, join)
    first = dialling.write_message_1()
    with pytest.raises(ProtocolViolation):
        dialling.read_message_2(first[:2] + b"\x02" + first[3:])


@KINDS
def test_a_recorded_handshake_cannot_be_played_again(alice: NodeKeys, bob: NodeKeys, join: JoinKey | None) -> None:
    dialling, answering = initiator(alice, join), responder(bob)
    first = dialling.write_message_1()
    answering.read_message_1(first)
    second = answering.write_message_2()
    dialling.read_message_2(second)
    third = dialling.write_message_3()
    answering.read_message_3(third)

    again = Responder(bob, find_psk=lambda _: GO)
    again.read_message_1(first)
    again.write_message_2()
    with pytest.raises(ProtocolViolation):
        again.read_message_3(third)
    anew = Initiator(alice, name="alice", check=accept, join=join)
    anew.write_message_1()
    with pytest.raises(ProtocolViolation):
        anew.read_message_2(second)


# --- signatures -----------------------------------------------------------------------------------------


def test_a_responders_signature_from_another_handshake(alice: NodeKeys, bob: NodeKeys) -> None:
    elsewhere = HandshakeState(XX, initiator=False, prologue=b"other", s=bob.x_private).h
    stolen = bob.sign(b"miner-ctrl/1 responder\0" + elsewhere + bob.public.x + bob.public.e)
    dialling = initiator(alice)
    second = _message_2(bob, dialling.write_message_1(), lambda payload: payload[:33] + stolen)
    with pytest.raises(ProtocolViolation, match="signature"):
        dialling.read_message_2(second)


def test_a_responder_with_somebody_elses_signing_key(alice: NodeKeys, bob: NodeKeys) -> None:
    mallory = NodeKeys.from_secret(b"m" * 32)
    dialling = initiator(alice)
    second = _message_2(mallory, dialling.write_message_1(), lambda payload: payload[:1] + bob.public.e + payload[33:])
    with pytest.raises(ProtocolViolation, match="signature"):
        dialling.read_message_2(second)


@pytest.mark.parametrize("what", ["h", "x", "e", "responder", "label", "key"])
def test_an_initiators_signature_over_anything_else(alice: NodeKeys, bob: NodeKeys, what: str) -> None:
    mallory = NodeKeys.from_secret(b"m" * 32)

    def forge(h2: bytes) -> bytes:
        right = _initiator_text(h2, alice.public, bob.public)
        text = {
            "h": _initiator_text(bytes(32), alice.public, bob.public),
            "x": _initiator_text(h2, PublicKeys(mallory.public.x, alice.public.e), bob.public),
            "e": _initiator_text(h2, PublicKeys(alice.public.x, mallory.public.e), bob.public),
            "responder": _initiator_text(h2, alice.public, mallory.public),
            "label": right.replace(b"initiator", b"responder"),
            "key": right,
        }[what]
        return (mallory if what == "key" else alice).sign(text)

    answering = responder(bob)
    third = _message_3(alice, answering, lambda h2: alice.public.e + forge(h2) + b"\x05alice")
    with pytest.raises(ProtocolViolation, match="signature"):
        answering.read_message_3(third)


# --- payloads -------------------------------------------------------------------------------------------


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
    third = _message_3(
        alice, answering, lambda h2: alice.public.e + alice.sign(_initiator_text(h2, alice.public, bob.public)) + tail
    )
    with pytest.raises(ProtocolViolation):
        answering.read_message_3(third)


def test_the_same_message_3_with_a_good_name_is_taken(alice: NodeKeys, bob: NodeKeys) -> None:
    answering = responder(bob)
    tail = b"\x05alice"
    third = _message_3(
        alice, answering, lambda h2: alice.public.e + alice.sign(_initiator_text(h2, alice.public, bob.public)) + tail
    )
    assert answering.read_message_3(third).name == "alice"


@pytest.mark.parametrize("change", [lambda payload: payload[:-1], lambda payload: payload + b"x", lambda payload: b""])
def test_message_2_with_more_or_less_in_it(alice: NodeKeys, bob: NodeKeys, change: Callable[[bytes], bytes]) -> None:
    dialling = initiator(alice)
    second = _message_2(bob, dialling.write_message_1(), change)
    with pytest.raises(ProtocolViolation, match="length"):
        dialling.read_message_2(second)


@pytest.mark.parametrize("e", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32], ids=["zero", "one", "not canonical"])
def test_unsound_signing_keys(alice: NodeKeys, bob: NodeKeys, e: bytes) -> None:
    dialling, answering = initiator(alice), responder(bob)
    second = _message_2(bob, dialling.write_message_1(), lambda payload: payload[:1] + e + payload[33:])
    with pytest.raises(ProtocolViolation, match="sound"):
        dialling.read_message_2(second)
    third = _message_3(alice, answering, lambda h2: e + bytes(64) + b"\x05alice")
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


# --- order, size, every wrong bit -----------------------------------------------------------------------


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


# --- tools ----------------------------------------------------------------------------------------------


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


def _initiator_text(h2: bytes, own: PublicKeys, remote: PublicKeys) -> bytes:
    return b"miner-ctrl/1 initiator\0" + h2 + own.x + own.e + remote.x + remote.e


def _message_2(keys: NodeKeys, first: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Message 2 of a plain handshake as ``keys`` would write it, its payload changed before it is sealed."""
    noise = HandshakeState(XX, initiator=False, prologue=b"miner-ctrl p2p\0\x01\x00", s=keys.x_private)
    noise.read_message(first[3:])
    signature = keys.sign(b"miner-ctrl/1 responder\0" + noise.h + keys.public.x + keys.public.e)
    return b"\x01\x00\x02" + noise.write_message(change(b"\x00" + keys.public.e + signature))


def _message_3(keys: NodeKeys, answering: Responder, payload: Callable[[bytes], bytes]) -> bytes:
    """Message 3 of a plain handshake with ``answering``, its payload made from h after message 2."""
    noise = HandshakeState(XX, initiator=True, prologue=b"miner-ctrl p2p\0\x01\x00", s=keys.x_private)
    answering.read_message_1(b"\x01\x00\x01" + noise.write_message(b""))
    noise.read_message(answering.write_message_2()[3:])
    return b"\x01\x00\x03" + noise.write_message(payload(noise.h))
