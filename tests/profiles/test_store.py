from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import BadInput, Conflict, NotFound, StateDamaged
from miner_ctrl.model.profiles import ConfigValue, ImportOutcome, Profile, ProfileDraft
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.profiles.schema import MAX_VERSIONS
from miner_ctrl.profiles.store import MAX_PROFILES, MAX_REMEMBERED

SCHEMA_1 = Path(__file__).with_name("schema-1.db")
"""Written by the version of miner-ctrl before versions were kept: profiles one, two and test, and one remembered."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profiles.db"


@pytest.fixture
def store(path: Path) -> Iterator[ProfileStore]:
    store = opened(path)
    yield store
    store.close()


def opened(path: Path) -> ProfileStore:
    store = ProfileStore(path)
    store.open()
    return store


def config(port: int = 1, **fields: ConfigValue) -> dict[str, ConfigValue]:
    return {"pool": f"pool.example:{port}", "wallet": "48abc", **fields}


def draft(name: str, port: int = 1, **fields: ConfigValue) -> ProfileDraft:
    return ProfileDraft(name=name, miner_type="xmrig", config=config(port, **fields))


def sent(port: int = 1, name: str = "theirs", **fields: ConfigValue) -> Profile:
    return Profile(id="sender", name=name, miner_type="xmrig", config=config(port, **fields))


def test_a_profile_is_found_by_name_id_prefix_and_hash(store: ProfileStore) -> None:
    made = store.create("Mine", "xmrig", config(threads=2))
    for query in (made.id, made.id[:6], "Mine", "mine", " mine "):
        assert store.find(query) == made
    assert store.by_hash(made.content_hash) == made
    assert store.list() == [made]
    assert made.config == config(threads=2)


def test_ids_are_random_and_no_name_can_be_one(store: ProfileStore) -> None:
    one, other = store.create("one", "xmrig", config()), store.create("other", "xmrig", config())
    assert one.id != other.id
    assert len(one.id) == 16
    with pytest.raises(BadInput):
        store.create(one.id, "xmrig", config())


@pytest.mark.parametrize("query", ["", "nobody", "%", "_" * 4, "0000", "\x1b[2J", "x" * 1000, "' OR 1=1 --"])
def test_what_is_not_there(store: ProfileStore, query: str) -> None:
    store.create("mine", "xmrig", config())
    for act in (store.find, store.delete):
        with pytest.raises(NotFound) as caught:
            act(query)
        assert caught.value.code == "PROFILE_NOT_FOUND"
        assert caught.value.message.isprintable()
    assert store.by_hash(query) is None


def test_an_ambiguous_prefix(path: Path) -> None:
    numbers = iter((b"\xaa" * 8, b"\xaa" * 7 + b"\xbb"))
    store = ProfileStore(path, random_bytes=lambda count: next(numbers))
    store.open()
    store.create("one", "xmrig", config())
    store.create("two", "xmrig", config())
    with pytest.raises(Conflict, match="2 profiles match"):
        store.find("aaaa")
    assert store.find("aa" * 8).name == "one"
    store.close()


def test_names_are_unique_whatever_their_case(store: ProfileStore) -> None:
    made = store.create("mine", "xmrig", config())
    with pytest.raises(Conflict) as caught:
        store.create("MINE", "xmrig", config(2))
    assert caught.value.code == "PROFILE_EXISTS"
    assert store.list() == [made]


@pytest.mark.parametrize("name", ["", "a b", "stats", "../x", "x" * 64, "a\n", "import", "export", "fields", "inspect"])
def test_names_are_checked(store: ProfileStore, name: str) -> None:
    with pytest.raises(BadInput):
        store.create(name, "xmrig", config())
    with pytest.raises(BadInput):
        store.put(sent(name=name))
    assert store.list() == []


def test_nothing_invalid_is_kept(store: ProfileStore) -> None:
    bad = msgspec.structs.replace(sent(), config=config(pool="-o"))
    with pytest.raises(BadInput):
        store.create("mine", "xmrig", bad.config)
    for keep in (store.put, store.remember):
        with pytest.raises(BadInput):
            keep(bad)
    assert store.list() == []
    assert store.by_hash(bad.content_hash) is None


def test_put_replaces_by_name_and_keeps_this_nodes_id(store: ProfileStore) -> None:
    made = store.create("mine", "xmrig", config())
    replaced = store.put(sent(2, name="mine"))
    assert (replaced.id, replaced.config) == (made.id, config(2))
    assert store.list() == [replaced]
    assert store.by_hash(made.content_hash) is None
    another = store.put(sent(3, name="another"))
    assert another.id not in (made.id, "sender")
    assert [profile.name for profile in store.list()] == ["another", "mine"]


def test_deleting(store: ProfileStore) -> None:
    made = store.create("mine", "xmrig", config())
    store.delete("mine")
    assert store.list() == []
    assert store.by_hash(made.content_hash) is None
    store.create("mine", "xmrig", config())


def test_what_was_sent_along_is_kept_by_hash_alone(store: ProfileStore) -> None:
    store.remember(sent())
    store.remember(sent())
    assert store.by_hash(sent().content_hash) == sent()
    assert store.list() == []
    with pytest.raises(NotFound):
        store.find("theirs")


def test_the_newest_that_were_sent_along_stay(store: ProfileStore) -> None:
    for port in range(1, MAX_REMEMBERED + 1):
        store.remember(sent(port))
    store.remember(sent(1))
    store.remember(sent(MAX_REMEMBERED + 1))
    assert store.by_hash(sent(1).content_hash) is not None
    assert store.by_hash(sent(2).content_hash) is None
    assert store.by_hash(sent(3).content_hash) is not None


def test_profiles_are_bounded(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PROFILES == 1000
    monkeypatch.setattr("miner_ctrl.profiles.store.MAX_PROFILES", 2)
    store.create("one", "xmrig", config())
    store.create("two", "xmrig", config())
    with pytest.raises(Conflict, match="profiles already"):
        store.create("three", "xmrig", config())
    with pytest.raises(Conflict, match="profiles already"):
        store.put(sent(name="three"))
    store.put(sent(9, name="two"))
    assert store.find("two").config == config(9)


# --- change, versions, import ---------------------------------------------------------------------------


def test_a_change_replaces_all_but_the_id(store: ProfileStore) -> None:
    made = store.create("mine", "xmrig", config(threads=2))
    changed = store.change("MINE", "other", "simulated", {"pool": "a:1"})
    assert changed == Profile(id=made.id, name="other", miner_type="simulated", config={"pool": "a:1"})
    assert store.list() == [changed]
    assert store.change("other", "Other", "simulated", {"pool": "a:1"}).name == "Other", "its own name in other letters"


def test_a_change_that_cannot_be_changes_nothing(store: ProfileStore) -> None:
    made, other = store.create("mine", "xmrig", config()), store.create("other", "xmrig", config(2))
    with pytest.raises(Conflict, match="changed meanwhile"):
        store.change("mine", "mine", "xmrig", config(3), if_hash=other.content_hash)
    with pytest.raises(Conflict, match="There is a profile OTHER already"):
        store.change("mine", "OTHER", "xmrig", config(3))
    with pytest.raises(BadInput, match="threads"):
        store.change("mine", "mine", "xmrig", config(3, threads=True))
    with pytest.raises(NotFound):
        store.change("nobody", "mine", "xmrig", config(3))
    assert store.list() == [made, other]
    assert len(store.versions("mine")) == 1
    assert store.change("mine", "mine", "xmrig", config(3), if_hash=made.content_hash).config == config(3)


def test_versions_are_kept_by_hash_with_their_time(path: Path) -> None:
    moments = iter(range(1000, 9000, 1000))
    store = ProfileStore(path, now_ms=lambda: next(moments))
    store.open()
    first = store.create("mine", "xmrig", config())
    second = store.change("mine", "mine", "xmrig", config(2))
    store.change("mine", "renamed", "xmrig", config(2))
    store.put(sent(3, name="renamed"))
    versions = store.versions("renamed")
    assert [(version.at_ms, version.config) for version in versions] == [
        (4000, config(3)),
        (2000, config(2)),
        (1000, config(1)),
    ]
    assert [version.hash for version in versions][1:] == [second.content_hash, first.content_hash]
    back = store.revert("renamed", first.content_hash[:12].upper())
    assert back == Profile(id=first.id, name="renamed", miner_type="xmrig", config=config())
    assert [version.config["pool"][-1] for version in store.versions("renamed")] == ["1", "3", "2"]  # type: ignore[index]
    store.close()


def test_a_version_that_is_not_there_or_not_one(store: ProfileStore) -> None:
    store.create("mine", "xmrig", config())
    for port in range(2, 40):
        store.change("mine", "mine", "xmrig", config(port))
    for wanted in ("", "zz", "%", "0" * 64):
        with pytest.raises(NotFound, match="has no such version") as raised:
            store.revert("mine", wanted)
        assert wanted == "" or wanted not in raised.value.message, "a viewer of a job sees the sentence"
    digit = next(d for d in "0123456789abcdef" if _many(store, d))
    with pytest.raises(Conflict, match="is ambiguous") as ambiguous:
        store.revert("mine", digit)
    assert f"'{digit}'" not in ambiguous.value.message


def _many(store: ProfileStore, digit: str) -> bool:
    return sum(version.hash.startswith(digit) for version in store.versions("mine")) > 1


def test_versions_are_bounded_and_go_with_their_profile(store: ProfileStore, path: Path) -> None:
    store.create("mine", "xmrig", config())
    other = store.create("other", "xmrig", config())
    for port in range(2, MAX_VERSIONS + 10):
        store.change("mine", "mine", "xmrig", config(port))
    versions = store.versions("mine")
    assert len(versions) == MAX_VERSIONS
    assert versions[0].config == config(MAX_VERSIONS + 9)
    assert [version.hash for version in store.versions("other")] == [other.content_hash]
    store.delete("mine")
    with sqlite3.connect(path) as plain:
        assert plain.execute("SELECT count(*) FROM version").fetchone() == (1,)
    plain.close()


def test_an_import_makes_replaces_and_leaves(store: ProfileStore) -> None:
    same, old = store.create("same", "xmrig", config()), store.create("old", "xmrig", config(2))
    drafts = [draft("new", 9), draft("Same"), draft("OLD", 3)]
    with pytest.raises(Conflict, match="1 of these profiles is there already, and different: OLD"):
        store.import_drafts(drafts)
    assert store.list() == [old, same]
    done = store.import_drafts(drafts, replace=True)
    assert done == ImportOutcome(created=("new",), replaced=("OLD",), unchanged=("same",))
    assert store.find("old").id == old.id
    assert [(one.name, one.config) for one in store.list()] == [
        ("new", config(9)),
        ("OLD", config(3)),
        ("same", config()),
    ]
    assert len(store.versions("old")) == 2


def test_an_import_that_fails_half_way_leaves_nothing(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("mine", "xmrig", config())
    before = store.list()
    with pytest.raises(BadInput):
        store.import_drafts([draft("one"), draft("two", wallet="-x")])
    assert store.list() == before
    monkeypatch.setattr("miner_ctrl.profiles.store.MAX_PROFILES", 2)
    with pytest.raises(Conflict, match="2 profiles already"):
        store.import_drafts([draft("mine", 7), draft("one"), draft("two")], replace=True)
    assert store.list() == before
    assert len(store.versions("mine")) == 1


def test_a_store_of_the_first_schema_is_brought_up(path: Path) -> None:
    path.write_bytes(SCHEMA_1.read_bytes())
    for _ in range(2):  # the second time there is nothing to do
        store = opened(path)
        assert [(one.name, one.config["pool"]) for one in store.list()] == [
            ("one", "pool.example:1"),
            ("test", "pool.example:3"),
            ("two", "pool.example:2"),
        ]
        [version] = store.versions("one")
        assert (version.hash, version.at_ms) == (store.find("one").content_hash, None)
        theirs = Profile(id="", name="", miner_type="xmrig", config=config(9))
        remembered = store.by_hash(theirs.content_hash)
        assert remembered is not None
        assert remembered.name == "theirs"
        store.close()
    store = opened(path)
    old = store.find("one")
    store.change("one", "one", "xmrig", config(8))
    assert store.revert("one", old.content_hash) == old
    store.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from miner_ctrl.model.profiles import Profile
from miner_ctrl.profiles import ProfileStore
store = ProfileStore(Path(sys.argv[1]))
store.open()
config = {"pool": "pool.example:1", "wallet": "48abc"}
store.create("mine", "xmrig", config)
store.remember(Profile(id="", name="theirs", miner_type="simulated", config=config))
print(store.find("mine").id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_kept_survives_a_kill(path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == -9, process.stderr
    store = opened(path)
    assert store.find("mine").id == process.stdout.strip()
    theirs = Profile(id="", name="theirs", miner_type="simulated", config=config())
    assert store.by_hash(theirs.content_hash) == theirs
    store.close()


@pytest.mark.parametrize("damage", ["config = '{'", "config = '{}'", "config = '[]'", "miner_type = 'other'"])
def test_a_profile_that_is_not_what_was_stored_is_noticed(path: Path, damage: str) -> None:
    store = opened(path)
    store.create("mine", "xmrig", config())
    store.close()
    with sqlite3.connect(path) as other:
        other.execute(f"UPDATE profile SET {damage}")
    other.close()
    store = opened(path)
    with pytest.raises(StateDamaged, match=str(path)):
        store.list()
    store.close()


def test_a_damaged_file_stops_the_start(path: Path) -> None:
    path.write_bytes(b"not a database")
    with pytest.raises(StateDamaged, match="profile store"):
        opened(path)
    assert path.read_bytes() == b"not a database"
