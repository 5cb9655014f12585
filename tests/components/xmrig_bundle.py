"""The real XMRig as its publisher would give it out: an archive that runs wherever it is unpacked.

``python -m tests.components.xmrig_bundle FOLDER VERSION [MEGABYTES]`` writes one and prints its path.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path

from tests.components.xmrig import _LIBRARIES, _LOADER, obtain

SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/lib/{loader}" --library-path "$here/lib" "$here/bin/xmrig" "$@"
"""


def xmrig_archive(program: Path, into: Path, *, version: str, note: str = "", more_bytes: int = 0) -> Path:
    """Return ``xmrig-<version>.tar.gz`` in ``into``; ``note`` makes its bytes differ from another's.

    ``more_bytes`` of it cannot be made smaller.

    ``program`` is what ``tests.components.xmrig.obtain`` found: a script beside the package's files, or the system's.
    """
    archive, root = into / f"xmrig-{version}-linux.tar.gz", f"xmrig-{version}"
    package = program.parent
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        if (package / _LIBRARIES).is_dir():
            loader = next(path for path in package.rglob(_LOADER) if path.is_file())
            _add(tar, f"{root}/xmrig", SCRIPT.format(loader=_LOADER).encode(), 0o755)
            _add(tar, f"{root}/bin/xmrig", (package / "usr/bin/xmrig").read_bytes(), 0o755)
            _add(tar, f"{root}/lib/{_LOADER}", loader.read_bytes(), 0o755)
            for library in sorted((package / _LIBRARIES).glob("*.so*")):
                if library.is_file() and library.name != _LOADER:  # links too: as plain files
                    _add(tar, f"{root}/lib/{library.name}", library.read_bytes(), 0o644)
        else:
            _add(tar, f"{root}/xmrig", program.read_bytes(), 0o755)
        _add(tar, f"{root}/NOTE", note.encode(), 0o644)
        if more_bytes:
            _add(tar, f"{root}/MORE", os.urandom(more_bytes), 0o644)
    return archive


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    folder, version, megabytes = (*sys.argv[1:], "0")[:3]
    more = int(megabytes) * 1_000_000
    print(xmrig_archive(obtain(), Path(folder), version=version, note=version, more_bytes=more))
