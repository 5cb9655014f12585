"""From two fresh homes to a rig under control, over real sockets."""

from __future__ import annotations

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.components.monerod import WALLET, Chain
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, is_running, wait_for

MINES_WITHIN_S = 90.0
FOR_XMRIG = (
    "--miner", "xmrig", "--wallet", WALLET, "--set", "daemon=true", "--set", "coin=monero", "--set", "threads=1",
    "--set", "randomx-mode=light", "--set", "huge-pages=false", "--set", "donate-level=1",
)  # fmt: skip
SIMULATED = ("--miner", "simulated", "--pool", "pool.example.com:3333", "--wallet", "4ABC")


def mined(node: NodeProcess, rig: str, miner: str) -> Any:
    """Return what ``remote status`` says of a miner that hashes and has had a share accepted; ``None`` until then."""
    seen = {one["name"]: one for one in node.rig(rig).get("miners", [])}.get(miner)
    return seen if seen and (seen.get("hashrate") or 0) > 0 and seen.get("shares", 0) > 0 else None


def check_real_mining(controller: NodeProcess, rig: NodeProcess, chain: Chain) -> None:
    """Have ``rig-alpha`` mine on the chain with XMRig, watch it, pause it and stop it, from the controller."""
    height = chain.height()
    controller.done("profile", "create", "solo", "--pool", chain.address, *FOR_XMRIG)
    started = controller.answer("remote", "start", "rig-alpha", "--profile", "solo")
    assert (started["status"], started["minerName"]) == ("started", "xmrig-1")

    with controller.following("remote", "logs", "rig-alpha", "xmrig-1", "--follow") as log:
        miner = wait_for("a share", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S, every_s=0.5)
        assert miner["algorithm"] == "rx/0"
        assert miner["state"] == "mining"
        assert miner["version"].startswith("6.")
        assert is_running(miner["pid"])
        seen = len(log.lines)
        log.wait_for("accepted", after=seen)
    table = controller.done("remote", "status", "rig-alpha")
    assert "rx/0" in table
    assert "H/s" in table

    lines = controller.answer("remote", "logs", "rig-alpha", "xmrig-1", "--lines", "1000")
    for words in ("accepted", "new job", "dataset ready"):
        assert any(words in line for line in lines), words
    assert controller.done("remote", "logs", "rig-alpha", "xmrig-1", "--lines", "2").count("\n") == 2

    controller.done("remote", "pause", "rig-alpha")
    wait_for("the pause", lambda: controller.rig("rig-alpha")["miners"][0]["state"] == "paused")
    assert is_running(miner["pid"])
    controller.done("remote", "resume", "rig-alpha")
    wait_for("it to mine again", lambda: controller.rig("rig-alpha")["miners"][0]["state"] == "mining")
    assert controller.rig("rig-alpha")["miners"][0]["pid"] == miner["pid"]

    assert "Stopped on rig-alpha: xmrig-1." in controller.done("remote", "stop", "rig-alpha")
    assert not is_running(miner["pid"])
    assert controller.rig("rig-alpha").get("miners", []) == []
    wait_for("the keeper to end", lambda: len(rig.processes()) == 1)
    assert chain.height() > height


def test_a_real_miner_from_token_to_stop(make_node: MakeNode, chain: Chain, xmrig_program: Path) -> None:
    controller = make_node("desk")
    rig = make_node("rig", env={"MINER_CTRL_XMRIG": str(xmrig_program)})
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve()
    rig.join(controller, "rig-alpha")
    rig.serve()
    controller.wait_until_connected("rig-alpha")
    check_real_mining(controller, rig, chain)


def test_two_dual_nodes_control_each_other_at_the_same_moment(make_node: MakeNode) -> None:
    left, right = make_node("left"), make_node("right")
    keys = {}
    for node in (left, right):
        keys[node] = b64decode(node.answer("node", "init", "--name", node.home.name)["publicKey"])
        node.serve()
        node.done("profile", "create", f"of-{node.home.name}", *SIMULATED, "--set", f"rig-id={node.home.name}")
    first, second = sorted(keys, key=lambda node: keys[node])  # the session of the first join stands through the second
    first.done("node", "join", "-", stdin=second.invite("--for", "rig"))
    second.done("node", "join", "-", stdin=first.invite("--for", "rig"))
    pairs = ((left, "right"), (right, "left"))
    for node, other in pairs:
        node.wait_until_connected(other)

    with ThreadPoolExecutor(2) as at_once:

        def both(*words: str) -> list[Any]:
            """Run a command on both nodes at once; ``RIG`` stands for the other node, ``OWN`` for its own name."""
            calls = [
                at_once.submit(
                    node.answer, *(word.replace("RIG", other).replace("OWN", node.home.name) for word in words)
                )
                for node, other in pairs
            ]
            return [call.result() for call in calls]

        assert [one["minerName"] for one in both("remote", "start", "RIG", "--profile", "of-OWN")] == [
            "simulated-1"
        ] * 2
        rigs = both("remote", "status", "RIG")
        assert [rig["nodeName"] for rig in rigs] == ["right", "left"]
        assert [rig["miners"][0]["profileName"] for rig in rigs] == ["of-left", "of-right"]
        pids = [rig["miners"][0]["pid"] for rig in rigs]
        assert pids[0] != pids[1]
        assert [one["miners"] for one in both("remote", "stop", "RIG")] == [["simulated-1"]] * 2
    assert [pid for pid in pids if is_running(pid)] == []


def test_commands_without_a_running_node_dial_the_rig_themselves(make_node: MakeNode) -> None:
    controller, rig = make_node("desk"), make_node("rig")
    own = controller.answer("node", "init", "--name", "desk", "--role", "controller")
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    rig.serve()
    controller.done("peer", "add", "--address", rig.address)
    refused = controller.cli("remote", "status", "rig-alpha")
    assert (refused.code, refused.out) == (4, refused.out)
    rig.done("peer", "approve", own["id"])
    controller.done("profile", "create", "sim", *SIMULATED)
    assert controller.answer("remote", "start", "rig-alpha", "--profile", "sim")["minerName"] == "simulated-1"
    wait_for("a share", lambda: mined(controller, "rig-alpha", "simulated-1"))
    assert "accepted" in controller.done("remote", "logs", "rig-alpha", "simulated-1")
    pid = controller.rig("rig-alpha")["miners"][0]["pid"]
    controller.done("remote", "stop", "rig-alpha", "simulated-1")
    assert not is_running(pid)
    assert controller.processes() == []
