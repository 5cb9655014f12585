"""Debian packages unpacked into a folder of ours: no root, nothing system-wide, no address written down here.

The mirror is the one that the machine's own package sources name; lists and cache are kept in the folder.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PATIENCE_S = 300


class CannotHave(Exception):
    """A real component cannot be had on this machine; the text says why."""


def cache_folder() -> Path:
    """Return where components are kept: ``MINER_CTRL_COMPONENTS``, or ``.cache/components`` of the repository."""
    named = os.environ.get("MINER_CTRL_COMPONENTS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / ".cache" / "components"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Hold the lock of the component ``name`` and yield its folder, which may not be there yet."""
    folder = cache_folder()
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


def unpack(
    packages: Sequence[str],
    into: Path,
    *,
    suite: str | None = None,
    with_depends: bool = False,
    without: Sequence[str] = (),
) -> None:
    """Download ``packages`` and unpack them to ``into``, which appears whole or not at all.

    ``suite`` names another Debian suite to take them from, on the machine's own mirror. ``with_depends`` adds
    everything they depend on but the C library and what begins with one of ``without``.

    Raises:
        CannotHave: this is no Debian machine, or its mirror does not have them.
    """
    if not shutil.which("apt-get") or not KEYRING.exists():
        raise CannotHave("this machine has no Debian package manager")
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as work_name:
        work = Path(work_name)
        options = _own_apt(work, suite)
        _run(["apt-get", *options, "-q", "update"])
        depends = _depends(packages, options) if with_depends else []
        wanted = [*packages, *(name for name in depends if not name.startswith(tuple(without)))]
        downloads = work / "downloads"
        downloads.mkdir()
        _run(["apt-get", *options, "-q", "download", *wanted], cwd=downloads)
        root = work / "root"
        for package in sorted(downloads.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(root)])
        shutil.rmtree(into, ignore_errors=True)
        root.rename(into)


def check_works(program: Path, greeting: str) -> None:
    """See that ``program --version`` says ``greeting`` first.

    Raises:
        CannotHave: it does not.
    """
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        raise CannotHave(f"the unpacked {program.name} does not start: {error}") from None
    if not done.stdout.startswith(greeting):
        raise CannotHave(f"the unpacked {program.name} does not work: it said {done.stdout[:100]!r}")


def _own_apt(work: Path, suite: str | None) -> list[str]:
    for folder in ("lists/partial", "cache/archives/partial", "parts"):
        (work / folder).mkdir(parents=True)
    uri, own_suite = _mirror()
    sources = work / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {uri} {suite or own_suite} main\n")
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": work / "parts",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",
        "Acquire::Retries": 3,
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _mirror() -> tuple[str, str]:
    """Return address and suite of the machine's own main archive."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listed = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    )
    for line in listed.splitlines():
        uri, release, component = ([*line.split(" "), "", ""])[:3]
        if release == codename and component == "main":
            return uri, release
    raise CannotHave("this machine's package sources name no Debian main archive")


def _depends(packages: Sequence[str], options: list[str]) -> list[str]:
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    listed = _run(["apt-cache", *options, "depends", "--recurse", *(f"--no-{kind}" for kind in kinds), *packages])
    found = {line for line in listed.splitlines() if line and not line.startswith((" ", "<", "|"))}
    return sorted(found - set(packages) - {"libc6"})


def _run(command: list[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotHave(f"{command[0]} could not be run: {error}") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise CannotHave(f"{command[0]} failed: {' / '.join(last)[:500]}")
    return done.stdout
