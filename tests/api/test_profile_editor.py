"""What a profile's editor asks, over HTTP, on a real store and the real adapters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from miner_ctrl.api.application import build_app
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.profile_editor import EDITOR
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.controller import Assignments
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.miners.previews import Previews
from miner_ctrl.model.callers import LOOPBACK, AccessRole, Caller, Door
from miner_ctrl.profiles import ProfileStore
from tests.api.in_memory import Client, Node
from tests.controller.house import House, runs
from tests.profiles.half_written import MINER_TYPES, NAMES, configs

MONERO = "44hBFjQxAJ84oGpVdhh6ThGPmYttsAGeESyVKGCcCs3Pa9M44XaZHi63gzqp14tYtgUEbMzmAPrKQJSkYUc25hVwCKnTYVn"
CONFIG: dict[str, Any] = {"pool": "gulf.moneroocean.stream:20128", "tls": True, "wallet": MONERO}
PROFILE = {"name": "p", "minerType": "xmrig", "config": CONFIG}
VIEWER = Caller(door=Door.TOKEN, role=AccessRole.VIEWER, name="screen")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ProfileStore]:
    store = ProfileStore(tmp_path / "profiles.db")
    store.open()
    yield store
    store.close()


@asynccontextmanager
async def asking(
    store: ProfileStore, path: Path, caller: Caller, assignments: Assignments | None = None
) -> AsyncIterator[Client]:
    faces = Faces(Node(), profiles=store, miner_types=Previews(default_adapters), assignments=assignments)
    door = LocalDoor(lambda: HttpServing(build_app(lambda: faces), caller=caller), path)
    await door.open()
    yield Client(path)
    await door.close()


@pytest.fixture
async def client(store: ProfileStore, socket_path: Path) -> AsyncIterator[Client]:
    async with asking(store, socket_path, LOOPBACK) as client:
        yield client


def test_nothing_here_changes_anything_and_a_viewer_may_ask() -> None:
    assert {(route.audited, route.role, route.local_only) for route in EDITOR.routes} == {
        (False, AccessRole.VIEWER, False)
    }


async def test_a_sound_profile_is_ok_and_has_the_hash_that_it_will_have(client: Client) -> None:
    answer = (await client("POST", "/profiles/check", PROFILE)).data
    assert (answer["ok"], answer["problems"]) == (True, [])
    assert answer["pools"] == [
        {
            "pool": 0, "place": "", "host": CONFIG["pool"], "known": "moneroocean", "coin": "monero",
            "wallet": "a Monero address",
        }
    ]  # fmt: skip
    assert (await client("POST", "/profiles", PROFILE)).data["hash"] == answer["hash"]
    again = (await client("POST", "/profiles/check", PROFILE)).data
    assert (again["ok"], again["hash"]) == (False, "")
    assert [(each["field"], each["severity"], each["code"]) for each in again["problems"]] == [
        ("name", "error", "PROFILE_EXISTS")
    ]
    assert (await client("POST", "/profiles/check", {**PROFILE, "of": "p"})).data["ok"]
    gone = await client("POST", "/profiles/check", {**PROFILE, "of": "nobody"})
    assert (gone.status, gone.data["code"]) == (404, "PROFILE_NOT_FOUND")


async def test_all_that_is_wrong_is_told_at_once_errors_first(client: Client) -> None:
    config = {
        **CONFIG,
        "tls": "yes",
        "threads": 0,
        "failover": [{"pool": "gulf.moneroocean.stream:10128", "wallet": "me", "tls": False}],
        "gpuPool": {"wallet": "-x", "pool": "a.example:1"},
        "donateLevel": 5,
    }
    answer = (await client("POST", "/profiles/check", {"name": "check", "minerType": "xmrig", "config": config})).data
    assert not answer["ok"]
    told = [(each["severity"], each["field"], each["pool"]) for each in answer["problems"]]
    assert told[:5] == [
        ("error", "name", None),
        ("error", "tls", 0),
        ("error", "threads", None),
        ("error", "gpuPool.wallet", 2),
        ("error", "gpuPool", 2),
    ]
    assert set(told[5:]) >= {
        ("warning", "failover[0].wallet", 1),
        ("notice", "failover[0].tls", 1),
        ("notice", "donateLevel", None),
    }
    assert [each[0] for each in told] == sorted((each[0] for each in told), key=["error", "warning", "notice"].index)
    assert all(each["text"].endswith(".") for each in answer["problems"])
    wrong = {field for severity, field, _ in told if severity == "error"}
    assert not wrong & {field for severity, field, _ in told if severity != "error"}, "advice on what is wrong anyway"


async def test_what_a_miner_does_not_heed_is_a_warning(client: Client) -> None:
    config = {**CONFIG, "threads": 2, "proxy": "127.0.0.1:9050"}
    answer = (await client("POST", "/profiles/check", {"name": "p", "minerType": "tt-miner", "config": config})).data
    assert answer["ok"]
    warned = {each["field"]: each["code"] for each in answer["problems"] if each["severity"] == "warning"}
    assert warned == {"threads": "FIELD_NOT_HEEDED", "proxy": "FIELD_NOT_HEEDED"}
    unknown = (await client("POST", "/profiles/check", {**PROFILE, "minerType": "nobodys"})).data
    assert (unknown["ok"], unknown["problems"][0]["code"]) == (True, "MINER_TYPE_UNKNOWN")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, MINER_TYPES, configs())
async def test_ok_is_what_post_takes(
    client: Client, store: ProfileStore, name: str, miner_type: str, config: dict[str, Any]
) -> None:
    if not store.list():
        store.create("taken", "xmrig", CONFIG)
    body = {"name": name, "minerType": miner_type, "config": config}
    checked = await client("POST", "/profiles/check", body)
    made = await client("POST", "/profiles", body)
    if checked.status == 200:
        assert checked.data["ok"] is (made.status == 201), (checked.text, made.text)
        if made.status == 201:
            assert checked.data["hash"] == made.data["hash"]
            store.delete(made.data["id"])
        else:
            first = checked.data["problems"][0]
            assert (first["code"], first["text"]) == (made.data["code"], made.data["error"])
    else:
        assert (checked.status, made.status) == (400, 400)


TRIED = {(route.method, route.path) for route in EDITOR.routes}
HOSTILE: list[tuple[str, object]] = [
    ("not an object", []),
    ("nothing", {}),
    ("config is a list", {**PROFILE, "config": []}),
    ("name is a number", {**PROFILE, "name": 5}),
    ("a field of another", {**PROFILE, "id": "x"}),
    ("deep", {**PROFILE, "config": {"failover": [[[[[[[[[1]]]]]]]]]}}),
    ("deep object", {**PROFILE, "config": {"pool": {"a": {"b": {"c": {"d": 1}}}}}}),
    ("many fields", {**PROFILE, "config": {f"f{number}": 1 for number in range(100)}}),
    ("too many fields", {**PROFILE, "config": {f"f{number}": 1 for number in range(101)}}),
    ("many pools", {**PROFILE, "config": {**CONFIG, "failover": [{f"x{at}": 1 for at in range(900)}] * 8}}),
    ("wrong everywhere", {**PROFILE, "config": {"pool": [], "wallet": {}, "failover": {"a": 1}, "gpuPool": [1]}}),
    ("huge number", {**PROFILE, "config": {**CONFIG, "threads": 10**300, "seed": -(10**40)}}),
    ("long text", {**PROFILE, "config": {**CONFIG, "wallet": "4" * 100_000}}),
    ("control characters", {**PROFILE, "name": "a\x00b", "config": {**CONFIG, "pool": "a\u202eb:1"}}),
    ("half an emoji", {**PROFILE, "name": "\ud800"}),
]


@pytest.mark.parametrize(("what", "body"), HOSTILE, ids=[what for what, _ in HOSTILE])
async def test_whatever_comes_is_answered(client: Client, what: str, body: object) -> None:
    del what
    for route in ("check", "preview"):
        answer = await client("POST", f"/profiles/{route}", body)
        assert answer.status in (200, 400, 404), answer.text
        if answer.status == 200 and route == "check":
            assert answer.data["ok"] is False
            assert 1 <= len(answer.data["problems"]) <= 64
            assert len(answer.text) < 64 * 1024


async def test_the_pools_are_listed(client: Client) -> None:
    answer = await client("GET", "/profiles/pools?limit=3&sort=name")
    assert (answer.status, len(answer.data)) == (200, 3)
    assert int(answer.headers["x-total-count"]) >= 15
    (ocean,) = (await client("GET", "/profiles/pools?q=moneroocean")).data
    assert ocean["offers"][0]["hosts"] == [{"host": "gulf.moneroocean.stream", "region": ""}]
    assert {"port": 20128, "tls": True} in ocean["offers"][0]["ports"]


async def test_the_types_are_listed_and_none_of_these_routes_can_be_a_profiles_name(client: Client) -> None:
    types = {each["name"]: each for each in (await client("GET", "/profiles/types")).data}
    assert {"xmrig", "simulated", "tt-miner"} <= set(types)
    for path in {route.path for route in EDITOR.routes if "{" not in route.path}:
        answer = await client("POST", "/profiles", {**PROFILE, "name": path.rpartition("/")[2]})
        assert (answer.status, answer.data["code"]) == (400, "BAD_NAME")


async def test_a_viewers_preview_has_no_password(client: Client, store: ProfileStore, tmp_path: Path) -> None:
    body = {"minerType": "xmrig", "config": {**CONFIG, "password": "hunter2"}, "rigName": "rig-1"}
    whole = await client("POST", "/profiles/preview", body)
    assert (whole.status, b"hunter2" in whole.text, whole.data["hidden"]) == (200, True, False)
    file = json.loads(whole.data["parts"][0]["files"][0]["text"])
    assert file["pools"][0]["pass"] == "hunter2"
    async with asking(store, tmp_path / "viewer" / "node.sock", VIEWER) as looking:
        seen = await looking("POST", "/profiles/preview", body)
        assert (seen.status, b"hunter2" in seen.text, seen.data["hidden"]) == (200, False, True)
        assert (await looking("POST", "/profiles/check", PROFILE)).data["ok"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"minerType": "xmrig", "config": {}}, 400, "BAD_PROFILE"),
        ({"minerType": "tt-miner", "config": CONFIG}, 400, "BAD_PROFILE"),
        ({"minerType": "tt-miner", "config": {**CONFIG, "threads": 1}}, 400, "FIELD_NOT_HEEDED"),
        ({"minerType": "nobodys", "config": CONFIG}, 404, "MINER_TYPE_UNKNOWN"),
        ({"minerType": "xmrig", "config": CONFIG, "rigName": "a b"}, 400, "BAD_INPUT"),
    ],
)
async def test_what_cannot_be_shown_is_said(client: Client, body: object, status: int, code: str) -> None:
    answer = await client("POST", "/profiles/preview", body)
    assert (answer.status, answer.data["code"]) == (status, code)


@pytest.mark.parametrize("caller", [LOOPBACK, VIEWER], ids=["operator", "viewer"])
async def test_where_a_profile_is_in_use_and_what_assigning_it_would_change(
    tmp_path: Path, socket_path: Path, caller: Caller
) -> None:
    house = House(tmp_path)
    ids = {name: house.rig(name, *miners) for name, miners in {
        "idle": (), "old": (runs(house.old),), "same": (runs(house.monero),), "other": (runs(house.other),),
    }.items()}  # fmt: skip
    async with asking(house.profiles, socket_path, caller, house.assignments) as client:
        uses = await client("GET", "/profiles/monero/uses?sort=rigName")
        assert [(use["rigName"], use["version"], use["state"]) for use in uses.data] == [
            ("old", "older", "mining"), ("same", "same", "mining"),
        ]  # fmt: skip
        assert uses.headers["x-total-count"] == "2"
        plan = (await client("POST", "/profiles/monero/plan", {"filter": {}})).data
        changes = {rig["rigName"]: rig["change"] for rig in plan["rigs"]}
        assert changes == {"idle": "start", "old": "restart", "same": "none", "other": "replace"}
        assert plan["counts"] == {"start": 1, "restart": 1, "none": 1, "replace": 1}
        assert {order["replace"]: sorted(order["peers"]) for order in plan["orders"]} == {
            None: [ids["idle"]], "*": sorted([ids["old"], ids["other"]]),
        }  # fmt: skip
        (password,) = (
            change
            for rig in plan["rigs"]
            for change in rig["changes"]
            if rig["rigName"] == "other" and change["field"] == "password"
        )
        hidden = caller is VIEWER
        assert (password["before"], password["after"]) == (("********",) * 2 if hidden else ("hunter3", "hunter2"))
        named = {"peers": ["idle"], "replace": None}
        assert len((await client("POST", "/profiles/monero/plan", named)).data["rigs"]) == 1
        for body, path, status, code in (
            ({}, "monero", 400, "BAD_SELECTION"),
            ({"peers": ["nobody"]}, "monero", 404, "PEER_NOT_FOUND"),
            ({"filter": {}}, "nothing", 404, "PROFILE_NOT_FOUND"),
            ({"filter": {"tags": "a"}}, "monero", 400, "BAD_INPUT"),
        ):
            answer = await client("POST", f"/profiles/{path}/plan", body)
            assert (answer.status, answer.data["code"]) == (status, code)
        missing = await client("GET", "/profiles/nothing/uses")
        assert (missing.status, missing.data["code"]) == (404, "PROFILE_NOT_FOUND")
    house.close()
