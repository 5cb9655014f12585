"""The handshake: what stands at its end, who is refused, and that nothing is downgraded or played again."""

from __future__ import annotations

import pytest

from miner_ctrl.errors import IdentityMismatch, ProtocolViolation, Refused
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.session import Initiator, Introduction, InviteStatus, JoinKey, Responder
from miner_ctrl.session.noise import XXPSK3, HandshakeState
from tests.session.handshakes import (
    GO,
    JOIN,
    KINDS,
    PSK,
    accept,
    complete,
    initiator,
    initiator_text,
    message_2,
    responder,
)

# --- what a handshake gives ------------------------------------------------------------------------------


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


# --- the responder's identity ----------------------------------------------------------------------------


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
    proof = alice.sign(initiator_text(noise.h, alice.public, bob.public))
    with pytest.raises(ProtocolViolation):
        answering.read_message_3(b"\x01\x01\x03" + noise.write_message(alice.public.e + proof + b"\x05alice"))


# --- a wrong secret, a downgrade -------------------------------------------------------------------------


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
    second = message_2(bob, dialling.write_message_1(), lambda payload: bytes([status]) + payload[1:])
    with pytest.raises(ProtocolViolation):
        dialling.read_message_2(second)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_not_spoken(alice: NodeKeys, bob: NodeKeys, version: int) -> None:
    dialling, answering = initiator(alice), responder(bob)
    with pytest.raises(ProtocolViolation):
        answering.read_message_1(bytes([version]) + dialling.write_message_1()[1:])


# --- own keys, reflection, replays -----------------------------------------------------------------------


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
    second = message_2(bob, dialling.write_message_1(), lambda payload: payload[:1] + alice.public.e + payload[33:])
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
