"""Where a miner's program is on this machine, and which version it is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from miner_ctrl.errors import NotFound
from miner_ctrl.miners.brief_run import run_briefly
from miner_ctrl.miners.contract import LaunchPlan
from miner_ctrl.model.text import one_line

VERSION_WITHIN_S = 3.0
MAX_PATH_CHARS = 255
MAX_VERSION_CHARS = 41
NAMED, DEPLOYED, ON_PATH = "named", "deployed", "path"

Deployed = Callable[[str], Path | None]
"""The program that a deploy has put here for a miner type."""
FindVersion = Callable[[str], str]
"""The version in what a program says when asked; empty: it is another program."""
_Stamp = tuple[str, int, int]


class Found(NamedTuple):
    """A program, and where it comes from: ``named``, ``deployed`` or ``path``."""

    path: Path
    source: str


def nothing_deployed(_miner_type: str) -> Path | None:
    """Return nothing: no deploy has put a program here."""
    return None


def variable_of(miner_type: str) -> str:
    """Return the environment variable that names the program of this type: ``MINER_CTRL_XMRIG``."""
    return "MINER_CTRL_" + re.sub(r"[^A-Z0-9]", "_", miner_type.upper())


def version_after(pattern: str) -> FindVersion:
    """Return a finder for the version that ``pattern``'s first group matches at the start of a line."""
    compiled = re.compile(pattern, re.MULTILINE)

    def find(said: str) -> str:
        match = compiled.search(said)
        return one_line(match[1], MAX_VERSION_CHARS) if match else ""

    return find


class Program:
    """The program of one miner type: named by its environment variable, else deployed, else on ``PATH``.

    Its version comes from running it with ``version_arguments``, once for each state of the file; ``ends_well``: with
    exit status 0, or it does not count.
    """

    def __init__(
        self,
        miner_type: str,
        names: Sequence[str],
        *,
        title: str,
        how_to_get: str,
        version_arguments: Sequence[str],
        find_version: FindVersion,
        ends_well: bool = True,
        deployed: Deployed = nothing_deployed,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._type = miner_type
        self._names = names
        self._title = title
        self._how_to_get = how_to_get
        self._version_arguments = version_arguments
        self._find_version = find_version
        self._ends_well = ends_well
        self._deployed = deployed
        self._environ = environ
        self._versions: dict[_Stamp, str] = {}

    @property
    def name(self) -> str:
        """What the program is usually called."""
        return self._names[0]

    def placed(self, draft: LaunchPlan) -> LaunchPlan:
        """Return ``draft`` with the path of the working program. Raises as ``require``."""
        return msgspec.structs.replace(draft, argv=(str(self.require()), *draft.argv[1:]))

    def find(self) -> Found | None:
        """Return the program; a name in the environment that leads nowhere is not passed over."""
        named = self._environ.get(variable_of(self._type))
        if named:
            path = executable(Path(named))
            return Found(path, NAMED) if path else None
        deployed = self._deployed(self._type)
        if deployed is not None and (path := executable(deployed)):
            return Found(path, DEPLOYED)
        for name in self._names:
            if on_path := shutil.which(name, path=self._environ.get("PATH", os.defpath)):
                return Found(Path(on_path).absolute(), ON_PATH)
        return None

    def version(self, path: Path) -> str:
        """Return the version; empty when the program does not run, or is another one. Blocks for at most
        ``VERSION_WITHIN_S``."""
        try:
            status = path.stat()
        except OSError:  # removed a moment ago
            return ""
        stamp = (str(path.resolve()), status.st_mtime_ns, status.st_size)
        if stamp not in self._versions:
            self._versions = {stamp: self._ask_version(path)}
        return self._versions[stamp]

    def require(self) -> Path:
        """Return the working program.

        Raises:
            NotFound: there is none; says how to get it.
        """
        found = self.find()
        if found is None:
            named = self._environ.get(variable_of(self._type))
            hint = f": {variable_of(self._type)} names {named}, which is no executable file" if named else ""
            raise self._missing(f"{self._title} is not on this rig{hint}.")
        if not self.version(found.path):
            raise self._missing(f"The program {found.path} is not a working {self._title}.")
        return found.path

    def _ask_version(self, path: Path) -> str:
        argv = (str(path), *self._version_arguments)
        try:
            run = run_briefly(argv, within_s=VERSION_WITHIN_S, cwd=path.parent, env={})
        except OSError:
            return ""
        return self._find_version(run.output) if run.code == 0 or not self._ends_well else ""

    def _missing(self, message: str) -> NotFound:
        return NotFound(
            message,
            suggestion=f"{self._how_to_get}, or name its program in {variable_of(self._type)}.",
            code="MINER_NOT_INSTALLED",
            details={"minerType": self._type},
        )


def executable(path: Path) -> Path | None:
    """Return ``path``, absolute, if it is a file that may be run."""
    return path.absolute() if path.is_file() and os.access(path, os.X_OK) else None
