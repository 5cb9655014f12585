from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from miner_ctrl.errors import BadInput, Conflict, NotFound, OperationFailed, StateDamaged
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grant, Role
from miner_ctrl.peers import Registry
from miner_ctrl.storage.sqlite import transaction
from tests.peers.nodes import START_MS, Clock, keys, open_registry


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


# --- finding --------------------------------------------------------------------------------------------


def test_a_peer_is_found_by_id_fingerprint_name_and_prefix(registry: Registry) -> None:
    added = registry.add(keys(1), name="Rig-Alpha")
    registry.add(keys(2), name="rig-beta")
    node_id = keys(1).node_id
    for query in (
        node_id,
        node_id.upper(),
        keys(1).fingerprint.hex(),
        "Rig-Alpha",
        "rig-alpha",
        " rig-alpha ",
        node_id[:5],
    ):
        assert registry.find(query) == added
    assert registry.get(keys(1).fingerprint) == added
    assert registry.get(keys(3).fingerprint) is None


@pytest.mark.parametrize(
    "query", ["", " ", "nobody", "rig", "ffffffffffffffff", "f" * 64, "\x1b[31m", "*", "%", "0" * 500]
)
def test_nobody_is_found_for_what_names_nobody(registry: Registry, query: str) -> None:
    registry.add(keys(1), name="rig-alpha")
    with pytest.raises(NotFound) as caught:
        registry.find(query)
    assert caught.value.code == "PEER_NOT_FOUND"
    assert caught.value.message.isprintable()


def test_an_ambiguous_prefix_names_the_candidates(registry: Registry) -> None:
    for number in range(40):
        registry.add(keys(number), name=f"rig-{number}")
    first = keys(0).node_id
    same = [number for number in range(40) if keys(number).node_id[0] == first[0]]
    assert len(same) > 1
    with pytest.raises(Conflict, match=f"ambiguous: {len(same)} peers match") as caught:
        registry.find(first[0])
    candidates = caught.value.details["candidates"]
    assert isinstance(candidates, list)
    assert {text.split()[0] for text in candidates} <= {keys(number).node_id for number in same}
    assert registry.find(first).name == "rig-0"


def test_a_name_does_not_capture_another_peers_id_prefix(registry: Registry) -> None:
    prefix = keys(1).node_id[:4]
    registry.add(keys(1), name="honest")
    registry.add(keys(2), name=prefix)
    with pytest.raises(Conflict, match="ambiguous"):
        registry.find(prefix)


# --- names and uniqueness -------------------------------------------------------------------------------


def test_a_taken_name_gets_a_suffix(registry: Registry) -> None:
    names = [registry.add(keys(number), name="rig").name for number in range(4)]
    assert names == ["rig", "rig-2", "rig-3", "rig-4"]
    assert registry.add(keys(5), name="RIG").name == "RIG-5"
    long = "x" * 63
    assert [registry.add(keys(number), name=long).name for number in (6, 7)] == [long, "x" * 61 + "-2"]


def test_renaming_keeps_names_unique(registry: Registry) -> None:
    registry.add(keys(1), name="one")
    registry.add(keys(2), name="two")
    assert registry.update(keys(2).fingerprint, name="one").name == "one-2"
    assert registry.update(keys(2).fingerprint, name="ONE-2").name == "ONE-2"
    assert registry.find("one-2").keys == keys(2)
    with pytest.raises(NotFound):
        registry.find("two")


@pytest.mark.parametrize("name", ["", "stats", "a" * 64, "0123456789abcdef", "rig alpha", "rig\x1b[31m", "räg", "../x"])
def test_names_that_cannot_be_are_refused(registry: Registry, name: str) -> None:
    with pytest.raises(BadInput):
        registry.add(keys(1), name=name)
    assert len(registry) == 0


def test_no_two_entries_share_a_key_or_an_id(registry: Registry) -> None:
    registry.add(keys(1), name="one")
    for half in (PublicKeys(keys(1).x, keys(2).e), PublicKeys(keys(2).x, keys(1).e)):
        with pytest.raises(Conflict) as caught:
            registry.add(half, name="other")
        assert caught.value.code == "KEYS_CLASH"
    assert [record.name for record in registry.all()] == ["one"]


def test_the_same_keys_again_update_the_entry(registry: Registry) -> None:
    registry.add(keys(1), name="one", address="10.0.0.1:9091", grants=ALL_GRANTS, verified=True)
    again = registry.add(keys(1), name="other", role=Role.CONTROLLER, grants=NO_GRANTS)
    assert (again.name, again.address, again.role, again.grants, again.verified) == (
        "one",
        "10.0.0.1:9091",
        Role.CONTROLLER,
        NO_GRANTS,
        True,
    )
    assert len(registry) == 1


@pytest.mark.parametrize("address", ["nowhere at all", "host:0", "x:1;rm"])
def test_addresses_are_checked(registry: Registry, address: str) -> None:
    with pytest.raises(BadInput):
        registry.add(keys(1), name="one", address=address)
    registry.add(keys(1), name="one", address="Rig.Example:9091")
    with pytest.raises(BadInput):
        registry.update(keys(1).fingerprint, address=address)
    found = registry.by_address("rig.example:9091")
    assert found is not None
    assert found.keys == keys(1)


@pytest.mark.parametrize("tags", [("",), (" x",), ("a,b",), ("a\nb",), ("x" * 64,), tuple(map(str, range(33)))])
def test_tags_are_checked(registry: Registry, tags: tuple[str, ...]) -> None:
    registry.add(keys(1), name="one")
    with pytest.raises(BadInput, match="tags"):
        registry.update(keys(1).fingerprint, tags=tags)


# --- grants ---------------------------------------------------------------------------------------------


def test_grants_are_what_was_granted_here(registry: Registry) -> None:
    fingerprint = keys(1).fingerprint
    assert registry.grants_of(fingerprint) == NO_GRANTS
    registry.add(keys(1), name="one", grants=frozenset({Grant.OBSERVE}))
    assert registry.grants_of(fingerprint) == {Grant.OBSERVE}
    registry.update(fingerprint, granted=ALL_GRANTS)
    assert registry.grants_of(fingerprint) == {Grant.OBSERVE}
    registry.update(fingerprint, blocked=True)
    assert registry.grants_of(fingerprint) == NO_GRANTS
    registry.update(fingerprint, blocked=False)
    assert registry.grants_of(fingerprint) == {Grant.OBSERVE}
    registry.remove(fingerprint)
    assert registry.grants_of(fingerprint) == NO_GRANTS


# --- durability -----------------------------------------------------------------------------------------


def test_everything_of_an_entry_survives_a_restart(path: Path, registry: Registry, clock: Clock) -> None:
    fingerprint = keys(1).fingerprint
    registry.add(keys(1), name="one", address="[::1]:9091", role=Role.DUAL, grants=ALL_GRANTS, verified=True)
    registry.update(fingerprint, granted=frozenset({Grant.OBSERVE}), tags=["attic", "garage"], blocked=True, dial=False)
    clock.forward(5)
    registry.record_ping(fingerprint, 0.0125)
    registry.record_failure(fingerprint, "it\nhung")
    expected = registry.all()
    assert expected[0].last_seen_ms == START_MS + 5000
    registry.close()
    with_everything = open_registry(path)
    assert with_everything.all() == expected
    assert with_everything.all()[0].failure_reason == "it hung"
    with_everything.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS
from miner_ctrl.storage.sqlite import transaction
from tests.peers.nodes import keys, open_registry
registry = open_registry(Path(sys.argv[1]))
step = sys.argv[2]
if step == "add":
    registry.add(keys(1), name="one", address="10.0.0.1:9091", grants=ALL_GRANTS)
elif step == "update":
    registry.update(keys(1).fingerprint, grants=NO_GRANTS, name="renamed")
else:
    registry.remove(keys(1).fingerprint)
os.kill(os.getpid(), signal.SIGKILL) if sys.argv[3] == "kill" else os._exit(0)
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_a_change_is_durable_when_the_call_returns(path: Path, end: str) -> None:
    def run(step: str) -> Registry:
        command = [sys.executable, "-c", KILLED, str(path), step, end]
        process = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60, check=False)
        assert process.returncode == (-9 if end == "kill" else 0)
        return open_registry(path)

    after = run("add")
    assert [(one.name, one.address, one.grants) for one in after.all()] == [("one", "10.0.0.1:9091", ALL_GRANTS)]
    after.close()
    after = run("update")
    assert [(one.name, one.grants) for one in after.all()] == [("renamed", NO_GRANTS)]
    after.close()
    after = run("remove")
    assert after.all() == []
    assert after.was_removed(keys(1).fingerprint)
    after.close()


def test_what_could_not_be_written_has_not_happened(registry: Registry) -> None:
    registry.add(keys(1), name="one", grants=ALL_GRANTS)
    registry.database.pragma("max_page_count", 1)  # as on a full disk: nothing fits that needs another page

    def add_many() -> None:
        for number in range(2, 200):
            registry.add(keys(number), name=f"rig-{number}-{'x' * 40}")

    with pytest.raises(OperationFailed, match="could not be written"):
        add_many()
    known = {record.name for record in registry.all()}
    stored = {row[0] for row in registry.database.execute("SELECT name FROM peer")}
    assert known == stored


def test_contact_data_is_written_by_flush_and_by_close(path: Path, registry: Registry, clock: Clock) -> None:
    fingerprint = keys(1).fingerprint
    registry.add(keys(1), name="one")

    def stored_score() -> int:
        other = apsw.Connection(str(path))
        [(score,)] = other.execute("SELECT score FROM peer").fetchall()
        other.close()
        assert isinstance(score, int)
        return score

    registry.record_success(fingerprint)
    assert stored_score() == 50
    registry.flush()
    assert stored_score() == 51
    registry.record_success(fingerprint)
    registry.update(fingerprint, name="two")
    assert stored_score() == 52
    registry.record_success(fingerprint)
    registry.close()
    assert stored_score() == 53


# --- what is kept of a peer -----------------------------------------------------------------------------


def test_the_score_moves_and_stays_within_its_bounds(registry: Registry, clock: Clock) -> None:
    fingerprint = keys(1).fingerprint
    assert registry.add(keys(1), name="one").score == 50

    def score() -> int:
        record = registry.get(fingerprint)
        assert record is not None
        return record.score

    registry.record_success(fingerprint)
    assert score() == 51
    registry.record_timeout(fingerprint, "slow")
    assert score() == 48
    registry.record_failure(fingerprint, "refused")
    assert score() == 43
    for _ in range(10):
        registry.record_failure(fingerprint, "refused")
    assert score() == 0
    registry.record_success(fingerprint)
    assert score() == 1
    for _ in range(120):
        registry.record_success(fingerprint)
    assert score() == 100


def test_contact_is_noted_with_times(registry: Registry, clock: Clock) -> None:
    fingerprint = keys(1).fingerprint
    assert registry.add(keys(1), name="one").last_seen_ms is None
    registry.record_ping(fingerprint, 0.010)
    registry.record_ping(fingerprint, 0.018)
    clock.forward(60)
    registry.record_timeout(fingerprint, "It did not\x1b[2J answer." + "!" * 2000)
    record = registry.get(fingerprint)
    assert record is not None
    assert record.ping_ms == pytest.approx(18)
    assert record.ping_smoothed_ms == pytest.approx(11)
    assert record.last_seen_ms == START_MS
    assert record.failure_at_ms == START_MS + 60_000
    assert record.failure_reason.startswith("It did not [2J answer.")
    assert len(record.failure_reason) == 1000


def test_contact_with_a_removed_peer_is_nothing(registry: Registry) -> None:
    registry.add(keys(1), name="one")
    registry.record_success(keys(1).fingerprint)
    registry.remove(keys(1).fingerprint)
    registry.record_success(keys(1).fingerprint)
    registry.record_seen(keys(2).fingerprint)
    registry.flush()
    assert registry.all() == []
    with pytest.raises(NotFound):
        registry.remove(keys(1).fingerprint)
    with pytest.raises(NotFound):
        registry.update(keys(1).fingerprint, name="x")


# --- damage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE peer SET role = 'admin'",
        "UPDATE peer SET grants = 'everything'",
        "UPDATE peer SET tags = '{'",
        "UPDATE peer SET name = 'a b'",
        "UPDATE peer SET x = zeroblob(32)",
        "UPDATE peer SET e = randomblob(32)",
        "UPDATE peer SET id = '0000000000000000'",
        "UPDATE peer SET fingerprint = randomblob(32)",
        "DROP TABLE peer",
        "DROP TABLE removed",
    ],
)
def test_an_entry_that_cannot_be_right_stops_the_start(path: Path, damage: str) -> None:
    registry = open_registry(path)
    registry.add(keys(1), name="one")
    registry.close()
    with sqlite3.connect(path) as other:
        other.execute(damage)
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateDamaged, match=str(path)) as caught:
        open_registry(path)
    assert "peer registry" in caught.value.message
    assert path.read_bytes() == before


# --- size -----------------------------------------------------------------------------------------------


def test_ten_thousand_peers(path: Path) -> None:
    registry = open_registry(path)
    with transaction(registry.database):  # one commit, so that the test takes seconds
        for number in range(10_000):
            registry.add(keys(number), name="rig", address=f"10.{number >> 8}.{number & 255}.1:9091")
    registry.close()
    again = open_registry(path)
    assert len(again) == 10_000
    assert again.find("rig-10000").keys == keys(9_999)
    for number in (0, 5_000, 9_999):
        assert again.find(keys(number).node_id).keys == keys(number)
        assert again.find(keys(number).node_id[:12]).keys == keys(number)
        assert again.find(keys(number).fingerprint.hex()).keys == keys(number)
    with pytest.raises(Conflict):
        again.find(keys(0).node_id[:1])
    for record in again.all():
        again.record_success(record.keys.fingerprint)
    again.flush()
    again.remove(keys(0).fingerprint)
    assert len(again) == 9_999
    again.close()
