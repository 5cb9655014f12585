"""``/remote/{command}`` and ``/jobs`` over HTTP, on real jobs; the commands themselves are in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.api.application import build_app
from miner_ctrl.api.bulk import BULK
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.model.callers import OWNER, AccessRole
from miner_ctrl.model.views import BundleView
from tests.api.in_memory import BUNDLE, RIG_ID, Client, World, until
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
    ("POST", "/jobs/{id}/retry"),
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


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/jobs/x"), ("GET", "/jobs/x/peers"), ("DELETE", "/jobs/x"), ("POST", "/jobs/x/retry")]
)
async def test_an_unknown_job_is_not_found(client: Client, method: str, path: str) -> None:
    answer = await client(method, path)
    assert (answer.status, answer.data["code"]) == (404, "JOB_NOT_FOUND")


# --- once more ------------------------------------------------------------------------------------------


async def failed(client: Client, world: World, command: str, order: dict[str, object]) -> str:
    """Have ``command`` fail on the one rig there is, and return its job."""
    world.pairing.aliases[world.rig_of_jobs] = "nobody"
    job = (await client("POST", f"/remote/{command}", {**order, **EVERYBODY})).data["id"]
    assert (await ended(client, job))["counts"]["failed"] == 1
    world.pairing.aliases[world.rig_of_jobs] = RIG_ID
    world.commands.calls.clear()
    return str(job)


@pytest.mark.parametrize(("command", "order"), COMMANDS.items())
async def test_each_command_is_tried_again_as_it_was_given(
    client: Client, world: World, command: str, order: dict[str, object]
) -> None:
    job = await failed(client, world, command, order)
    again = await client("POST", f"/jobs/{job}/retry")
    assert (again.status, again.data["action"], again.data["total"]) == (202, command, 1)
    assert (again.data["retryOf"], again.data["order"]) == (job, (await client("GET", f"/jobs/{job}")).data["order"])
    assert (await ended(client, again.data["id"]))["counts"]["done"] == 1
    await client("POST", f"/remote/rig-alpha/{command}", order)
    assert world.commands.calls[0] == world.commands.calls[1], "another order than the first time"
    assert world.audit.log[-2][1:3] == ["retry_job", {"id": job}]


async def test_a_retry_under_a_key_is_one_job(client: Client, world: World) -> None:
    job = await failed(client, world, "stop", {})
    key = {"Idempotency-Key": "k-1"}
    first = await client("POST", f"/jobs/{job}/retry", headers=key)
    second = await client("POST", f"/jobs/{job}/retry", headers=key)
    assert (second.status, second.data["id"], second.headers["idempotency-replayed"]) == (202, first.data["id"], "true")
    assert len((await client("GET", "/jobs")).data) == 2


async def test_a_retry_under_a_key_is_one_job_after_a_restart_though_the_world_changed(
    client: Client, world: World, socket_path: Path
) -> None:
    world.profiles.create("night", "simulated", {"pool": "a.example:1"})
    job = await failed(client, world, "start", {"profileId": "night"})
    key = {"Idempotency-Key": "k-1"}
    first = await client("POST", f"/jobs/{job}/retry", headers=key)
    done = await ended(client, first.data["id"])
    world.profiles.delete("night")
    other = LocalDoor(
        lambda: HttpServing(build_app(world.faces), caller=OWNER, counts=world.metrics.requests),
        socket_path.with_suffix(".again"),
    )
    await other.open()
    try:
        again = await Client(socket_path.with_suffix(".again"))("POST", f"/jobs/{job}/retry", headers=key)
    finally:
        await other.close()
    assert (again.status, again.data["id"], again.data["counts"]) == (202, first.data["id"], done["counts"])
    assert "idempotency-replayed" not in again.headers, "this application had not answered it before"


async def test_what_runs_or_failed_nowhere_is_not_tried_again(client: Client, world: World) -> None:
    world.deploys.goes_on.clear()
    job = (await client("POST", "/remote/deploy", {"minerType": "xmrig", **EVERYBODY})).data["id"]
    await until(lambda: bool(world.commands.calls))
    runs = await client("POST", f"/jobs/{job}/retry")
    assert (runs.status, runs.data["code"], bool(runs.data["suggestion"])) == (409, "JOB_RUNNING", True)
    world.deploys.goes_on.set()
    assert (await ended(client, job))["counts"]["done"] == 1
    well = await client("POST", f"/jobs/{job}/retry")
    assert (well.status, well.data["code"], bool(well.data["suggestion"])) == (409, "NOTHING_TO_RETRY", True)
    assert len((await client("GET", "/jobs")).data) == 1


async def test_a_profile_is_started_in_the_version_that_was_ordered(client: Client, world: World) -> None:
    night = world.profiles.create("night", "simulated", {"pool": "a.example:1"})
    job = await failed(client, world, "start", {"profileId": "night"})
    order = (await client("GET", f"/jobs/{job}")).data["order"]
    assert (order["profileId"], order["profileHash"]) == (night.id, night.content_hash)
    assert (await client("POST", f"/jobs/{job}/retry")).status == 202
    await until(lambda: bool(world.commands.calls))
    assert world.commands.calls[0] == ("start", night.id, None, {}, night.content_hash)


@pytest.mark.parametrize("command", ["start", "deploy"])
async def test_a_profile_that_is_gone_or_no_longer_kept_so_is_said(client: Client, world: World, command: str) -> None:
    world.profiles.create("night", "simulated", {"pool": "a.example:1"})
    job = await failed(client, world, command, {"profileId": "night"})
    world.profiles.change("night", "night", "simulated", {"pool": "b.example:1"}, if_hash="")
    other = await client("POST", f"/jobs/{job}/retry")
    assert (other.status, other.data["code"], "not kept" in other.data["error"]) == (409, "ORDER_GONE", True)
    world.profiles.delete("night")
    gone = await client("POST", f"/jobs/{job}/retry")
    assert (gone.status, gone.data["code"], "deleted" in gone.data["error"]) == (409, "ORDER_GONE", True)
    assert world.commands.calls == []


async def test_a_program_is_the_one_that_was_ordered(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await failed(client, world, "deploy", {"minerType": "xmrig", "restart": True})
    again = await client("POST", f"/jobs/{job}/retry")
    await ended(client, again.data["id"])
    assert world.commands.calls == [("deploy program", "xmrig", BUNDLE.version, None, True)]

    async def others() -> list[BundleView]:
        return [msgspec.structs.replace(BUNDLE, version="7.0.0", sha256="cd" * 32)]

    job = await failed(client, world, "deploy", {"minerType": "xmrig", "restart": True})
    monkeypatch.setattr(world.deploys, "bundles", others)
    gone = await client("POST", f"/jobs/{job}/retry")
    assert (gone.status, gone.data["code"]) == (409, "ORDER_GONE")
    assert f"xmrig {BUNDLE.version}" in gone.data["error"]


async def test_no_secret_is_kept_of_an_order_and_without_it_nothing_is_tried_again(
    client: Client, world: World, tmp_path: Path
) -> None:
    config = {"pool": "a.example:1", "wallet": "48abc", "password": "hunter2-hunter2"}
    job = await failed(client, world, "start", {"minerType": "simulated", "config": config})
    shown = await client("GET", f"/jobs/{job}")
    assert shown.data["order"]["config"] == {**config, "password": "…"}
    refused = await client("POST", f"/jobs/{job}/retry")
    assert (refused.status, refused.data["code"]) == (409, "ORDER_NOT_KEPT")
    assert "secret" in refused.data["error"]
    files = await asyncio.to_thread(lambda: [each.read_bytes() for each in tmp_path.glob("jobs.db*")])
    assert files
    assert not any(b"hunter2" in data for data in files)


async def test_a_long_order_is_told_to_who_asks_for_the_job_alone(client: Client, world: World) -> None:
    document = "x" * 5000
    job = await failed(client, world, "lock", {"document": document, "signature": "A" * 86 + "=="})
    assert [each["order"] for each in (await client("GET", "/jobs")).data] == [None]
    assert (await client("GET", f"/jobs/{job}")).data["order"]["document"] == document


@pytest.mark.parametrize("order", [{"profileHash": "ab12"}, {"profileId": "local:p", "profileHash": "ab12"}])
async def test_a_version_of_no_profile_is_refused(client: Client, order: dict[str, object]) -> None:
    answer = await client("POST", "/remote/rig-alpha/start", {"minerType": "simulated", **order})
    assert (answer.status, answer.data["code"]) == (400, "BAD_INPUT")


def test_to_try_again_takes_no_less_than_the_command() -> None:
    roles = {route.path: route.role for route in BULK.routes}
    assert len(roles) == len(COMMANDS) + 1
    assert set(roles.values()) == {roles["/jobs/{id}/retry"]} == {AccessRole.OPERATOR}


async def test_a_rehearsal_changes_nothing_and_is_not_in_the_audit_log(client: Client, world: World) -> None:
    await client("POST", "/remote/stop", {**EVERYBODY, "dryRun": True})
    assert world.audit.log == []
    await client("POST", "/remote/stop", {**EVERYBODY, "dryRun": False})
    assert [entry[1] for entry in world.audit.log] == ["stop_many"]
