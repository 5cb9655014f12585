"""The history's events as a topic: the last ones first, then each as it comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner_ctrl.api.live import topics as module
from miner_ctrl.model.nodes import Role
from tests.api.in_memory import World, until
from tests.api.live.readers import reading
from tests.integration.inside import joined, running

door = pytest.mark.usefixtures("door")


@door
async def test_the_last_events_then_each_as_it_comes(
    world: World, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_KEPT", 3)
    async with reading(socket_path, "events") as reader:
        snapshot = await reader.next("snapshot")
        assert [(row["id"], row["kind"]) for row in snapshot["rows"]] == [("5-1-1", "started")]
        world.history.happen("offline")
        delta = await reader.next("delta")
        assert [(row["kind"], row["own"], row["id"]) for row in delta["changed"]] == [("offline", False, "6-1-2")]
        assert delta["removed"] == []
        for kind in ("online", "settings", "deploy"):
            world.history.happen(kind)
        await reader.until(lambda: len(reader.rows["events"]) == 3 and "9-1-5" in reader.rows["events"])
        assert [row["kind"] for row in reader.rows["events"].values()] == ["online", "settings", "deploy"]
    await until(lambda: not world.live.followed)
    assert not world.history.told, "nobody looks when nobody reads"


async def test_what_a_rig_did_and_what_this_node_saw_come_by_themselves(tmp_path: Path) -> None:
    async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk:
        async with reading(tmp_path / "desk" / "run" / "node.sock", "events") as page:
            await page.all_of("events")
            async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig:
                await joined(rig, desk)
                await page.until(
                    lambda: (
                        {"paired", "online", "agent_started"} <= {row["kind"] for row in page.rows["events"].values()}
                    )
                )
            await page.until(lambda: any(row["kind"] == "offline" for row in page.rows["events"].values()))
        of_rig = [row for row in page.rows["events"].values() if row["kind"] in ("online", "agent_started")]
        assert {(row["peerName"], row["own"]) for row in of_rig} == {("rig-alpha", True), ("rig-alpha", False)}
