"""Finding XMRig on a machine, and what it says when it is not there or is something else."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import NotFound, OperationFailed
from miner_ctrl.miners.contract import LaunchPlan, MinerApi
from miner_ctrl.miners.xmrig import PROGRAM_VARIABLE, XmrigAdapter
from miner_ctrl.model.profiles import MinerConfig

API = MinerApi(port=1, token="token-1234")
CONFIG = MinerConfig(pool="pool.example:3333", wallet="wallet-abcd", password="password-5678")


def script(path: Path, *lines: str) -> Path:
    """An executable that runs ``lines`` of shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def speaking(path: Path, version: str) -> Path:
    """A program that answers as XMRig of that version."""
    return script(path, f"echo 'XMRig {version} with GCC 14.2.0'", f"echo run >> {shlex.quote(str(path))}.runs")


def runs(program: Path) -> int:
    return len(Path(f"{program}.runs").read_text().splitlines())


def plan(adapter: XmrigAdapter, folder: Path) -> LaunchPlan:
    return adapter.plan(CONFIG, folder=folder, rig_name="rig", api=API)


def test_the_named_one_goes_before_the_deployed_one_before_the_path(tmp_path: Path) -> None:
    on_path = speaking(tmp_path / "bin" / "xmrig", "6.1.0")
    path = {"PATH": str(on_path.parent)}
    found = XmrigAdapter(environ=path).locate()
    assert (found.version, found.source) == ("6.1.0", "path")
    deployed = speaking(tmp_path / "programs" / "xmrig" / "1" / "xmrig", "6.2.0")
    programs = {"xmrig": deployed}.get
    found = XmrigAdapter(programs, environ=path).locate()
    assert (found.path, found.source) == (str(deployed), "deployed")
    named = speaking(tmp_path / "elsewhere" / "my-xmrig", "6.3.0")
    found = XmrigAdapter(programs, environ={**path, PROGRAM_VARIABLE: str(named)}).locate()
    assert (found.installed, found.version, found.path, found.source) == (True, "6.3.0", str(named), "named")


def test_what_is_not_there_is_said_with_how_to_get_it(tmp_path: Path) -> None:
    adapter = XmrigAdapter(environ={"PATH": str(tmp_path)})
    assert not adapter.locate().installed
    with pytest.raises(NotFound, match="not on this rig") as caught:
        plan(adapter, tmp_path)
    assert "apt install xmrig" in caught.value.suggestion
    assert PROGRAM_VARIABLE in caught.value.suggestion


def test_a_wrong_name_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    speaking(tmp_path / "xmrig", "6.1.0")
    adapter = XmrigAdapter(environ={"PATH": str(tmp_path), PROGRAM_VARIABLE: "/nowhere/xmrig"})
    assert not adapter.locate().installed
    with pytest.raises(NotFound, match="/nowhere/xmrig"):
        plan(adapter, tmp_path)


@pytest.mark.parametrize(
    "lines",
    [["echo 'cpuminer 1.0'"], ["echo 'XMRig 6.1.0'", "exit 1"], ["exit 0"], ["printf '\\377\\000'"], ["yes"]],
    ids=["another-program", "fails", "silent", "bytes", "endless"],
)
def test_a_program_that_is_no_working_xmrig_is_not_installed(tmp_path: Path, lines: list[str]) -> None:
    program = script(tmp_path / "xmrig", *lines)
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)})
    assert not adapter.locate().installed
    with pytest.raises(NotFound, match="not a working XMRig"):
        plan(adapter, tmp_path)


def test_a_file_for_another_machine_is_not_installed(tmp_path: Path) -> None:
    program = tmp_path / "xmrig"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))
    program.chmod(0o755)
    assert not XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)}).locate().installed


def test_a_hanging_program_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner_ctrl.miners.program.VERSION_WITHIN_S", 0.3)
    program = script(tmp_path / "xmrig", f"echo $$ > {tmp_path}/pid", "sleep 1000 & wait")
    assert not XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)}).locate().installed
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_version_is_asked_once_for_each_state_of_the_file(tmp_path: Path) -> None:
    program = speaking(tmp_path / "xmrig", "6.22.0")
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)})
    assert [adapter.locate().version for _ in range(3)] == ["6.22.0"] * 3
    assert runs(program) == 1
    speaking(program, "6.26.0")
    os.utime(program, (time.time() + 5, time.time() + 5))
    assert adapter.locate().version == "6.26.0"
    assert runs(program) == 2


async def test_a_refusal_tells_the_programs_words_but_no_secret(tmp_path: Path) -> None:
    program = script(
        tmp_path / "xmrig",
        '[ "$1" = --version ] && echo "XMRig 6.26.0" && exit 0',
        "printf '[2026-11-21 01:02:03.456] \\033[1;31mwallet-abcd and password-5678 with token-1234 are odd\\007\\n'",
        "printf 'unable to open \"~/.xmrig.json\".\\n'",
        "exit 2",
    )
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)})
    made = plan(adapter, tmp_path)
    with pytest.raises(OperationFailed) as caught:
        await adapter.check(made, tmp_path)
    assert "… and … with … are odd" in caught.value.message
    assert ".xmrig.json" not in caught.value.message
    assert caught.value.message.isprintable()


async def test_what_xmrig_quotes_of_the_file_is_left_out(xmrig_program: Path, tmp_path: Path) -> None:
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(xmrig_program)})
    made = plan(adapter, tmp_path)
    broken = made.files["config.json"].replace(b'"pass":', b'"pass"')
    assert broken != made.files["config.json"]
    (tmp_path / "config.json").write_bytes(broken)
    with pytest.raises(OperationFailed) as caught:
        await adapter.check(msgspec.structs.replace(made, files={"config.json": broken}), tmp_path)
    assert "Missing a colon" in caught.value.message
    assert "password-5678" not in caught.value.message


async def test_a_program_that_never_finishes_its_check_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miner_ctrl.miners.xmrig.CHECK_WITHIN_S", 0.3)
    program = script(tmp_path / "xmrig", '[ "$1" = --version ] && echo "XMRig 6.26.0" && exit 0', "sleep 1000")
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)})
    with pytest.raises(OperationFailed, match="did not finish"):
        await adapter.check(plan(adapter, tmp_path), tmp_path)


def test_no_other_configuration_is_used_in_its_place(xmrig_program: Path, tmp_path: Path) -> None:
    """XMRig falls back to files beside its program and in the home: there someone else's wallet may stand."""
    adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(xmrig_program)})
    folder = tmp_path / "instance"
    folder.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    made = plan(adapter, folder)
    (home / ".xmrig.json").write_bytes(made.files["config.json"])
    (folder / "config.json").write_bytes(b"{}")

    def status(env: Mapping[str, str]) -> int:
        argv = (*made.argv, "--dry-run")
        return subprocess.run(argv, env=env, capture_output=True, timeout=60, check=False).returncode

    assert status({"HOME": str(home)}) == 0, "XMRig no longer falls back: the plan need not guard against it"
    assert status({"HOME": str(home), **made.env}) == 2
    assert f"--data-dir={folder}" in made.argv
