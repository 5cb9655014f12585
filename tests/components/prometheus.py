"""Debian's Prometheus: a server that scrapes, and ``promtool``, which judges pages to scrape and rules to alert by.

``python -m tests.components.prometheus`` prints the folder of both programs.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.components.packages import CannotHave, alone, unpack


class Programs(NamedTuple):
    """Both are static: nothing else is needed."""

    prometheus: Path
    promtool: Path


def obtain() -> Programs:
    """Return the paths of both programs.

    Raises:
        CannotHave: there are none, and none can be fetched.
    """
    installed = [shutil.which(name) for name in Programs._fields]
    if all(installed):
        return Programs(*(Path(str(path)) for path in installed))
    with alone("prometheus") as folder:
        programs = Programs(*(folder / "usr" / "bin" / name for name in Programs._fields))
        if not programs.promtool.exists():
            unpack(["prometheus"], folder)
        for program in programs:
            _check_starts(program)
        return programs


def _check_starts(program: Path) -> None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        raise CannotHave(f"the unpacked {program.name} does not start: {error}") from None
    if f"{program.name}, version" not in done.stdout + done.stderr:
        raise CannotHave(f"the unpacked {program.name} does not work: it said {done.stdout[:100]!r}")


if __name__ == "__main__":
    print(obtain().prometheus.parent)
