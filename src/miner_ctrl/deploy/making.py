"""Making an offer from an archive as its publisher gives it out: what it holds, and which file is the program."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from miner_ctrl.deploy.digest import Sha256
from miner_ctrl.deploy.paths import parts_of
from miner_ctrl.deploy.program_heads import HEAD_BYTES, Platform, platform_of, this_platform
from miner_ctrl.deploy.refusals import bad_archive
from miner_ctrl.deploy.unpacking import Bounds, walk
from miner_ctrl.errors import BadInput, NotFound
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.model.text import one_line

MOST = Bounds(files=100_000, unpacked_bytes=16 * 2**30)
MAX_ARCHIVE_BYTES = 4 * 2**30
MAX_PROGRAMS_SEEN = 200
_READ_BYTES = 1024 * 1024
_MAGIC = ((b"\x1f\x8b", "tar.gz"), (b"\xfd7zXZ\0", "tar.xz"), (b"BZh", "tar.bz2"), (b"PK\3\4", "zip"))


class _Program(NamedTuple):
    path: str
    platform: Platform


class _Contents(NamedTuple):
    files: int
    unpacked_bytes: int
    programs: tuple[_Program, ...]


def make_offer(
    file: Path,
    *,
    miner_type: str,
    version: str,
    program: str | None = None,
    system: str | None = None,
    architecture: str | None = None,
) -> BundleOffer:
    """Return the unsigned offer of an archive. Without ``program`` it is the file called like the miner type that is
    nearest to the top, or the only program there is; system and architecture are what its first bytes say. Reads
    everything: for a thread.

    Raises:
        NotFound: there is no such file, or no such program in it.
        BadInput: it holds what a bundle may not; type or version cannot be such.
    """
    try:
        with file.open("rb") as opened:
            archive = _archive_of(opened)
            sha256, size_bytes = _digest(opened)
            opened.seek(0)
            contents = _look_through(opened, archive, program)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.", suggestion="Name the archive's file.") from None
    chosen = _choose(contents.programs, program, miner_type)
    here = this_platform()
    fields = {
        "minerType": miner_type,
        "version": version,
        "system": system or chosen.platform.system or here.system,
        "architecture": architecture or chosen.platform.architecture or here.architecture,
        "archive": archive,
        "sha256": sha256,
        "sizeBytes": size_bytes,
        "unpackedBytes": contents.unpacked_bytes,
        "files": contents.files,
        "program": chosen.path,
    }
    try:
        return msgspec.convert(fields, BundleOffer)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"No bundle can be described so: {one_line(str(error), 200)}.",
            suggestion="A type is like xmrig, a version like 6.22.2.",
            code="BAD_OFFER",
        ) from None


def _archive_of(file: BinaryIO) -> str:
    head = file.read(512)
    file.seek(0)
    for magic, archive in _MAGIC:
        if head.startswith(magic):
            return archive
    if head[257:262] == b"ustar":
        return "tar"
    raise bad_archive("is no archive that is taken: tar (plain, gz, xz or bz2) and zip are")


def _digest(file: BinaryIO) -> tuple[str, int]:
    digest, size = Sha256(), 0
    while piece := file.read(_READ_BYTES):
        digest.update(piece)
        size += len(piece)
        if size > MAX_ARCHIVE_BYTES:
            raise bad_archive("is larger than 4 GiB")
    return digest.hexdigest(), size


def _look_through(file: BinaryIO, archive: str, program: str | None) -> _Contents:
    files, size, programs = 0, 0, list[_Program]()
    for parts, entry in walk(file, archive, MOST):
        path, head = "/".join(parts), b""
        for piece in entry.data:
            if len(head) < HEAD_BYTES:
                head += piece[: HEAD_BYTES - len(head)]
        if entry.directory:
            continue
        files, size = files + 1, size + entry.size
        platform = platform_of(head)
        if platform is not None and (len(programs) < MAX_PROGRAMS_SEEN or path == program):
            programs.append(_Program(path, platform))
    if not files:
        raise bad_archive("is empty")
    return _Contents(files, size, tuple(programs))


def _choose(programs: tuple[_Program, ...], program: str | None, miner_type: str) -> _Program:
    if program is not None:
        wanted = "/".join(parts_of(program))
        found = [one for one in programs if one.path == wanted]
    else:
        names = (miner_type, f"{miner_type}.exe")
        found = [one for one in programs if one.path.rpartition("/")[2].lower() in names]
        nearest = min((one.path.count("/") for one in found), default=0)
        found = [one for one in found if one.path.count("/") == nearest]
        if len(found) != 1 and len(programs) == 1:
            found = list(programs)
    if len(found) == 1:
        return found[0]
    seen = ", ".join(one_line(one.path, 80) for one in programs[:5]) or "none"
    raise NotFound(
        f"It is not plain which file of the archive is the program of {one_line(miner_type, 40)}: there are {seen}.",
        suggestion="Say which with --program PATH.",
        code="PROGRAM_NOT_FOUND",
    )
