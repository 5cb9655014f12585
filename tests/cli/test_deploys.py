"""``remote deploy`` of programs, ``remote rollback`` and ``bundle``, against a node with answers put in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fake_node import FakeNode, run, run_on_terminal
from tests.deploy.archives import speaking, tar_of

DONE = {"status": "installed", "minerType": "xmrig", "version": "6.22.2", "restarted": ["xmrig-1"]}
BUNDLE = {
    "sha256": "ab" * 32, "minerType": "xmrig", "version": "6.22.2", "system": "linux", "architecture": "x86_64",
    "sizeBytes": 3_000_000, "signedBy": "",
}  # fmt: skip


def deploying(*states: str, end: tuple[str, object] = ("done", DONE)) -> Iterator[tuple[str, object]]:
    for number, state in enumerate(states):
        yield "progress", {"state": state, "sentBytes": number * 500_000, "totalBytes": 2_000_000}
    yield end


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "xmrig-6.22.2-linux.tar"
    path.write_bytes(tar_of({"x/xmrig": speaking("6.22.2")}))
    return path


def test_each_step_is_a_line_where_nobody_looks(node: FakeNode, home: Path) -> None:
    node.stream("/remote/a/deploy", lambda: deploying("waiting", "offering", "sending", "sending", "away", "sending"))
    ended = run(home, "remote", "deploy", "a", "--miner", "xmrig", "--restart")
    assert (ended.code, ended.out) == (0, "a has xmrig 6.22.2 (restarted: xmrig-1).\n")
    assert ended.err.splitlines() == [
        "a: offered", "a: sending", "a: its link is lost: waiting for it", "a: sending",
    ]  # fmt: skip
    assert node.asked[-1].body == {"minerType": "xmrig", "restart": True, "progress": True}


def test_on_a_terminal_there_is_a_bar_for_each(node: FakeNode, home: Path) -> None:
    for name in ("a", "b"):
        node.stream(f"/remote/{name}/deploy", lambda: deploying("waiting", "sending", "sending", "installing"))
    ended = run_on_terminal(home, "remote", "deploy", "a", "b", "--miner", "xmrig", columns=120)
    assert ended.code == 0
    assert "2.0 MB" in ended.out
    assert "━" in ended.out
    assert "a has xmrig 6.22.2" in ended.out
    assert ended.out.endswith("All 2 have it.\n")


def test_the_first_failure_is_the_exit_code_and_the_others_go_on(node: FakeNode, home: Path) -> None:
    refused = {"error": "No \x1b[2J program.", "code": "REFUSED", "status": 403, "suggestion": "Ask."}
    node.stream("/remote/a/deploy", lambda: deploying("sending", end=("end", refused)))
    node.fails("POST", "/remote/b/deploy", 504, "PEER_UNREACHABLE", "b is away.")
    node.stream("/remote/c/deploy", lambda: deploying("sending"))
    node.stream("/remote/d/deploy", lambda: iter([("end", {"reason": "This node is stopping."})]))
    ended = run(home, "remote", "deploy", "a", "b", "c", "d", "--miner", "xmrig")
    assert ended.code == 4
    assert ended.out.splitlines()[-1] == "1 of 4 rigs have it."
    assert "a: No  program." in ended.err.replace("[2J", " ")
    assert "Error: b is away." in ended.err
    assert "\x1b[2J" not in ended.err
    assert "d: The node stopped" in ended.err


def test_json_is_what_the_api_answers_one_a_line(node: FakeNode, home: Path) -> None:
    for name in ("a", "b"):
        node.stream(f"/remote/{name}/deploy", lambda: deploying("sending"))
    ended = run(home, "remote", "deploy", "a", "b", "--miner", "xmrig", "--json")
    assert [json.loads(line) for line in ended.out.splitlines()] == [DONE, DONE]
    assert ended.err == ""


@pytest.mark.parametrize(
    "words",
    [
        ["remote", "deploy", "a"],
        ["remote", "deploy", "a", "--miner", "xmrig", "--profile", "p"],
        ["remote", "deploy", "a", "--profile", "p", "--restart"],
        ["remote", "rollback", "a"],
        ["bundle", "add", "x-1.0.tar"],
        ["bundle", "sign", "x-1.0.tar", "--key", "k", "-o", "o"],
    ],
)
def test_wrong_usage(node: FakeNode, home: Path, words: list[str]) -> None:
    assert run(home, *words).code == 2
    assert not [asked for asked in node.asked if asked.method == "POST"]


def test_rollback_of_several(node: FakeNode, home: Path) -> None:
    answer = {"status": "rolled back", "minerType": "xmrig", "version": "6.22.1", "restarted": []}
    node.on("POST", "/remote/a/rollback", answer)
    node.fails("POST", "/remote/b/rollback", 404, "NO_EARLIER_VERSION", "No earlier version of xmrig.")
    ended = run(home, "remote", "rollback", "a", "b", "--miner", "xmrig")
    assert ended.code == 1
    assert ended.out.splitlines() == ["a is back at xmrig 6.22.1.", "1 of 2 rigs have it."]
    assert "b: No earlier version" in ended.err


def test_an_archive_is_put_where_the_node_takes_it_from(node: FakeNode, home: Path, archive: Path) -> None:
    node.on("POST", "/bundles", BUNDLE, 201)
    node.stream("/remote/a/deploy", lambda: deploying("sending"))
    ended = run(home, "remote", "deploy", "a", "--miner", "xmrig", "--file", str(archive))
    assert ended.code == 0
    added, deployed = node.asked[-2:]
    assert added.body["version"] == "6.22.2"
    assert added.body["file"].isalnum()
    assert deployed.body == {"sha256": "ab" * 32, "restart": False, "progress": True}
    assert list((home / "data/bundles/incoming").iterdir()) == [], "what the node has not taken is removed"


def test_a_file_that_tells_no_version_needs_one(node: FakeNode, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "xmrig.tar"
    path.write_bytes(b"x")
    ended = run(home, "bundle", "add", str(path), "--miner", "xmrig")
    assert ended.code == 2
    assert "--version" in ended.err


def test_bundles_are_listed_and_removed(node: FakeNode, home: Path) -> None:
    node.on("GET", "/bundles", [BUNDLE, {**BUNDLE, "signedBy": "AAAA", "version": "\x1b[31m1"}])
    shown = run(home, "bundle", "list").out
    assert "3.0 MB" in shown
    assert "an operator" in shown
    assert "\x1b" not in shown
    node.on("DELETE", "/bundles/abab", BUNDLE)
    assert "xmrig 6.22.2 is removed" in run(home, "bundle", "remove", "abab").out
    node.on("GET", "/bundles", [])
    assert "bundle add" in run(home, "bundle", "list").out
