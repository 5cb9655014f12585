"""``/profiles`` over HTTP, on a real store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from miner_ctrl.api.application import build_app
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.model.callers import LOOPBACK, AccessRole, Caller, Door
from miner_ctrl.model.profiles import MAX_DOCUMENT_BYTES, MinerConfig
from miner_ctrl.profiles import ProfileStore
from tests.api.in_memory import Answer, Client, Node

TRIED = {
    ("GET", "/profiles/fields"),
    ("GET", "/profiles/export"),
    ("POST", "/profiles/inspect"),
    ("POST", "/profiles/import"),
    ("PUT", "/profiles/{profile}"),
    ("GET", "/profiles/{profile}/versions"),
    ("POST", "/profiles/{profile}/revert"),
}
CONFIG = {"pool": "pool.example:3333", "wallet": "48ab.{rig}", "failover": ["other.example:3333"]}
PROFILE = {"name": "p", "minerType": "xmrig", "config": CONFIG}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ProfileStore]:
    moments = iter(range(1_700_000_000_000, 1_800_000_000_000, 60_000))
    store = ProfileStore(tmp_path / "profiles.db", now_ms=lambda: next(moments))
    store.open()
    yield store
    store.close()


@asynccontextmanager
async def asking(store: ProfileStore, path: Path, caller: Caller) -> AsyncIterator[Client]:
    """A client of a door that lets in ``caller``."""
    faces = Faces(Node(), profiles=store)
    door = LocalDoor(lambda: HttpServing(build_app(lambda: faces), caller=caller), path)
    await door.open()
    yield Client(path)
    await door.close()


@pytest.fixture
async def client(store: ProfileStore, socket_path: Path) -> AsyncIterator[Client]:
    async with asking(store, socket_path, LOOPBACK) as client:
        yield client


async def test_a_viewer_sees_no_password_and_nothing_to_try_one_by(
    client: Client, store: ProfileStore, tmp_path: Path
) -> None:
    secret, other = "hunter2", "hunter3"
    pools = [{"pool": "b.example:1", "password": other}, {"pool": "c.example:1", "password": "x"}]
    config: dict[str, object] = {"pool": "a.example:1", "wallet": "w", "password": secret, "failover": pools}
    config |= {"cuda": True, "gpuPool": {"pool": "d.example:1", "password": secret}}
    made = await client("POST", "/profiles", {**PROFILE, "config": config})
    assert made.data["config"]["password"] == secret
    await client("PUT", "/profiles/p", {**PROFILE, "config": {**config, "wallet": "v"}})
    viewer = Caller(door=Door.TOKEN, role=AccessRole.VIEWER, name="screen")
    async with asking(store, tmp_path / "viewer" / "node.sock", viewer) as looking:
        for path in ("/profiles", "/profiles/p", "/profiles/p/versions"):
            answer = await looking("GET", path)
            assert answer.status == 200
            assert secret.encode() not in answer.text
            assert other.encode() not in answer.text
        seen = await looking("GET", "/profiles/p")
        assert seen.data["config"]["password"] == seen.data["config"]["gpuPool"]["password"] == "********"
        assert [pool["password"] for pool in seen.data["config"]["failover"]] == ["********", "x"]
        whole = await client("GET", "/profiles/p")
        assert seen.headers["etag"] != whole.headers["etag"]
        assert seen.data["hash"] != whole.data["hash"]
        refused(await looking("GET", "/profiles/export"), 403, "NOT_ALLOWED")
        assert (await looking("GET", "/profiles?q=hunter")).data == []


def refused(answer: Answer, status: int, code: str) -> str:
    assert (answer.status, answer.data["code"]) == (status, code), answer.text
    return str(answer.data["error"])


async def test_the_fields_are_those_of_a_config(client: Client) -> None:
    fields = (await client("GET", "/profiles/fields")).data
    assert {field["name"] for field in fields} == set(MinerConfig.__struct_encode_fields__)
    by_name = {field["name"]: field for field in fields}
    assert by_name["donateLevel"]["default"] == 1
    assert "less than 1" in by_name["donateLevel"]["meaning"]
    assert (by_name["wallet"]["ofPool"], by_name["threads"]["ofPool"]) == (True, False)


async def test_put_replaces_the_whole_and_keeps_the_id(client: Client, store: ProfileStore) -> None:
    made = (await client("POST", "/profiles", PROFILE)).data
    changed = await client("PUT", "/profiles/p", {"name": "q", "minerType": "simulated", "config": {"pool": "a:1"}})
    assert changed.status == 200
    assert changed.data | {"id": made["id"], "name": "q", "minerType": "simulated"} == changed.data
    assert changed.data["config"] == {"pool": "a:1"}
    assert [profile.name for profile in store.list()] == ["q"]
    refused(await client("PUT", "/profiles/p", PROFILE), 404, "PROFILE_NOT_FOUND")


async def test_put_refuses_what_changed_meanwhile_what_is_taken_and_what_is_wrong(
    client: Client, store: ProfileStore
) -> None:
    made = (await client("POST", "/profiles", PROFILE)).data
    await client("POST", "/profiles", {**PROFILE, "name": "other"})
    before = store.list()
    refused(await client("PUT", "/profiles/p", {**PROFILE, "ifHash": "00"}), 409, "PROFILE_CHANGED")
    refused(await client("PUT", "/profiles/p", {**PROFILE, "name": "Other"}), 409, "PROFILE_EXISTS")
    wrong = {**PROFILE, "config": {**CONFIG, "thread": 2}}
    assert "'thread'" in refused(await client("PUT", "/profiles/p", wrong), 400, "UNKNOWN_FIELD")
    refused(await client("PUT", "/profiles/p", {**PROFILE, "name": "export"}), 400, "BAD_NAME")
    assert store.list() == before
    assert (await client("PUT", "/profiles/p", {**PROFILE, "ifHash": made["hash"]})).status == 200


async def test_versions_are_listed_and_one_is_gone_back_to(client: Client) -> None:
    first = (await client("POST", "/profiles", PROFILE)).data
    await client("PUT", "/profiles/p", {**PROFILE, "config": {**CONFIG, "threads": 2}})
    listed = await client("GET", "/profiles/p/versions")
    assert [(version["current"], version["config"].get("threads")) for version in listed.data] == [
        (True, 2),
        (False, None),
    ]
    assert listed.headers["x-total-count"] == "2"
    assert listed.data[1]["at"] == "2023-11-14T22:13:20Z"
    back = await client("POST", "/profiles/p/revert", {"hash": first["hash"][:8]})
    assert back.data == first
    refused(await client("POST", "/profiles/p/revert", {"hash": "0123"}), 404, "VERSION_NOT_FOUND")
    refused(await client("POST", "/profiles/p/revert", {"hash": ""}), 400, "BAD_INPUT")


@pytest.mark.parametrize("form", ["yaml", "json"])
async def test_what_is_exported_is_imported_elsewhere_as_the_same(
    client: Client, store: ProfileStore, form: str
) -> None:
    secret = {
        **PROFILE,
        "name": "secret",
        "config": {**CONFIG, "gpuPool": {"pool": "g:1", "password": "pw"}, "cuda": True},
    }
    for profile in (PROFILE, secret):
        assert (await client("POST", "/profiles", profile)).status == 201
    hashes = {profile.name: profile.content_hash for profile in store.list()}
    exported = (await client("GET", f"/profiles/export?format={form}")).data
    assert (exported["profiles"], exported["hasPasswords"]) == (2, True)
    assert not (await client("GET", f"/profiles/export?format={form}&names=p")).data["hasPasswords"]
    body = {"document": exported["document"], "format": form}
    assert {draft["name"]: draft["hash"] for draft in (await client("POST", "/profiles/inspect", body)).data} == hashes
    again = (await client("POST", "/profiles/import", body)).data
    assert again == {"created": [], "replaced": [], "unchanged": ["p", "secret"]}
    for name in hashes:
        store.delete(name)
    assert (await client("POST", "/profiles/import", body)).data["created"] == ["p", "secret"]
    assert {profile.name: profile.content_hash for profile in store.list()} == hashes


async def test_an_export_names_its_profiles(client: Client) -> None:
    for name in ("p", "q", "r"):
        await client("POST", "/profiles", {**PROFILE, "name": name})
    two = (await client("GET", "/profiles/export?format=json&names=r,p,r")).data
    assert [each["name"] for each in json.loads(two["document"])["profiles"]] == ["r", "p"]
    one = (await client("GET", "/profiles/export?format=json&names=q")).data
    assert json.loads(one["document"])["name"] == "q"
    refused(await client("GET", "/profiles/export?names=p,nobody"), 404, "PROFILE_NOT_FOUND")
    refused(await client("GET", "/profiles/export?format=toml"), 400, "BAD_INPUT")


async def test_an_import_is_all_or_nothing(client: Client, store: ProfileStore) -> None:
    await client("POST", "/profiles", PROFILE)
    before = store.list()
    entries = [{**PROFILE, "name": "new"}, {**PROFILE, "config": {**CONFIG, "threads": 3}}]
    body = {"document": json.dumps(entries), "format": "json"}
    answer = await client("POST", "/profiles/import", body)
    assert refused(answer, 409, "PROFILE_EXISTS") == "1 of these profiles is there already, and different: p."
    assert "--replace" in answer.data["suggestion"]
    assert store.list() == before
    entries.append({**PROFILE, "name": "bad", "config": {**CONFIG, "wallet": "-x"}})
    answer = await client(
        "POST", "/profiles/import", {"document": json.dumps(entries), "format": "json", "replace": True}
    )
    assert refused(answer, 400, "BAD_PROFILE").startswith("Profile 'bad': wallet")
    assert answer.data["details"] == {"profile": "bad", "field": "wallet"}
    assert store.list() == before
    done = (await client("POST", "/profiles/import", {**body, "replace": True})).data
    assert done == {"created": ["new"], "replaced": ["p"], "unchanged": []}
    assert store.find("p").id == before[0].id


async def test_a_file_of_a_mebibyte_is_read_and_a_larger_one_is_not(client: Client) -> None:
    small = json.dumps([PROFILE])
    padded = small + " " * (MAX_DOCUMENT_BYTES - len(small))
    answer = await client("POST", "/profiles/inspect", {"document": padded, "format": "json"})
    assert answer.status == 200, answer.text
    refused(await client("POST", "/profiles/inspect", {"document": padded + " ", "format": "json"}), 400, "BAD_INPUT")
