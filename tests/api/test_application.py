"""Every route: what it does when all is well, and how it says that it is not."""

from __future__ import annotations

import logging
from base64 import b64decode
from pathlib import Path

import pytest

from miner_ctrl.api.application import ROUTES, build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.miners import LogPart
from miner_ctrl.model.callers import LOOPBACK, OWNER
from miner_ctrl.model.nodes import Grant
from miner_ctrl.model.week import parse_rules
from tests.api import test_access, test_docs, test_jobs, test_profile_editor, test_profiles
from tests.api.in_memory import GOOD_TOKEN, RIG_ID, WAITING_ID, Answer, Client, World
from tests.api.own_machine import MINER

Call = tuple[str, str, object]

SUCCESSES: list[tuple[str, str, object, int, dict[str, object]]] = [
    ("GET", "/health", None, 200, {"status": "ok"}),
    ("GET", "/node/info", None, 200, {"hasIdentity": False}),
    ("POST", "/node/tls", {}, 200, {"fingerprint": "ab" * 32, "made": True}),
    ("POST", "/node/init", {"name": "rig-1", "role": "worker"}, 200, {"name": "rig-1", "role": "worker"}),
    ("POST", "/peers", {"address": "10.0.0.1:9091", "name": "rig-b"}, 201, {"name": "rig-b", "state": "pending"}),
    ("POST", "/peers", {"token": GOOD_TOKEN}, 201, {"state": "connected"}),
    ("GET", "/peers/rig-alpha", None, 200, {"id": RIG_ID, "publicKey": "eA=="}),
    ("PATCH", "/peers/rig-alpha", {"grant": ["observe"]}, 200, {"id": RIG_ID}),
    ("DELETE", f"/peers/{RIG_ID}", None, 200, {"status": "removed"}),
    ("POST", "/peers/rig-alpha/ping", None, 200, {"rtt_ms": 1.5, "clock_offset_ms": -3.0}),
    ("POST", "/peers/rig-alpha/connect", None, 200, {"status": "connected"}),
    ("POST", "/peers/rig-alpha/disconnect", {}, 200, {"status": "disconnected"}),
    ("POST", f"/peers/pending/{WAITING_ID}/approve", None, 200, {"id": WAITING_ID}),
    ("DELETE", f"/peers/pending/{WAITING_ID}", None, 200, {"status": "denied"}),
    ("POST", "/invites", {}, 201, {"id": "inv1", "token": GOOD_TOKEN, "expiresAt": "2026-01-01T01:00:00Z"}),
    ("POST", "/invites/inspect", {"token": GOOD_TOKEN}, 200, {"issuerWords": "one two", "grants": ["observe"]}),
    ("GET", "/remote/rig-alpha/stats", None, 200, {"nodeId": RIG_ID, "connected": True}),
    ("GET", "/remote/rig-alpha/info", None, 200, {"nodeId": RIG_ID}),
    ("POST", "/remote/rig-alpha/start", {"profileId": "p"}, 200, {"status": "start", "minerName": MINER}),
    ("POST", "/remote/rig-alpha/stop", {"minerName": MINER}, 200, {"status": "stop"}),
    ("POST", "/remote/rig-alpha/restart", None, 200, {"status": "restart"}),
    ("POST", "/remote/rig-alpha/pause", None, 200, {"status": "pause"}),
    ("POST", "/remote/rig-alpha/pause", {"resumeAfterS": 60}, 200, {"status": "pause"}),
    ("POST", "/remote/rig-alpha/resume", None, 200, {"status": "resume"}),
    ("POST", "/remote/rig-alpha/deploy", {"profileId": "p"}, 200, {"status": "deploy"}),
    ("POST", "/remote/rig-alpha/deploy", {"minerType": "xmrig"}, 200, {"status": "installed", "version": "6.22.2"}),
    ("POST", "/remote/rig-alpha/rollback", {"minerType": "xmrig"}, 200, {"status": "rolled back"}),
    ("POST", "/bundles", {"file": "abc", "minerType": "xmrig", "version": "1"}, 201, {"sha256": "ab" * 32}),
    ("DELETE", "/bundles/abab", None, 200, {"sha256": "ab" * 32}),
    ("POST", "/remote/rig-alpha/lock", {"document": "{}", "signature": "A" * 86 + "=="}, 200, {"status": "locked"}),
    ("GET", "/lock", None, 200, {"locked": False}),
    ("GET", "/audit/status", None, 200, {"entries": 4, "problem": ""}),
    ("POST", "/audit/verify", None, 200, {"ok": False, "found": "changed", "seq": 2}),
    ("PUT", "/lock", {"wallets": ["w"], "pools": ["p.example"]}, 200, {"locked": True, "wallets": ["w"]}),
    ("DELETE", "/lock", None, 200, {"locked": False}),
    ("POST", "/profiles", {"name": "p", "minerType": "xmrig", "config": {"pool": "a:1"}}, 201, {"id": "id-p"}),
    ("GET", "/info", None, 200, {"available_cpu_cores": 16}),
    ("GET", "/history/status", None, 200, {"enabled": True, "retentionDays": 730}),
    ("GET", f"/history/miners/{MINER}", None, 200, {"minerName": MINER, "totalPoints": 1}),
    ("GET", "/history/settings", None, 200, {"samplesHours": 24, "eventsDays": 730}),
    (
        "PUT",
        "/history/settings",
        {"samplesHours": 12, "minutesDays": 30, "hoursDays": 365, "eventsDays": 90},
        200,
        {"samplesHours": 12.0, "hoursDays": 365.0},
    ),
    ("GET", "/history/bands?peers=rig-alpha", None, 200, {"points": 2, "table": "minutes", "unknown": []}),
    ("GET", "/history/fleet/hashrate?since=24h", None, 200, {"what": "hashrate", "points": 2}),
    ("GET", "/history/peers/rig-alpha/series?what=power", None, 200, {"what": "power"}),
    ("POST", "/doctor", None, 200, {"available_cpu_cores": 16}),
    ("POST", "/miners/xmrig/install", {"system": True}, 200, {"status": "installed"}),
    ("DELETE", "/miners/xmrig/uninstall", None, 200, {"status": "uninstalled"}),
    ("POST", "/update", None, 200, {}),
    ("GET", f"/miners/{MINER}/stats", None, 200, {"name": MINER, "state": "mining"}),
    ("DELETE", f"/miners/{MINER}", None, 200, {"status": "stopped"}),
    ("DELETE", f"/miners/{MINER}/adopt", None, 200, {"status": "released"}),
    ("POST", f"/miners/{MINER}/restart", None, 200, {"status": "restarted", "minerName": MINER}),
    ("POST", f"/miners/{MINER}/pause", {"resumeAfterS": 60}, 200, {"status": "paused", "miners": [MINER]}),
    ("POST", f"/miners/{MINER}/resume", {}, 200, {"status": "resumed"}),
    ("POST", f"/miners/{MINER}/stdin", {"input": "h"}, 200, {"status": "sent"}),
    ("POST", "/miners/stop", None, 200, {"status": "stopped"}),
    ("POST", "/miners/restart", {"minerName": MINER}, 200, {"status": "restarted"}),
    ("POST", "/miners/pause", {"resumeAfterS": 0.5}, 200, {"status": "paused"}),
    ("POST", "/miners/resume", None, 200, {"status": "resumed"}),
    ("POST", "/miners/adopt", {"minerType": "xmrig", "port": 80}, 201, {"status": "adopted", "minerName": "xmrig-3"}),
    ("POST", "/profiles/p/start", None, 200, {"status": "started", "minerName": MINER, "miners": [MINER]}),
    ("GET", "/fleet/totals", None, 200, {"rigs": 1, "critical": 1}),
    ("GET", "/schedule", None, 200, {"rules": [], "otherwise": "run", "now": "run", "until": None}),
    ("PUT", "/schedule", {"otherwise": "pause"}, 200, {"otherwise": "pause", "until": "1970-01-01T00:01:00Z"}),
    ("DELETE", "/schedule", None, 200, {"rules": [], "otherwise": "run"}),
    ("GET", "/remote/rig-alpha/schedule", None, 200, {"otherwise": "pause", "localTime": "mon 01:02"}),
    ("POST", "/remote/rig-alpha/schedule", {"rules": []}, 200, {"status": "schedule"}),
    ("GET", "/peers/auth/mode", None, 200, {"mode": "allowlist"}),
    ("PUT", "/peers/auth/mode", {"mode": "allowlist"}, 200, {"mode": "allowlist"}),
    ("GET", "/peers/auth/allowlist", None, 200, {"publicKeys": ["a/b+c="]}),
    ("POST", "/peers/auth/allowlist", {"publicKey": "x"}, 201, {"status": "added"}),
    ("DELETE", "/peers/auth/allowlist/a/b+c=", None, 200, {"status": "removed"}),
    ("GET", "/openapi.json", None, 200, {"openapi": "3.1.0"}),
    ("GET", "/metrics", None, 200, {"hashrate": {"rx/0": 1000.0}, "shares": 0}),
]

FAILURES: list[tuple[str, str, object, int, str]] = [
    ("GET", "/ready", None, 503, "NOT_READY"),
    ("POST", "/node/init", {"name": "rig 1"}, 400, "BAD_NAME"),
    ("POST", "/node/init", {"name": "x", "role": "boss"}, 400, "BAD_INPUT"),
    ("POST", "/peers", {}, 400, "BAD_INPUT"),
    ("POST", "/peers", {"token": GOOD_TOKEN, "fingerprint": "f"}, 400, "BAD_INPUT"),
    ("POST", "/peers", {"token": "no"}, 400, "BAD_TOKEN"),
    ("POST", "/peers", {"address": "a:1", "name": "pending"}, 400, "BAD_NAME"),
    ("POST", "/peers", {"address": "nobody:1"}, 504, "PEER_UNREACHABLE"),
    ("POST", "/peers", {"address": "changed:1"}, 403, "IDENTITY_MISMATCH"),
    ("GET", "/peers?sort=words!", None, 400, "BAD_SORT"),
    ("GET", "/peers/none", None, 404, "PEER_NOT_FOUND"),
    ("PATCH", "/peers/none", {}, 404, "PEER_NOT_FOUND"),
    ("PATCH", "/peers/rig-alpha", {"name": "stats"}, 400, "BAD_NAME"),
    ("PATCH", "/peers/rig-alpha", {"grant": ["everything"]}, 400, "BAD_INPUT"),
    ("DELETE", "/peers/none", None, 404, "PEER_NOT_FOUND"),
    ("POST", "/peers/none/ping", None, 404, "PEER_NOT_FOUND"),
    ("POST", "/peers/gone/ping", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/peers/none/connect", None, 404, "PEER_NOT_FOUND"),
    ("POST", "/peers/none/disconnect", None, 404, "PEER_NOT_FOUND"),
    ("POST", "/peers/pending/none/approve", None, 404, "PENDING_NOT_FOUND"),
    ("DELETE", "/peers/pending/none", None, 404, "PENDING_NOT_FOUND"),
    ("POST", "/invites", {"uses": 0}, 400, "BAD_INPUT"),
    ("POST", "/invites", {"expires": "soon"}, 400, "BAD_LIFETIME"),
    ("POST", "/invites", {"for": "anyone"}, 400, "BAD_INPUT"),
    ("POST", "/invites/inspect", {"token": "no"}, 400, "BAD_TOKEN"),
    ("DELETE", "/invites/none", None, 404, "INVITE_NOT_FOUND"),
    ("GET", "/remote/stats?timeout=0", None, 400, "BAD_INPUT"),
    ("GET", "/remote/none/stats", None, 404, "PEER_NOT_FOUND"),
    ("GET", "/remote/gone/stats", None, 504, "PEER_UNREACHABLE"),
    ("GET", "/remote/gone/info", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/rig-alpha/start", {}, 400, "BAD_INPUT"),
    ("POST", "/remote/gone/start", {"profileId": "p"}, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/gone/stop", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/gone/restart", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/gone/pause", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/gone/resume", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/rig-alpha/deploy", {}, 400, "BAD_INPUT"),
    ("POST", "/remote/rig-alpha/deploy", {"profileId": "p", "minerType": "xmrig"}, 400, "BAD_INPUT"),
    ("POST", "/bundles", {"file": "../../etc/passwd", "minerType": "x", "version": "1"}, 400, "BAD_INPUT"),
    ("POST", "/bundles", {"file": "a.tar.gz", "minerType": "x", "version": "1"}, 400, "BAD_INPUT"),
    ("DELETE", "/bundles/ff", None, 404, "BUNDLE_NOT_FOUND"),
    ("POST", "/remote/gone/deploy", {"profileId": "p"}, 504, "PEER_UNREACHABLE"),
    ("GET", "/remote/rig-alpha/logs/none", None, 404, "MINER_NOT_FOUND"),
    ("GET", f"/remote/rig-alpha/logs/{MINER}?lines=10001", None, 400, "BAD_INPUT"),
    ("GET", f"/remote/rig-alpha/logs/{MINER}?lines=0", None, 400, "BAD_INPUT"),
    ("GET", "/remote/rig-alpha/logs/none?follow=true", None, 404, "MINER_NOT_FOUND"),
    ("GET", "/events?topic=gossip", None, 400, "BAD_INPUT"),
    ("POST", "/profiles", {"name": "p", "minerType": "xmrig"}, 400, "BAD_INPUT"),
    ("GET", "/profiles/none", None, 404, "PROFILE_NOT_FOUND"),
    ("DELETE", "/profiles/none", None, 404, "PROFILE_NOT_FOUND"),
    ("POST", "/miners/none/install", {"system": True}, 404, "UNKNOWN_MINER_TYPE"),
    ("POST", "/miners/xmrig/install", {"fiel": "/x"}, 400, "BAD_INPUT"),
    ("DELETE", "/miners/none/uninstall", None, 404, "UNKNOWN_MINER_TYPE"),
    ("GET", "/miners?sort=reason!", None, 400, "BAD_SORT"),
    ("GET", "/miners/none/stats", None, 404, "MINER_NOT_FOUND"),
    ("GET", "/miners/none/logs", None, 404, "MINER_NOT_FOUND"),
    ("GET", "/miners/none/logs?follow=true", None, 404, "MINER_NOT_FOUND"),
    ("GET", f"/miners/{MINER}/logs?lines=0", None, 400, "BAD_INPUT"),
    ("GET", f"/miners/{MINER}/logs?format=html", None, 400, "BAD_INPUT"),
    ("GET", "/miners/none/hashrate-history", None, 404, "MINER_NOT_FOUND"),
    ("DELETE", "/miners/none", None, 404, "MINER_NOT_FOUND"),
    ("DELETE", "/miners/none/adopt", None, 404, "MINER_NOT_FOUND"),
    ("POST", "/miners/none/restart", None, 404, "MINER_NOT_FOUND"),
    ("POST", "/miners/none/pause", None, 404, "MINER_NOT_FOUND"),
    ("POST", f"/miners/{MINER}/pause", {"resumeAfterS": 0}, 400, "BAD_INPUT"),
    ("POST", f"/miners/{MINER}/pause", {"resumeAfterS": 1e300}, 400, "BAD_INPUT"),
    ("POST", "/miners/none/resume", None, 404, "MINER_NOT_FOUND"),
    ("POST", "/miners/none/stdin", {"input": "h"}, 404, "MINER_NOT_FOUND"),
    ("POST", f"/miners/{MINER}/stdin", {"input": "x" * 257}, 400, "BAD_INPUT"),
    ("POST", f"/miners/{MINER}/stdin", {}, 400, "BAD_INPUT"),
    ("POST", "/miners/stop", {"minerName": "none"}, 404, "MINER_NOT_FOUND"),
    ("POST", "/miners/adopt", {"minerType": "xmrig"}, 400, "BAD_INPUT"),
    ("POST", "/miners/adopt", {"minerType": "xmrig", "port": 1, "url": "http://127.0.0.1:1"}, 400, "BAD_INPUT"),
    ("POST", "/miners/adopt", {"minerType": "xmrig", "url": "http://10.0.0.1:1"}, 400, "BAD_MINER_URL"),
    ("POST", "/miners/adopt", {"minerType": "xmrig", "port": 1, "token": "a\r\nHost: b"}, 400, "BAD_INPUT"),
    ("POST", "/miners/adopt", {"minerType": "xmrig", "port": 1, "name": "../x"}, 400, "BAD_NAME"),
    ("POST", "/profiles/gone/start", None, 404, "PROFILE_NOT_FOUND"),
    ("PUT", "/schedule", {"otherwise": "stop"}, 400, "BAD_INPUT"),
    ("PUT", "/schedule", {"rules": [{"days": [7], "startMinute": 0, "endMinute": 1, "do": "run"}]}, 400, "BAD_INPUT"),
    ("PUT", "/schedule", {"otherwise": "profile:a/b"}, 400, "BAD_INPUT"),
    ("PUT", "/schedule", {"otherwise": "run\n"}, 400, "BAD_INPUT"),
    ("GET", "/remote/gone/schedule", None, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/gone/schedule", {}, 504, "PEER_UNREACHABLE"),
    ("POST", "/remote/rig-alpha/schedule", {"every": 1}, 400, "BAD_INPUT"),
    ("GET", "/nowhere", None, 404, "ROUTE_NOT_FOUND"),
    ("PUT", "/peers/auth/mode", {"mode": "open"}, 403, "OPEN_MODE_REFUSED"),
    ("PUT", "/peers/auth/mode", {"mode": "shut"}, 400, "BAD_MODE"),
    ("DELETE", "/peers/auth/allowlist/no/such=", None, 404, "KEY_NOT_FOUND"),
    ("GET", "/docs/x/docs.py", None, 404, "ROUTE_NOT_FOUND"),
    ("GET", "/docs/docs.html", None, 404, "FILE_NOT_FOUND"),
    ("GET", "/peers/", None, 404, "ROUTE_NOT_FOUND"),
    ("PUT", "/lock", {"wallets": [], "pools": ["p.example"]}, 400, "BAD_INPUT"),
    ("PUT", "/lock", {"wallets": ["w"], "pools": ["p.example"], "keys": ["c2hvcnQ="]}, 400, "BAD_INPUT"),
    ("POST", "/remote/rig-alpha/lock", {"document": "{}", "signature": "c2hvcnQ="}, 400, "BAD_INPUT"),
    ("GET", "/history/peers/rig-alpha/events?limit=0", None, 400, "BAD_INPUT"),
    ("GET", "/history/peers/rig-alpha/hashrate?since=-1", None, 400, "BAD_TIME"),
    ("GET", "/history/peers/rig-alpha/hashrate?since=yesterday", None, 400, "BAD_TIME"),
    ("GET", "/history/peers/rig-alpha/hashrate?points=2001", None, 400, "BAD_INPUT"),
    ("GET", "/history/peers/rig-alpha/series?what=luck", None, 400, "BAD_INPUT"),
    ("GET", "/history/miners/none", None, 404, "MINER_NOT_FOUND"),
    ("GET", "/history/export?format=xml", None, 400, "BAD_INPUT"),
    ("PUT", "/peers", {}, 405, "METHOD_NOT_ALLOWED"),
]


def assert_envelope(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.data.get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.data) <= {"error", "code", "details", "suggestion"}
    assert answer.data["error"].endswith(".")
    assert b"Traceback" not in answer.text


@pytest.mark.parametrize(("method", "path", "body", "status", "part"), SUCCESSES, ids=lambda value: str(value)[:40])
async def test_route_succeeds(
    client: Client, method: str, path: str, body: object, status: int, part: dict[str, object]
) -> None:
    answer = await client(method, path, body)
    assert answer.status == status, answer.text
    assert answer.data | part == answer.data


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), FAILURES, ids=lambda value: str(value)[:40])
async def test_route_fails_in_the_envelope(
    client: Client, method: str, path: str, body: object, status: int, code: str
) -> None:
    assert_envelope(await client(method, path, body), status, code)


async def test_every_route_is_tried() -> None:
    lists = {"/bundles", "/peers", "/peers/pending", "/invites", "/profiles", "/profiles/{profile}", "/remote/stats"}
    lists |= {"/ready", "/fleet", "/fleet/tags", "/alerts"}
    lists |= {"/audit", "/audit/export"}  # test_audit.py
    lists |= {f"/history/peers/{{peer}}/{kind}" for kind in ("events", "hashrate", "samples", "gaps")}
    lists |= {"/history/events", "/history/miners", "/history/miners/{name}/hashrate"}
    lists |= {"/miners", "/miners/available", "/miners/{miner}/hashrate-history"}
    streams = {"/history/export", "/events", "/remote/{peer}/logs/{miner}", "/miners/{miner}/logs"}
    elsewhere = (
        {("GET", path) for path in lists | streams}
        | {("DELETE", path) for path in lists}
        | {("DELETE", "/invites/{id}"), ("GET", "/invites/{id}")}
        | test_profiles.TRIED
        | test_profile_editor.TRIED
        | test_access.TRIED
        | test_jobs.TRIED
        | test_docs.TRIED
    )
    patterns = {(route.method, route.path) for route in ROUTES}
    tried = {
        (route.method, route.path)
        for route in ROUTES
        for method, path, *_ in SUCCESSES
        if method == route.method and _matches(route.path, path)
    }
    assert patterns - tried - elsewhere == set()


def _matches(pattern: str, path: str) -> bool:
    wanted, given = pattern.split("/"), path.partition("?")[0].split("/")
    if pattern.endswith(":path}"):
        wanted, given = wanted[:-1], given[: len(wanted) - 1]
    return len(wanted) == len(given) and all(a == b or a.startswith("{") for a, b in zip(wanted, given, strict=True))


async def test_arguments_arrive(client: Client, world: World) -> None:
    invite = {"address": ["a:1", "b:2"], "uses": 3, "expires": "2d", "for": "controller"}
    await client("POST", "/invites", invite)
    await client("POST", "/invites", {"address": "a:1", "expires": 90})
    await client("PATCH", "/peers/rig-alpha", {"name": "new", "address": "c:3", "tags": ["x"], "grant": []})
    await client("POST", f"/peers/pending/{WAITING_ID}/approve", {"grant": ["observe", "control"]})
    await client("POST", "/peers", {"token": GOOD_TOKEN, "address": "d:4", "name": "boss"})
    assert world.pairing.calls == [
        ("invite", "controller", ["a:1", "b:2"], 3, 172800.0),
        ("invite", None, ["a:1"], 1, 90.0),
        ("patch", "new", "c:3", ("x",), frozenset()),
        ("approve", frozenset({Grant.OBSERVE, Grant.CONTROL})),
        ("join", GOOD_TOKEN, "boss", "d:4"),
    ]
    await client("POST", "/remote/rig-alpha/start", {"minerType": "xmrig", "config": {"threads": 2}})
    await client("POST", "/remote/rig-alpha/stop")
    await client("GET", "/remote/stats?refresh=true&timeout=2.5")
    assert world.commands.calls == [("start", None, "xmrig", {"threads": 2}), ("stop", None), ("sweep", 2.5)]


async def test_invites_are_listed_without_tokens_and_revoked(client: Client) -> None:
    await client("POST", "/invites", {})
    listed = await client("GET", "/invites")
    assert [invite["id"] for invite in listed.data] == ["inv1"]
    assert GOOD_TOKEN.encode() not in listed.text
    assert (await client("DELETE", "/invites/inv1")).data["status"] == "revoked"


async def test_profiles_are_created_found_and_deleted(client: Client) -> None:
    profile = {"name": "p", "minerType": "xmrig", "config": {"pool": "a:1"}}
    created = (await client("POST", "/profiles", profile)).data
    assert len(created["hash"]) == 64
    assert_envelope(await client("POST", "/profiles", profile), 409, "PROFILE_EXISTS")
    assert (await client("GET", "/profiles/p")).data == created
    assert (await client("GET", "/profiles")).data == [created]
    assert (await client("DELETE", "/profiles/p")).data == {"status": "deleted"}
    assert (await client("GET", "/profiles")).data == []


async def test_fleet_from_memory_asks_nobody(client: Client, world: World) -> None:
    answer = await client("GET", "/remote/stats")
    assert answer.data[RIG_ID]["miners"][0]["hashrate"] == 1000.0
    assert world.commands.calls == []


async def test_logs_are_plain_lines(client: Client) -> None:
    assert (await client("GET", f"/remote/rig-alpha/logs/{MINER}?lines=2")).data == ["line 0", "line 1"]


async def test_history_is_lists_within_the_times_asked_for(client: Client) -> None:
    place = "/history/peers/rig-alpha"
    [event] = (await client("GET", f"{place}/events?since=5&limit=9")).data
    assert (event["kind"], event["atMs"], event["seq"]) == ("started", 5, 1)
    assert (await client("GET", f"{place}/events?since=6")).data == []
    [point] = (await client("GET", f"{place}/samples?since=6&until=6")).data
    assert (point["miner"], point["hashrate"], point["shares"]) == (MINER, 1000.0, 0)
    assert (await client("GET", f"{place}/samples?until=5")).data == []
    [gap] = (await client("GET", f"{place}/gaps")).data
    assert (gap["first"], gap["last"]) == (1, 3)


async def test_own_miners_are_listed_with_what_is_wrong(client: Client) -> None:
    answer = await client("GET", "/miners?sort=-name")
    assert [(one["name"], one["state"]) for one in answer.data] == [("xmrig-2", "crashed"), (MINER, "mining")]
    assert answer.data[0]["reason"] == "It ended by itself."
    assert answer.headers["x-total-count"] == "2"
    [program] = (await client("GET", "/miners/available")).data
    assert (program["name"], program["installed"], program["capabilities"]) == ("xmrig", True, ["pause"])
    history = (await client("GET", f"/miners/{MINER}/hashrate-history")).data
    assert history == [
        {"timestamp": "1970-01-01T00:00:00Z", "hashrate": None},
        {"timestamp": "1970-01-01T00:00:10Z", "hashrate": 1000.0},
    ]


async def test_own_logs_are_base64_for_old_clients_and_text_for_who_asks(client: Client, world: World) -> None:
    old = (await client("GET", f"/miners/{MINER}/logs?lines=2")).data
    assert [b64decode(line) for line in old] == [b"line 0", b"line 1"]
    assert (await client("GET", f"/miners/{MINER}/logs?lines=2&format=text")).data == ["line 0", "line 1"]
    reader = await client.events(f"/miners/{MINER}/logs?lines=1&follow=true")
    assert await reader.next() == ("lines", {"lines": ["line 0"], "skipped": 0})
    world.rig.feed.put_nowait(LogPart(["next"], 9, 3))
    assert await reader.next() == ("lines", {"lines": ["next"], "skipped": 3})
    world.rig.feed.put_nowait(None)
    name, _ = await reader.next() or ("", None)
    assert name == "end"


async def test_what_is_for_the_own_rig_arrives_there(client: Client, world: World) -> None:
    await client("POST", "/profiles/day/start", {"replace": "*"})
    await client("POST", "/miners/pause", {"minerName": MINER, "resumeAfterS": 60})
    await client("POST", f"/miners/{MINER}/stdin", {"input": "h\n"})
    url = {"minerType": "xmrig", "url": "http://127.0.0.1:18088/", "token": "s3cret!", "name": "old-one"}
    await client("POST", "/miners/adopt", url)
    rule = {"days": [0, 4], "startMinute": 480, "endMinute": 1080, "do": "pause"}
    await client("PUT", "/schedule", {"rules": [rule]})
    assert world.rig.calls == [
        ("start", "day", "*"),
        ("pause", MINER, 60.0),
        ("type", MINER, "h"),
        ("adopt", "xmrig", 18088, "s3cret!", "old-one"),
    ]
    assert (await client("GET", "/schedule")).data["rules"] == [rule]
    assert world.rig.kept == parse_rules(["mon,fri 08:00-18:00 pause"])


async def test_nobody_types_at_a_miner_from_afar(world: World, socket_path: Path) -> None:
    """A door that does not say that it is this machine's own is a door to the network."""
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=LOOPBACK), socket_path)
    await door.open()
    try:
        client = Client(socket_path)
        assert_envelope(await client("POST", f"/miners/{MINER}/stdin", {"input": "h"}), 403, "ONLY_LOCAL")
        assert (await client("GET", "/miners")).status == 200
    finally:
        await door.close()
    assert world.rig.calls == []


async def test_pending_is_not_a_peer(client: Client) -> None:
    assert [waiting["id"] for waiting in (await client("GET", "/peers/pending")).data] == [WAITING_ID]


async def test_method_not_allowed_says_which_are(client: Client) -> None:
    answer = await client("PUT", "/peers", {})
    assert answer.headers["allow"] == "GET, POST"
    assert answer.data["details"] == {"allowed": ["GET", "POST"]}


async def test_head_is_get_without_the_body(client: Client) -> None:
    answer = await client("HEAD", "/health")
    assert (answer.status, answer.text) == (200, b"")
    assert (await client("HEAD", "/events")).status == 200


async def test_answers_are_not_cached_and_do_not_name_the_software(client: Client) -> None:
    headers = (await client("GET", "/health")).headers
    assert headers["cache-control"] == "no-store"
    assert "date" in headers
    assert "server" not in {name.lower() for name in headers}


async def test_a_bug_is_logged_and_not_shown(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client("GET", "/remote/broken/stats")
    assert_envelope(answer, 500, "INTERNAL_ERROR")
    assert b"hunter2" not in answer.text
    assert any(record.exc_info for record in caplog.records)


async def test_without_identity_only_the_node_answers_until_init(socket_path: Path) -> None:
    world = World(identity=False)
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=OWNER), socket_path)
    await door.open()
    client = Client(socket_path)
    try:
        assert_envelope(await client("GET", "/ready"), 503, "NOT_READY")
        assert (await client("POST", "/invites/inspect", {"token": GOOD_TOKEN})).status == 200
        for route in ROUTES:
            if not route.needs_identity:
                continue
            path = (
                route.path.replace("{peer}", "p").replace("{miner}", "m").replace("{id}", "i").replace("{profile}", "x")
            )
            assert_envelope(await client(route.method, path), 409, "NO_IDENTITY")
        assert (await client("POST", "/node/init", {"name": "rig-1"})).data["role"] == "dual"
        assert_envelope(await client("POST", "/node/init", {"name": "rig-1"}), 409, "HAS_IDENTITY")
        assert (await client("GET", "/ready")).status == 200
        assert (await client("GET", "/peers")).status == 200
    finally:
        await door.close()
