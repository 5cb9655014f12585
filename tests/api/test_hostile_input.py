"""Bad input of every kind gets a 4xx in the envelope, never a 500, and the node answers the next request."""

from __future__ import annotations

import json

import pytest

from miner_ctrl.api.requests import MAX_BODY_BYTES, MAX_JSON_DEPTH
from tests.api.in_memory import Client, World
from tests.api.test_application import assert_envelope

BODIES: list[tuple[str, bytes, int, str]] = [
    ("nothing", b"", 400, "BAD_INPUT"),
    ("not JSON", b"{bad", 400, "BAD_JSON"),
    ("trailing", b'{"name":"p","minerType":"x","config":{}} x', 400, "BAD_JSON"),
    ("null", b"null", 400, "BAD_INPUT"),
    ("array", b"[]", 400, "BAD_INPUT"),
    ("number", b"0", 400, "BAD_INPUT"),
    ("not UTF-8", b'{"name":"\xff","minerType":"x","config":{}}', 400, "BAD_JSON"),
    ("not UTF-8 at all", b"\xff\xfe\x00", 400, "BAD_JSON"),
    ("lone surrogate", b'{"name":"\\ud800","minerType":"x","config":{}}', 400, "BAD_JSON"),
    ("NaN", b'{"name":"p","minerType":"x","config":{"a":NaN}}', 400, "BAD_JSON"),
    ("infinite", b'{"name":"p","minerType":"x","config":{"a":1e999}}', 400, "BAD_INPUT"),
    ("huge integer", b'{"name":"p","minerType":"x","config":{"a":' + b"9" * 10_000 + b"}}", 400, "BAD_INPUT"),
    ("deep", b'{"name":"p","minerType":"x","config":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 400, "BAD_JSON"),
    ("open brackets", b"[" * 200_000, 400, "BAD_JSON"),
    ("wrong type", b'{"name":5,"minerType":"x","config":{}}', 400, "BAD_INPUT"),
    ("string for integer", b'{"name":"p","minerType":"x","config":"{}"}', 400, "BAD_INPUT"),
    ("unknown field", b'{"name":"p","minerType":"x","config":{},"admin":true}', 400, "BAD_INPUT"),
    ("long name", b'{"name":"' + b"a" * 300 + b'","minerType":"x","config":{}}', 400, "BAD_INPUT"),
    ("path as name", b'{"name":"../../etc","minerType":"x","config":{}}', 400, "BAD_NAME"),
    ("newline in name", b'{"name":"a\\nb","minerType":"x","config":{}}', 400, "BAD_NAME"),
    ("id as name", b'{"name":"a1b2c3d4e5f60718","minerType":"x","config":{}}', 400, "BAD_NAME"),
    (
        "too many fields",
        json.dumps({"name": "p", "minerType": "x", "config": dict.fromkeys(map(str, range(101)))}).encode(),
        400,
        "BAD_INPUT",
    ),
    ("too large", b'{"name":"' + b"a" * MAX_BODY_BYTES + b'"}', 413, "BODY_TOO_LARGE"),
]


@pytest.mark.parametrize(("what", "raw", "status", "code"), BODIES, ids=[body[0] for body in BODIES])
async def test_body(client: Client, world: World, what: str, raw: bytes, status: int, code: str) -> None:
    assert_envelope(await client("POST", "/profiles", raw=raw), status, code)
    assert not world.profiles.kept
    assert (await client("GET", "/health")).status == 200


async def test_depth_counts_only_brackets_outside_strings(client: Client) -> None:
    config = {"a": '\\"[[[{{{' * 20, "b": ["]"] * 40}
    answer = await client("POST", "/profiles", {"name": "p", "minerType": "x", "config": config})
    assert answer.status == 201, answer.text
    nested: object = 1
    for _ in range(MAX_JSON_DEPTH):
        nested = [nested]
    assert_envelope(
        await client("POST", "/profiles", {"name": "q", "minerType": "x", "config": {"a": nested}}), 400, "BAD_JSON"
    )


async def test_the_message_names_the_field(client: Client) -> None:
    unknown = await client("POST", "/invites", {"usess": 1})
    assert "usess" in unknown.data["error"]
    wrong = await client("POST", "/invites", {"uses": "5"})
    assert "uses" in wrong.data["error"]
    assert_envelope(wrong, 400, "BAD_INPUT")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
)
async def test_only_json_is_json(client: Client, world: World, content_type: str) -> None:
    answer = await client("POST", "/invites", raw=b"{}", headers={"Content-Type": content_type})
    assert_envelope(answer, 415, "NOT_JSON")
    assert world.pairing.calls == []


async def test_json_with_a_charset_is_json(client: Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert_envelope(await client("POST", "/invites", raw=b'{"uses":"x"}', headers=headers), 400, "BAD_INPUT")


async def test_routes_without_a_body_take_none(client: Client) -> None:
    assert (await client("POST", "/peers/rig-alpha/ping", {})).status == 200
    assert_envelope(await client("POST", "/peers/rig-alpha/ping", {"x": 1}), 400, "BAD_INPUT")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=99999999999999999999", "limit=", "offset=-1", "nope=1",
        "limit=1&limit=2", "sort=lastFailure", "sort=__class__", "sort=-", "q=" + "a" * 201, "q=%ff", "limit=%00",
        "&".join(f"a{n}=1" for n in range(100)),
    ],
)  # fmt: skip
async def test_query(client: Client, query: str) -> None:
    answer = await client("GET", f"/peers?{query}")
    assert_envelope(answer, 400, answer.data["code"])


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e9", "true"])
async def test_timeout(client: Client, world: World, seconds: str) -> None:
    assert_envelope(await client("GET", f"/remote/stats?refresh=true&timeout={seconds}"), 400, "BAD_INPUT")
    assert world.commands.calls == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/peers/" + "a" * 256, 400), ("/peers/%00", 400), ("/peers/%0a", 400), ("/peers/%1b%5b31m", 400),
        ("/peers/%ff", 404), ("/peers/..%2f..%2fetc", 404), ("/peers//", 404), ("/peers/%E2%80%AE", 400),
        ("/" + "x" * 10_000, 404), ("/peers/../node/info", 404), ("/remote/a/logs/%00", 400),
    ],
)  # fmt: skip
async def test_path(client: Client, path: str, status: int) -> None:
    answer = await client("GET", path)
    assert_envelope(answer, status, answer.data["code"])
    assert len(answer.text) < 1000


async def test_outside_the_base_path_there_is_nothing(client: Client) -> None:
    for path in ("/", "/health", "/api/v1", "*"):
        answer = await client("GET", path, base="")
        assert answer.status in (400, 404)
        assert answer.data["error"]
