"""``service``: what it does where systemd runs (a program of the test in place of ``systemctl``), and elsewhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from miner_ctrl.cli import autostart
from miner_ctrl.cli.run import run as run_here
from tests.cli.fake_node import FakeNode, run

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root: units of the system are root's")


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where systemd runs, as far as the command can see; the answer lists what systemctl was told."""
    told = tmp_path / "told"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {told}\n[ -e {tmp_path}/fails ] && {{ echo no bus >&2; exit 1; }}\nexit 0\n'
    )
    program.chmod(0o755)
    runs = tmp_path / "run-systemd"
    runs.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MINER_CTRL_HOME", raising=False)
    monkeypatch.setattr(autostart, "SYSTEMD_RUNS", runs)
    monkeypatch.setattr(autostart, "SYSTEM_FOLDER", tmp_path / "etc")
    monkeypatch.setattr(autostart, "SYSTEM_HOME", str(tmp_path / "var"))
    return told


def unit_of(tmp_path: Path) -> Path:
    return tmp_path / "config/systemd/user/miner-ctrl.service"


def test_install_writes_enables_starts_and_remove_undoes_it(
    systemctl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(tmp_path / "my home")
    assert run_here(["service", "install", "--user", "--home", home, "--listen", "127.0.0.1:9191"]) == 0
    unit = unit_of(tmp_path)
    text = unit.read_text()
    assert f'Environment="MINER_CTRL_HOME={home}"' in text
    assert "--listen 127.0.0.1:9191" in text
    assert stat.S_IMODE(unit.stat().st_mode) == 0o644
    assert systemctl.read_text().splitlines() == ["--user daemon-reload", "--user enable --now miner-ctrl.service"]
    said = capsys.readouterr()
    assert f"miner-ctrl --home '{home}'" in said.out
    assert "enable-linger" in said.err
    systemctl.unlink()
    assert run_here(["service", "remove", "--user"]) == 0
    assert not unit.exists()
    assert systemctl.read_text().splitlines() == ["--user disable --now miner-ctrl.service", "--user daemon-reload"]
    assert "Miners that ran go on" in capsys.readouterr().out


def test_installing_again_replaces_our_own_unit_alone(
    systemctl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(["service", "install", "--user"]) == 0
    assert run_here(["service", "install", "--user", "--listen", ":9999"]) == 0
    assert ":9999" in unit_of(tmp_path).read_text()
    unit_of(tmp_path).write_text("[Unit]\nDescription=somebody else's\n")
    capsys.readouterr()
    for command in (["service", "install", "--user"], ["service", "remove", "--user"]):
        assert run_here(command) == 1
        assert "written by somebody else" in capsys.readouterr().err
    assert "somebody else's" in unit_of(tmp_path).read_text()
    assert [path.name for path in unit_of(tmp_path).parent.iterdir()] == ["miner-ctrl.service"]


def test_what_systemctl_says_is_told(systemctl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fails").touch()
    assert run_here(["service", "install", "--user"]) == 1
    said = capsys.readouterr().err
    assert "systemctl --user daemon-reload did not work: no bus." in said
    assert str(unit_of(tmp_path)) in said


@needs_root
def test_a_system_unit_has_a_home_of_its_own(
    systemctl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(["service", "install"]) == 0, "root's is the system's, unless told otherwise"
    text = (tmp_path / "etc/miner-ctrl.service").read_text()
    assert f"MINER_CTRL_HOME={tmp_path / 'var'}" in text
    assert systemctl.read_text().splitlines() == ["daemon-reload", "enable --now miner-ctrl.service"]
    assert run_here(["service", "remove"]) == 0
    own = tmp_path / "config/lethean-desktop/node.json"
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    capsys.readouterr()
    assert run_here(["service", "install"]) == 1
    assert "has its identity in" in capsys.readouterr().err
    assert not (tmp_path / "etc/miner-ctrl.service").exists()
    assert run_here(["service", "install", "--home", str(tmp_path / "var")]) == 0


def test_who_is_not_root_hears_what_to_type(
    systemctl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run_here(["service", "install", "--system"]) == 4
    assert "sudo " in capsys.readouterr().err
    assert not systemctl.exists()


def test_a_node_that_runs_by_hand_is_pointed_out(
    systemctl: Path, node: FakeNode, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(["service", "install", "--user", "--home", str(home)]) == 0
    assert "runs already, started by hand" in capsys.readouterr().err


def test_without_systemd_the_command_to_start_is_told_and_nothing_is_written(home: Path) -> None:
    if autostart.SYSTEMD_RUNS.exists():
        pytest.skip("systemd: it runs here")
    ended = run(home, "service", "install")
    assert ended.code == 1
    assert "nothing was installed" in ended.err
    assert f"MINER_CTRL_HOME={home}" in ended.err
    assert "-P -m miner_ctrl node serve --listen :9091" in ended.err


def test_print_needs_no_node_and_makes_no_home(home: Path) -> None:
    ended = run(home, "service", "print", "--user")
    assert (ended.code, ended.err) == (0, "")
    assert f"MINER_CTRL_HOME={home}" in ended.out
    assert not home.exists()
    task = run(home, "service", "print", "--for", "windows")
    assert "<Task " in task.out
    assert "schtasks /Create" in task.err


@pytest.mark.parametrize("arguments", [["--listen", "x y"], ["--role", "boss"]])
def test_wrong_usage(home: Path, arguments: list[str]) -> None:
    assert run(home, "service", "print", *arguments).code == 2


def test_removing_what_is_not_there_names_the_other_kind(systemctl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["service", "remove", "--user"]) == 1
    assert "--system" in capsys.readouterr().err
    assert not systemctl.exists()
