"""A real ``systemd-analyze``: the one on PATH, or the machine's own package unpacked into a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.components.packages import CannotHave, alone, check_works, unpack

PACKAGE = "systemd"


class Analyze(NamedTuple):
    """The program, and the environment it needs beside the usual one."""

    program: Path
    environment: Mapping[str, str]


def obtain() -> Analyze:
    """Return a ``systemd-analyze`` that works.

    Raises:
        CannotHave: there is none, and none can be fetched.
    """
    installed = shutil.which("systemd-analyze")
    if installed:
        return Analyze(Path(installed), {})
    return fetched()


def fetched() -> Analyze:
    """Return the one of Debian's package. Raises as ``obtain``."""
    with alone("systemd") as folder:
        program = folder / "systemd-analyze"
        if not program.exists():
            unpack([PACKAGE], folder, with_depends=True)
            unpacked = next((path for path in folder.rglob("bin/systemd-analyze") if path.is_file()), None)
            if unpacked is None:
                raise CannotHave("Debian's package has no systemd-analyze")
            libraries = sorted({str(path.parent) for path in folder.rglob("lib*.so*")})
            program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{":".join(libraries)}" exec "{unpacked}" "$@"\n')
            program.chmod(0o755)
        check_works(program, "systemd ")
        units = next(path for path in folder.rglob("systemd/system/multi-user.target")).parent
        return Analyze(program, {"SYSTEMD_UNIT_PATH": str(units)})
