"""Wrong usage, help, exit codes and where the global options may stand."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from miner_ctrl import __version__
from miner_ctrl.cli.root import root
from miner_ctrl.cli.run import run as run_here
from tests.cli.fake_node import FakeNode, command, environment, run


def every_command(
    found: click.Command = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, found
    if isinstance(found, click.Group):
        context = click.Context(found)
        for name in found.list_commands(context):
            inner = found.get_command(context, name)
            assert inner is not None
            yield from every_command(inner, (*path, name))


COMMANDS = dict(every_command())


def test_the_commands_of_the_contract_are_there() -> None:
    wanted = {
        "node": "init join info serve",
        "peer": "invite invites revoke add list pending approve grant remove ping",
        "remote": "status start stop restart pause resume logs deploy rollback",
        "profile": "create list show edit delete export import history revert fields",
    }
    for group, names in wanted.items():
        assert {(group, name) for name in names.split()} <= COMMANDS.keys()
    assert {("demo",), ("completion",)} <= COMMANDS.keys()


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    found = COMMANDS[path]
    context = click.Context(found, info_name=path[-1])
    text = found.get_help(context)
    assert (found.help or "").strip().split("\n")[0].endswith(".")
    assert "--json" in text
    if not isinstance(found, click.Group):
        examples = text.partition("Example")[2].splitlines()[1:]
        assert examples
        name = "miner-ctrl " + " ".join(path)
        assert all(name in example for example in examples), examples


def test_help_and_version_need_no_home_and_load_no_command() -> None:
    probe = (
        "import sys; from miner_ctrl.cli.run import run; code = run(['--help']); "
        "heavy = [name for name in sys.modules if name.split('.')[0] in "
        "('msgspec', 'cryptography', 'apsw', 'rich', 'http', 'asyncio', 'psutil', 'platformdirs')]; "
        "print(heavy, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Commands:" in done.stdout
    assert done.stderr == "[]\n"


def test_status_through_a_node_loads_nothing_of_the_node(node: FakeNode, home: Path) -> None:
    node.on("GET", "/remote/stats", {})
    probe = (
        "import sys; from miner_ctrl.cli.run import run; "
        f"code = run(['--home', {str(home)!r}, 'remote', 'status']); "
        "heavy = [name for name in sys.modules if name.split('.')[0] in "
        "('cryptography', 'apsw', 'rich', 'asyncio', 'psutil', 'platformdirs', 'segno')]; "
        "print(heavy, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_version(home: Path) -> None:
    assert run(home, "--version").out == f"miner-ctrl {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["remot"], "remote"),
        (["remote", "stat"], "status"),
        (["peer", "lst"], "list"),
        (["peer", "list", "--jsn"], "--json"),
        (["remote", "start", "rig"], "--profile"),
        (["remote", "logs", "rig", "m", "--lines", "0"], "--lines"),
        (["remote", "logs", "rig", "m", "--lines", "10001"], "--lines"),
        (["peer", "add", "--name", "x"], "--address"),
        (["peer", "add", "--address", "a:1", "--token", "t", "--fingerprint", "f"], "not both"),
        (["node", "init", "--role", "boss"], "controller"),
        (["node", "init", "--name", " "], "--name"),
        (["peer", "invite", "--uses", "10001"], "10000"),
        (["node", "serve", "--tls-cert", __file__], "--tls-key"),
        (["node", "join", "t", "--listen", ":1"], "--serve"),
        (["profile", "create", "p", "--pool", "a:1", "--set", "threads"], "KEY=VALUE"),
        (["demo", "--miner", "xmrig"], "--pool"),
        (["demo", "--for", "soon"], "20s"),
        (["completion", "tcsh"], "bash"),
    ],
)
def test_wrong_usage_is_code_2_and_says_what_is_right(home: Path, arguments: list[str], said: str) -> None:
    ended = run(home, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.startswith("Error: ")
    assert ended.err.endswith("--help.\n")
    assert ended.err.count("\n") == 1
    assert not home.exists()


def test_wrong_usage_as_json_is_an_envelope(home: Path) -> None:
    ended = run(home, "peer", "add", "--json")
    assert ended.code == 2
    assert json.loads(ended.err)["code"] == "USAGE"


def test_home_may_stand_before_or_after_and_in_the_environment(node: FakeNode, home: Path, tmp_path: Path) -> None:
    node.on("GET", "/profiles", [])
    plain = [sys.executable, "-m", "miner_ctrl"]
    ways = [
        ([*plain, "--home", str(home), "profile", "list"], {}),
        ([*plain, "profile", "list", "--home", str(home)], {}),
        ([*plain, "profile", "list"], {"MINER_CTRL_HOME": str(home)}),
        ([*plain, "--home", str(home), "profile", "list"], {"MINER_CTRL_HOME": str(tmp_path / "other")}),
    ]
    for arguments, more in ways:
        done = subprocess.run(
            arguments, env=environment(**more), capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "no profiles yet" in done.stdout
    assert len(node.asked) == len(ways)


def test_a_full_disk_is_told_as_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(root, "invoke", full)
    assert run_here(["profile", "list"]) == 1
    said = capsys.readouterr().err
    assert "No space left on device. Make room on the disk" in said
    assert said.count("\n") == 1


def test_a_traceback_is_for_debug_alone(node: FakeNode, home: Path) -> None:
    node.on("GET", "/peers", [{"neither": "name nor id"}])
    quiet, loud = run(home, "peer", "list"), run(home, "peer", "list", "--debug")
    assert quiet.code == loud.code == 1
    assert "Traceback" not in quiet.err
    assert "--debug" in quiet.err
    assert "Traceback" in loud.err


def test_what_is_not_miner_ctrl_at_the_socket_is_said(node: FakeNode, home: Path) -> None:
    node.on("GET", "/peers", "<html>", 500)
    ended = run(home, "peer", "list")
    assert ended.code == 1
    assert "not miner-ctrl" in ended.err


def test_a_node_that_ends_while_it_answers_is_said(node: FakeNode, home: Path) -> None:
    node.cut("/peers")
    ended = run(home, "peer", "list")
    assert ended.code == 1
    assert "ended before it had answered" in ended.err


def test_the_name_of_the_program_is_the_same_as_a_module(home: Path) -> None:
    done = subprocess.run(command(home, "--help"), capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("Usage: miner-ctrl ")


@pytest.mark.parametrize("group", ["node", "peer", "remote", "profile", "bundle", "lock", "service", "schedule"])
def test_a_list_of_commands_cuts_no_sentence(home: Path, group: str) -> None:
    listed = run(home, group, "--help").out.split("Commands:")[1].split("Example")[0]
    assert "..." not in listed


def test_an_option_without_its_value_is_told_of_at_its_command(home: Path) -> None:
    ended = run(home, "profile", "edit", "x", "--name")
    assert (ended.code, ended.err.strip()[-35:]) == (2, "See miner-ctrl profile edit --help.")
