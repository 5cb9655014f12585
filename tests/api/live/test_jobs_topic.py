"""Jobs as a topic: those that were there, and how each goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.in_memory import Client, World
from tests.api.live.readers import reading

pytestmark = pytest.mark.usefixtures("door")


async def test_jobs_that_were_there_and_how_a_new_one_goes_on(world: World, socket_path: Path) -> None:
    client = Client(socket_path)
    before = (await client("POST", "/remote/stop", {"filter": {}})).data["id"]
    async with reading(socket_path, "jobs") as reader:
        await reader.until(lambda: reader.rows.get("jobs", {}).get(before, {}).get("state") == "done")
        world.deploys.goes_on.clear()
        job = (await client("POST", "/remote/deploy", {"minerType": "xmrig", "filter": {}})).data["id"]
        await reader.until(lambda: reader.rows["jobs"].get(job, {}).get("sentBytes") == 500)
        assert reader.rows["jobs"][job]["state"] == "running"
        await client("DELETE", f"/jobs/{job}")
        await reader.until(lambda: reader.rows["jobs"][job]["state"] == "cancelled")
