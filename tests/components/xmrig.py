"""A real XMRig: the one on PATH, the machine's own package, or Debian 13's in a folder of its own.

``python -m tests.components.xmrig`` prints the path of the program to start.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from tests.components.packages import CannotHave, alone, check_works, unpack

SUITE = "trixie"
PACKAGES = [
    "xmrig",
    "libc6",
    "libfmt10",
    "libhwloc15",
    "libssl3t64",
    "libstdc++6",
    "libgcc-s1",
    "libudev1",
    "libuv1t64",
    "libzstd1",
    "zlib1g",
]
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_LOADER = "ld-linux-x86-64.so.2"


def obtain() -> Path:
    """Return the path of an executable XMRig.

    Raises:
        CannotHave: there is none, and none can be fetched.
    """
    installed = shutil.which("xmrig")
    if installed:
        return Path(installed)
    if platform.machine() != "x86_64":
        raise CannotHave("the packaged XMRig is for x86_64")
    with alone("xmrig") as folder:
        program = folder / "xmrig"
        if not program.exists():
            unpack(PACKAGES, folder, suite=SUITE)
            loader = next(path for path in folder.rglob(_LOADER) if path.is_file())
            program.write_text(
                f'#!/bin/sh\nexec "{loader}" --library-path "{folder / _LIBRARIES}" "{folder}/usr/bin/xmrig" "$@"\n'
            )
            program.chmod(0o755)
        check_works(program, "XMRig ")
        return program


if __name__ == "__main__":
    print(obtain())
