"""Node.js and the packages of ``web/package-lock.json``, where the page is built with them too."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from scripts.page import ROOT, PageNotBuilt, build, install_packages
from tests.components.packages import CannotHave

_PATIENCE_S = 300


class NodeTools(NamedTuple):
    """Node.js, and a folder whose ``node_modules`` has what ``web/`` needs."""

    node: Path
    folder: Path

    def run(self, tool: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a package's program to its end."""
        entry = self.folder / "node_modules" / ".bin" / tool
        return subprocess.run(
            [self.node, entry.resolve(), *words],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )


def obtain() -> NodeTools:
    """Return the tools, installed from the lock file if they are not yet.

    Raises:
        CannotHave: there is no Node.js, or the packages cannot be fetched.
    """
    try:
        node = install_packages()
    except PageNotBuilt as error:
        raise CannotHave(str(error)) from None
    return NodeTools(node.program, ROOT / "web")


def page() -> Path:
    """Return the folder of the built page, built anew if it is older than its sources.

    Raises:
        CannotHave: it cannot be built.
    """
    try:
        build()
    except PageNotBuilt as error:
        raise CannotHave(str(error)) from None
    return ROOT / "src" / "miner_ctrl" / "page"
