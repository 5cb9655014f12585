"""Reading zip archives: the directory at the end and each file's own header must say the same, and no two files may
share bytes of the archive. Stored and deflated files; no zip64, no encryption, no links.

Of our own for the same reason as the tar reader: a hostile directory is checked whole before anything is unpacked.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from miner_ctrl.deploy.compression import READ_BYTES
from miner_ctrl.deploy.entries import Entry
from miner_ctrl.deploy.refusals import bad_archive, cut_off

MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_LISTED = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_BEHIND, _UTF8 = 0x0001, 0x0008, 0x0800
_STRANGE_FLAGS = 0x0040 | 0x0020 | 0x2000
"""Strong encryption, patches, a hidden directory."""
_BY_UNIX = 3


class _Listed(NamedTuple):
    path: str
    raw_path: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size: int
    mode: int | None
    offset: int


class _Placed(NamedTuple):
    listed: _Listed
    data_at: int


def zip_entries(file: BinaryIO, *, at_most: int) -> Iterator[Entry]:
    """Yield the entries of a zip archive, in the order of its bytes.

    Raises:
        BadInput: it is damaged, cut off, says two things of one file, or holds more than ``at_most`` entries.
    """
    for placed in _placed(file, at_most):
        listed = placed.listed
        executable = None if listed.mode is None else bool(listed.mode & 0o111)
        yield Entry(listed.path, listed.path.endswith("/"), executable, listed.size, _data(file, placed))


def _placed(file: BinaryIO, at_most: int) -> list[_Placed]:
    listed, directory_at = _directory(file, at_most)
    placed, free_from = [], 0
    for one in sorted(listed, key=lambda each: each.offset):
        data_at = _check_local(file, one)
        if one.offset < free_from:
            raise bad_archive("holds files that share bytes of the archive")
        free_from = data_at + one.packed_bytes
        if free_from > directory_at:
            raise cut_off()
        placed.append(_Placed(one, data_at))
    return placed


def _directory(file: BinaryIO, at_most: int) -> tuple[list[_Listed], int]:
    file_bytes = file.seek(0, 2)
    tail_at = max(0, file_bytes - _END.size - 0xFFFF)
    file.seek(tail_at)
    tail = file.read(_END.size + 0xFFFF)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise cut_off()
    _, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(tail, at)
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (size, offset):
        raise bad_archive("is a zip64 archive, which is not taken")
    if disk or first_disk or here != count:
        raise bad_archive("is one part of a zip archive in several parts")
    if offset + size != tail_at + at or at + _END.size + comment != len(tail):
        raise bad_archive("has something before or behind its archive")
    if count > at_most:
        raise bad_archive("holds more files than its description says")
    if size > MAX_DIRECTORY_BYTES:
        raise bad_archive("has a directory that is too large")
    file.seek(offset)
    data = file.read(size)
    return _listed(data, count), offset


def _listed(data: bytes, count: int) -> list[_Listed]:
    found, at = [], 0
    for _ in range(count):
        if len(data) - at < _LISTED.size:
            raise cut_off()
        fields = _LISTED.unpack_from(data, at)
        (magic, made_by, _, flags, method, _, _, crc, packed, size, names, extras, comments, disk, _, attributes,
         offset) = fields  # fmt: skip
        raw = data[at + _LISTED.size : at + _LISTED.size + names]
        at += _LISTED.size + names + extras + comments
        if magic != b"PK\1\2" or len(raw) != names or at > len(data) or disk:
            raise bad_archive("is damaged: its directory cannot be read")
        path = _path(raw, flags)
        _check_kind(path, flags, method, packed, size)
        mode = attributes >> 16 if made_by >> 8 == _BY_UNIX and attributes >> 16 else None
        _check_mode(path, mode)
        found.append(_Listed(path, raw, flags, method, crc, packed, size, mode, offset))
    if at != len(data):
        raise bad_archive("is damaged: its directory is longer than it says")
    return found


def _path(raw: bytes, flags: int) -> str:
    try:
        path = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise bad_archive("holds a path that is not UTF-8") from None
    if "\0" in path:
        raise bad_archive("holds a path with a zero in it")
    return path


def _check_kind(path: str, flags: int, method: int, packed: int, size: int) -> None:
    if flags & (_ENCRYPTED | _STRANGE_FLAGS):
        raise bad_archive("is encrypted, or packed in a way that is not taken")
    if method not in (_STORED, _DEFLATED):
        raise bad_archive("is packed in a way that is not taken (only stored and deflated files are)")
    if (method == _STORED and packed != size) or (path.endswith("/") and size):
        raise bad_archive("says two things of one file's size")


def _check_mode(path: str, mode: int | None) -> None:
    kind = stat.S_IFMT(mode or 0)
    if kind == stat.S_IFLNK:
        raise bad_archive("holds a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > path.endswith("/"):
        raise bad_archive("holds something that is neither a file nor a folder")


def _check_local(file: BinaryIO, listed: _Listed) -> int:
    """Return where the file's bytes begin."""
    file.seek(listed.offset)
    head = file.read(_LOCAL.size)
    if len(head) != _LOCAL.size:
        raise cut_off()
    fields: tuple[Any, ...] = _LOCAL.unpack(head)
    magic, _, flags, method, _, _, crc, packed, size, names, extras = fields
    if magic != b"PK\3\4" or file.read(names) != listed.raw_path:
        raise bad_archive("says two things of one file's name")
    differs = (method, flags & _ENCRYPTED) != (listed.method, listed.flags & _ENCRYPTED)
    if not listed.flags & _SIZES_BEHIND:
        differs |= (crc, packed, size) != (listed.crc, listed.packed_bytes, listed.size)
    if differs:
        raise bad_archive("says two things of one file")
    return listed.offset + _LOCAL.size + int(names) + int(extras)


def _data(file: BinaryIO, placed: _Placed) -> Iterator[bytes]:
    """Yield a file's bytes; they are as many as was said, and have the checksum that was said."""
    listed = placed.listed
    left, crc = listed.size, 0
    for piece in _pieces(file, placed):
        left -= len(piece)
        if left < 0:
            raise bad_archive("holds more than its description says")
        crc = zlib.crc32(piece, crc)
        yield piece
    if left or crc != listed.crc:
        raise bad_archive("is damaged: a file is not what its checksum says")


def _pieces(file: BinaryIO, placed: _Placed) -> Iterator[bytes]:
    listed = placed.listed
    file.seek(placed.data_at)
    left = listed.packed_bytes
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if listed.method == _DEFLATED else None
    while left:
        packed = file.read(min(READ_BYTES, left))
        if not packed:
            raise cut_off()
        left -= len(packed)
        if inflate is None:
            yield packed
            continue
        try:
            while packed:
                yield inflate.decompress(packed, READ_BYTES)
                packed = inflate.unconsumed_tail
        except zlib.error:
            raise bad_archive("is damaged: it cannot be decompressed") from None
    if inflate is not None:
        while piece := inflate.decompress(b"", READ_BYTES):
            yield piece
        if not inflate.eof or inflate.unused_data:
            raise bad_archive("is damaged: a file does not end where it should")
