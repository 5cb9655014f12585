"""The unit, read by systemd itself: ``systemd-analyze verify`` on what was made, for the paths that people have."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest

from miner_ctrl.cli.unit_file import NAME, UnitPlan, quoted, unit_file
from miner_ctrl.cli.windows_task import create_command, task_file
from miner_ctrl.errors import BadInput
from tests.components.systemd import Analyze

SERVE = ("-P", "-m", "miner_ctrl", "node", "serve", "--listen", ":9091")
FOLDERS = [
    "plain",
    "with space",
    "100%",
    "%h",
    'quo"te',
    "it's",
    "back\\slash",
    "dollar $HOME",
    "${X}",
    "küche",
    "a;b",
    "#x",
]


def verified(analyze: Analyze, folder: Path, text: str, *, user: bool) -> str:
    """Return what systemd complains of."""
    folder.mkdir(exist_ok=True)
    file = folder / NAME
    file.write_text(text)
    done = subprocess.run(
        [analyze.program, "verify", "--man=no", *(["--user"] if user else []), file],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "LC_ALL": "C", **analyze.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if NAME in line or "miner" in line]
    return "\n".join([*complaints, *([f"code {done.returncode}"] if done.returncode else [])])


@pytest.mark.parametrize(("user", "mines"), [*product([True, False], repeat=2)])
def test_systemd_takes_every_kind(systemd_analyze: Analyze, tmp_path: Path, user: bool, mines: bool) -> None:
    plan = UnitPlan((sys.executable, *SERVE), home=tmp_path / "home", user=user, mines=mines)
    assert verified(systemd_analyze, tmp_path / "unit", unit_file(plan), user=user) == ""


def test_systemd_finds_the_program_and_the_home_whatever_their_names(systemd_analyze: Analyze, tmp_path: Path) -> None:
    for folder in FOLDERS:
        program = tmp_path / folder / "bin" / "python"
        program.parent.mkdir(parents=True)
        shutil.copy(shutil.which("true") or "/bin/true", program)
        plan = UnitPlan((str(program), *SERVE), home=program.parent, user=False, mines=True)
        assert verified(systemd_analyze, tmp_path / "unit", unit_file(plan), user=False) == "", folder


def test_what_systemd_starts_is_the_program_that_was_meant(tmp_path: Path) -> None:
    """Read back as systemd splits words, undone by hand: no systemd runs where tests do."""
    for folder in FOLDERS:
        home = tmp_path / folder
        program = home / "python"
        text = unit_file(UnitPlan((str(program), "-x", folder), home=home, user=False, mines=True))
        line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
        words = [word.replace("%%", "%") for word in shlex.split(line.partition("=")[2])]
        if words[0] == "/usr/bin/env":
            words = [word.replace("$$", "$") for word in words[1:]]
        else:
            words[1:] = [word.replace("$$", "$") for word in words[1:]]
        assert words == [str(program), "-x", folder]
        setting = next(line for line in text.splitlines() if line.startswith("Environment="))
        assert shlex.split(setting.partition("=")[2]) == [f"MINER_CTRL_HOME={home}".replace("%", "%%")]


def test_verify_would_notice(systemd_analyze: Analyze, tmp_path: Path) -> None:
    good = unit_file(UnitPlan((sys.executable, *SERVE), home=None, user=False, mines=True))
    for broken in (
        good.replace("KillMode=process", "KillMode=gently"),
        good.replace("OOMPolicy", "OomPolicy"),
        good.replace(sys.executable, "/nowhere/python"),
        good.replace("Restart=always", "Restart=sometimes"),
    ):
        assert verified(systemd_analyze, tmp_path / "unit", broken, user=False) != ""


@pytest.mark.parametrize("user", [True, False])
def test_miners_outlive_the_agent_and_lose_nothing(user: bool) -> None:
    text = unit_file(UnitPlan((sys.executable, *SERVE), home=None, user=user, mines=True))
    lines = text.splitlines()
    assert {"KillMode=process", "Restart=always", "OOMPolicy=continue", "StartLimitIntervalSec=0"} <= set(lines)
    set_here = {line.partition("=")[0] for line in lines}
    takes_from_miners = {
        "PrivateTmp", "RuntimeDirectory", "PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock",
        "ProtectKernelTunables", "ProtectKernelModules", "MemoryDenyWriteExecute", "NoNewPrivileges", "MemoryMax",
        "CPUQuota", "PrivateUsers", "SystemCallFilter", "CapabilityBoundingSet", "ProtectHome", "ProtectSystem",
    }  # fmt: skip
    assert set_here & takes_from_miners == set()
    assert ("After=network-online.target time-sync.target" in lines) is not user


def test_a_controller_gets_less_and_can_still_write_its_home() -> None:
    def controller(home: str) -> str:
        return unit_file(UnitPlan((sys.executable, *SERVE), home=Path(home), user=False, mines=False))

    assert {"NoNewPrivileges=yes", "ProtectSystem=full", "ProtectHome=read-only"} <= set(
        controller("/var/lib/miner-ctrl").splitlines()
    )
    assert "ProtectHome" not in controller("/root" + "/node")
    assert "ProtectHome" not in controller("/home" + "/ann/node")


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        (":9091", ":9091"),
        ("a b", '"a b"'),
        ("100%", '"100%%"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("", '""'),
    ],
)
def test_words_are_written_so_that_systemd_reads_them_back(word: str, written: str) -> None:
    assert quoted(word) == written


@pytest.mark.parametrize("path", ["/a\nExecStartPre=/bin/false", "/a\rb", "/a\0b", "/a\x1bb", "/a\udcffb"])
def test_a_path_cannot_write_lines_of_its_own(path: str) -> None:
    with pytest.raises(BadInput, match="cannot hold"):
        unit_file(UnitPlan((sys.executable,), home=Path(path), user=True, mines=True))
    with pytest.raises(BadInput, match="cannot hold"):
        unit_file(UnitPlan((path,), home=None, user=True, mines=True))


def test_the_task_of_windows_is_xml_with_the_words_as_windows_splits_them() -> None:
    program = r"C:\Program Files\A & B\python.exe"
    text = task_file([program, "-P", "--home", r"C:\Users\a b\"<x>"])
    tree = ElementTree.fromstring(text)
    spaces = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert tree.findtext(".//t:Exec/t:Command", namespaces=spaces) == program
    assert tree.findtext(".//t:Exec/t:Arguments", namespaces=spaces) == r'-P --home "C:\Users\a b\\\"<x>"'
    assert tree.findtext(".//t:ExecutionTimeLimit", namespaces=spaces) == "PT0S", "not the usual 72 hours"
    assert create_command(r"C:\a b\x.xml") == r'schtasks /Create /TN miner-ctrl /XML "C:\a b\x.xml" /F'
