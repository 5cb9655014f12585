"""One entry of the log: its fields, its bytes, its place in the chain (docs/audit.md, "Entries"). Pure.

::

    prev      = SHA-256("miner-ctrl/1 audit link\\0" ‖ hash and signature of the entry before)
                of the first entry: SHA-256("miner-ctrl/1 audit log\\0" ‖ fp)
    hash      = SHA-256("miner-ctrl/1 audit entry\\0" ‖ prev ‖ u64be(seq) ‖ u64be(at_ms) ‖ u64be(of)
                ‖ for each text field in order: u32be(its bytes in UTF-8) ‖ these)
    signature = Ed25519 of "miner-ctrl/1 audit head\\0" ‖ fp ‖ u64be(seq) ‖ u64be(at_ms) ‖ hash

``fp`` is the fingerprint of the node whose log it is. The signature of an entry covers all before it, their signatures
included, and with number, time and hash it is the log's head.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import NamedTuple

from miner_ctrl.model.audit import AuditHead

ASKED, ENDED, NOTED, LOST = "asked", "ended", "noted", "lost"
TEXTS = ("kind", "door", "role", "caller", "caller_id", "address", "action", "target", "body", "code")
"""The text fields, in the order in which they are hashed."""

_LINK = b"miner-ctrl/1 audit link\0"
_LOG = b"miner-ctrl/1 audit log\0"
_ENTRY = b"miner-ctrl/1 audit entry\0"
_HEAD = b"miner-ctrl/1 audit head\0"
_U64, _U32, _NUMBERS = struct.Struct(">Q"), struct.Struct(">I"), struct.Struct(">QQQ")


class Draft(NamedTuple):
    """What an entry says, before it has its number. ``of`` is the ``ticket`` of the draft that asked."""

    at_ms: int
    kind: str
    of: int = 0
    door: str = ""
    role: str = ""
    caller: str = ""
    caller_id: str = ""
    address: str = ""
    action: str = ""
    target: str = "{}"
    body: str = "{}"
    code: str = ""
    ticket: int = 0

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes while it waits, about."""
        return 500 + len(self.target) + len(self.body)


class Entry(NamedTuple):
    """One entry, as it is stored."""

    seq: int
    at_ms: int
    kind: str
    of: int
    door: str
    role: str
    caller: str
    caller_id: str
    address: str
    action: str
    target: str
    body: str
    code: str
    prev: bytes
    hash: bytes
    signature: bytes

    @property
    def head(self) -> AuditHead:
        """The log's head, if this is its last entry."""
        return AuditHead(self.seq, self.at_ms, self.hash, self.signature)


COLUMNS = ", ".join(Entry._fields)


def first_link(fingerprint: bytes) -> bytes:
    """Return ``prev`` of a log's first entry."""
    return hashlib.sha256(_LOG + fingerprint).digest()


def link(hash_: bytes, signature: bytes) -> bytes:
    """Return ``prev`` of the entry after the one with this hash and signature."""
    return hashlib.sha256(_LINK + hash_ + signature).digest()


def hash_of(entry: Entry, *, seq: int | None = None) -> bytes:
    """Return the hash that an entry of these fields has; with ``seq``, under another number.

    Raises:
        ValueError: a number is out of range, or a text is not Unicode: no entry says this.
    """
    try:
        digest = hashlib.sha256(_ENTRY + entry.prev)
        digest.update(_NUMBERS.pack(entry.seq if seq is None else seq, entry.at_ms, entry.of))
        for text in entry[2:3] + entry[4:13]:
            data = text.encode()
            digest.update(_U32.pack(len(data)) + data)
    except (struct.error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    return digest.digest()


def head_bytes(fingerprint: bytes, seq: int, at_ms: int, hash_: bytes) -> bytes:
    """Return what the node with this fingerprint signs for a head."""
    return _HEAD + fingerprint + _U64.pack(seq) + _U64.pack(at_ms) + hash_


def sealed(
    draft: Draft, *, seq: int, of: int, prev: bytes, fingerprint: bytes, sign: Callable[[bytes], bytes]
) -> Entry:
    """Return the entry that ``draft`` becomes as number ``seq``, after the one that ``prev`` links to."""
    entry = Entry(seq, draft.at_ms, draft.kind, of, *draft[3:12], prev, b"", b"")
    hash_ = hash_of(entry)
    return entry._replace(hash=hash_, signature=sign(head_bytes(fingerprint, seq, draft.at_ms, hash_)))
