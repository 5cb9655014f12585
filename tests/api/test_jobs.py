"""``/remote/{command}`` and ``/jobs`` over HTTP, on real jobs; the commands themselves are in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.in_memory import Client, World, until
from tests.api.own_machine import MINER

COMMANDS: dict[str, dict[str, object]] = {
    "start": {"profileId": "p"},
    "stop": {"minerName": MINER},
    "restart": {},
    "pause": {"resumeAfterS": 60},
    "resume": {},
    "deploy": {"profileId": "p"},
    "rollback": {"minerType": "xmrig"},
    "schedule": {"otherwise": "pause"},
    "lock": {"document": "{}", "signature": "A" * 86 + "=="},
}
TRIED = {("POST", f"/remote/{command}") for command in COMMANDS} | {
    ("GET", "/jobs"), ("GET", "/jobs/{id}"), ("GET", "/jobs/{id}/peers"), ("DELETE", "/jobs/{id}"),
}  # fmt: skip
EVERYBODY: dict[str, object] = {"filter": {}}


async def ended(client: Client, job: str) -> Any:
    """Follow a job until it has ended, and return it."""
    reader = await client.events(f"/jobs/{job}?follow=true")
    last: Any = None
    while (event := await reader.next()) is not None:
        last = event[1] if event[0] == "job" else last
    reader.close()
    return last


@pytest.mark.parametrize(("command", "order"), COMMANDS.items())
async def test_each_command_does_to_many_what_it_does_to_one(
    client: Client, world: World, command: str, order: dict[str, object]
) -> None:
    alone = await client("POST", f"/remote/rig-alpha/{command}", order)
    asked = await client("POST", f"/remote/{command}", {**order, **EVERYBODY})
    assert (asked.status, asked.data["action"], asked.data["total"]) == (202, command, 1)
    job = await ended(client, asked.data["id"])
    assert (job["state"], job["counts"]["done"]) == ("done", 1)
    assert len(world.commands.calls) == 2
    assert world.commands.calls[0] == world.commands.calls[1], "another order than to one rig"
    [peer] = (await client("GET", f"/jobs/{job['id']}/peers")).data
    assert peer["answer"] == alone.data
    assert (peer["name"], peer["state"], peer["error"]) == ("rig-alpha", "done", None)


async def test_a_job_tells_how_far_a_deploy_is_and_stops_it_when_cancelled(client: Client, world: World) -> None:
    world.deploys.goes_on.clear()
    job = (await client("POST", "/remote/deploy", {"minerType": "xmrig", **EVERYBODY})).data["id"]
    await until(lambda: bool(world.commands.calls))
    seen = (await client("GET", f"/jobs/{job}")).data
    assert (seen["state"], seen["sentBytes"], seen["totalBytes"]) == ("running", 500, 1000)
    [peer] = (await client("GET", f"/jobs/{job}/peers?state=running")).data
    assert (peer["step"], peer["sentBytes"]) == ("sending", 500)
    assert (await client("DELETE", f"/jobs/{job}")).status == 200
    assert (await ended(client, job))["state"] == "cancelled"
    assert world.deploys.cut_off == 1
    assert (await client("GET", f"/jobs/{job}/peers?state=done")).headers["x-total-count"] == "0"


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        ({}, 400, "BAD_SELECTION"),
        ({"peers": ["rig-alpha"], "filter": {}}, 400, "BAD_SELECTION"),
        ({"peers": []}, 400, "NO_RIGS"),
        ({"filter": {"tags": ["cellar"]}}, 400, "NO_RIGS"),
        ({"peers": ["nobody"]}, 404, "PEER_NOT_FOUND"),
        ({"filter": {"colour": "red"}}, 400, "BAD_INPUT"),
    ],
)
async def test_a_selection_that_is_for_nobody_begins_nothing(
    client: Client, world: World, order: object, status: int, code: str
) -> None:
    answer = await client("POST", "/remote/stop", order)
    assert (answer.status, answer.data["code"]) == (status, code)
    assert answer.data["suggestion"]
    assert world.commands.calls == []
    assert (await client("GET", "/jobs")).data == []


async def test_a_rehearsal_names_the_rigs_and_does_nothing(client: Client, world: World) -> None:
    answer = await client("POST", "/remote/stop", {"peers": ["rig-alpha"], "dryRun": True})
    assert answer.status == 202
    assert (answer.data["dryRun"], [rig["name"] for rig in answer.data["peers"]]) == (True, ["rig-alpha"])
    assert world.commands.calls == []
    assert (await client("GET", "/jobs")).data == []


async def test_an_order_that_says_nothing_is_refused_before_anybody_hears_of_it(client: Client, world: World) -> None:
    for command in ("start", "deploy"):
        answer = await client("POST", f"/remote/{command}", EVERYBODY)
        assert (answer.status, answer.data["code"]) == (400, "BAD_INPUT")
    assert world.commands.calls == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/jobs/x"), ("GET", "/jobs/x/peers"), ("DELETE", "/jobs/x")])
async def test_an_unknown_job_is_not_found(client: Client, method: str, path: str) -> None:
    answer = await client(method, path)
    assert (answer.status, answer.data["code"]) == (404, "JOB_NOT_FOUND")
