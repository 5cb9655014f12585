"""What was asked of a controller is in its history, with who asked: real nodes, asked through their sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.api.application import ROUTES
from miner_ctrl.api.faces import AuditFace
from miner_ctrl.controller import deeds as module
from miner_ctrl.controller.deeds import DEEDS
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.callers import AccessRole, Caller, Door
from miner_ctrl.model.nodes import Role
from tests.api.in_memory import Client
from tests.integration.inside import Inside, joined, running, until
from tests.integration.raw_peer import dialled

VIEWER = Caller(door=Door.TOKEN, role=AccessRole.VIEWER, name="wall", id="t1")
PROFILE = {"name": "night", "minerType": "simulated", "config": {"pool": "pool.invalid:3333", "wallet": "nobody"}}
PASSWORD = "correct horse battery"
UNASKED = frozenset({"init_node"})
"""Before there is a history."""


def client_of(home: Path) -> Client:
    return Client(home / "run" / "node.sock")


async def noted(client: Client, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """What the controller noted of a kind, once there is so much, the oldest first."""
    async with asyncio.timeout(30):
        while len(found := (await client("GET", f"/history/events?kind={kind}")).data) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return [event for event in found[::-1] if event["own"]]


def audit_of(node: Inside) -> AuditFace:
    assert node.node._faces.audit is not None
    return node.node._faces.audit


def test_every_route_that_is_logged_is_an_event_of_some_kind() -> None:
    assert {route.handler.__name__ for route in ROUTES if route.audited} - UNASKED <= DEEDS.keys()


async def test_pairing_settings_commands_and_deploys_are_noted_with_who_asked(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "c", "desk", Role.CONTROLLER) as desk,
        running(tmp_path / "r", "rig-alpha", Role.WORKER) as rig,
    ):
        client = client_of(tmp_path / "c")
        assert (await client("POST", "/invites", {"for": "rig", "uses": 2})).status == 201
        await joined(rig, desk)
        made = await client("POST", "/profiles", PROFILE)
        assert made.status == 201
        assert (await client("PATCH", "/peers/rig-alpha", {"tags": ["shed"]})).status == 200
        assert (await client("POST", "/logins", {"name": "alice", "password": PASSWORD})).status == 201
        assert (await client("POST", "/remote/rig-alpha/deploy", {"profileId": "night"})).status == 200
        started = await client("POST", "/remote/rig-alpha/start", {"profileId": made.data["id"]})
        assert started.status == 200, started.data
        assert (await client("POST", "/remote/rig-alpha/stop", {})).status == 200
        await client("POST", "/remote/rig-alpha/stop", {"minerName": "nothing"})
        await client("POST", "/remote/nobody/stop", {})
        assert (await client("DELETE", "/peers/rig-alpha")).status == 200

        pairing = await noted(client, "pairing", 2)
        settings = await noted(client, "settings", 3)
        commands = await noted(client, "command", 3)
        [deploy] = await noted(client, "deploy")
        [paired], [unpaired] = await noted(client, "paired"), await noted(client, "unpaired")
        id_ = rig.fingerprint.hex()
        assert PASSWORD not in str((await client("GET", "/history/events")).data)
    assert [(event["by"], event["text"]) for event in pairing[:1]] == [("owner", "Make an invite for rig (2).")]
    assert pairing[1]["by"] == rig.id
    assert pairing[1]["text"].startswith("Joined with the invite ")
    assert (paired["by"], unpaired["by"]) == ("", "owner"), "one came with an invite, the other was removed"
    assert [(event["by"], event["text"], event["peerId"]) for event in settings] == [
        ("owner", "Make the profile night.", ""), ("owner", "Change the peer's tags.", id_),
        ("owner", "Set the login alice, a viewer's.", ""),
    ]  # fmt: skip
    assert (deploy["by"], deploy["text"], deploy["peerId"]) == ("owner", "Deploy night.", id_)
    assert [(event["text"], event["miner"]) for event in commands] == [
        ("Start night.", ""), ("Stop all miners.", ""), ("Stop nothing: failed (MINER_NOT_FOUND).", "nothing"),
    ]  # fmt: skip
    assert {event["by"] for event in commands} == {"owner"}
    assert {event["peerId"] for event in commands} == {id_}


async def test_who_waits_is_let_in_and_turned_away_with_who_did_it(tmp_path: Path) -> None:
    first, second = NodeKeys.from_secret(b"\1" * 32), NodeKeys.from_secret(b"\2" * 32)
    async with running(tmp_path, "desk", Role.CONTROLLER) as desk:
        client = client_of(tmp_path)
        for keys in (first, second):
            async with dialled(keys, desk.address, role=Role.WORKER):
                await until(lambda: any(each.id == keys.public.node_id for each in desk.pairing.pending()))  # noqa: B023
        assert (await client("POST", f"/peers/pending/{first.public.node_id}/approve", {})).status == 200
        assert (await client("DELETE", f"/peers/pending/{second.public.node_id}")).status == 200
        waiting, _, turned_away = await noted(client, "pairing", 3)
        [paired] = await noted(client, "paired")
    assert waiting["text"].endswith("Waits for approval.")
    assert first.public.node_id in waiting["text"]
    assert paired["by"] == "owner"
    assert (turned_away["by"], turned_away["text"]) == ("owner", f"Turn the waiting node {second.public.node_id} away.")


async def test_what_was_refused_is_noted_and_who_goes_on_asking_does_not_fill_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSALS_AT_MOST", 2)
    async with running(tmp_path / "c", "desk", Role.CONTROLLER) as desk:
        async with running(tmp_path / "r", "rig-alpha", Role.WORKER) as rig:
            await joined(rig, desk)
            client = client_of(tmp_path / "c")
            await rig.pairing.patch(desk.id, name=None, address=None, tags=None, grants=frozenset())
            async with asyncio.timeout(30):
                while (await client("POST", "/remote/rig-alpha/stop", {})).status != 403:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # the session that knows of it stands in a moment
            [refused] = await noted(client, "refused")
            assert (refused["by"], refused["text"]) == ("owner", "Stop all miners (REFUSED).")
            assert refused["peerId"] == rig.id
        for _ in range(5):
            audit_of(desk).noted(VIEWER, "stop_miner", {"peer": "rig-alpha"}, "NOT_ALLOWED")
        found = (await noted(client, "refused", 4))[1:]
        assert {event["by"] for event in found} == {"token wall"}
        assert [event["text"] for event in found] == [
            "Stop all miners (NOT_ALLOWED).", "Stop all miners (NOT_ALLOWED).",
            "It goes on asking; no more of it is noted in this hour.",
        ]  # fmt: skip


async def test_a_job_is_noted_when_it_begins_and_when_it_has_ended(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "c", "desk", Role.CONTROLLER) as desk,
        running(tmp_path / "r", "rig-alpha", Role.WORKER) as rig,
    ):
        await joined(rig, desk)
        client = client_of(tmp_path / "c")
        job = (await client("POST", "/remote/stop", {"filter": {}})).data["id"]
        events = await noted(client, "job", 2)
        assert [(event["by"], event["text"]) for event in events] == [
            ("owner", f"Stop on 1 rig: job {job} begins."), ("owner", f"Stop on 1 rig: job {job} is done (1 done)."),
        ]  # fmt: skip
        assert (await client("POST", "/remote/stop", {"filter": {}, "dryRun": True})).status == 202
        assert len((await client("GET", "/history/events?kind=job")).data) == 2
