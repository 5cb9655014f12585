"""Nodes that are killed, links that are cut, files that are damaged: what is promised still holds."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.controller.commands import REPEAT_EVERY_S
from tests.components.monerod import Chain
from tests.integration.conftest import MakeNode
from tests.integration.cuttable import Cuttable
from tests.integration.nodes import NodeProcess, Result, is_running, wait_for
from tests.integration.test_rig_under_control import FOR_XMRIG, MINES_WITHIN_S, SIMULATED, mined

BACK_WITHIN_S = 10.0
"""For the session, when a node was away for less than that."""
BACK_LATER_WITHIN_S = 35.0
"""For the session, after any longer time."""


def pair_up(make_node: MakeNode, **for_rig: Any) -> tuple[NodeProcess, NodeProcess]:
    """Return a controller and a rig that joined it, both serving and connected."""
    controller, rig = make_node("desk"), make_node("rig", **for_rig)
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve()
    rig.join(controller, "rig-alpha")
    rig.serve()
    controller.wait_until_connected("rig-alpha")
    return controller, rig


def the_miner(controller: NodeProcess) -> Any:
    """Return the one miner on ``rig-alpha``."""
    [miner] = controller.rig("rig-alpha")["miners"]
    return miner


def written_by_miner(rig: NodeProcess, name: str) -> bytes:
    """Return all that a miner wrote, as its keeper kept it."""
    segments = sorted((rig.places.miners_data / name).glob("log-*"))
    assert segments
    return b"".join(segment.read_bytes() for segment in segments)


# --- sessions come back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("victims", ["desk", "rig", "desk and rig"])
def test_a_killed_node_is_back_within_ten_seconds_and_its_miner_was_never_touched(
    make_node: MakeNode, victims: str, record_property: Callable[[str, object], None]
) -> None:
    controller, rig = pair_up(make_node)
    controller.done("profile", "create", "sim", *SIMULATED)
    controller.done("remote", "start", "rig-alpha", "--profile", "sim")
    before = wait_for("a share", lambda: mined(controller, "rig-alpha", "simulated-1"))
    log_before = written_by_miner(rig, "simulated-1")

    killed = [node for node in (controller, rig) if node.home.name in victims]
    killed_s = time.monotonic()
    for node in killed:
        node.kill()
    for node in killed:
        node.serve()
    rig.wait_until_connected("desk", BACK_WITHIN_S)
    controller.wait_until_connected("rig-alpha", BACK_WITHIN_S)
    away_s = time.monotonic() - killed_s
    record_property("seconds from kill to session", round(away_s, 2))
    assert away_s < BACK_WITHIN_S

    after = the_miner(controller)
    assert (after["name"], after["pid"], after["profileName"]) == ("simulated-1", before["pid"], "sim")
    assert after["state"] == "mining"
    assert after["uptime"] >= before["uptime"]
    assert after["shares"] >= before["shares"]
    assert written_by_miner(rig, "simulated-1").startswith(log_before)
    seen = controller.answer("remote", "logs", "rig-alpha", "simulated-1", "--lines", "10000")
    shares = [int(found[1]) for line in seen if (found := re.search(r"accepted \((\d+)/0\)", line))]
    assert shares == list(range(1, len(shares) + 1))
    controller.done("remote", "stop", "rig-alpha", "simulated-1")
    assert not is_running(before["pid"])


@pytest.mark.parametrize("victim", ["desk", "rig"])
def test_after_a_longer_absence_the_session_is_back_within_35_seconds(
    make_node: MakeNode, victim: str, record_property: Callable[[str, object], None]
) -> None:
    controller, rig = pair_up(make_node)
    node, other, peer = (controller, rig, "desk") if victim == "desk" else (rig, controller, "rig-alpha")
    node.kill()
    wait_for("the other to notice", lambda: not other.is_connected(peer))
    time.sleep(BACK_WITHIN_S + 1)  # being away that long is what is tested
    node.serve()
    took_s = other.wait_until_connected(peer, BACK_LATER_WITHIN_S)
    record_property("seconds from start to session", round(took_s, 2))


def test_a_real_miner_outlives_its_node(make_node: MakeNode, chain: Chain, xmrig_program: Path) -> None:
    controller, rig = pair_up(make_node, env={"MINER_CTRL_XMRIG": str(xmrig_program)})
    controller.done("profile", "create", "solo", "--pool", chain.address, *FOR_XMRIG)
    controller.done("remote", "start", "rig-alpha", "--profile", "solo")
    before = wait_for("a share", lambda: mined(controller, "rig-alpha", "xmrig-1"), MINES_WITHIN_S, every_s=0.5)
    log_before = written_by_miner(rig, "xmrig-1")
    rig.kill()
    assert is_running(before["pid"])
    height = chain.height()
    wait_for("it to mine on alone", lambda: chain.height() > height)
    rig.serve()
    controller.wait_until_connected("rig-alpha", BACK_WITHIN_S)
    after = the_miner(controller)
    assert (after["pid"], after["state"]) == (before["pid"], "mining")
    assert after["uptime"] > before["uptime"]
    assert after["shares"] > before["shares"]
    assert written_by_miner(rig, "xmrig-1").startswith(log_before)
    seen = controller.answer("remote", "logs", "rig-alpha", "xmrig-1", "--lines", "10000")
    shares = [int(found[1]) for line in seen if (found := re.search(r"accepted.* \((\d+)/0\)", line))]
    assert shares == list(range(1, len(shares) + 1))
    controller.done("remote", "stop", "rig-alpha")
    assert not is_running(before["pid"])


def test_a_followed_log_goes_on_through_a_killed_rig_without_gap_or_doubled_line(make_node: MakeNode) -> None:
    controller, rig = pair_up(make_node)
    controller.done("profile", "create", "sim", *SIMULATED)
    controller.done("remote", "start", "rig-alpha", "--profile", "sim")
    with controller.following("remote", "logs", "rig-alpha", "simulated-1", "--follow", "--lines", "10000") as log:
        log.wait_for("accepted (1/0)")
        rig.kill()
        rig.serve()
        controller.wait_until_connected("rig-alpha")
        seen = len(log.lines)
        log.wait_for("accepted", after=seen)
        lines = list(log.lines)
    shares = [int(found[1]) for line in lines if (found := re.search(r"accepted \((\d+)/0\)", line))]
    assert shares == list(range(1, len(shares) + 1))


# --- commands are carried out once ---------------------------------------------------------------------------

SLOW_XMRIG = """#!/bin/sh
case "$*" in
*--version*) echo "XMRig 6.22.2"; exit 0 ;;
*--dry-run*) echo dry >> {said}; while [ -e {hold} ]; do sleep 0.1; done; exit 0 ;;
esac
echo run >> {said}
exec sleep 1000
"""


class SlowXmrig:
    """Stands in for XMRig: reading its configuration takes until ``go_on``; ``said`` tells how often it was run."""

    def __init__(self, folder: Path) -> None:
        self.program, self._said, self._hold = (folder / name for name in ("slow-xmrig", "said", "hold"))
        self._hold.touch()
        self.program.write_text(SLOW_XMRIG.format(said=self._said, hold=self._hold))
        self.program.chmod(0o755)

    def go_on(self) -> None:
        self._hold.unlink()

    def said(self) -> list[str]:
        return self._said.read_text().split() if self._said.exists() else []


def journalled(rig: NodeProcess) -> list[tuple[str, bool]]:
    """Return the commands in the rig's journal: message id, and whether there is an answer."""
    with closing(sqlite3.connect(f"file:{rig.places.worker_database}?mode=ro", uri=True)) as database:
        return database.execute("SELECT id, answer IS NOT NULL FROM command ORDER BY seq").fetchall()


@contextmanager
def in_background(node: NodeProcess, *words: str) -> Iterator[Callable[[], Result]]:
    """Run a command meanwhile; the answer waits for its end."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(node.cli, *words).result


def test_a_command_whose_answer_was_lost_is_not_carried_out_twice(make_node: MakeNode) -> None:
    controller, rig = make_node("desk"), make_node("rig")
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve()
    with closing(Cuttable(controller.address)) as network:
        token = controller.answer("peer", "invite", "--address", network.address)["token"]
        rig.done("node", "join", "-", "--name", "rig-alpha", stdin=token)
        rig.serve()
        controller.wait_until_connected("rig-alpha")
        controller.done("profile", "create", "sim", *SIMULATED)
        controller.done("remote", "deploy", "rig-alpha", "--profile", "sim")
        network.cut_after(250)
        started = controller.answer("remote", "start", "rig-alpha", "--profile", "local:sim")
        assert network.cut.is_set()
        assert (started["status"], started["minerName"]) == ("started", "simulated-1")
        assert the_miner(controller)["name"] == "simulated-1"
        assert [answered for _, answered in journalled(rig)] == [True, True]


def test_a_repeat_while_the_rig_is_at_it_waits_for_the_answer(make_node: MakeNode, tmp_path: Path) -> None:
    xmrig = SlowXmrig(tmp_path)
    controller, _ = pair_up(make_node, env={"MINER_CTRL_XMRIG": str(xmrig.program)})
    controller.done("profile", "create", "solo", "--pool", "127.0.0.1:1", *FOR_XMRIG)
    with in_background(controller, "remote", "start", "rig-alpha", "--profile", "solo", "--json") as end:
        wait_for("the rig to be at it", xmrig.said)
        controller.api.post("/peers/rig-alpha/disconnect")
        controller.wait_until_connected("rig-alpha")
        time.sleep(2 * REPEAT_EVERY_S)  # for a repeat to find it in progress
        xmrig.go_on()
        result = end()
    assert result.code == 0, result
    assert json.loads(result.out)["minerName"] == "xmrig-1"
    assert xmrig.said() == ["dry", "run"]


@pytest.mark.parametrize("moment", ["before the miner runs", "when the miner runs"])
def test_a_rig_killed_in_the_middle_of_a_start_says_that_the_outcome_is_unknown(
    make_node: MakeNode, tmp_path: Path, moment: str
) -> None:
    xmrig = SlowXmrig(tmp_path)
    controller, rig = pair_up(make_node, env={"MINER_CTRL_XMRIG": str(xmrig.program)})
    controller.done("profile", "create", "solo", "--pool", "127.0.0.1:1", *FOR_XMRIG)
    runs = 1 if moment == "when the miner runs" else 0
    with in_background(controller, "remote", "start", "rig-alpha", "--profile", "solo") as end:
        wait_for("the rig to be at it", xmrig.said)
        if runs:
            xmrig.go_on()
            wait_for("the miner to run", lambda: "run" in xmrig.said(), every_s=0.005)
        rig.kill()
        rig.serve()
        result = end()
    assert result.code == 1, result
    assert "whether it took effect is not known" in result.err
    assert xmrig.said() == ["dry", "run"][: 1 + runs]
    assert journalled(rig)[-1][1] == 0
    assert [one["name"] for one in controller.rig("rig-alpha").get("miners", [])] == ["xmrig-1"][:runs]


def test_a_controller_killed_in_the_middle_of_a_start_sends_nothing_again(make_node: MakeNode, tmp_path: Path) -> None:
    xmrig = SlowXmrig(tmp_path)
    controller, rig = pair_up(make_node, env={"MINER_CTRL_XMRIG": str(xmrig.program)})
    controller.done("profile", "create", "solo", "--pool", "127.0.0.1:1", *FOR_XMRIG)
    with in_background(controller, "remote", "start", "rig-alpha", "--profile", "solo") as end:
        wait_for("the rig to be at it", xmrig.said)
        controller.kill()
        result = end()
    assert result.code == 1
    assert "ended before it had answered" in result.err
    controller.serve()
    xmrig.go_on()
    controller.wait_until_connected("rig-alpha")
    wait_for("the miner", lambda: controller.rig("rig-alpha").get("miners"))
    assert the_miner(controller)["name"] == "xmrig-1"
    assert xmrig.said() == ["dry", "run"]
    ids = [id_ for id_, _ in journalled(rig)]
    assert len(ids) == len(set(ids)) == 2  # without the profile, then with it


# --- what was answered is on the disk ------------------------------------------------------------------------


def test_a_peer_added_just_before_a_kill_is_known_afterwards(make_node: MakeNode) -> None:
    controller, rig = make_node("desk"), make_node("rig")
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    for node in (controller, rig):
        node.serve()
    added = controller.api.post("/peers", {"address": rig.address, "name": "alpha"}).data
    controller.kill()
    assert added["state"] == "pending"
    [known] = controller.answer("peer", "list")
    assert (known["name"], known["fingerprint"]) == ("alpha", added["fingerprint"])


def test_after_a_join_both_know_each_other_though_both_are_killed_at_once(make_node: MakeNode) -> None:
    controller, rig = make_node("desk"), make_node("rig")
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    for node in (controller, rig):
        node.serve()
    token = controller.invite()
    rig.api.post("/peers", {"token": token})
    controller.kill()
    rig.kill()
    assert [one["name"] for one in controller.answer("peer", "list")] == ["rig-alpha"]
    [known] = rig.answer("peer", "list")
    assert (known["name"], known["grants"]) == ("desk", ["observe", "control", "install"])


# --- damaged files -------------------------------------------------------------------------------------------


def emptied(data: bytes) -> bytes:
    return b""


def cut_in_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def overwritten(data: bytes) -> bytes:
    return b"\xff" * len(data)


def with_a_torn_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + b"\xa5" * (len(data) - middle)


DAMAGES = (emptied, cut_in_half, overwritten, with_a_torn_middle)
OF_A_NODE = ("config/node.json", "config/trust.json", "data/node/private.key", "data/node/peers.db",
             "data/node/profiles.db", "data/node/worker.db", "data/miners/simulated-1/instance.json")  # fmt: skip


@pytest.fixture(scope="module")
def whole_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a file of every kind: a rig that has run a miner."""
    folder = tmp_path_factory.mktemp("whole")
    with ExitStack() as stack:
        rig = NodeProcess(folder / "rig")
        stack.callback(rig.end)
        rig.done("node", "init", "--name", "rig-alpha", "--trust", "ab" * 32)
        rig.serve()
        controller = NodeProcess(folder / "desk")
        stack.callback(controller.end)
        controller.done("node", "init", "--name", "desk", "--role", "controller")
        controller.serve()
        rig.done("node", "join", "-", stdin=controller.invite())
        controller.wait_until_connected("rig-alpha")
        controller.done("profile", "create", "sim", *SIMULATED)
        controller.done("remote", "deploy", "rig-alpha", "--profile", "sim")
        controller.done("remote", "start", "rig-alpha", "--profile", "sim")
        controller.done("remote", "stop", "rig-alpha")
        rig.stop()
        assert all((rig.home / name).is_file() for name in OF_A_NODE)
        yield rig.home


def check_refused(node: NodeProcess, name: str, data: bytes) -> None:
    """See that the node does not start with the file ``name`` like this, says so, and leaves it as it is."""
    path = node.home / name
    mode = path.stat().st_mode
    path.write_bytes(data)
    result = node.cli("node", "serve", "--listen", "127.0.0.1:0", "--no-api", within_s=20)
    assert result.code == 1, result
    assert str(path) in result.err
    assert "Traceback" not in result.err
    said = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1, result.err
    assert path.read_bytes() == data
    assert path.stat().st_mode == mode
    assert node.processes() == []


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", OF_A_NODE)
def test_a_damaged_file_stops_the_start_and_stays_as_it_is(
    make_node: MakeNode, whole_home: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    node = make_node("node")
    shutil.copytree(whole_home, node.home, symlinks=True)
    check_refused(node, name, damage((node.home / name).read_bytes()))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_plan_for_the_first_start_stops_it(make_node: MakeNode, damage: Callable[[bytes], bytes]) -> None:
    node = make_node("node")
    node.done("node", "init", "--name", "rig-alpha", "--trust", "ab" * 32)
    check_refused(node, "config/first-start.json", damage((node.home / "config/first-start.json").read_bytes()))
    assert not node.places.node_file.exists()
