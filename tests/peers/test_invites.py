from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import segno

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, NotFound, OperationFailed, Refused
from miner_ctrl.identity.introductions import InviteStatus
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grant, Role
from miner_ctrl.model.views import InviteView
from miner_ctrl.peers import Invites, JoinToken, Registry, parse_token
from miner_ctrl.peers.invites import MAX_JOINED, MAX_OPEN
from miner_ctrl.storage.sqlite import transaction
from tests.peers.nodes import START_MS, Clock, Random, invites_of, keys, open_registry

ISSUER = keys(1000)
HOUR_S = 3600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "peers.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(path: Path, clock: Clock) -> Iterator[Registry]:
    registry = open_registry(path, clock)
    yield registry
    registry.close()


@pytest.fixture
def invites(registry: Registry, clock: Clock) -> Invites:
    return invites_of(registry, clock)


def create(invites: Invites, for_: str = "rig", uses: int = 1, lifetime_s: float = HOUR_S) -> tuple[JoinToken, str]:
    view = invites.create(for_=for_, issuer=ISSUER, addresses=("10.0.0.1:9091",), uses=uses, lifetime_s=lifetime_s)
    assert view.token is not None
    return parse_token(view.token), view.id


def status_of(invites: Invites, invite_id: str) -> str:
    return next(view.status for view in invites.list() if view.id == invite_id)


def refusal(invites: Invites, token: JoinToken, who: PublicKeys, name: str = "rig") -> MinerCtrlError:
    with pytest.raises(MinerCtrlError) as caught:
        invites.redeem(token.invite_id, who, name)
    return caught.value


def test_the_token_says_what_the_invite_is(invites: Invites) -> None:
    view = invites.create(for_="rig", issuer=ISSUER, addresses=("10.0.0.1:9091",))
    assert (view.status, view.for_, view.uses, view.used, view.words) == ("open", "rig", 1, 0, ISSUER.words)
    assert (view.created_at, view.expires_at) == ("2026-09-21T14:13:20Z", "2026-09-21T15:13:20Z")
    token = parse_token(view.token or "")
    assert token.invite_id.hex() == view.id
    assert token.issuer == ISSUER.fingerprint
    assert token.expires_at_s == START_MS // 1000 + HOUR_S
    assert token.addresses == view.addresses == ("10.0.0.1:9091",)
    assert token.lets_issuer_control
    assert invites.find_psk(token.invite_id) == (InviteStatus.GO, token.join_key.psk)


def test_the_token_is_shown_once_and_its_secret_is_not_kept(invites: Invites, path: Path) -> None:
    token, _ = create(invites)
    assert [view.token for view in invites.list()] == [None]
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert token.join_key.psk in everything
    assert token.secret not in everything


@pytest.mark.parametrize(
    ("for_", "role", "grants"), [("rig", Role.WORKER, NO_GRANTS), ("controller", Role.CONTROLLER, ALL_GRANTS)]
)
def test_what_a_joiner_may_do_here_depends_on_whom_the_token_is_for(
    invites: Invites, registry: Registry, for_: str, role: Role, grants: frozenset[Grant]
) -> None:
    token, invite_id = create(invites, for_)
    assert token.lets_issuer_control == (for_ == "rig")
    record = invites.redeem(token.invite_id, keys(1), "alpha")
    assert (record.name, record.role, record.grants, record.verified) == ("alpha", role, grants, True)
    assert registry.get(keys(1).fingerprint) == record
    assert status_of(invites, invite_id) == "used"


def test_a_use_is_spent_once_and_repeats_are_free(invites: Invites, registry: Registry) -> None:
    token, invite_id = create(invites)
    first = invites.redeem(token.invite_id, keys(1), "alpha")
    assert invites.redeem(token.invite_id, keys(1), "alpha") == first
    assert invites.list()[0].used == 1
    assert invites.find_psk(token.invite_id)[0] is InviteStatus.GO
    error = refusal(invites, token, keys(2))
    assert isinstance(error, Refused)
    assert error.code == "INVITE_USED"
    assert [record.keys for record in registry.all()] == [keys(1)]
    assert status_of(invites, invite_id) == "used"


def test_a_batch_token_has_as_many_uses_as_it_was_given(invites: Invites, registry: Registry) -> None:
    token, invite_id = create(invites, uses=3)
    for number in (1, 2, 1, 3, 2):
        invites.redeem(token.invite_id, keys(number), "rig")
    assert [record.name for record in registry.all()] == ["rig", "rig-2", "rig-3"]
    assert refusal(invites, token, keys(4)).code == "INVITE_USED"
    assert invites.list()[0].used == 3
    assert status_of(invites, invite_id) == "used"


def test_an_invite_says_who_joined_with_it(invites: Invites, registry: Registry, clock: Clock) -> None:
    token, id_ = create(invites, uses=MAX_JOINED + 5)
    assert invites.get(id_).joined == ()
    invites.redeem(token.invite_id, keys(1), "rig-a")
    clock.ms += 1000
    invites.redeem(token.invite_id, keys(2), "rig-b")
    invites.redeem(token.invite_id, keys(1), "rig-a")
    first, second = invites.get(id_[:8]).joined
    assert (first.name, first.peer_id, first.fingerprint) == ("rig-a", keys(1).node_id, keys(1).fingerprint.hex())
    assert (first.at, second.name, second.at) == ("2026-09-21T14:13:20Z", "rig-b", "2026-09-21T14:13:21Z")
    registry.update(keys(2).fingerprint, name="renamed")
    registry.remove(keys(1).fingerprint)
    [view] = invites.list()
    assert [(who.name, who.peer_id) for who in view.joined] == [("", ""), ("renamed", keys(2).node_id)]
    for number in range(3, MAX_JOINED + 5):
        clock.ms += 1000
        invites.redeem(token.invite_id, keys(number), f"rig-{number}")
    assert [who.name for who in invites.get(id_).joined] == [f"rig-{number}" for number in range(5, MAX_JOINED + 5)]
    with pytest.raises(NotFound):
        invites.get("ff" * 16)


def test_a_token_comes_as_a_code_to_scan_in_the_answer_that_made_it_alone(invites: Invites) -> None:
    view = invites.create(for_="rig", issuer=ISSUER, addresses=("10.0.0.1:9091",))
    size = len(view.qr)
    assert (size - 17) % 4 == 0
    assert {len(row) for row in view.qr} == {size}
    assert set("".join(view.qr)) == {"0", "1"}
    finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
    assert [row[:7] for row in view.qr[:7]] == [row[-7:] for row in view.qr[:7]] == finder
    assert [row[:7] for row in view.qr[-7:]] == finder
    shown = segno.make(str(view.token).upper(), error="l", micro=False)
    assert view.qr == tuple("".join(map(str, row)) for row in shown.matrix)
    assert invites.get(view.id).qr == invites.list()[0].qr == ()


def test_whoever_looks_hears_of_what_becomes_of_invites(invites: Invites, clock: Clock) -> None:
    heard: list[str] = []
    invites.changed = lambda: heard.append(",".join(view.status for view in invites.list()))
    token, id_ = create(invites, uses=2)
    invites.redeem(token.invite_id, keys(1), "rig-a")
    invites.redeem(token.invite_id, keys(1), "rig-a")
    assert heard == ["open", "open"], "a repeat changes nothing"
    invites.revoke(id_)
    create(invites, lifetime_s=60)
    clock.ms += 61_000
    invites.expire()
    assert heard[2:] == ["revoked", "open,revoked", "expired,revoked"]


def test_a_refused_join_spends_nothing_and_stores_nothing(invites: Invites, registry: Registry) -> None:
    token, _ = create(invites)
    registry.add(keys(1), name="one")
    assert isinstance(refusal(invites, token, PublicKeys(keys(1).x, keys(2).e)), Conflict)
    assert isinstance(refusal(invites, token, keys(3), "stats"), BadInput)
    assert isinstance(refusal(invites, token, keys(3), "rig\x1b[2J"), BadInput)
    assert invites.list()[0].used == 0
    assert len(registry) == 1
    invites.redeem(token.invite_id, keys(3), "rig")


def test_peer_and_use_are_stored_together_or_not_at_all(invites: Invites, registry: Registry) -> None:
    token, _ = create(invites, uses=2)
    registry.database.execute(
        "CREATE TEMP TRIGGER broken BEFORE INSERT ON main.redemption BEGIN SELECT RAISE(ABORT, 'disk broken'); END"
    )
    with pytest.raises(Exception, match="disk broken"):
        invites.redeem(token.invite_id, keys(1), "rig")
    registry.database.execute("DROP TRIGGER broken")
    assert invites.list()[0].used == 0
    assert registry.all() == []
    assert registry.database.execute("SELECT count(*) FROM peer").fetchall() == [(0,)]
    assert invites.redeem(token.invite_id, keys(1), "rig").name == "rig"


def test_expiry_is_by_this_nodes_clock_and_final(invites: Invites, clock: Clock) -> None:
    token, invite_id = create(invites, lifetime_s=60)
    clock.forward(59.999)
    assert invites.find_psk(token.invite_id) == (InviteStatus.GO, token.join_key.psk)
    clock.forward(0.001)
    assert invites.find_psk(token.invite_id) == (InviteStatus.EXPIRED, None)
    assert refusal(invites, token, keys(1)).code == "INVITE_EXPIRED"
    assert status_of(invites, invite_id) == "expired"
    clock.forward(-HOUR_S)
    assert invites.find_psk(token.invite_id) == (InviteStatus.EXPIRED, None)


def test_joined_keys_cannot_repeat_after_expiry_and_stay_registered(
    invites: Invites, registry: Registry, clock: Clock
) -> None:
    token, _ = create(invites)
    invites.redeem(token.invite_id, keys(1), "rig")
    clock.forward(HOUR_S)
    assert refusal(invites, token, keys(1)).code == "INVITE_EXPIRED"
    assert registry.find("rig").keys == keys(1)


def test_revoking(invites: Invites, registry: Registry) -> None:
    token, invite_id = create(invites, uses=2)
    other, _ = create(invites)
    invites.redeem(token.invite_id, keys(1), "rig")
    assert invites.revoke(invite_id[:8].upper()).status == "revoked"
    assert invites.revoke(invite_id).status == "revoked"
    assert invites.find_psk(token.invite_id) == (InviteStatus.REVOKED, None)
    for number in (1, 2):
        assert refusal(invites, token, keys(number)).code == "INVITE_REVOKED"
    assert registry.find("rig").keys == keys(1)
    assert invites.find_psk(other.invite_id)[0] is InviteStatus.GO


@pytest.mark.parametrize("query", ["", " ", "zz", "0" * 32, "%", "\x1b[2J"])
def test_revoking_what_is_not_there(invites: Invites, query: str) -> None:
    create(invites)
    with pytest.raises(NotFound) as caught:
        invites.revoke(query)
    assert caught.value.message.isprintable()
    assert [view.status for view in invites.list()] == ["open"]


def test_an_ambiguous_prefix_revokes_nothing(registry: Registry, clock: Clock) -> None:
    ids = iter((b"\xaa" * 16, b"s" * 32, b"\xaa" * 15 + b"\xbb", b"t" * 32))
    invites = Invites(registry, now_ms=clock, random_bytes=lambda count: next(ids))
    create(invites)
    create(invites)
    with pytest.raises(Conflict, match="2 invites match"):
        invites.revoke("aaaa")
    assert {view.status for view in invites.list()} == {"open"}


def test_an_unknown_invite(invites: Invites) -> None:
    assert invites.find_psk(bytes(16)) == (InviteStatus.UNKNOWN, None)
    with pytest.raises(Refused) as caught:
        invites.redeem(bytes(16), keys(1), "rig")
    assert caught.value.code == "INVITE_UNKNOWN"


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_the_keys_of_dead_invites_are_gone_from_the_disk(invites: Invites, path: Path, clock: Clock, how: str) -> None:
    made = [create(invites) for _ in range(40)]
    living, _ = create(invites, lifetime_s=10 * HOUR_S)

    def on_disk() -> set[bytes]:
        everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
        return {
            token.join_key.psk for token in (living, *(token for token, _ in made)) if token.join_key.psk in everything
        }

    assert len(on_disk()) == 41
    if how == "revoked":
        for _, invite_id in made:
            invites.revoke(invite_id)
    else:
        clock.forward(HOUR_S)
        invites.expire()
    assert on_disk() == {living.join_key.psk}


def test_dead_invites_are_forgotten_after_a_month(invites: Invites, clock: Clock) -> None:
    create(invites)
    clock.forward(HOUR_S)
    assert [view.status for view in invites.list()] == ["expired"]
    create(invites, lifetime_s=40 * 24 * HOUR_S)
    clock.forward(40 * 24 * HOUR_S)
    assert [view.status for view in invites.list()] == ["expired"]


def test_a_removed_peer_does_not_come_back_by_repeating_its_join(invites: Invites, registry: Registry) -> None:
    token, _ = create(invites, uses=5)
    invites.redeem(token.invite_id, keys(1), "rig")
    registry.remove(keys(1).fingerprint)
    assert refusal(invites, token, keys(1)).code == "PEER_REMOVED"
    assert registry.all() == []
    again, _ = create(invites)
    assert invites.redeem(again.invite_id, keys(1), "rig").name == "rig"


def test_a_known_peer_gains_what_a_new_token_gives_and_loses_nothing(invites: Invites, registry: Registry) -> None:
    registry.add(keys(1), name="dual", role=Role.DUAL, grants=frozenset({Grant.OBSERVE}))
    for_controller, _ = create(invites, "controller")
    record = invites.redeem(for_controller.invite_id, keys(1), "another")
    assert (record.name, record.role, record.grants) == ("dual", Role.DUAL, ALL_GRANTS)
    for_rig, _ = create(invites, "rig")
    assert invites.redeem(for_rig.invite_id, keys(1), "another").grants == ALL_GRANTS


def test_a_repeat_does_not_undo_what_the_owner_changed_since(invites: Invites, registry: Registry) -> None:
    token, _ = create(invites, "controller")
    invites.redeem(token.invite_id, keys(1), "boss")
    registry.update(keys(1).fingerprint, grants=NO_GRANTS)
    assert invites.redeem(token.invite_id, keys(1), "boss").grants == NO_GRANTS


@pytest.mark.parametrize(
    ("for_", "uses", "lifetime_s"),
    [
        ("rigs", 1, 60),
        ("", 1, 60),
        ("rig", 0, 60),
        ("rig", -1, 60),
        ("rig", 10_001, 60),
        ("rig", 1, 0),
        ("rig", 1, -5),
        ("rig", 1, 4e7),
        ("rig", 1, float("nan")),
        ("rig", 1, float("inf")),
    ],
)
def test_bounds(invites: Invites, for_: str, uses: int, lifetime_s: float) -> None:
    with pytest.raises(BadInput):
        invites.create(for_=for_, issuer=ISSUER, addresses=(), uses=uses, lifetime_s=lifetime_s)
    assert invites.list() == []


def test_open_invites_are_bounded(invites: Invites, registry: Registry, clock: Clock) -> None:
    with transaction(registry.database):
        for _ in range(MAX_OPEN):
            create(invites, lifetime_s=60)
    with pytest.raises(Conflict, match="have not expired"):
        create(invites)
    clock.forward(60)
    create(invites)


def test_of_two_that_use_the_last_use_at_once_one_wins(path: Path, registry: Registry, clock: Clock) -> None:
    """Two connections, as two processes would have: the file decides, not what either holds in memory."""
    random, barrier = Random(), threading.Barrier(2)

    def join(number: int, token: JoinToken) -> str:
        own = open_registry(path, clock)
        own_invites = Invites(own, now_ms=clock, random_bytes=Random())
        try:
            barrier.wait(30)
            own_invites.redeem(token.invite_id, keys(number), f"rig-{number}")
        except Refused as error:
            return error.code
        else:
            return "joined"
        finally:
            own.close()

    with ThreadPoolExecutor(2) as pool:
        for round_ in range(10):
            token, _ = create(Invites(registry, now_ms=clock, random_bytes=random))
            outcomes = [pool.submit(join, 10 * round_ + who, token) for who in (1, 2)]
            assert sorted(outcome.result(60) for outcome in outcomes) == ["INVITE_USED", "joined"]
    assert registry.database.execute("SELECT count(*) FROM peer").fetchall() == [(10,)]
    assert {view.used for view in invites_of(registry, clock).list()} == {1}


KILLED = """
import os, signal, sys
from pathlib import Path
from miner_ctrl.storage.sqlite import transaction
from tests.peers.nodes import Clock, invites_of, keys, open_registry
clock = Clock()
invites = invites_of(open_registry(Path(sys.argv[1]), clock), clock)
if sys.argv[2] == "create":
    print(invites.create(for_="rig", issuer=keys(1000), addresses=()).token, flush=True)
else:
    invites.redeem(bytes.fromhex(sys.argv[2]), keys(1), "rig")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_invites_and_joins_survive_a_kill(path: Path, clock: Clock) -> None:
    def run(argument: str) -> str:
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), argument],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == -9, process.stderr
        return process.stdout

    token = parse_token(run("create"))
    run(token.invite_id.hex())
    registry = open_registry(path, clock)
    assert registry.find("rig").keys == keys(1)
    [view] = invites_of(registry, clock).list()
    assert isinstance(view, InviteView)
    assert (view.status, view.used) == ("used", 1)
    registry.close()


def test_a_full_disk_is_said(invites: Invites, registry: Registry) -> None:
    registry.database.pragma("max_page_count", 1)

    def create_many() -> None:
        for _ in range(500):
            create(invites)

    with pytest.raises(OperationFailed, match="could not be written"):
        create_many()
