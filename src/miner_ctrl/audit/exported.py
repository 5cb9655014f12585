"""A log as a file: written for keeping elsewhere, and checked there without the node.

JSON lines: the first says whose log it is (``Header``), each other one is an entry, with every field that its hash
covers. CSV has the entries alone, for people and their spreadsheets; it is not checked.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import msgspec

from miner_ctrl.audit.checking import DAMAGED, Check, check_chain
from miner_ctrl.audit.entries import Entry
from miner_ctrl.audit.reading import every, view_of
from miner_ctrl.errors import BadInput, OperationFailed
from miner_ctrl.model.audit import AuditEntryView

FORMAT = "miner-ctrl/1 audit"
MAX_LINE_BYTES = 64 * 1024
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_encoder = msgspec.json.Encoder()

Verifier = Callable[[bytes, bytes, bytes], bool]
"""``(key, signature, data)``: whether the Ed25519 key made the signature."""


class _Garbled(Exception):
    """A line is no entry."""


class Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="log", tag=FORMAT):
    """Whose log it is: its keys (base64) are those that the fingerprint (hex) is of. ``since_ms``: entries before that
    time were left out."""

    node: str
    name: str
    fingerprint: str
    public_key: str
    signing_key: str
    since_ms: int = 0


def json_lines(path: Path, header: Header) -> Generator[bytes, None, None]:
    """Yield the log at ``path`` as JSON lines, in parts.

    Raises:
        OperationFailed: the log cannot be read.
    """
    yield _encoder.encode(header) + b"\n"
    for block in every(path, since_ms=header.since_ms):
        yield _encoder.encode_lines([view_of(entry) for entry in block])


def comma_separated(path: Path, *, since_ms: int = 0) -> Generator[bytes, None, None]:
    """Yield the log at ``path`` as CSV, in parts. What a spreadsheet would take for a formula has a ``'`` before it.

    Raises:
        OperationFailed: the log cannot be read.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(AuditEntryView.__struct_encode_fields__)
    for block in every(path, since_ms=since_ms):
        for entry in block:
            writer.writerow([_cell(value) for value in msgspec.structs.astuple(view_of(entry))])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.tell():
        yield text.getvalue().encode()


def check_file(path: Path, *, fingerprint: bytes, verifies: Verifier) -> Check:
    """Check an exported file (JSON lines) of the log of the node with this fingerprint.

    Raises:
        BadInput: it is no such file, or of another node.
        OperationFailed: it cannot be read.
    """
    header = _header(next(_lines(path), b""))
    keys = _bytes(header.public_key), _bytes(header.signing_key)
    if hashlib.sha256(b"miner-ctrl/1 fingerprint\0" + b"".join(keys)).digest() != fingerprint:
        raise BadInput(
            f"{path} is not of the node with this fingerprint.",
            suggestion="Give the fingerprint that `miner-ctrl node info` shows on the node whose log it is.",
            code="OTHER_NODES_LOG",
        )
    try:
        return check_chain(
            lambda: _entries(path),
            fingerprint=fingerprint,
            verifies=lambda signature, data: verifies(keys[1], signature, data),
            whole=not header.since_ms,
        )
    except _Garbled as line:
        return Check(DAMAGED, 0, f"Line {line} of the file is no entry of an audit log.")


def _entries(path: Path) -> Iterator[Entry]:
    lines = _lines(path)
    next(lines)
    decoder = msgspec.json.Decoder(AuditEntryView)
    for number, line in enumerate(lines, 2):
        try:
            fields = msgspec.structs.asdict(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _Garbled(number) from None
        yield Entry(**{**fields, **{name: _bytes(fields[name]) for name in ("prev", "hash", "signature")}})


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                yield line
    except OSError as error:
        raise OperationFailed(
            f"{path} cannot be read: {error.strerror}.", suggestion="Give the path of an exported file."
        ) from None


def _header(line: bytes) -> Header:
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput(
            "The file does not begin as an exported audit log does.",
            suggestion="Use a file that `miner-ctrl audit export --format jsonl` wrote.",
            code="BAD_EXPORT",
        ) from None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
