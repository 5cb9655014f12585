"""Scenes in a real browser (``web/browser/scenes``), run from here: a test for each of them, named as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.components.node_js import NodeTools

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
EVIDENCE = ROOT / ".cache" / "browser"
"""Where a scene that fails leaves its screenshots: a folder outside of what git tracks."""
PATIENCE_S = 1500
_TITLE = re.compile(r'^scene\(\s*"((?:[^"\\]|\\.)+)"', re.MULTILINE)


def titles(name: str) -> list[str]:
    """Return the titles of the scenes in the file ``name``."""
    found = [json.loads(f'"{title}"') for title in _TITLE.findall((WEB / "browser" / "scenes" / name).read_text())]
    assert found, f"{name} has no scene"
    assert len(set(found)) == len(found), f"{name} has two scenes of one title"
    return found


def run(name: str, wanted: Iterable[str], tools: NodeTools, chromium: Path, folder: Path) -> Mapping[str, str]:
    """Run those scenes of a file and return title → what failed, empty for nothing; its report goes to ``folder``."""
    report = folder / "report.json"
    only = "|".join(f"^{re.escape(title)}$" for title in wanted)
    words = ["run", "--config", "browser/vitest.config.ts", f"scenes/{name}", "-t", only]
    vitest = tools.folder / "node_modules" / "vitest" / "vitest.mjs"
    with (folder / "output").open("wb") as output:
        subprocess.run(
            [tools.node, vitest, *words, "--reporter=default", "--reporter=json", f"--outputFile.json={report}"],
            cwd=tools.folder, env=environment(tools, chromium),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    said = (folder / "output").read_text(errors="replace")[-4000:]
    assert report.exists(), f"vitest did not run: {said}"
    return {title: _failure(each, said) for title, each in _results(report).items() if each["status"] != "skipped"}


def environment(tools: NodeTools, chromium: Path) -> Mapping[str, str]:
    """Return the environment that ``web/browser/surroundings.ts`` reads."""
    return {
        **os.environ,
        "PATH": f"{tools.node.parent}:{os.environ.get('PATH', '')}",
        "MINER_CTRL_PYTHON": sys.executable,
        "MINER_CTRL_EVIDENCE": str(EVIDENCE),
        "CHROMIUM": str(chromium),
    }


def _results(report: Path) -> Mapping[str, Mapping[str, Any]]:
    files = json.loads(report.read_text())["testResults"]
    return {each["title"]: each for file in files for each in file["assertionResults"]}


def _failure(result: Mapping[str, Any], said: str) -> str:
    if result["status"] == "passed":
        return ""
    return "\n".join(result["failureMessages"]) or f"it {result['status']}: {said}"
