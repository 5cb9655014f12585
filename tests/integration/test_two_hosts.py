"""A controller and a rig on two hosts with a network of their own, which fails, and where addresses change."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.components.monerod import Chain
from tests.components.namespaces import TwoHosts
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, wait_for
from tests.integration.test_rig_under_control import SIMULATED, check_real_mining, mined

PORT = 9091
LISTEN = f":{PORT}"
NOTICED_WITHIN_S = 35.0
"""An end that goes in silence is noticed after 25 s without a frame."""
BACK_WITHIN_S = 35.0


def reaches(host: str, address: str) -> bool:
    """Return whether a program on ``host`` can open a connection to port ``PORT`` of ``address``."""
    connect = f"import socket; socket.create_connection(({address!r}, {PORT}), 2)"
    command = [*TwoHosts.inside(host), sys.executable, "-c", connect]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def pair_up(
    make_node: MakeNode, hosts: TwoHosts, *, controller_on_left: bool = True, **for_rig: dict[str, str]
) -> tuple[NodeProcess, NodeProcess]:
    """Return a controller on one host and a rig on the other that joined it, both serving and connected."""
    here, there = (hosts.left, hosts.right) if controller_on_left else (hosts.right, hosts.left)
    controller = make_node("desk", inside=hosts.inside(here))
    rig = make_node("rig", inside=hosts.inside(there), **for_rig)
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve(LISTEN)
    address = hosts.LEFT_ADDRESS if controller_on_left else hosts.RIGHT_ADDRESS
    wait_for("the interface to be up", lambda: f"{address}:{PORT}" in controller.ask("/node/info")["addresses"])
    controller.address = f"{address}:{PORT}"
    rig.join(controller, "rig-alpha")
    rig.serve(LISTEN)
    controller.wait_until_connected("rig-alpha")
    return controller, rig


def start_simulated(controller: NodeProcess) -> int:
    """Start a simulated miner on the rig and return its process id once it has a share."""
    controller.done("profile", "create", "sim", *SIMULATED)
    controller.done("remote", "start", "rig-alpha", "--profile", "sim")
    return int(wait_for("a share", lambda: mined(controller, "rig-alpha", "simulated-1"))["pid"])


@pytest.fixture
def rigs_chain(two_hosts: TwoHosts, monerod_program: Path, tmp_path: Path) -> Iterator[Chain]:
    """A private chain on the right host."""
    folder = tmp_path / "rigs-chain"
    folder.mkdir()
    chain = Chain(monerod_program, folder, inside=two_hosts.inside(two_hosts.right))
    chain.start()
    try:
        yield chain
    finally:
        chain.stop()


def test_a_rig_behind_a_home_router_mines_under_control(
    make_node: MakeNode, two_hosts: TwoHosts, rigs_chain: Chain, xmrig_program: Path
) -> None:
    two_hosts.only_outgoing()
    env = {"MINER_CTRL_XMRIG": str(xmrig_program)}
    controller, rig = pair_up(make_node, two_hosts, env=env)
    assert reaches(two_hosts.right, two_hosts.LEFT_ADDRESS)
    assert not reaches(two_hosts.left, two_hosts.RIGHT_ADDRESS)
    check_real_mining(controller, rig, rigs_chain)


def test_after_the_link_was_down_the_session_is_back_by_itself(
    make_node: MakeNode, two_hosts: TwoHosts, record_property: Callable[[str, object], None]
) -> None:
    controller, rig = pair_up(make_node, two_hosts)
    pid = start_simulated(controller)
    with controller.following("remote", "logs", "rig-alpha", "simulated-1", "--follow", "--lines", "10000") as log:
        log.wait_for("accepted (1/0)")
        two_hosts.link(up=False)
        down_s = time.monotonic()
        wait_for("the controller to notice", lambda: not controller.is_connected("rig-alpha"), NOTICED_WITHIN_S)
        wait_for("the rig to notice", lambda: not rig.is_connected("desk"), NOTICED_WITHIN_S)
        record_property("seconds until both noticed", round(time.monotonic() - down_s, 1))
        away = controller.cli("remote", "status", "rig-alpha")
        assert (away.code, "Traceback" in away.err) == (3, False)
        wait_for("more than 30 s to pass", lambda: time.monotonic() - down_s > 32)
        two_hosts.link(up=True)
        took_s = controller.wait_until_connected("rig-alpha", BACK_WITHIN_S)
        record_property("seconds from link to session", round(took_s, 1))
        seen = len(log.lines)
        log.wait_for("accepted", after=seen)
        shares = [int(found[1]) for line in log.lines if (found := re.search(r"accepted \((\d+)/0\)", line))]
    assert shares == list(range(1, len(shares) + 1))
    [miner] = controller.rig("rig-alpha")["miners"]
    assert (miner["pid"], miner["state"]) == (pid, "mining")


def test_a_rig_that_gets_another_address_dials_again(
    make_node: MakeNode, two_hosts: TwoHosts, record_property: Callable[[str, object], None]
) -> None:
    controller, rig = pair_up(make_node, two_hosts, controller_on_left=False)
    pid = start_simulated(controller)
    two_hosts.move_left("10.77.0.9")
    moved_s = time.monotonic()
    wait_for("the rig to notice", lambda: not rig.is_connected("desk"), NOTICED_WITHIN_S)
    rig.wait_until_connected("desk", BACK_WITHIN_S)
    record_property("seconds from move to session", round(time.monotonic() - moved_s, 1))
    wait_for("the controller to ask it", lambda: controller.cli("peer", "ping", "rig-alpha").code == 0)
    [miner] = controller.rig("rig-alpha")["miners"]
    assert (miner["pid"], miner["state"]) == (pid, "mining")


@pytest.mark.parametrize("way", ["by address", "by token"])
def test_when_the_controller_gets_another_address_the_rig_is_told_it(
    make_node: MakeNode, two_hosts: TwoHosts, way: str
) -> None:
    two_hosts.only_outgoing()
    controller, rig = pair_up(make_node, two_hosts)
    pid = start_simulated(controller)
    two_hosts.move_left("10.77.0.9")
    wait_for("the rig to notice", lambda: not rig.is_connected("desk"), NOTICED_WITHIN_S)
    new = f"10.77.0.9:{PORT}"
    if way == "by address":
        assert "desk" in rig.done("peer", "add", "--address", new)
    else:
        token = controller.answer("peer", "invite", "--address", new)["token"]
        rig.done("node", "join", "-", stdin=token)
    rig.wait_until_connected("desk", BACK_WITHIN_S)
    [known] = rig.answer("peer", "list")
    assert (known["address"], known["name"], known["verified"]) == (new, "desk", True)
    assert known["grants"] == ["observe", "control", "install"]
    assert [one["name"] for one in controller.answer("peer", "list")] == ["rig-alpha"]
    [miner] = controller.rig("rig-alpha")["miners"]
    assert (miner["pid"], miner["state"]) == (pid, "mining")
    rig.kill()
    rig.serve()
    controller.wait_until_connected("rig-alpha")  # the new address was kept
