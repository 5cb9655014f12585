"""A machine's own miners and its schedule through the command line: with a node, without one, and from afar."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.components.monerod import Chain
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, is_running, wait_for
from tests.integration.test_rig_under_control import FOR_XMRIG, MINES_WITHIN_S, SIMULATED

NOBODY_WATCHES = "Nobody watches the miners until this node serves: miner-ctrl node serve\n"
NOBODY_KEEPS = "Nobody keeps the schedule until this node serves: miner-ctrl node serve\n"


def own_miner(node: NodeProcess) -> Any:
    """Return the one miner of a node that serves."""
    miners = node.ask("/miners") or []
    return miners[0] if miners else None


def in_state(node: NodeProcess, state: str) -> Any:
    found = own_miner(node)
    return found if found and found["state"] == state else None


def this_hour() -> str:
    """Return a rule's days and times, from an hour ago to two hours ahead, over midnight if need be."""
    begins, ends = datetime.now() - timedelta(hours=1), datetime.now() + timedelta(hours=2)  # noqa: DTZ005
    return f"daily {begins:%H:%M}-{ends:%H:%M}"


def test_without_a_node_miners_are_started_and_stopped_and_outlive_each_command(make_node: MakeNode) -> None:
    rig = make_node("rig")
    rig.done("node", "init", "--name", "rig-alpha")
    rig.done("profile", "create", "day", *SIMULATED)
    started = rig.cli("start", "day")
    assert (started.code, started.out, started.err) == (0, "simulated-1 runs day.\n", NOBODY_WATCHES)
    [miner] = rig.answer("status")
    assert is_running(miner["pid"])
    assert len(rig.processes()) == 2, "the miner and its keeper, nothing else"
    again = rig.cli("start", "day")
    assert (again.code, "simulated-1 already runs the profile day." in again.err) == (1, True)
    assert rig.cli("schedule", "set", f"{this_hour()} pause").err == NOBODY_KEEPS
    assert rig.answer("status")[0]["state"] != "paused"

    rig.serve()
    assert wait_for("the schedule's pause", lambda: in_state(rig, "paused"))["pid"] == miner["pid"]
    rig.done("resume")
    wait_for("the miner to go on", lambda: in_state(rig, "mining"))
    rig.kill()
    rig.serve()
    assert wait_for("the miner", lambda: own_miner(rig))["state"] != "paused", "a command holds until the next edge"
    assert rig.cli("schedule", "clear").err == ""
    rig.stop()

    assert rig.done("stop") == "Stopped: simulated-1.\n"
    assert not is_running(miner["pid"])
    assert rig.answer("logs", "simulated-1"), "a stopped miner's log stays"
    wait_for("nothing to run", lambda: not rig.processes())


def test_a_command_that_needs_no_miners_leaves_them_alone(make_node: MakeNode) -> None:
    rig = make_node("rig")
    rig.done("node", "init", "--name", "rig-alpha")
    rig.done("profile", "list")
    assert list(rig.places.miners_data.iterdir()) == []
    broken = rig.places.miners_data / "xmrig-1"
    broken.mkdir(mode=0o700)
    (broken / "instance.json").write_text("{")
    assert rig.cli("profile", "list").code == 0
    status = rig.cli("status")
    assert (status.code, "instance.json cannot be read" in status.err) == (1, True), status


def test_a_controller_has_no_miners_of_its_own(make_node: MakeNode) -> None:
    desk = make_node("desk")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    for words in (("status",), ("start", "x"), ("stop",), ("schedule", "show"), ("list",), ("logs", "xmrig-1")):
        ended = desk.cli(*words)
        assert ended.code == 1, words
        assert ended.err.startswith("Error: This node is a controller: it runs no miners of its own."), words


def test_a_schedule_from_afar_is_kept_without_the_controller(make_node: MakeNode) -> None:
    desk, rig = make_node("desk"), make_node("rig")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    desk.serve()
    rig.join(desk, "rig-alpha")
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    desk.done("profile", "create", "day", *SIMULATED)
    desk.done("profile", "create", "weekend", "--miner", "simulated", "--pool", "pool.example.com:4444")
    desk.done("remote", "start", "rig-alpha", "--profile", "day")

    rule = f"{this_hour()} profile:weekend"
    assert desk.done("remote", "schedule", "rig-alpha", "--rule", rule) == "rig-alpha has the schedule.\n"
    problem = "The schedule asks for the profile weekend, and this rig has none of that name."
    shown = wait_for("the lost profile", lambda: _with_problem(desk))
    assert (shown["now"], shown["problem"]) == ("profile:weekend", problem)
    assert desk.rig("rig-alpha")["schedule"] == "profile:weekend"
    assert own_miner(rig)["profileName"] == "day"

    desk.done("remote", "deploy", "rig-alpha", "--profile", "weekend")
    desk.stop()
    switched = wait_for("the other profile", lambda: _running(rig, "weekend"))
    assert switched["name"] == "simulated-1"
    rig.kill()
    rig.serve()
    assert rig.answer("schedule", "show")["now"] == "profile:weekend"
    rig.done("schedule", "clear")
    assert wait_for("the first profile", lambda: _running(rig, "day"))["name"] == "simulated-1"


def _with_problem(desk: NodeProcess) -> Any:
    shown = desk.answer("remote", "schedule", "rig-alpha", "--show")
    return shown if shown["problem"] else None


def _running(rig: NodeProcess, profile: str) -> Any:
    found = own_miner(rig)
    return found if found and found["profileName"] == profile and found["state"] in ("starting", "mining") else None


def test_a_rig_takes_a_schedule_only_from_who_may_control_it(make_node: MakeNode) -> None:
    desk, rig = make_node("desk"), make_node("rig")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    desk.serve()
    rig.join(desk, "rig-alpha")
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    rig.done("peer", "grant", "desk", "observe")
    refused = desk.cli("remote", "schedule", "rig-alpha", "--rule", "otherwise pause")
    assert refused.code == 4, refused
    assert desk.answer("remote", "schedule", "rig-alpha", "--show")["rules"] == []
    assert not rig.places.schedule_file.exists()


def test_a_real_miner_by_local_commands_alone(make_node: MakeNode, chain: Chain, xmrig_program: Path) -> None:
    rig = make_node("rig", env={"MINER_CTRL_XMRIG": str(xmrig_program)})
    rig.done("node", "init", "--name", "rig-alpha")
    rig.done("profile", "create", "solo", "--pool", chain.address, *FOR_XMRIG)
    programs = {each["name"]: each for each in rig.answer("list")}
    assert programs["xmrig"]["installed"]
    assert "pause" in programs["xmrig"]["capabilities"]
    rig.serve()
    assert rig.answer("start", "solo")["miners"] == ["xmrig-1"]
    miner = wait_for("a share", lambda: _hashes(rig), MINES_WITHIN_S, every_s=0.5)
    assert "rx/0" in rig.done("status")
    rig.api.post("/miners/xmrig-1/stdin", {"input": "h"})
    wait_for("the answer to h", lambda: "speed" in rig.done("logs", "xmrig-1", "--lines", "50") or None)
    rig.done("pause")
    wait_for("the pause", lambda: in_state(rig, "paused"))
    rig.done("resume")
    wait_for("it to mine again", lambda: in_state(rig, "mining"))
    assert own_miner(rig)["pid"] == miner["pid"]
    wait_for("a hashrate that is remembered", lambda: _remembered(rig), every_s=0.5)
    with rig.following("logs", "xmrig-1", "--follow") as log:
        log.wait_for("accepted")
        rig.done("stop")
        assert not is_running(miner["pid"])
        log.wait_for("There is no more")
    assert json.loads(rig.done("status", "--json")) == []


def _remembered(rig: NodeProcess) -> bool:
    rig.ask("/miners")
    return any(point["hashrate"] for point in rig.ask("/miners/xmrig-1/hashrate-history"))


def _hashes(rig: NodeProcess) -> Any:
    found = own_miner(rig)
    return found if found and (found.get("hashrate") or 0) > 0 and found.get("shares", 0) > 0 else None
