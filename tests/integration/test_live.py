"""The feed of a real controller, with real rigs and miners behind it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from miner_ctrl.model.nodes import Role
from tests.api.live.readers import reading
from tests.integration.inside import joined, running, until

SIMULATED = {"pool": "pool.invalid:3333", "wallet": "nobody"}


async def test_a_miner_that_is_killed_is_seen_at_once_and_comes_back(tmp_path: Path) -> None:
    """The rig's statistics are pushed every 10 s; what changes does not wait for that."""
    async with (
        running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk,
        running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig,
    ):
        await joined(rig, desk)
        done = await desk.commands.start("rig-alpha", profile=None, miner_type="simulated", config=SIMULATED)
        [miner] = done.miners
        topics = ("fleet", "alerts", "totals", f"peer:{rig.id}", f"log:rig-alpha/{miner}")
        async with reading(tmp_path / "desk" / "run" / "node.sock", *topics) as page:
            await page.until(lambda: page.rows.get("fleet", {}).get(rig.id, {}).get("state") == "mining")
            await page.until(lambda: bool(page.lines.get(topics[-1])))
            await page.until(lambda: bool(page.states.get("totals", {}).get("hashrate")))
            pid = page.states[f"peer:{rig.id}"]["miners"][0]["pid"]
            os.kill(pid, signal.SIGKILL)
            await page.until(lambda: page.rows["fleet"][rig.id]["state"] == "trouble")
            await page.until(lambda: any(each["kind"] == "crashed" for each in page.rows["alerts"].values()))
            [alert] = [each for each in page.rows["alerts"].values() if each["kind"] == "crashed"]
            assert (alert["rig"], alert["miner"], alert["rigName"]) == (rig.id, miner, "rig-alpha")
            assert alert["text"].startswith(page.rows["fleet"][rig.id]["problem"])
            await page.until(lambda: page.rows["fleet"][rig.id]["state"] == "mining")  # the watchdog
            await desk.commands.stop("rig-alpha", None)
            await page.until(lambda: page.rows["fleet"][rig.id]["state"] == "idle")
            await desk.pairing.patch("rig-alpha", name="rig-beta", address=None, tags=("shed",), grants=None)
            await page.until(lambda: page.rows["fleet"][rig.id].get("tags") == ["shed"])
            assert page.rows["fleet"][rig.id]["name"] == "rig-beta"
            await desk.pairing.remove("rig-beta")
            await page.until(lambda: not page.rows["fleet"] and page.states[f"peer:{rig.id}"] is None)


async def test_a_rig_that_goes_is_offline_with_its_reason_and_a_node_that_stops_says_goodbye(tmp_path: Path) -> None:
    async with running(tmp_path / "desk", "desk", Role.CONTROLLER) as desk:
        async with running(tmp_path / "rig", "rig-alpha", Role.WORKER) as rig:
            await joined(rig, desk)
            async with reading(tmp_path / "desk" / "run" / "node.sock", "fleet") as page:
                await page.until(lambda: page.rows.get("fleet", {}).get(rig.id, {}).get("state") == "idle")
        async with reading(tmp_path / "desk" / "run" / "node.sock", "fleet") as page:
            await page.until(lambda: page.rows.get("fleet", {}).get(rig.id, {}).get("state") == "offline")
            assert page.rows["fleet"][rig.id]["problem"]
            await until(lambda: bool(desk.node._faces.live and desk.node._faces.live.followed))
            await desk.node.close()
            with pytest.raises(ConnectionClosed) as closed:
                await page.until(lambda: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
