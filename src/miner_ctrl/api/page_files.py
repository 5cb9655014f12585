"""The built page in memory. Its folder is listed once: what is asked for is looked up among what was found there, and
never becomes a path."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

INDEX = "index.html"
ASSETS = "assets"
"""The folder of files whose names have their hashes in them."""
PACKED = ".gz"
MAX_FILES = 512
MAX_BYTES = 8 * 1024 * 1024
"""Of all files together, packed ones too. The page has a twentieth of it."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,120}")
_MEDIA_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
    ".webmanifest": b"application/manifest+json",
    ".woff2": b"font/woff2",
}
"""What a page is made of; whatever else is in its folder is not served."""

Header = tuple[bytes, bytes]


class Form(NamedTuple):
    """A file as it is sent, with the headers that say how."""

    content: bytes
    tag: str
    headers: tuple[Header, ...]


class PageFile(NamedTuple):
    """A file as it is, and packed with gzip if the build has done so."""

    plain: Form
    packed: Form | None

    def form(self, *, packed: bool) -> Form:
        return self.packed if packed and self.packed is not None else self.plain


def load(folder: Path) -> Mapping[str, PageFile] | None:
    """Return the files of the page in ``folder`` by their addresses (``/assets/x.js``); ``None`` if none was built."""
    try:
        found = dict(_found(folder))
        if len(found) > MAX_FILES or sum(path.stat().st_size for path in found.values()) > MAX_BYTES:
            log.error("What is in the page's folder is too much for a page: it is not served.")
            return None
        contents = {address: path.read_bytes() for address, path in found.items()}
    except (FileNotFoundError, NotADirectoryError):  # never built, or just being replaced
        return None
    files = {
        address: _made(address, content, contents.get(address + PACKED))
        for address, content in contents.items()
        if not address.endswith(PACKED)
    }
    return files if f"/{INDEX}" in files else None


def _found(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield addresses and paths: regular files alone, which links are not, of the folder and of its assets."""
    for place, prefix in ((folder, "/"), (folder / ASSETS, f"/{ASSETS}/")):
        if place is not folder and (place.is_symlink() or not place.is_dir()):
            continue
        for path in sorted(place.iterdir()):
            kind = Path(path.name.removesuffix(PACKED)).suffix
            if _NAME.fullmatch(path.name) and kind in _MEDIA_TYPES and not path.is_symlink() and path.is_file():
                yield prefix + path.name, path


def _made(address: str, content: bytes, packed: bytes | None) -> PageFile:
    lasting = address.startswith(f"/{ASSETS}/")
    headers = (
        (b"content-type", _MEDIA_TYPES[Path(address).suffix]),
        (b"cache-control", b"public, max-age=31536000, immutable" if lasting else b"no-cache"),
        *(() if packed is None else ((b"vary", b"accept-encoding"),)),
    )
    digest = hashlib.sha256(content).hexdigest()[:24]
    plain = Form(content, f'"{digest}"', headers)
    if packed is None:
        return PageFile(plain, None)
    return PageFile(plain, Form(packed, f'"{digest}-gz"', (*headers, (b"content-encoding", b"gzip"))))
