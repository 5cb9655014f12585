"""A real XMRig on a real chain, through everything that can happen to the agent that looks after it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from miner_ctrl.miners.loopback_http import HOST
from tests.components.monerod import Chain
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, is_running, wait_for
from tests.integration.test_recovery import pair_up, the_miner, written_by_miner
from tests.integration.test_rig_under_control import FOR_XMRIG, mined

ADOPTED_WITHIN_S = 5.0
MINES_WITHIN_S = 180.0
"""Two nodes, a chain and a miner share what CPU there is."""


def own_uptime_s(rig: NodeProcess, name: str) -> int:
    """Return what the miner itself says of its age."""
    api = json.loads((rig.places.miners_data / name / "instance.json").read_bytes())["api"]
    connection = http.client.HTTPConnection(HOST, api["port"], timeout=10)
    try:
        connection.request("GET", "/2/summary", headers={"Authorization": f"Bearer {api['token']}"})
        return int(json.loads(connection.getresponse().read())["uptime"])
    finally:
        connection.close()


def power_cut(node: NodeProcess) -> None:
    """End the whole process tree of a home with SIGKILL: agent, keepers, miners."""
    for process in node.processes():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    assert node.process is not None
    node.process.wait()
    node.process = None
    wait_for("nothing to live", lambda: not node.processes())


def state_is(controller: NodeProcess, state: str) -> Callable[[], Any]:
    def look() -> Any:
        miners = controller.rig("rig-alpha").get("miners") or [{}]
        return miners[0] if miners[0].get("state") == state else None

    return look


@pytest.fixture
def mining(make_node: MakeNode, chain: Chain, xmrig_program: Path) -> tuple[NodeProcess, NodeProcess]:
    """A controller, and a rig on which XMRig mines the profile ``solo``."""
    controller, rig = pair_up(make_node, env={"MINER_CTRL_XMRIG": str(xmrig_program)})
    controller.done("profile", "create", "solo", "--pool", chain.address, *FOR_XMRIG)
    controller.done("profile", "create", "other", "--pool", chain.address, *FOR_XMRIG, "--set", "rig-id=other")
    controller.done("remote", "start", "rig-alpha", "--profile", "solo")
    wait_for("a share", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S, every_s=0.5)
    return controller, rig


def test_killed_agent_adopted_miner(
    mining: tuple[NodeProcess, NodeProcess], record_property: Callable[[str, object], None]
) -> None:
    controller, rig = mining
    before = the_miner(controller)
    uptime_before_s = own_uptime_s(rig, "xmrig-1")
    asked_s = time.monotonic()
    log_before = written_by_miner(rig, "xmrig-1")
    with controller.following("remote", "logs", "rig-alpha", "xmrig-1", "--follow", "--lines", "10000") as log:
        log.wait_for("accepted")
        rig.kill()
        began_s = time.monotonic()
        rig.serve()
        wait_for("the miner to be adopted", lambda: rig.is_connected("desk"), ADOPTED_WITHIN_S, every_s=0.02)
        took_s = time.monotonic() - began_s
        record_property("seconds from the agent's start to the adopted miner", round(took_s, 2))
        assert took_s < ADOPTED_WITHIN_S
        seen = len(log.lines)
        log.wait_for("accepted", after=seen)
        lines = list(log.lines)
    after = the_miner(controller)
    passed_s = time.monotonic() - asked_s
    assert (after["pid"], after["name"], after["state"]) == (before["pid"], "xmrig-1", "mining")
    assert after["shares"] >= before["shares"]
    assert uptime_before_s <= own_uptime_s(rig, "xmrig-1") <= uptime_before_s + passed_s + 2
    assert own_uptime_s(rig, "xmrig-1") >= uptime_before_s + int(passed_s) - 2
    assert written_by_miner(rig, "xmrig-1").startswith(log_before)
    shares = [int(found[1]) for line in lines if (found := re.search(r"accepted.* \((\d+)/0\)", line))]
    assert shares == list(range(1, len(shares) + 1)), "no gap, no doubled line"
    assert (after.get("watch") or {}).get("restarts", 0) == 0


def test_everything_a_controller_can_want_of_it(mining: tuple[NodeProcess, NodeProcess]) -> None:
    controller, rig = mining
    pid = the_miner(controller)["pid"]
    controller.done("remote", "pause", "rig-alpha", "xmrig-1", "--for", "3s")
    paused = wait_for("the pause", state_is(controller, "paused"))
    assert (paused["wanted"], paused["resumeAtMs"] > time.time() * 1000 - 60_000) == ("paused", True)
    wait_for("its end", state_is(controller, "mining"), MINES_WITHIN_S)

    again = controller.cli("remote", "start", "rig-alpha", "--profile", "solo")
    assert again.code == 1
    assert "already runs the profile solo" in again.err
    switched = controller.answer("remote", "start", "rig-alpha", "--profile", "other", "--replace")
    assert switched["miners"] == ["xmrig-1"]
    miner = wait_for("the other profile", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S)
    assert miner["profileName"] == "other"
    wrong = controller.cli("remote", "start", "rig-alpha", "--profile", "solo", "--replace", "xmrig-7")
    assert wrong.code == 1
    assert "No miner is called 'xmrig-7'" in wrong.err

    controller.done("remote", "stop", "rig-alpha", "xmrig-1")
    assert not is_running(pid)
    assert not is_running(miner["pid"])
    power_cut(rig)
    rig.serve()
    controller.wait_until_connected("rig-alpha")
    assert controller.rig("rig-alpha").get("miners", []) == [], "what was stopped stays stopped"


def test_after_a_power_cut_it_mines_what_it_should_without_any_controller(
    mining: tuple[NodeProcess, NodeProcess], chain: Chain
) -> None:
    controller, rig = mining
    before = the_miner(controller)
    controller.stop()
    power_cut(rig)
    height = chain.height()
    rig.serve()
    wait_for("it to mine", lambda: chain.height() > height, MINES_WITHIN_S, every_s=0.2)
    controller.serve()
    controller.wait_until_connected("rig-alpha")
    after = wait_for("a share", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S)
    assert (after["name"], after["profileHash"]) == ("xmrig-1", before["profileHash"])
    assert after["pid"] != before["pid"]

    controller.done("remote", "pause", "rig-alpha")
    wait_for("the pause", state_is(controller, "paused"))
    power_cut(rig)
    rig.serve()
    controller.wait_until_connected("rig-alpha")
    wait_for("it to be paused again", state_is(controller, "paused"), MINES_WITHIN_S)
    height = chain.height()
    time.sleep(5)  # nothing may be mined in this time
    assert chain.height() == height
    controller.done("remote", "resume", "rig-alpha")
    wait_for("it to mine", lambda: chain.height() > height, MINES_WITHIN_S, every_s=0.2)
