"""The fuzzing targets find nothing in a short run, and the engine finds what is there to be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fuzz.__main__ import main
from fuzz.engine import Finding, fuzz, mutate, save
from fuzz.targets import Target, targets

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(targets()))
def test_a_short_run_finds_nothing(name: str) -> None:
    assert fuzz(targets()[name], seconds=1.0, seed=1) > len(targets()[name].seeds)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.1", "--plain", "--findings", str(tmp_path / "findings")]) == 0
    assert capsys.readouterr().out.count("nothing found") == len(targets())
    assert not (tmp_path / "findings").exists()


def test_the_command_as_it_is_typed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzz", "--seconds", "0.1", "--plain", "--findings", str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120).returncode == 0


def _fragile(data: bytes) -> None:
    if b"\xff" in data:
        raise IndexError("undocumented")


def test_a_finding_is_kept_and_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fragile = Target("fragile", (b"fine", b"fine too"), _fragile)
    monkeypatch.setattr("fuzz.__main__.targets", lambda: {"fragile": fragile})
    assert main(["--seconds", "20", "--plain", "--findings", str(tmp_path)]) == 1
    [path] = tmp_path.iterdir()
    assert b"\xff" in path.read_bytes()
    printed = capsys.readouterr().err
    assert "IndexError" in printed
    assert str(path) in printed
    with pytest.raises(IndexError):
        main(["--replay", str(path)])


def test_the_same_seed_finds_the_same(tmp_path: Path) -> None:
    fragile = Target("fragile", (b"fine", b"fine too"), _fragile)
    found: list[tuple[int, bytes]] = []
    for seed in (1, 1, 2):
        with pytest.raises(Finding) as caught:
            fuzz(fragile, seconds=20, seed=seed)
        found.append((caught.value.runs, save(caught.value, tmp_path / str(len(found))).read_bytes()))
    assert found[0] == found[1] != found[2]


def test_mutations_stay_small_and_take_empty_seeds() -> None:
    random = Random(1)
    assert all(len(mutate(random, (b"", b"x" * 4000))) <= 4096 for _ in range(2000))
