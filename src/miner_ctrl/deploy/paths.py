"""Which paths a bundle may hold: those that mean the same on every system, and no two that mean one file somewhere."""

from __future__ import annotations

import re
import unicodedata

from miner_ctrl.deploy.refusals import bad_archive
from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

MAX_PATH_CHARS = 255
MAX_PART_BYTES = 200
MAX_DEPTH = 16
_FORBIDDEN = frozenset('\\:*?"<>|')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def parts_of(path: str) -> tuple[str, ...]:
    """Return the parts of an archive's path; none for the archive's own folder (``./``).

    Raises:
        BadInput: it is not a plain relative path on every system.
    """
    if len(path) > MAX_PATH_CHARS:
        raise bad_archive(f"holds a path of {len(path)} characters, more than {MAX_PATH_CHARS}")
    if path.startswith("/"):
        raise _bad(path, "which is absolute")
    if not path.isprintable():
        raise _bad(path, "which has characters that cannot be printed")
    if any(char in _FORBIDDEN for char in path):
        raise _bad(path, "which has characters that some systems read in another way")
    parts = [part for part in path.removesuffix("/").split("/") if part != "."]
    for part in parts:
        _check_part(path, part)
    if len(parts) > MAX_DEPTH:
        raise _bad(path, f"which is more than {MAX_DEPTH} folders deep")
    return tuple(parts)


def _check_part(path: str, part: str) -> None:
    if part == "":
        raise _bad(path, "which has an empty part")
    if part == "..":
        raise _bad(path, "which leads out of its folder")
    if part[-1] in ". ":
        raise _bad(path, "which has a part that ends with a dot or a space")
    if _RESERVED.fullmatch(part):
        raise _bad(path, "which is the name of a device under Windows")
    if len(part.encode("utf-8", "replace")) > MAX_PART_BYTES:
        raise _bad(path, f"which has a part of more than {MAX_PART_BYTES} bytes")


class Tree:
    """The paths seen so far of one archive: no two may be one file on a system that ignores case or accents' form."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}
        self.directories = 0

    def add(self, parts: tuple[str, ...], *, directory: bool) -> None:
        """Take up one more path, and the folders that lead to it.

        Raises:
            BadInput: another one that was seen collides with it.
        """
        for depth in range(1, len(parts)):
            self._add(parts[:depth], directory=True)
        self._add(parts, directory=directory)

    def _add(self, parts: tuple[str, ...], *, directory: bool) -> None:
        path = "/".join(parts)
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = (path, directory)
            self.directories += directory
        elif seen != (path, directory):
            raise _bad(path, f"beside {one_line(seen[0], 120)!r}, which on some systems is the same file")
        elif not directory:
            raise _bad(path, "which is there twice")


def _bad(path: str, why: str) -> BadInput:
    return bad_archive(f"holds {one_line(path, 120)!r}, {why}")
