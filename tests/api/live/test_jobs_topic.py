"""Jobs as a topic: those that were there, and how each goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from miner_ctrl.controller import jobs as module
from tests.api.in_memory import Client, World
from tests.api.live.readers import reading

pytestmark = pytest.mark.usefixtures("door")


async def test_jobs_that_were_there_and_how_a_new_one_goes_on(world: World, socket_path: Path) -> None:
    client = Client(socket_path)
    before = (await client("POST", "/remote/stop", {"filter": {}})).data["id"]
    async with reading(socket_path, "jobs") as reader:
        await reader.all_of("jobs")
        assert list(reader.rows["jobs"]) == [before], "the snapshot has those that are kept"
        await reader.until(lambda: reader.rows["jobs"][before]["state"] == "done")
        world.deploys.goes_on.clear()
        job = (await client("POST", "/remote/deploy", {"minerType": "xmrig", "filter": {}})).data["id"]
        await reader.until(lambda: reader.rows["jobs"].get(job, {}).get("sentBytes") == 500)
        assert reader.rows["jobs"][job]["state"] == "running"
        await client("DELETE", f"/jobs/{job}")
        await reader.until(lambda: reader.rows["jobs"][job]["state"] == "cancelled")


async def test_who_comes_second_and_who_begins_anew_have_them_in_their_snapshot_too(
    world: World, socket_path: Path
) -> None:
    job = (await Client(socket_path)("POST", "/remote/stop", {"filter": {}})).data["id"]
    async with reading(socket_path, "jobs") as first, reading(socket_path, "jobs") as second:
        for reader in (first, second):
            await reader.all_of("jobs")
            assert list(reader.rows["jobs"]) == [job]
        await second.say("snapshot", topic="jobs")
        assert [row["id"] for row in (await second.next("snapshot"))["rows"]] == [job]


async def test_a_job_that_is_kept_no_more_is_removed(socket_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_AT_MOST", 1)
    client = Client(socket_path)
    first = (await client("POST", "/remote/stop", {"filter": {}})).data["id"]
    async with reading(socket_path, "jobs") as reader:
        await reader.until(lambda: reader.rows.get("jobs", {}).get(first, {}).get("state") == "done")
        second = (await client("POST", "/remote/stop", {"filter": {}})).data["id"]
        await reader.until(lambda: list(reader.rows["jobs"]) == [second])
