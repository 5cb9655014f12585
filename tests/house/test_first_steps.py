"""What a fresh machine meets first: finding a Python, the one environment, the launcher."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

FIND = ROOT / "scripts" / "find-python"


def find_python(*candidates: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(FIND), *candidates]
    return subprocess.run(command, env={"PATH": path}, check=False, capture_output=True, text=True)


def program(directory: Path, name: str, source: str) -> str:
    """Write an executable shell script and return its path."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{source}\n")
    path.chmod(0o755)
    return str(path)


def test_the_python_that_was_named_is_taken() -> None:
    found = find_python(sys.executable)
    assert (found.returncode, found.stdout.strip()) == (0, sys.executable)


def test_one_that_does_not_run_or_is_too_old_is_passed_over(tmp_path: Path) -> None:
    broken = program(tmp_path, "python3.13", "exit 127")
    old = program(tmp_path, "python3.12", f'exec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"')
    assert find_python(broken, old, sys.executable).stdout.strip() == sys.executable


def test_without_one_it_says_what_to_install(tmp_path: Path) -> None:
    found = find_python(path=str(tmp_path))
    assert found.returncode == 1
    assert found.stdout == ""
    assert "apt install python3 python3-venv" in found.stderr


def test_launcher_and_makefile_share_one_environment() -> None:
    stamps = {name: re.findall(r"\.installed-run\b", (ROOT / name).read_text()) for name in ("Makefile", "miner-ctrl")}
    assert all(stamps.values())


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^make test ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
