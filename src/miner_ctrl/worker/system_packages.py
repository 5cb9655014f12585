"""The system's own packages of miner programs. Nothing here asks the network but an installation that was asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from miner_ctrl.errors import NotFound, OperationFailed, Refused
from miner_ctrl.model.text import one_line

PACKAGES: Mapping[str, str] = {"xmrig": "xmrig"}
"""Miner types that distributions have packages of."""
INSTALL_WITHIN_S = 1800.0
ASK_WITHIN_S = 30.0
_TELLS = (
    ("dnf", "sudo dnf install {package}"),
    ("pacman", "sudo pacman -S {package}"),
    ("zypper", "sudo zypper install {package}"),
    ("apk", "sudo apk add {package}"),
    ("brew", "brew install {package}"),
    ("winget", "winget install {package}"),
)


class SystemPackages:
    """apt on Debian and its kin; of other package managers only what to type is known. ``path`` is where programs are
    looked for, ``root`` whether this process may install."""

    def __init__(self, *, path: str | None = None, root: bool | None = None) -> None:
        self._path = path
        self._root = (sys.platform != "win32" and os.geteuid() == 0) if root is None else root

    def install(self, miner_type: str) -> str:
        """Install the package of ``miner_type`` and return its name. Blocks.

        Raises:
            NotFound: the system has no such package, or no package manager that is known.
            Refused: this process may not; says what to type.
            OperationFailed: the package manager failed; in its own words.
        """
        package = PACKAGES.get(miner_type)
        if package is None:
            raise NotFound(
                f"No distribution has a package of {one_line(miner_type, 32)} that is known here.",
                suggestion=f"Use --file or --url with its publisher's archive: miner-ctrl install {miner_type} --help.",
                code="NO_PACKAGE",
            )
        apt = self._program("apt-get")
        if apt is None:
            raise self._told(package)
        command = (apt, "install", "-y", "--no-install-recommends", package)
        if not self._root:
            raise Refused(
                "Installing a package of the system takes root, and this node is not.",
                suggestion=f"Run: sudo {' '.join(('apt-get', *command[1:]))}",
                code="NOT_ROOT",
            )
        code, output = self._run((*command, "-qq", "-o", "Dpkg::Use-Pty=0"), INSTALL_WITHIN_S)
        if code != 0:
            raise OperationFailed(
                f"apt-get could not install {package}: {_last_words(output)}.",
                suggestion="Run `sudo apt-get update` first; not every release has the package.",
                code="PACKAGE_FAILED",
            )
        return package

    def newer(self, miner_type: str, program: str) -> tuple[str, str] | None:
        """Return installed and newer version of the package that ``program`` comes from, by what the system's own
        lists say; ``None``: there is none. Blocks, for a moment."""
        package = PACKAGES.get(miner_type)
        cache, dpkg = self._program("apt-cache"), self._program("dpkg")
        if package is None or cache is None or dpkg is None or not program.startswith("/usr/"):
            return None
        code, output = self._run((cache, "policy", package), ASK_WITHIN_S)
        installed, candidate = parse_policy(output)
        if code != 0 or not installed or not candidate:
            return None
        newer, _ = self._run((dpkg, "--compare-versions", candidate, "gt", installed), ASK_WITHIN_S)
        return (installed, candidate) if newer == 0 else None

    def _told(self, package: str) -> Refused | NotFound:
        for manager, command in _TELLS:
            if self._program(manager) is not None:
                return Refused(
                    f"Packages are installed by {manager} here, which miner-ctrl does not run itself.",
                    suggestion=f"Run: {command.format(package=package)}",
                    code="RUN_IT_YOURSELF",
                )
        return NotFound(
            "This system has no package manager that is known here.",
            suggestion="Use --file or --url with the archive of the program's publisher.",
            code="NO_PACKAGE",
        )

    def _program(self, name: str) -> str | None:
        return shutil.which(name, path=self._path)

    @staticmethod
    def _run(command: Sequence[str], within_s: float) -> tuple[int, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "http_proxy", "https_proxy") if name in os.environ}
        try:
            done = subprocess.run(  # noqa: S603 - fixed words; the package's name is one of ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=within_s,
                check=False,
                env={**kept, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            )
        except subprocess.TimeoutExpired:
            return -1, "it did not end"
        except OSError as error:
            return -1, str(error.strerror)
        return done.returncode, done.stdout[-65536:].decode("utf-8", "replace")


def parse_policy(output: str) -> tuple[str, str]:
    """Return installed and candidate version of what ``apt-cache policy`` says; empty for none."""
    found = {"Installed": "", "Candidate": ""}
    for line in output.splitlines():
        key, _, value = line.strip().partition(":")
        if key in found and not found[key]:
            found[key] = "" if value.strip() == "(none)" else one_line(value.strip(), 100)
    return found["Installed"], found["Candidate"]


def _last_words(output: str) -> str:
    lines = [one_line(line, 300).strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")]
    return " / ".join((errors or lines)[-2:]) or "it gave no reason"
