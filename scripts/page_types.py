"""Write ``web/src/api/schema.d.ts``: the API's types for the page, from the OpenAPI document (``make page-types``)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from miner_ctrl.api.application import BASE_PATH, ROUTES
from miner_ctrl.api.openapi import document
from scripts.page import ROOT, PageNotBuilt, install_packages

WEB = ROOT / "web"
TARGET = WEB / "src" / "api" / "schema.d.ts"


def written(node: Path, tools: Path, target: Path) -> None:
    """Write the types to ``target`` with the generator in ``tools`` (a ``node_modules`` folder)."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(document(ROUTES, BASE_PATH)))
        generator = (tools / ".bin" / "openapi-typescript").resolve()
        words = (str(source), "--output", str(target), "--default-non-nullable", "false")
        subprocess.run([node, generator, *words], check=True, stdout=subprocess.DEVNULL, cwd=WEB)  # noqa: S603


if __name__ == "__main__":
    try:
        node = install_packages()
    except PageNotBuilt as error:
        sys.exit(str(error))
    written(node.program, WEB / "node_modules", TARGET)
