"""A real browser: the one that ``CHROMIUM`` names, the machine's own Chromium, or Debian's package unpacked.

``python -m tests.components.chromium`` prints the path of the program to start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.components.packages import CannotHave, alone, unpack

NAMED_BY = "CHROMIUM"
"""The environment variable that names a program; ``unpacked`` asks for Debian's package whatever is installed."""
PACKAGES = ["chromium-headless-shell", "fonts-dejavu-core", "fonts-liberation"]
_NOT_NEEDED = (
    "cdebconf", "debconf", "dpkg", "fonts-croscore", "fonts-freefont", "fonts-texgyre", "fonts-urw", "install-info",
    "libelogind", "libgl1", "libglx", "libllvm", "libz3", "lsb-base", "sysvinit", "tar", "ttf-", "x11-", "xdg-utils",
    "xfonts",
)  # fmt: skip
"""What draws on a screen or installs a package: 300 MB."""
_FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir>{folder}/usr/share/fonts</dir>
  <cachedir>{folder}/font-cache</cachedir>
  <alias><family>system-ui</family><prefer><family>Liberation Sans</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Liberation Sans</family></prefer></alias>
  <alias><family>serif</family><prefer><family>Liberation Serif</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""
_START = """#!/bin/sh
FONTCONFIG_FILE="{folder}/fonts.conf" LD_LIBRARY_PATH="{libraries}" exec "{program}" "$@"
"""
_DRAWS = """data:text/html,<canvas id=c width=200 height=40></canvas><script>
const pen = c.getContext("2d"); pen.font = "20px sans-serif"; pen.fillText("Mining", 4, 30);
const dots = pen.getImageData(0, 0, 200, 40).data.filter((value, at) => at %25 4 == 3 && value > 128).length;
document.title = "dots:" + dots;</script>"""
_FEWEST_DOTS = 100
"""The word has about 300 dots; a machine without fonts draws none."""


def obtain() -> Path:
    """Return the path of a Chromium to start.

    Raises:
        CannotHave: there is none, and none can be fetched.
    """
    named = os.environ.get(NAMED_BY, "")
    if named == "unpacked":
        return fetched()
    if named:
        if not os.access(named, os.X_OK):
            raise CannotHave(f"{NAMED_BY} names {named}, which is no program")
        return Path(named)
    installed = shutil.which("chromium")
    return Path(installed) if installed else fetched()


def fetched() -> Path:
    """Return the one of Debian's package. Raises as ``obtain``."""
    with alone("chromium") as folder:
        program = folder / "start"
        if not program.exists():
            unpack(PACKAGES, folder, with_depends=True, without=_NOT_NEEDED)
            _make_startable(folder, program)
        check_draws(program)
        return program


def _make_startable(folder: Path, program: Path) -> None:
    unpacked = next((path for path in folder.rglob("chromium-headless-shell") if _is_binary(path)), None)
    if unpacked is None:
        raise CannotHave("Debian's package has no chromium-headless-shell")
    (folder / "fonts.conf").write_text(_FONTS.format(folder=folder))
    libraries = ":".join(sorted({str(path.parent) for path in folder.rglob("lib*.so*")}))
    program.write_text(_START.format(folder=folder, libraries=libraries, program=unpacked))
    program.chmod(0o755)


def _is_binary(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def check_draws(program: Path) -> None:
    """See that ``program`` runs scripts and draws text.

    Raises:
        CannotHave: it does not.
    """
    with tempfile.TemporaryDirectory() as profile:
        words = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            "--dump-dom", _DRAWS.replace("\n", " "),
        ]  # fmt: skip
        try:
            done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotHave(f"the unpacked Chromium does not start: {error}") from None
    drawn = re.search(r"dots:(\d+)", done.stdout)
    if drawn is None:
        last = " / ".join(done.stderr.strip().splitlines()[-3:])[:500]
        raise CannotHave(f"the unpacked Chromium does not work: it said {last!r}")
    if int(drawn[1]) < _FEWEST_DOTS:
        raise CannotHave("the unpacked Chromium draws no text: it finds no fonts")


if __name__ == "__main__":
    print(obtain())
