"""What the audit log hears of requests, and the routes that show it."""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from miner_ctrl.api.application import ROUTES, build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.controller.deeds import DEEDS
from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.callers import OWNER, AccessRole, Caller, Door
from miner_ctrl.protocol.codec import TYPE_NAMES
from miner_ctrl.protocol.messages import REQUESTS
from tests.api.in_memory import RIG_ID, Client, World, until

ONLY_ASK = {
    ("POST", "/doctor"),
    ("POST", "/update"),
    ("POST", "/invites/inspect"),
    ("POST", "/profiles/check"),
    ("POST", "/profiles/inspect"),
    ("POST", "/profiles/preview"),
    ("POST", "/profiles/{profile}/plan"),
    ("POST", "/peers/{peer}/ping"),
    ("POST", "/audit/verify"),
    ("POST", "/login"),
    ("POST", "/logout"),
}
"""Every route beside the GETs that is not in the log: it changes nothing but whose session a browser has."""
VIEWER = Caller(door=Door.TOKEN, role=AccessRole.VIEWER, name="grafana", id="77", address="192.0.2.9")


def test_every_route_that_changes_something_is_audited_and_no_other() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.method != "GET" and not route.audited} == ONLY_ASK
    assert [route.path for route in ROUTES if route.method == "GET" and route.audited] == []


def test_the_log_is_for_operators() -> None:
    assert {route.role for route in ROUTES if route.resource == "audit"} == {AccessRole.OPERATOR}


@asynccontextmanager
async def as_(caller: Caller, world: World, path: Path) -> AsyncIterator[Client]:
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=caller), path)
    await door.open()
    try:
        yield Client(path)
    finally:
        await door.close()


async def test_who_asked_for_what_and_how_it_ended(client: Client, world: World) -> None:
    await client("POST", "/remote/rig-alpha/stop", {"minerName": "xmrig-1"})
    await client("DELETE", "/peers/nobody")
    await client("GET", "/peers")
    await client("POST", "/peers/rig-alpha/ping")
    done, failed = world.audit.log
    assert (done[0], done[1], done[2], done[4]) == (OWNER, "stop_miner", {"peer": "rig-alpha"}, "")
    assert done[3].miner_name == "xmrig-1"
    assert (failed[1], failed[2], failed[4]) == ("remove_peer", {"peer": "nobody"}, "PEER_NOT_FOUND")


async def test_it_is_there_while_it_goes_on(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = asyncio.Event()

    async def slow(*_: object, **__: object) -> None:
        await going_on.wait()

    monkeypatch.setattr(world.pairing, "remove", slow)
    asking = asyncio.create_task(client("DELETE", f"/peers/{RIG_ID}"), name="asking")
    await until(lambda: len(world.audit.log) == 1)
    assert world.audit.log[0][-1] is None
    going_on.set()
    await asking
    assert world.audit.log[0][-1] == ""


async def test_a_bug_is_in_the_log(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(world.pairing, "remove", broken)
    assert (await client("DELETE", f"/peers/{RIG_ID}")).status == 500
    assert world.audit.log[0][-1] == "INTERNAL_ERROR"


async def test_who_may_not_is_in_the_log_and_does_nothing(world: World, socket_path: Path) -> None:
    async with as_(VIEWER, world, socket_path) as viewer:
        assert (await viewer("DELETE", f"/peers/{RIG_ID}")).status == 403
        assert (await viewer("GET", "/audit")).status == 403
        assert (await viewer("GET", "/peers")).status == 200
    assert world.audit.log == [[VIEWER, "remove_peer", {"peer": RIG_ID}, None, "NOT_ALLOWED"]]


DEPLOY = {"minerType": "xmrig", "progress": True}


async def test_a_deploy_that_tells_its_progress_ends_with_its_last_event(client: Client, world: World) -> None:
    reader = await client.events("/remote/rig-alpha/deploy", post=DEPLOY)
    while await reader.next() is not None:
        pass
    [entry] = world.audit.log
    assert (entry[1], entry[-1]) == ("deploy", "")


async def test_a_deploy_whose_reader_goes_was_interrupted(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: object, told: Callable[[object], None], **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(world.deploys, "deploy_program", endless)
    reader = await client.events("/remote/rig-alpha/deploy", post=DEPLOY)
    assert world.audit.log[0][-1] is None
    reader.close()
    await until(lambda: world.audit.log[0][-1] == "INTERRUPTED")


async def test_a_deploy_that_fails_has_its_code(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise OperationFailed("No.", code="NO_ROOM")

    monkeypatch.setattr(world.deploys, "deploy_program", failing)
    assert (await client.events("/remote/rig-alpha/deploy", post=DEPLOY)).status == 502
    assert world.audit.log[0][-1] == "NO_ROOM"


# --- showing it -----------------------------------------------------------------------------------------


async def test_the_entries_that_are_wanted(client: Client, world: World) -> None:
    query = "?limit=7&before=90&caller=script&action=stop&peer=rig&q=x&since=5&until=9"
    answer = await client("GET", f"/audit{query}")
    assert [entry["seq"] for entry in answer.data] == [4]
    assert world.audit.wanted == {
        "limit": 7, "before": 90, "caller": "script", "action": "stop", "peer": "rig", "q": "x", "since_ms": 5,
        "until_ms": 9,
    }  # fmt: skip


async def test_it_is_exported_as_a_file_in_parts(client: Client, world: World) -> None:
    answer = await client("GET", "/audit/export?format=csv&since=5")
    assert (answer.status, answer.text) == (200, b"one\ntwo\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert world.audit.wanted == {"format": "csv", "since_ms": 5}
    assert (await client("HEAD", "/audit/export")).text == b""


async def test_an_export_that_fails_at_once_is_an_error_and_one_that_fails_later_is_cut(
    client: Client, world: World
) -> None:
    world.audit.parts = [OperationFailed("The disk.", code="AUDIT_UNREADABLE")]
    answer = await client("GET", "/audit/export")
    assert (answer.status, answer.data["code"]) == (502, "AUDIT_UNREADABLE")
    world.audit.parts = [b"one\n", OperationFailed("The disk.")]
    with pytest.raises(http.client.IncompleteRead):
        await client("GET", "/audit/export")


async def test_every_door_says_who_asks(world: World, socket_path: Path) -> None:
    async with as_(None, world, socket_path) as nobody:  # type: ignore[arg-type]  # as where each request has to say so
        assert (await nobody("DELETE", f"/peers/{RIG_ID}")).status == 401
    assert world.audit.log == []


def test_the_page_has_words_for_every_action_and_for_no_other() -> None:
    page = (Path(__file__).parents[2] / "web/src/texts/en/actions.ts").read_text()
    named = re.findall(r"^  (\w+): \"\w", page, re.MULTILINE)
    routes = {route.handler.__name__ for route in ROUTES if route.audited}
    told = {TYPE_NAMES[kind] for kind in REQUESTS}  # by peers: carried out, or not granted
    assert sorted(named) == sorted(routes | told | DEEDS.keys())
