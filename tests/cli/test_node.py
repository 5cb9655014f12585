"""``node``: joining with a token, showing who this node is."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.fake_node import FakeNode, run

TOKEN_SAYS = {
    "issuerWords": "eight words of the controller",
    "grants": ["observe", "control"],
    "for": "rig",
    "addresses": ["10.0.0.1:9091"],
}
IDENTITY = {"id": "fedcba9876543210", "name": "rig-alpha", "role": "worker", "words": "our own words"}
CONTROLLER = {"id": "0123456789abcdef", "name": "control-center", "state": "connected"}


def a_node_without_identity(node: FakeNode) -> None:
    node.on("POST", "/invites/inspect", TOKEN_SAYS)
    node.on("GET", "/node/info", {"hasIdentity": False})
    node.on("POST", "/node/init", IDENTITY)
    node.on("POST", "/peers", CONTROLLER, 201)


def test_joining_shows_whose_token_it_is_before_anything_is_done(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    ended = run(home, "node", "join", "mc1-token", "--name", "rig-alpha")
    assert ended.code == 0
    done = [(asked.method, asked.path, asked.body) for asked in node.asked]
    assert done == [
        ("POST", "/invites/inspect", {"token": "mc1-token"}),
        ("GET", "/node/info", None),
        ("POST", "/node/init", {"name": "rig-alpha", "role": "worker"}),
        ("POST", "/peers", {"token": "mc1-token"}),
    ]
    assert "eight words of the controller" in ended.out
    assert "observe, control" in ended.out
    assert "Joined control-center" in ended.out


def test_a_token_on_standard_input_is_not_in_the_process_list(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    assert run(home, "node", "join", "-", stdin="mc1-token\n").code == 0
    assert node.asked[0].body == {"token": "mc1-token"}


def test_a_token_that_cannot_be_read_makes_nothing(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    node.fails("POST", "/invites/inspect", 400, "BAD_TOKEN", "This is not a join token.", "Copy the whole of it.")
    ended = run(home, "node", "join", "nonsense")
    assert ended.code == 2
    assert [asked.path for asked in node.asked] == ["/invites/inspect"]


def test_a_join_that_is_refused_says_what_stays(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    node.fails("POST", "/peers", 403, "INVITE_EXPIRED", "The invite has expired.", "Ask for a new one.")
    ended = run(home, "node", "join", "mc1-token")
    assert ended.code == 4
    assert "nothing else was stored" in ended.err
    assert "The invite has expired. Ask for a new one." in ended.err


def test_a_node_with_an_identity_keeps_it(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    node.on("GET", "/node/info", {"hasIdentity": True, "identity": IDENTITY})
    ended = run(home, "node", "join", "mc1-token", "--name", "other")
    assert ended.code == 0
    assert "/node/init" not in [asked.path for asked in node.asked]
    assert "called rig-alpha already" in ended.err


def test_join_and_serve_where_a_node_runs_leaves_it_running(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    node.on("GET", "/node/info", {"hasIdentity": True, "identity": IDENTITY, "serving": True})
    ended = run(home, "node", "join", "mc1-token", "--serve")
    assert ended.code == 0
    assert "runs already" in ended.err


def test_join_as_json_prints_the_peer_alone(node: FakeNode, home: Path) -> None:
    a_node_without_identity(node)
    assert json.loads(run(home, "node", "join", "mc1-token", "--json").out) == CONTROLLER


def test_info_has_what_to_compare_and_where_to_dial(node: FakeNode, home: Path) -> None:
    known = {"serving": True, "addresses": ["192.168.1.5:9091"], "registeredPeers": 3, "connectedPeers": 2}
    node.on("GET", "/node/info", {"hasIdentity": True, "identity": IDENTITY, **known})
    shown = run(home, "node", "info").out
    for text in ("rig-alpha", "fedcba9876543210", "our own words", "192.168.1.5:9091", "3 known, 2 connected"):
        assert text in shown


def test_info_without_identity_says_how_to_make_one(node: FakeNode, home: Path) -> None:
    node.on("GET", "/node/info", {"hasIdentity": False})
    ended = run(home, "node", "info")
    assert ended.code == 0
    assert "node init" in ended.out


def test_init_takes_this_machines_name_unless_told(node: FakeNode, home: Path) -> None:
    node.on("POST", "/node/init", IDENTITY)
    assert run(home, "node", "init").code == 0
    assert list(node.asked[-1].body) == ["name"]
    assert node.asked[-1].body["name"]
    run(home, "node", "init", "--name", "x", "--role", "controller")
    assert node.asked[-1].body == {"name": "x", "role": "controller"}


def test_an_image_gets_trust_and_neither_a_name_nor_keys_of_the_machine_that_builds_it(
    node: FakeNode, home: Path
) -> None:
    node.on("POST", "/node/init", {**IDENTITY, "id": ""})
    ended = run(home, "node", "init", "--trust", "ab" * 32)
    assert node.asked[-1].body == {"trust": "ab" * 32}
    assert "first start" in ended.out
