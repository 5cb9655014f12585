"""The agent's process: small on a rig, with TLS where it is wanted, and its errors told as a command's are."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, is_running, wait_for

MIB = 2**20
MOST_MIB = 44.0
"""What a rig's agent may hold with a peer and a miner, before its owner asks it for anything: it holds 39 to 40 with
CPython 3.11. Its users are promised 47 (docs/speed.md)."""
UNUSED = ("libssl", "libcrypto", "_ssl", "_hashlib", "transport", "uvloop", "_psutil_linux", "_ctypes")
"""Libraries that a rig without TLS has no use for; ``transport`` is aiofastnet's."""


@pytest.fixture
def desk(make_node: MakeNode) -> NodeProcess:
    """A controller, not serving yet."""
    desk = make_node("desk")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    return desk


@pytest.fixture
def rig(make_node: MakeNode) -> NodeProcess:
    return make_node("rig")


@contextmanager
def serving(rig: NodeProcess, *words: str) -> Iterator[psutil.Process]:
    """Serve a rig that is asked nothing: what answers local requests would be loaded."""
    words = ("--home", str(rig.home), "node", "serve", "--listen", "127.0.0.1:0", *words)
    with rig.log_file.open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "miner_ctrl", *words], stdout=log, stderr=log)
    try:
        wait_for("the rig to serve", lambda: "Serving at" in rig.log() or process.poll() is not None)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        assert process.wait(60) == 0, rig.log()


def mapped(agent: psutil.Process) -> frozenset[str]:
    """The names of the libraries in a process's memory, without what follows the first full stop."""
    return frozenset(Path(each.path).name.partition(".")[0] for each in agent.memory_maps() if ".so" in each.path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_rigs_agent_is_small_and_has_nothing_of_the_command_line(desk: NodeProcess, rig: NodeProcess) -> None:
    desk.serve()
    rig.join(desk, "rig")
    with serving(rig) as agent:
        desk.wait_until_connected("rig")
        config = {"pool": "pool.invalid:3333", "wallet": "nobody"}
        desk.api.post("/remote/rig/start", {"minerType": "simulated", "config": config})
        wait_for("the miner to be seen", lambda: desk.rig("rig")["miners"])
        assert agent.cmdline()[1:4] == ["-P", "-m", "miner_ctrl.agent"]
        assert "picows" in mapped(agent)
        assert not mapped(agent).intersection(UNUSED)
        assert agent.memory_info().rss / MIB < MOST_MIB


def test_a_rigs_agent_speaks_tls_both_ways_where_it_is_wanted(desk: NodeProcess, rig: NodeProcess) -> None:
    keys = {}
    for node in (desk, rig):
        if node is rig:
            node.done("node", "init", "--name", "rig", "--role", "worker")
        made = node.answer("node", "tls")
        keys[node] = (made["fingerprint"], ["--tls-cert", made["certificate"], "--tls-key", made["key"]])
    with ExitStack() as up:
        up.enter_context(serving(desk, *keys[desk][1]))
        [address] = desk.api.get("/node/info").data["addresses"]
        assert address.startswith("wss://")
        token = desk.answer("peer", "invite", "--address", address)["token"]
        rig.done("node", "join", "-", stdin=token)
        up.enter_context(serving(rig, *keys[rig][1]))
        desk.wait_until_connected("rig")
        host, _, port = rig.log().rpartition("wss://")[2].partition("#")[0].rpartition(":")
        certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port)), timeout=30))
        assert rig.answer("node", "info")["tlsFingerprint"] == keys[rig][0]
        assert certificate


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_what_keeps_the_agent_from_starting_is_told_as_a_command_tells_it(rig: NodeProcess, flags: tuple[str]) -> None:
    rig.done("node", "init", "--name", "rig", "--role", "worker")
    rig.places.node_file.write_text("{")
    ended = rig.cli("node", "serve", "--listen", "127.0.0.1:0", *flags)
    assert ended.code == 1
    assert ended.out == ""
    said = json.loads(ended.err)["error"] if flags else ended.err
    assert "node.json cannot be read" in said
    assert "Traceback" not in ended.err


def test_a_second_agent_of_a_home_says_so_and_ends(rig: NodeProcess) -> None:
    rig.done("node", "init", "--name", "rig", "--role", "worker")
    with serving(rig) as agent:
        again = rig.cli("node", "serve", "--listen", "127.0.0.1:0", within_s=60)
        assert is_running(agent.pid)
    assert again.code == 1
    assert "uses this home" in again.err or "in use" in again.err, again


def test_an_agent_finishes_a_replacement_that_the_last_one_had_begun(rig: NodeProcess) -> None:
    rig.done("node", "init", "--name", "rig", "--role", "worker")
    profile = {"id": "p", "name": "wanted", "minerType": "simulated", "config": {"pool": "127.0.0.1:9"}}
    replacing = {"profile": profile, "earlier": {**profile, "name": "earlier", "config": {"pool": "127.0.0.1:11"}}}
    rig.places.replacing_file.write_text(json.dumps(replacing))
    rig.serve()
    [miner] = wait_for("what was wanted to run", lambda: rig.ask("/miners"))
    assert miner["profileName"] == "wanted"
    wait_for("the replacement to be over", lambda: not rig.places.replacing_file.exists())
