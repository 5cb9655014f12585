"""The checkout as the house rules see it: tracked files, Python modules, parsed sources."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "miner_ctrl"


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that git tracks and that are there, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (ROOT / (path := Path(name))).is_file())


def texts(*suffixes: str) -> Iterator[tuple[Path, str]]:
    """Yield the tracked text files (of the given suffixes, or all) with their content."""
    for path in tracked():
        if not suffixes or path.suffix in suffixes:
            try:
                yield path, (ROOT / path).read_text("utf-8")
            except UnicodeDecodeError:
                continue


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Yield the modules of the product, parsed, relative to the root."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))
