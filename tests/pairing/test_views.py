"""What people see of nodes, tokens and peers."""

from __future__ import annotations

import hashlib

import pytest

from miner_ctrl.errors import BadToken, IdentityMismatch, MinerCtrlError, PendingApproval, Refused, Unreachable
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import ALL_GRANTS, Grant, Role
from miner_ctrl.pairing import dial_addresses, planned_view, read_token
from miner_ctrl.pairing.views import peer_view
from miner_ctrl.peers import JoinToken, PeerRecord, TokenKind, encode_token

KEYS = NodeKeys.from_secret(hashlib.sha256(b"views").digest()).public
PIN = "ab" * 32


def own() -> list[str]:
    return ["192.168.1.10", "2001:db8::10", "192.168.1.10"]


@pytest.mark.parametrize(
    ("bound", "tls_pin", "addresses"),
    [
        ([], "", ()),
        ([("127.0.0.1", 9091)], "", ("127.0.0.1:9091",)),
        ([("0.0.0.0", 9091)], "", ("192.168.1.10:9091", "[2001:db8::10]:9091")),
        ([("::", 9092), ("0.0.0.0", 9092)], "", ("192.168.1.10:9092", "[2001:db8::10]:9092")),
        ([("::1", 1), ("127.0.0.1", 1)], "", ("[::1]:1", "127.0.0.1:1")),
        ([("10.0.0.1", 9091)], PIN, (f"wss://10.0.0.1:9091#sha256:{PIN}",)),
    ],
)
def test_where_a_node_can_be_dialled(bound: list[tuple[str, int]], tls_pin: str, addresses: tuple[str, ...]) -> None:
    assert dial_addresses(bound, own=own, tls_pin=tls_pin) == addresses


def test_without_a_wildcard_the_machine_is_not_asked_for_its_addresses() -> None:
    def never() -> list[str]:
        raise AssertionError

    assert dial_addresses([("127.0.0.1", 5)], own=never, tls_pin="") == ("127.0.0.1:5",)


def test_a_planned_identity_has_a_name_and_no_keys() -> None:
    view = planned_view("rig-alpha", Role.WORKER)
    assert (view.name, view.role) == ("rig-alpha", Role.WORKER)
    assert not any((view.id, view.public_key, view.signing_key, view.fingerprint, view.words))


@pytest.mark.parametrize(
    ("kind", "audience", "grants"),
    [(TokenKind.RIG, "rig", tuple(Grant)), (TokenKind.CONTROLLER, "controller", ())],
)
def test_a_token_says_whose_it_is_and_what_the_issuer_may_do_here(
    kind: TokenKind, audience: str, grants: tuple[Grant, ...]
) -> None:
    token = JoinToken(
        kind=kind,
        invite_id=bytes(16),
        issuer=KEYS.fingerprint,
        secret=b"s" * 32,
        expires_at_s=1_800_000_000,
        addresses=("192.168.1.10:9091",),
    )
    view = read_token(encode_token(token))
    assert (view.for_, view.grants, view.addresses) == (audience, grants, ("192.168.1.10:9091",))
    assert (view.issuer_words, view.issuer_fingerprint) == (KEYS.words, KEYS.fingerprint.hex())
    assert view.expires_at.startswith("2027-01-15T08:00:00")
    assert "s" * 8 not in repr(view)


def test_what_is_no_token_is_said() -> None:
    with pytest.raises(BadToken):
        read_token("not a token")


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (None, "offline"),
        (Unreachable("Nobody listens there."), "offline"),
        (MinerCtrlError("Something else answers."), "offline"),
        (PendingApproval("It waits."), "pending"),
        (Refused("No."), "refused"),
        (IdentityMismatch("Other keys."), "refused"),
    ],
)
def test_the_state_of_a_peer_that_is_not_connected(failure: MinerCtrlError | None, state: str) -> None:
    record = PeerRecord(keys=KEYS, name="rig-alpha", role=Role.WORKER, grants=ALL_GRANTS, added_at_ms=0)
    view = peer_view(record, None, failure)
    assert (view.state, view.connected, view.address, view.last_seen) == (state, False, "", None)
    assert view.grants == tuple(Grant)
    assert (view.id, view.words, view.fingerprint) == (KEYS.node_id, KEYS.words, KEYS.fingerprint.hex())
