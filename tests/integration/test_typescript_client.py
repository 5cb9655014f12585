"""A TypeScript client made from the served document compiles in strict mode, and works."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.components.node_js import NodeTools
from tests.integration.paired import Paired, paired

OPTIONS = ("--default-non-nullable", "false")
"""What may be left out of a body has a default, and may be left out in TypeScript too."""
SOURCES = Path(__file__).parents[1] / "typescript"


def compiled(tools: NodeTools, folder: Path, document: object) -> subprocess.CompletedProcess[str]:
    """Make types of ``document`` in ``folder``, compile the program on them and return how that ended."""
    (folder / "openapi.json").write_text(json.dumps(document))
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(tools.folder / "node_modules")
    made = tools.run("openapi-typescript", "openapi.json", "--output", "schema.d.ts", *OPTIONS, cwd=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return tools.run("tsc", "--project", "tsconfig.json", cwd=folder)


def test_a_generated_client_compiles_and_works(node_tools: NodeTools, tmp_path: Path) -> None:
    folder = tmp_path / "client"
    folder.mkdir()
    with paired(tmp_path / "nodes", env={"PATH": "/nonexistent"}) as node:
        done = compiled(node_tools, folder, node.ask("GET", "/openapi.json").data)
        assert done.returncode == 0, done.stdout
        ran = _run(node_tools, folder, node)
        assert ran.returncode == 0, ran.stderr
        lines = ran.stdout.splitlines()
        assert [line.split()[1] for line in lines[:2]] == ["rig-alpha", "rig-beta"]
        assert "200 [ 'cellar' ] undefined" in lines
        assert "done 0 [ 'rig-alpha' ]" in lines


def _run(tools: NodeTools, folder: Path, node: Paired) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tools.node, folder / "out" / "program.js", node.origin],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_document_that_says_less_does_not_compile(node_tools: NodeTools, tmp_path: Path) -> None:
    from miner_ctrl.api.application import BASE_PATH, ROUTES  # noqa: PLC0415 - what is served, without a node
    from miner_ctrl.api.openapi import document  # noqa: PLC0415

    cut = document(ROUTES, BASE_PATH)
    del cut["components"]["schemas"]["RigView"]["properties"]["errorCode"]
    done = compiled(node_tools, tmp_path, cut)
    assert done.returncode != 0
    assert "errorCode" in done.stdout
