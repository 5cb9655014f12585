"""What is handed on: an sdist, the wheel that is made of it without Node.js, and that wheel installed."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from scripts.page import DIGEST, ROOT
from tests.cli.fake_node import ended_after

PATIENCE_S = 300


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def sdist(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel made of the sdist, where the only Node.js notes that it was started, and fails."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {folder}/started\nexit 1\n")
        (folder / name).chmod(0o755)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-build-isolation", "--no-deps"]
    made = folder / "made"
    run(*pip, "--no-index", "-w", made, sdist, cwd=folder, PATH=f"{folder}:/usr/bin:/bin", NODE=str(folder / "node"))
    assert not (folder / "started").exists()
    (found,) = made.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own; what it needs of others comes from the one that runs these tests."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return folder


def page_of(names: list[str]) -> set[str]:
    """Return the files of the page among the names of an archive."""
    inside = re.compile(r"(?:^|/)miner_ctrl/page/(.+)$")
    return {match[1] for name in names if (match := inside.search(name)) and not name.endswith("/")}


def test_both_hold_the_whole_page_and_the_sdist_its_sources(sdist: Path, wheel: Path, built_page: Path) -> None:
    page = {path.relative_to(built_page).as_posix() for path in built_page.rglob("*") if path.is_file()}
    assert {"index.html", "index.html.gz", "favicon.svg", "manifest.webmanifest", DIGEST} <= page
    with tarfile.open(sdist) as archive:
        of_sdist = [name.partition("/")[2] for name in archive.getnames()]
    with zipfile.ZipFile(wheel) as archive:
        of_wheel = archive.namelist()
        assert archive.read("miner_ctrl/page/index.html") == (built_page / "index.html").read_bytes()
    assert page_of(of_sdist) == page
    assert page_of(of_wheel) == page
    assert not [name for name in of_wheel if not name.startswith(("miner_ctrl/", "miner_ctrl-"))]
    wanted = {"web/index.html", "web/package.json", "web/package-lock.json", "web/.npmrc", "web/vite.config.ts"}
    assert wanted | {"hatch_build.py", "scripts/page.py"} <= set(of_sdist)
    unwanted = re.compile(r"node_modules|\.map$|\.test\.ts$|schema\.d\.ts$|^web/browser/|\.page-")
    assert [name for name in (*of_sdist, *of_wheel) if unwanted.search(name)] == []


def test_a_node_of_the_installed_wheel_serves_the_page(installed: Path, built_page: Path, tmp_path: Path) -> None:
    program, alone = installed / "bin" / "miner-ctrl", {"PATH": "/nonexistent", "HOME": str(tmp_path)}
    place = "import miner_ctrl; print(miner_ctrl.__file__)"
    told = subprocess.run(
        [installed / "bin" / "python", "-P", "-c", place], env=alone, cwd=tmp_path, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert Path(told.stdout.strip()).is_relative_to(installed), "it is the wheel's and not this checkout's"
    words = [str(program), "--home", str(tmp_path / "home"), "serve", "--port", "0", "--listen", "127.0.0.1:0"]
    with ended_after(
        subprocess.Popen(words, env=alone, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ) as node:
        assert node.stdout is not None
        said = next((line for line in node.stdout if "The page" in line), "it ended")
        found = re.search(r"The page: (http://127\.0\.0\.1:\d+)$", said)
        assert found is not None, said
        address = found[1]
        index, text = fetched(f"{address}/rigs/abc"), (built_page / "index.html").read_text()
        assert index == text.encode()
        for name in re.findall(r'(?:src|href)="(/[^"]+)"', text):
            assert fetched(address + name) == (built_page / name.lstrip("/")).read_bytes()


def fetched(address: str) -> bytes:
    """Return what a browser would get."""
    request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
        return gzip.decompress(content) if answer.headers["Content-Encoding"] == "gzip" else content
