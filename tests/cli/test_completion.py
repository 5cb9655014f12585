"""Shell completion: the scripts, and the names they ask for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.fake_node import FakeNode, command, environment, run


def complete(home: Path, *words: str) -> list[str]:
    """Return what bash would offer for the last of ``words``."""
    env = environment(
        _MINER_CTRL_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(["miner-ctrl", *words]),
        COMP_CWORD=str(len(words)),
        MINER_CTRL_HOME=str(home),
    )
    done = subprocess.run(command(home)[:3], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_are_completed_without_loading_them(home: Path) -> None:
    assert complete(home, "pro") == ["profile"]
    assert complete(home, "remote", "st") == ["status", "start", "stop"]
    assert "--watch" in complete(home, "remote", "status", "--w")


def test_peers_profiles_and_miners_are_completed_from_the_running_node(node: FakeNode, home: Path) -> None:
    node.on("GET", "/peers", [{"name": "rig-alpha"}, {"name": "rig-beta"}, {"name": "desk"}])
    node.on("GET", "/profiles", [{"name": "my-profile"}])
    rigs = {"ab": {"nodeId": "ab", "nodeName": "rig-alpha", "miners": [{"name": "xmrig-1"}]}}
    node.on("GET", "/remote/stats", rigs)
    assert complete(home, "remote", "start", "rig") == ["rig-alpha", "rig-beta"]
    assert complete(home, "remote", "deploy", "rig-alpha", "rig") == ["rig-beta"]
    assert complete(home, "remote", "start", "rig-alpha", "--profile", "") == ["my-profile"]
    assert complete(home, "remote", "logs", "rig-alpha", "x") == ["xmrig-1"]
    assert complete(home, "remote", "logs", "rig-beta", "x") == []
    assert all(not asked.query for asked in node.asked)


def test_without_a_node_there_are_no_names_and_no_noise(home: Path) -> None:
    assert complete(home, "remote", "start", "rig") == []
    assert not home.exists()


def test_only_names_that_a_shell_reads_as_a_word_are_offered(node: FakeNode, home: Path) -> None:
    node.on("GET", "/peers", [{"name": "rig\x1b[2J"}, {"name": "rig$(reboot)"}, {"name": "rig a"}, {"name": "rig-a"}])
    assert complete(home, "peer", "ping", "r") == ["rig-a"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_its_shell_reads(home: Path, shell: str) -> None:
    ended = run(home, "completion", shell)
    assert ended.code == 0
    assert "_MINER_CTRL_COMPLETE" in ended.out
    found = shutil.which(shell)
    if found is not None:
        subprocess.run([found, "-n"], input=ended.out, text=True, timeout=60, check=True)
