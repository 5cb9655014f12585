"""``install``, ``uninstall``, ``update`` and ``doctor`` with a node for the moment: no identity is needed."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.cli.fake_node import FakeNode, run


def archive(folder: Path, version: str) -> Path:
    program = f'#!/bin/sh\necho "XMRig {version}"\n'.encode()
    path = folder / f"xmrig-{version}-linux-static-x64.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        entry = tarfile.TarInfo(f"xmrig-{version}/xmrig")
        entry.size = len(program)
        packed.addfile(entry, io.BytesIO(program))
    return path


def test_a_program_comes_and_goes_on_a_machine_without_an_identity(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("MINER_CTRL_XMRIG", raising=False)
    monkeypatch.chdir(tmp_path)
    name = archive(tmp_path, "6.26.0").name
    installed = run(home, "install", "xmrig", "--file", name)
    assert (installed.code, installed.err) == (0, "")
    assert installed.out.startswith("xmrig 6.26.0 is installed: ")
    diagnosis = json.loads(run(home, "doctor", "--json").out)
    (miner,) = [each for each in diagnosis["installed_miners_info"] if each["type"] == "xmrig"]
    assert (miner["is_installed"], miner["version"]) == (True, "6.26.0")
    assert "miner-programs" not in {each["id"] for each in diagnosis["findings"] if each["severity"] != "ok"}
    assert "asks nobody outside" in run(home, "update").out
    assert run(home, "uninstall", "xmrig").out == "xmrig is removed.\n"
    assert run(home, "uninstall", "xmrig").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of --file"),
        (["--system", "--file", __file__], "one of --file"),
        (["--url", "https://example.org/x"], "--sha256"),
        (["--file", "/not/there"], "--file"),
    ],
)
def test_wrong_usage(home: Path, arguments: list[str], said: str) -> None:
    ended = run(home, "install", "xmrig", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert not home.exists()


def test_bad_values_are_refused_by_the_node(home: Path) -> None:
    url = "https://example.org/x"
    assert run(home, "install", "xmrig", "--url", url, "--sha256", "ab").code == 2
    assert run(home, "install", "no such type", "--url", url, "--sha256", "a" * 64).code == 1
    assert run(home, "install", "simulated", "--url", url, "--sha256", "a" * 64).code == 1


def test_newer_programs_are_listed_with_the_command_that_takes_them(node: FakeNode, home: Path) -> None:
    newer = {
        "installed": "6.22.2",
        "available": "6.26.0",
        "source": "package",
        "fix": "miner-ctrl install xmrig --system",
    }
    node.on("POST", "/update", {"updates_available": {"xmrig": newer}})
    said = run(home, "update").out
    assert said == "xmrig 6.22.2 is installed, 6.26.0 is at hand: miner-ctrl install xmrig --system\n"
