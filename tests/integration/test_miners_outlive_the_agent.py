"""A real XMRig on a real chain, through everything that can happen to the agent that looks after it."""

from __future__ import annotations

import http.client
import json
import math
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
from miner_ctrl.model.history import RigEvent
from tests.components.monerod import Chain
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, is_running, wait_for
from tests.integration.test_history_fill_in import as_stored, history_up_to, journal_of
from tests.integration.test_recovery import pair_up, the_miner, written_by_miner
from tests.integration.test_rig_under_control import FOR_XMRIG, mined

ADOPTED_WITHIN_S = 5.0
TRIES = 3
"""Of which one has to be that quick: what else the machine does at the moment is not the agent's fault."""
MINES_WITHIN_S = 180.0
"""Two nodes, a chain and a miner share what CPU there is."""
PAUSES_BY_ITSELF = ("--set", "pause-on-battery=true", "--set", "pause-on-activity=30", "--set", "cpu-priority=1")


def of_the_miner(rig: NodeProcess, name: str, path: str) -> Any:
    """Return what the miner itself answers."""
    api = json.loads((rig.places.miners_data / name / "instance.json").read_bytes())["api"]
    connection = http.client.HTTPConnection(HOST, api["port"], timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {api['token']}"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def own_uptime_s(rig: NodeProcess, name: str) -> int:
    """Return what the miner itself says of its age."""
    return int(of_the_miner(rig, name, "/2/summary")["uptime"])


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


def mines_on(rig: NodeProcess, pid: int) -> bool:
    """Whether the rig's agent itself counts that process as its miner, which mines."""
    return [(one.get("pid"), one["state"]) for one in rig.ask("/miners") or []] == [(pid, "mining")]


def runs(controller: NodeProcess, profile: str, *, more_than: int = 0) -> Callable[[], Any]:
    """Return what looks for the one miner to run ``profile``, with more shares than these."""

    def look() -> Any:
        miner = mined(controller, "rig-alpha", "xmrig-1")
        return miner if miner and miner["profileName"] == profile and miner["shares"] > more_than else None

    return look


@pytest.fixture
def mining(make_node: MakeNode, chain: Chain, xmrig_program: Path) -> tuple[NodeProcess, NodeProcess]:
    """A controller, and a rig on which XMRig mines the profile ``solo``."""
    controller, rig = pair_up(make_node, env={"MINER_CTRL_XMRIG": str(xmrig_program)})
    controller.done("profile", "create", "solo", "--pool", chain.address, *FOR_XMRIG)
    controller.done("profile", "create", "other", "--pool", chain.address, *FOR_XMRIG, *PAUSES_BY_ITSELF)
    controller.done("remote", "start", "rig-alpha", "--profile", "solo")
    wait_for("a share", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S, every_s=0.5)
    return controller, rig


@pytest.mark.alone
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
        took_s: list[float] = []
        while min(took_s, default=math.inf) >= ADOPTED_WITHIN_S and len(took_s) < TRIES:
            rig.kill()
            began_s = time.monotonic()
            rig.serve()
            wait_for("the miner to be adopted", lambda: mines_on(rig, before["pid"]), every_s=0.02)
            took_s.append(time.monotonic() - began_s)
        record_property("seconds from the agent's start to the adopted miner", round(min(took_s), 2))
        assert min(took_s) < ADOPTED_WITHIN_S
        controller.wait_until_connected("rig-alpha")
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


def test_everything_a_controller_can_want_of_it(mining: tuple[NodeProcess, NodeProcess], chain: Chain) -> None:
    controller, rig = mining
    pid = the_miner(controller)["pid"]
    controller.done("remote", "pause", "rig-alpha", "xmrig-1", "--for", "5s")
    paused = wait_for("the pause", state_is(controller, "paused"))
    assert (paused["wanted"], paused["resumeAtMs"] > time.time() * 1000 - 60_000) == ("paused", True)
    wait_for("its end", state_is(controller, "mining"), MINES_WITHIN_S)

    again = controller.cli("remote", "start", "rig-alpha", "--profile", "solo")
    assert again.code == 1
    assert "already runs the profile solo" in again.err
    age_s, asked_s = own_uptime_s(rig, "xmrig-1"), time.monotonic()
    shares = the_miner(controller)["shares"]
    switched = controller.answer("remote", "start", "rig-alpha", "--profile", "other", "--replace")
    assert switched["miners"] == ["xmrig-1"]
    miner = wait_for("a share of the other profile", runs(controller, "other", more_than=shares), MINES_WITHIN_S)
    assert (miner["pid"], miner["state"]) == (pid, "mining"), "XMRig takes this over without a restart"
    assert own_uptime_s(rig, "xmrig-1") >= age_s + int(time.monotonic() - asked_s) - 2
    running = of_the_miner(rig, "xmrig-1", "/2/config")
    assert (running["pause-on-battery"], running["pause-on-active"], running["cpu"]["priority"]) == (True, 30, 1)
    controller.done("profile", "create", "generous", "--pool", chain.address, *FOR_XMRIG, "--set", "donate-level=2")
    controller.done("remote", "start", "rig-alpha", "--profile", "generous", "--replace", "xmrig-1")
    miner = wait_for("what needs a restart", runs(controller, "generous"), MINES_WITHIN_S)
    assert miner["pid"] != pid, "XMRig takes its donation over at a start alone"
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


SHORT_CLOCK = """
sample_every_s = 1
[watchdog]
backoff_first_s = 1
"""
ALONE_FOR = 15
"""Samples that nobody sees: more than one push of statistics holds."""


def test_after_a_power_cut_it_mines_what_it_should_and_tells_the_controller_when_that_is_back(
    mining: tuple[NodeProcess, NodeProcess], chain: Chain
) -> None:
    controller, rig = mining
    before = the_miner(controller)
    controller.stop()
    rig.places.rig_file.write_text(SHORT_CLOCK)
    height = chain.height()
    power_cut(rig)
    rig.serve_as_a_unit()
    wait_for("it to mine", lambda: chain.height() > height, MINES_WITHIN_S, every_s=0.2)
    [alone] = rig.ask("/miners")
    assert alone["pid"] != before["pid"]
    psutil.Process(alone["pid"]).kill()
    wait_for("the watchdog", lambda: [one for one in rig.ask("/miners") if one.get("pid") not in (None, alone["pid"])])
    power_cut(rig)
    rig.serve_as_a_unit()
    height = chain.height()
    wait_for("it to mine again", lambda: chain.height() > height, MINES_WITHIN_S, every_s=0.2)
    begun = len(journal_of(rig)[1])
    wait_for("samples that nobody sees", lambda: len(journal_of(rig)[1]) >= begun + ALONE_FOR)

    controller.serve()
    controller.wait_until_connected("rig-alpha")
    after = wait_for("a share", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S)
    assert (after["name"], after["profileHash"]) == ("xmrig-1", before["profileHash"])
    journal, entries = journal_of(rig)
    told = as_stored(journal, entries)
    wait_for("the history to be filled in", lambda: history_up_to(controller, len(entries)) == told)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    kinds = [entry.what.kind for entry in entries if isinstance(entry.what, RigEvent)]
    assert kinds.count("agent_started") == 3
    assert {"started", "crashed"} <= set(kinds)
    assert controller.done("remote", "history", "rig-alpha", "--events").count("agent_started") == 3


def test_what_was_paused_is_paused_after_a_power_cut(mining: tuple[NodeProcess, NodeProcess], chain: Chain) -> None:
    controller, rig = mining
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
