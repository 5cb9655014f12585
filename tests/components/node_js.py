"""Node.js and the packages of ``web/package-lock.json``, in a folder of their own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.components.packages import CannotHave, alone

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
_FILES = ("package.json", "package-lock.json", ".npmrc")
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
    found = subprocess.run(
        ["sh", str(ROOT / "scripts" / "find-node")], capture_output=True, text=True, timeout=60, check=False
    )
    if found.returncode != 0:
        raise CannotHave(found.stderr.strip())
    node = Path(found.stdout.strip())
    digest = hashlib.sha256(b"".join((WEB / name).read_bytes() for name in _FILES)).hexdigest()[:16]
    with alone(f"web-{digest}") as folder:
        if not folder.exists():
            _install(node, folder)
    return NodeTools(node, folder)


def _install(node: Path, into: Path) -> None:
    npm = node.with_name("npm")
    program = [str(npm)] if npm.exists() else [shutil.which("npm") or "npm"]
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as work_name:
        work = Path(work_name) / "web"
        work.mkdir()
        for name in _FILES:
            shutil.copy(WEB / name, work / name)
        environment = {**os.environ, "PATH": f"{node.parent}:{os.environ.get('PATH', '')}"}
        try:
            done = subprocess.run(
                [*program, "ci"], cwd=work, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotHave(f"npm could not be run: {error}") from None
        if done.returncode != 0:
            raise CannotHave(f"npm ci failed: {done.stderr.strip()[-500:]}")
        work.rename(into)
