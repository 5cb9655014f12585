"""``start``, ``stop`` and the others for this machine's miners: what the node is asked, and what is shown of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.fake_node import Asked, FakeNode, command, environment, run, run_on_terminal
from tests.cli.test_completion import complete

HOSTILE = "\x1b]0;owned\x07evil\x1b[2J"
DONE = {"status": "done", "minerName": "xmrig-1", "miners": ["xmrig-1"]}


def miner(**changed: Any) -> dict[str, Any]:
    return {
        "name": "xmrig-1",
        "type": "xmrig",
        "state": "mining",
        "hashrate": 12_512.3,
        "shares": 120,
        "rejected": 2,
        "uptime": 8000,
        "pool": "pool.example:3333",
        "algorithm": "rx/0",
        "profileName": "day",
        **changed,
    }


def test_start_takes_the_profile_either_way(node: FakeNode, home: Path) -> None:
    node.on("POST", "/profiles/day/start", DONE)
    ended = run(home, "start", "day")
    assert (ended.code, ended.out, ended.err) == (0, "xmrig-1 runs day.\n", "")
    assert run(home, "start", "--profile", "day", "--replace").code == 0
    assert run(home, "start", "day", "--replace", "xmrig-1").code == 0
    asked = [asked.body for asked in node.asked if asked.method == "POST"]
    assert asked == [{}, {"replace": "*"}, {"replace": "xmrig-1"}]
    for words in ((), ("day", "--profile", "day")):
        ended = run(home, "start", *words)
        assert (ended.code, "Give one profile" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "path", "body", "out"),
    [
        (("stop",), "/miners/stop", {}, "Stopped: xmrig-1.\n"),
        (("stop", "xmrig-1"), "/miners/stop", {"minerName": "xmrig-1"}, "Stopped: xmrig-1.\n"),
        (("restart", "xmrig-1"), "/miners/restart", {"minerName": "xmrig-1"}, "Restarted: xmrig-1.\n"),
        (("pause", "--for", "2h"), "/miners/pause", {"resumeAfterS": 7200}, "Paused for 2h: xmrig-1.\n"),
        (("pause", "xmrig-1"), "/miners/pause", {"minerName": "xmrig-1"}, "Paused: xmrig-1.\n"),
        (("resume",), "/miners/resume", {}, "Resumed: xmrig-1.\n"),
    ],
)
def test_one_or_all(node: FakeNode, home: Path, words: tuple[str, ...], path: str, body: object, out: str) -> None:
    node.on("POST", path, DONE)
    ended = run(home, *words)
    assert (ended.code, ended.out, ended.err) == (0, out, "")
    assert node.asked[-1] == Asked("POST", path, {}, body)
    assert json.loads(run(home, *words, "--json").out) == DONE
    node.on("POST", path, {**DONE, "miners": []})
    assert run(home, *words).out == "No miner runs here.\n"
    node.fails("POST", path, 404, "MINER_NOT_FOUND", "No miner is called xmrig-1 on this rig.")
    failed = run(home, *words)
    assert (failed.code, failed.err) == (1, "Error: No miner is called xmrig-1 on this rig. Do that.\n")


@pytest.mark.parametrize("span", ["", "2", "0h", "1w", "-1h", "367d", "1h30m", "1\u0660h"])
def test_a_pause_lasts_a_length_of_time(home: Path, span: str) -> None:
    ended = run(home, "pause", "--for", span)
    assert (ended.code, "is no length of time" in ended.err) == (2, True), ended


def test_status_shows_each_miner_and_what_is_wrong(node: FakeNode, home: Path) -> None:
    node.on("GET", "/schedule", {"now": "pause"})
    down = miner(name="xmrig-2", state="crashed", hashrate=None, reason=f"It ended. {HOSTILE}", profileName=HOSTILE)
    resting = miner(name="xmrig-4", state="paused", hashrate=500.0, wanted="paused")
    restarted = miner(name="xmrig-5", watch={"restarts": 2, "lastReason": "It hung. Its last words: x / y"})
    node.on("GET", "/miners", [miner(), down, miner(name="xmrig-3", adopted=True), resting, restarted])
    ended = run(home, "status")
    assert ended.code == 0
    row = next(line for line in ended.out.splitlines() if line.startswith("xmrig-1"))
    assert row.split() == ["xmrig-1", "mining", "day", "12.5", "kH/s", "rx/0", "120/2", "2", "h", "pool.example:3333"]
    assert "xmrig-2: It ended. " in ended.out
    assert "xmrig-3: was started by somebody else" in ended.out
    assert "xmrig-4: paused by the schedule" in ended.out
    assert "500 H/s" not in ended.out
    assert "xmrig-5: 2 restarts by the watchdog: It hung.\n" in ended.out
    assert "\x1b" not in ended.out
    node.on("GET", "/miners", [])
    assert "miner-ctrl start PROFILE" in run(home, "status").out


def test_status_fits_a_terminal(node: FakeNode, home: Path) -> None:
    node.on("GET", "/schedule", {"now": "run"})
    node.on("GET", "/miners", [miner(profileName="a-profile-with-a-long-name" * 2)])
    for line in run_on_terminal(home, "status", columns=60).out.splitlines():
        assert len(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()) <= 60


def test_list_says_which_programs_there_are(node: FakeNode, home: Path) -> None:
    programs = [
        {"name": "xmrig", "installed": True, "version": "6.26.0", "capabilities": ["pause", "reload"]},
        {"name": "t-rex", "installed": False, "version": "", "capabilities": []},
    ]
    node.on("GET", "/miners/available", programs)
    lines = run(home, "list").out.splitlines()
    assert lines[1].split() == ["xmrig", "yes", "6.26.0", "pause,", "reload"]
    assert lines[2].split() == ["t-rex", "no", "-", "-"]


def test_logs_are_printed_and_followed(node: FakeNode, home: Path) -> None:
    node.on("GET", "/miners/xmrig-1/logs", ["one", HOSTILE])
    ended = run(home, "logs", "xmrig-1", "--lines", "2")
    assert ended.out == "one\nevil\n"
    assert node.asked[-1].query == {"lines": "2", "format": "text"}
    node.answers.clear()
    node.stream(
        "/miners/xmrig-1/logs", lambda: iter([("lines", {"lines": ["a"]}), ("end", {"reason": "There is no more."})])
    )
    followed = run(home, "logs", "xmrig-1", "--follow")
    assert (followed.code, followed.out, followed.err) == (0, "a\n", "There is no more.\n")


def test_a_token_is_read_from_stdin_or_a_file_and_never_from_the_command_line(
    node: FakeNode, home: Path, tmp_path: Path
) -> None:
    node.on("POST", "/miners/adopt", {**DONE, "status": "adopted"}, 201)
    url = ("adopt", "xmrig", "--url", "http://127.0.0.1:18088")
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    assert "miner-ctrl adopt --release xmrig-1" in run(home, *url, "--token", "-", stdin="from-stdin\n").out
    assert run(home, *url, "--token-file", str(file), "--name", "old").code == 0
    assert run(home, *url).code == 0
    adoption = {"minerType": "xmrig", "url": "http://127.0.0.1:18088"}
    assert [asked.body for asked in node.asked if asked.method == "POST"] == [
        {**adoption, "token": "from-stdin"},
        {**adoption, "token": "from-a-file", "name": "old"},
        adoption,
    ]
    refused = run(home, *url, "--token", "s3cret")
    assert (refused.code, "use --token -" in refused.err, "s3cret" in refused.err) == (2, True, False)
    assert run(home, *url, "--token", "-", "--token-file", str(file)).code == 2
    assert run(home, *url, "--token", "-", stdin="").code == 2
    assert run(home, "adopt", "xmrig").code == 2


def test_an_adopted_miner_is_let_go_of(node: FakeNode, home: Path) -> None:
    node.on("DELETE", "/miners/xmrig-2/adopt", {"status": "released"})
    assert run(home, "adopt", "--release", "xmrig-2").out == "xmrig-2 is let go of; it goes on by itself.\n"
    assert run(home, "adopt", "xmrig", "--release", "xmrig-2").code == 2


def test_own_miners_and_types_are_completed(node: FakeNode, home: Path) -> None:
    node.on("GET", "/miners", [miner(), miner(name="xmrig$(reboot)")])
    node.on("GET", "/miners/available", [{"name": "xmrig", "description": "XMRig"}])
    node.on("GET", "/profiles", [{"name": "day", "minerType": "xmrig"}])
    for words in (("stop",), ("restart",), ("pause",), ("resume",), ("logs",), ("adopt", "--release")):
        assert complete(home, *words, "x") == ["xmrig-1"], words
    assert complete(home, "start", "d") == ["day"]
    assert complete(home, "start", "day", "--replace", "") == ["xmrig-1"]
    assert complete(home, "adopt", "x") == ["xmrig"]


def test_status_through_a_node_loads_nothing_of_the_node(node: FakeNode, home: Path) -> None:
    node.on("GET", "/schedule", {"now": "run"})
    node.on("GET", "/miners", [miner()])
    probe = (
        "import sys; from miner_ctrl.cli.run import run; "
        f"code = run(['--home', {str(home)!r}, 'status']); "
        "print([name for name in sys.modules if name.split('.')[0] in ('msgspec', 'apsw', 'rich', 'asyncio')],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [command(home)[0], "-c", probe], capture_output=True, text=True, timeout=60, check=False, env=environment()
    )
    assert done.stderr == "[]\n"
