"""A program run for a moment: bounded in time and output, and quoted without harm."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from miner_ctrl.miners.brief_run import MAX_OUTPUT_BYTES, run_briefly, spoken_lines, without_secrets


def run(folder: Path, shell: str, within_s: float = 60.0) -> tuple[int | None, str]:
    return run_briefly(["/bin/sh", "-c", shell], within_s=within_s, cwd=folder, env={"GIVEN": "yes"})


def test_its_end_and_its_words(tmp_path: Path) -> None:
    assert run(tmp_path, "echo out; echo err >&2; exit 3") == (3, "out\nerr\n")
    assert run(tmp_path, "pwd") == (0, f"{tmp_path}\n")


def test_endless_output_is_cut_and_the_program_ended(tmp_path: Path) -> None:
    code, output = run(tmp_path, "yes", within_s=5)
    assert code is None
    assert len(output) == MAX_OUTPUT_BYTES


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    code, output = run(tmp_path, "sleep 1000 & echo $!; wait", within_s=0.3)
    assert code is None
    state = Path(f"/proc/{int(output)}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_what_left_its_group_and_keeps_its_output_open_holds_up_nobody(tmp_path: Path) -> None:
    code, output = run(tmp_path, "setsid sleep 1000 & echo $!; exit 0", within_s=0.5)
    try:
        assert code is None
    finally:
        os.kill(int(output), signal.SIGKILL)


def test_of_the_environment_only_what_is_needed_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "hush")
    _, output = run(tmp_path, "env")
    assert "GIVEN=yes" in output
    assert "hush" not in output
    assert f"PATH={os.environ['PATH']}" in output


def test_lines_are_plain_text() -> None:
    said = "[2026-11-21 01:02:03\x1b[1;30m.456\x1b[0m] \x1b[1;31mbad\x07 pool\x1b[0m\n\n \x1b[2J\r\n" + "a" * 5000
    assert spoken_lines(said) == ["bad  pool", "a" * 500]


def test_secrets_are_taken_out_as_words() -> None:
    assert without_secrets("user abc of abcdef said a.c", ["", "abc", "a.c"]) == "user … of abcdef said …"
