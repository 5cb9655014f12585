"""The bytes of a compressed file, as many at a time as are asked for, and never more in all than was allowed."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from miner_ctrl.deploy.refusals import bad_archive, cut_off

READ_BYTES = 256 * 1024
XZ_MEMORY_BYTES = 100 * 1024 * 1024
"""What unpacking may take: ``xz -9`` asks for 65 MB; a header may ask for 4 GB."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib with the face of the other two."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        tail = self._inner.unconsumed_tail
        return self._inner.decompress(tail + data if tail else data, max_length)


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "tar.gz": _Gzip,
    "tar.xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES),
    "tar.bz2": bz2.BZ2Decompressor,
}


class Stream:
    """What a file holds once decompressed. Reading over ``limit`` bytes in all is refused."""

    def __init__(self, file: BinaryIO, archive: str, *, limit: int) -> None:
        make = _DECOMPRESSORS.get(archive)
        self._pieces = _plain(file) if make is None else _decompressed(file, make)
        self._piece = memoryview(b"")
        self._left = limit

    def some(self, most: int) -> memoryview:
        """Return from 1 to ``most`` bytes; none at the end.

        Raises:
            BadInput: the compressed file is damaged or cut off, or holds more than the limit.
        """
        if not self._piece:
            self._piece = memoryview(self._next())
            self._left -= len(self._piece)
            if self._left < 0:
                raise bad_archive("holds more than its description says")
        taken, self._piece = self._piece[:most], self._piece[most:]
        return taken

    def exactly(self, size: int) -> bytes:
        """Return ``size`` bytes. Raises as ``some``, and if it ends before."""
        parts: list[memoryview] = []
        while size:
            part = self.some(size)
            if not part:
                raise cut_off()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _next(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except (zlib.error, lzma.LZMAError, EOFError, ValueError):
            raise bad_archive("is damaged: it cannot be decompressed") from None


def _plain(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(READ_BYTES):
        yield piece


def _decompressed(file: BinaryIO, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Yield what each of the compressed parts of ``file`` holds; between and after them only zeros may stand."""
    data = file.read(READ_BYTES)
    if not data:
        raise cut_off()
    while data:
        one = make()
        while not one.eof:
            try:
                piece = one.decompress(data, READ_BYTES)
            except OSError as error:  # bz2's way to say that it is damaged
                raise ValueError from error
            data = b""
            if piece:
                yield piece
            elif not one.eof and one.needs_input:
                data = file.read(READ_BYTES)
                if not data:
                    raise cut_off()
        data = one.unused_data.lstrip(b"\0")
        while not data and (more := file.read(READ_BYTES)):
            data = more.lstrip(b"\0")
