from __future__ import annotations

import logging
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from miner_ctrl.errors import BadInput, StateDamaged
from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.callers import Caller, Door
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grant, Role
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.peers import (
    JoinToken,
    Pending,
    ProvisionedTrust,
    Registry,
    Trust,
    parse_token,
    parse_trust,
    read_trust,
    write_trust,
)
from miner_ctrl.peers.notes import NOTED_BURST, NOTED_EVERY_S, Notes
from tests.peers.nodes import Clock, introduction, invites_of, keys, open_registry

ACCEPTED, PENDING, REFUSED = VerdictStatus.ACCEPTED, VerdictStatus.PENDING, VerdictStatus.REFUSED
HOST = "192.0.2.7"


class Desk:
    """Trust and everything it looks at."""

    def __init__(self, path: Path, provisioned: Sequence[ProvisionedTrust] = ()) -> None:
        self.clock = Clock()
        self.registry: Registry = open_registry(path, self.clock)
        self.invites = invites_of(self.registry, self.clock)
        self.pending = Pending(now_ms=self.clock)
        self.notes: list[tuple[str, str, dict[str, str], str]] = []
        self.trust = Trust(self.registry, self.invites, self.pending, provisioned, note=self._note)

    def _note(self, caller: Caller, action: str, about: Mapping[str, str], code: str) -> None:
        assert (caller.door, caller.address) == (Door.PEER, HOST)
        self.notes.append((action, caller.id, dict(about), code))

    def judge(self, who: Introduction) -> Verdict:
        return self.trust.judge(who, HOST)

    def invite(self, for_: str = "rig", uses: int = 1) -> JoinToken:
        view = self.invites.create(for_=for_, issuer=keys(1000), addresses=(), uses=uses)
        return parse_token(view.token or "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "peers.db"


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    desk = Desk(path)
    yield desk
    desk.registry.close()


def test_a_stranger_waits_and_gets_nothing(desk: Desk) -> None:
    verdict = desk.judge(introduction(1, "rig-alpha"))
    assert verdict.status is PENDING
    assert verdict.reason
    assert desk.registry.all() == []
    assert desk.registry.grants_of(keys(1).fingerprint) == NO_GRANTS
    assert [entry.host for entry in desk.pending.list()] == [HOST]


def test_a_pinned_peer_is_accepted_whatever_it_calls_itself(desk: Desk) -> None:
    desk.registry.add(keys(1), name="rig")
    for name in ("rig", "other", "stats"):
        assert desk.judge(introduction(1, name)).status is ACCEPTED
    assert desk.registry.find("rig").grants == NO_GRANTS
    assert desk.pending.list() == []


def test_a_blocked_peer_is_refused_token_or_not(desk: Desk) -> None:
    desk.registry.add(keys(1), name="rig")
    desk.registry.update(keys(1).fingerprint, blocked=True)
    token = desk.invite()
    for invite_id in (None, token.invite_id):
        assert desk.judge(introduction(1, "rig", invite_id)).status is REFUSED
    assert desk.invites.list()[0].used == 0
    assert desk.registry.find("rig").blocked


@pytest.mark.parametrize("for_", ["rig", "controller"])
def test_a_token_lets_in_with_the_grants_of_its_kind(desk: Desk, for_: str) -> None:
    desk.judge(introduction(1, "alpha"))
    assert desk.judge(introduction(1, "alpha", desk.invite(for_).invite_id)).status is ACCEPTED
    record = desk.registry.find("alpha")
    assert record.grants == (NO_GRANTS if for_ == "rig" else ALL_GRANTS)
    assert record.role == (Role.WORKER if for_ == "rig" else Role.CONTROLLER)
    assert desk.pending.list() == []


def test_a_used_token_is_refused_with_the_reason_and_does_not_wait(desk: Desk) -> None:
    token = desk.invite()
    assert desk.judge(introduction(1, "alpha", token.invite_id)).status is ACCEPTED
    assert desk.judge(introduction(1, "alpha", token.invite_id)).status is ACCEPTED
    verdict = desk.judge(introduction(2, "beta", token.invite_id))
    assert verdict == Verdict(REFUSED, "This join token has been used already.")
    assert desk.pending.list() == []
    assert len(desk.registry) == 1


@pytest.mark.parametrize(
    ("seconds", "revoke", "reason"), [(3600, False, "has expired"), (0, True, "was revoked"), (0, False, "")]
)
def test_a_dead_token_is_refused(desk: Desk, seconds: int, revoke: bool, reason: str) -> None:
    token = desk.invite()
    desk.clock.forward(seconds)
    if revoke:
        desk.invites.revoke(token.invite_id.hex())
    verdict = desk.judge(introduction(1, "alpha", token.invite_id))
    assert verdict.status is (REFUSED if reason else ACCEPTED)
    assert reason in verdict.reason


def test_half_of_a_pinned_pair_with_another_key_is_refused(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.registry.add(keys(1), name="rig", grants=ALL_GRANTS)
    token = desk.invite(uses=5)
    for half in (PublicKeys(keys(1).x, keys(2).e), PublicKeys(keys(2).x, keys(1).e)):
        for invite_id in (None, token.invite_id):
            with caplog.at_level(logging.WARNING):
                assert desk.judge(Introduction(half, "rig", invite_id)).status is REFUSED
            assert "with another key" in caplog.text
            caplog.clear()
        assert desk.registry.grants_of(half.fingerprint) == NO_GRANTS
    assert desk.pending.list() == []


@pytest.mark.parametrize("name", ["stats", "0123456789abcdef"])
def test_a_stranger_with_a_reserved_name_is_told_so(desk: Desk, name: str) -> None:
    verdict = desk.judge(introduction(1, name))
    assert verdict.status is REFUSED
    assert "reserved" in verdict.reason
    assert desk.pending.list() == []


def test_who_was_turned_away_is_refused(desk: Desk) -> None:
    desk.judge(introduction(1))
    desk.pending.deny(keys(1).node_id)
    assert desk.judge(introduction(1)).status is REFUSED


def test_approval_lets_in(desk: Desk) -> None:
    desk.judge(introduction(1, "boss"))
    entry = desk.pending.take(keys(1).node_id)
    desk.registry.add(entry.keys, name=entry.name, grants=frozenset({Grant.OBSERVE}))
    assert desk.judge(introduction(1, "boss")).status is ACCEPTED


# --- provisioned ----------------------------------------------------------------------------------------


def test_a_provisioned_controller_is_pinned_by_its_whole_fingerprint(path: Path) -> None:
    desk = Desk(path, [ProvisionedTrust(keys(1).fingerprint)])
    assert desk.judge(introduction(2, "boss")).status is PENDING
    assert desk.judge(introduction(1, "boss")).status is ACCEPTED
    record = desk.registry.find("boss")
    assert (record.keys, record.grants, record.role, record.verified) == (keys(1), ALL_GRANTS, Role.CONTROLLER, True)
    desk.registry.close()


@pytest.mark.parametrize("bytes_kept", [0, 1, 8, 11, 31])
def test_part_of_a_fingerprint_is_no_trust(path: Path, bytes_kept: int) -> None:
    desk = Desk(path, [ProvisionedTrust(keys(1).fingerprint[:bytes_kept])])
    assert desk.judge(introduction(1)).status is PENDING
    desk.registry.close()


def test_a_removed_controller_is_not_trusted_again_by_provision(path: Path) -> None:
    provisioned = [ProvisionedTrust(keys(1).fingerprint, "10.0.0.1:9091"), ProvisionedTrust(keys(2).fingerprint)]
    desk = Desk(path, provisioned)
    assert desk.trust.provisioned() == tuple(provisioned)
    desk.judge(introduction(1, "boss"))
    desk.registry.remove(keys(1).fingerprint)
    assert desk.judge(introduction(1, "boss")).status is PENDING
    desk.registry.close()
    after_restart = Desk(path, provisioned)
    assert after_restart.judge(introduction(1, "boss")).status is PENDING
    assert after_restart.trust.provisioned() == (provisioned[1],)
    after_restart.registry.add(keys(1), name="boss")
    assert after_restart.trust.provisioned() == tuple(provisioned)
    after_restart.registry.close()


def test_what_the_owner_took_away_is_not_given_back_by_provision(path: Path) -> None:
    desk = Desk(path, [ProvisionedTrust(keys(1).fingerprint)])
    desk.judge(introduction(1, "boss"))
    desk.registry.update(keys(1).fingerprint, grants=NO_GRANTS)
    assert desk.judge(introduction(1, "boss")).status is ACCEPTED
    assert desk.registry.grants_of(keys(1).fingerprint) == NO_GRANTS
    desk.registry.close()


def test_trust_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    assert read_trust(path) == ()
    trusted = (
        parse_trust(f" {keys(1).fingerprint.hex()} "),
        parse_trust(f"{keys(2).fingerprint.hex().upper()}@Boss.Example:9091"),
    )
    assert trusted[1] == ProvisionedTrust(keys(2).fingerprint, "boss.example:9091")
    write_trust(path, trusted)
    assert read_trust(path) == trusted
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadInput):
        write_trust(path, trusted * 64)
    assert read_trust(path) == trusted


@pytest.mark.parametrize("text", ["", "abc", "@10.0.0.1:9091", "f" * 63, "f" * 64 + "@", "f" * 64 + "@no where"])
def test_what_is_no_trust(text: str) -> None:
    with pytest.raises(BadInput):
        parse_trust(text)


def test_words_are_not_enough_for_trust_that_nobody_confirms() -> None:
    with pytest.raises(BadInput, match="whole fingerprint"):
        parse_trust(keys(1).words)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"controllers": [{}]}',
        b'{"controllers": [{"fingerprint": "abcd"}]}',
        b'{"controllers": [{"fingerprint": "zz"}]}',
        b'{"controllers": [{"fingerprint": "' + b"a" * 64 + b'", "address": "no where"}]}',
        b'{"controllers": [{"fingerprint": "' + b"a" * 64 + b'", "grants": "all"}]}',
        b'{"controllers": [' + b",".join([b'{"fingerprint": "' + b"a" * 64 + b'"}'] * 65) + b"]}",
        b"[" * 100_000,
        b"x" * 1_000_000,
    ],
)
def test_a_damaged_trust_file_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(content)
    with pytest.raises(StateDamaged, match=str(path)):
        read_trust(path)
    assert path.read_bytes() == content


# --- what is told on ------------------------------------------------------------------------------------


def fingerprint(number: int) -> str:
    return keys(number).fingerprint.hex()


def test_who_waits_is_told_once_and_who_is_known_is_not(desk: Desk) -> None:
    for _ in range(3):
        desk.judge(introduction(1, "rig-alpha"))
    desk.registry.add(keys(2), name="rig")
    desk.judge(introduction(2))
    assert desk.notes == [("approval_asked", keys(1).node_id, {"fingerprint": fingerprint(1)}, "")]


def test_who_used_an_invite_is_told_with_its_name_here_and_who_may_not_with_why(desk: Desk) -> None:
    token = desk.invite()
    desk.judge(introduction(1, "rig", token.invite_id))
    desk.judge(introduction(2, "rig", token.invite_id))
    invite = token.invite_id.hex()
    (_, joined, about, code), (action, other, refused, why) = desk.notes
    assert (joined, about, code) == (
        keys(1).node_id, {"invite": invite, "name": "rig", "fingerprint": fingerprint(1)}, "",
    )  # fmt: skip
    assert (action, other, refused) == (
        "invite_used", keys(2).node_id, {"invite": invite, "fingerprint": fingerprint(2)},
    )  # fmt: skip
    assert why


def test_a_provisioned_peer_is_told_when_it_is_pinned(path: Path) -> None:
    desk = Desk(path, [ProvisionedTrust(keys(1).fingerprint)])
    desk.judge(introduction(1))
    desk.judge(introduction(1))
    assert [note[0] for note in desk.notes] == ["provisioned_peer_pinned"]
    desk.registry.close()


def test_a_swarm_of_strangers_is_told_of_seldom_and_counted() -> None:
    time_s = 0.0
    told: list[dict[str, str]] = []
    notes = Notes(lambda _caller, _action, about, _code: told.append(dict(about)), clock=lambda: time_s)
    for number in range(1000):
        notes.tell("approval_asked", introduction(number), HOST)
    assert len(told) == NOTED_BURST
    time_s += NOTED_EVERY_S
    notes.tell("approval_asked", introduction(7), HOST)
    notes.tell("approval_asked", introduction(8), HOST)
    assert told[NOTED_BURST:] == [{"fingerprint": fingerprint(7), "leftOutBefore": str(1000 - NOTED_BURST)}]
