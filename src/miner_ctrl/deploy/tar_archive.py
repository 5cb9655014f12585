"""Reading tar archives (POSIX ustar and pax, GNU long names) as a stream: plain files and folders, nothing else.

Of our own because the standard library's reader takes what a hostile header says into memory, follows sparse maps and
knows links; here each of these is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from miner_ctrl.deploy.compression import READ_BYTES, Stream
from miner_ctrl.deploy.entries import Entry
from miner_ctrl.deploy.refusals import bad_archive, cut_off
from miner_ctrl.model.text import one_line

BLOCK = 512
MAX_METADATA_BYTES = 64 * 1024
"""A pax header or long name of more than this is refused."""
_ZEROS = bytes(BLOCK)
_FILES = frozenset({b"0", b"\0", b"7"})
_FOLDER, _PAX, _PAX_FOR_ALL, _LONG_NAME = b"5", b"x", b"g", b"L"
_KNOWN = _FILES | {_FOLDER, _PAX, _PAX_FOR_ALL, _LONG_NAME}
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a named pipe",
    b"K": "a link",
    b"S": "a sparse file",
    b"M": "a part of a file that began elsewhere",
    b"V": "a volume's name",
    b"D": "a list of files",
}
_TAKEN_FROM_PAX = frozenset({"path", "size"})
_HARMLESS_IN_PAX = ("mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment")


class _Header(NamedTuple):
    path: str
    mode: int
    size: int
    kind: bytes


def tar_entries(stream: Stream) -> Iterator[Entry]:
    """Yield the entries of a tar archive up to its end.

    Raises:
        BadInput: it is damaged, cut off, or holds something else than files and folders.
    """
    pax: dict[str, str] = {}
    long_path = ""
    while (block := stream.exactly(BLOCK)) != _ZEROS:
        header = _parse(block)
        if header.kind in (_PAX, _PAX_FOR_ALL):
            records = _pax_records(_metadata(stream, header))
            if header.kind == _PAX:
                pax = records
            elif _TAKEN_FROM_PAX & records.keys():
                raise bad_archive("gives all its files one path or size")
            continue
        if header.kind == _LONG_NAME:
            long_path = _text(_metadata(stream, header).rstrip(b"\0"))
            continue
        path = pax.get("path") or long_path or header.path
        size = _pax_size(pax["size"]) if "size" in pax else header.size
        pax, long_path = {}, ""
        directory = _is_directory(header, path, size)
        data = _Data(stream, size)
        yield Entry(path, directory, bool(header.mode & 0o111), size, data)
        for _ in data:
            pass
        stream.exactly(-size % BLOCK)
    while rest := stream.some(READ_BYTES):
        if any(rest):
            raise bad_archive("has something behind the end of its archive")


class _Data:
    """The bytes of one file; what a reader leaves is passed over by the next one to ask."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size

    def __iter__(self) -> Iterator[memoryview]:
        return self

    def __next__(self) -> memoryview:
        if not self._left:
            raise StopIteration
        piece = self._stream.some(self._left)
        if not piece:
            raise cut_off()
        self._left -= len(piece)
        return piece


def _parse(block: bytes) -> _Header:
    stated = _number(block[148:156])
    if stated != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise bad_archive("is damaged: a header's checksum is wrong, or it is no tar archive")
    kind = block[156:157]
    if kind in _REFUSED:
        raise bad_archive(f"holds {_REFUSED[kind]} ({one_line(_text(_upto_zero(block[:100])), 120)!r})")
    if kind not in _KNOWN:
        raise bad_archive("holds something that is neither a file nor a folder")
    name = _text(_upto_zero(block[:100]))
    if block[257:263] == b"ustar\0":
        prefix = _text(_upto_zero(block[345:500]))
        name = f"{prefix}/{name}" if prefix else name
    return _Header(name, _number(block[100:108]), _number(block[124:136]), kind)


def _is_directory(header: _Header, path: str, size: int) -> bool:
    directory = header.kind == _FOLDER or (header.kind == b"\0" and path.endswith("/"))
    if directory and size:
        raise bad_archive("holds a folder with a size")
    if not directory and path.endswith("/"):
        raise bad_archive("holds a file with the name of a folder")
    return directory


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # GNU's way for what has no room in octal digits
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not all(0x30 <= digit <= 0x37 for digit in digits):
        raise bad_archive("is damaged: a header holds no number where one belongs")
    return int(digits or b"0", 8)


def _metadata(stream: Stream, header: _Header) -> bytes:
    if header.size > MAX_METADATA_BYTES:
        raise bad_archive(f"has a header of {header.size} bytes, more than {MAX_METADATA_BYTES}")
    data = stream.exactly(header.size)
    stream.exactly(-header.size % BLOCK)
    return data


def _pax_records(data: bytes) -> dict[str, str]:
    records: dict[str, str] = {}
    while data:
        length, space, _ = data.partition(b" ")
        end = int(length) if space and length.isdigit() and len(length) < 7 else 0
        record = data[len(length) + 1 : end]
        key, equals, value = record.partition(b"=")
        if not len(length) + 1 < end <= len(data) or not equals or not record.endswith(b"\n"):
            raise bad_archive("is damaged: a pax header cannot be read")
        name = _text(key)
        if name.startswith("GNU.sparse"):
            raise bad_archive("holds a sparse file")
        if name in _TAKEN_FROM_PAX:
            records[name] = _text(value[:-1])
        elif name not in _HARMLESS_IN_PAX and not name.startswith(("LIBARCHIVE.", "SCHILY.")):
            raise bad_archive(f"has a pax header {one_line(name, 60)!r}, whose meaning is not known")
        data = data[end:]
    return records


def _pax_size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_archive("is damaged: a pax header holds no size where one belongs")
    return int(text)


def _upto_zero(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_archive("holds a path that is not UTF-8") from None
    if "\0" in text:
        raise bad_archive("holds a path with a zero in it")
    return text
