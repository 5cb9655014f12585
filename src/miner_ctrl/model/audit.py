"""The audit log, as other rooms and other nodes see it (docs/audit.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from miner_ctrl.model.callers import Caller
from miner_ctrl.model.values import Count

MAX_HEADS_TOLD = 96
"""The most heads of one log that a peer keeps, and tells."""


class AuditHead(msgspec.Struct, frozen=True, array_like=True):
    """The newest entry of an audit log, as its node signed it: its number, its time (Unix, ms), its hash."""

    seq: Annotated[int, Meta(ge=1, le=2**53)]
    at_ms: Count
    hash: Annotated[bytes, Meta(min_length=32, max_length=32)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class Audit(Protocol):
    """The log of who asked for what, as those see it who write it. No method waits for the disk."""

    def asked(self, caller: Caller, action: str, target: Mapping[str, str], body: msgspec.Struct | None) -> int:
        """Note that ``caller`` asked for ``action`` (a route's handler, or a message's type) on ``target``; what is
        secret in ``body`` is left out. Returns what names this entry for ``ended``."""

    def ended(self, entry: int, code: str) -> None:
        """Note how it ended: empty for done, else the error's code."""

    def noted(self, caller: Caller, action: str, target: Mapping[str, str], code: str = "") -> None:
        """Note what was decided at once, with how it ended: one entry."""


class AuditEntryView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry. ``kind``: asked, ended (``of`` is the entry that asked), noted (asked and ended in one), or lost
    (entries that could not be written). ``code``: how it ended, empty for done. ``body`` is what was asked with,
    without what is secret; a long one is its SHA-256. ``target`` and ``body`` are JSON, as it was hashed; ``prev``,
    ``hash`` and ``signature`` are base64."""

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
    prev: str
    hash: str
    signature: str


class KeptHeadView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A head that this node keeps of a peer's log. ``conflict``: it went back, or says another hash for a number that
    was told before: that peer's log was cut or replaced."""

    peer: str
    peer_name: str
    seq: int
    at_ms: int
    kept_at_ms: int
    hash: str
    conflict: bool


class AuditStatusView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the log stands: its newest entry (0: there is none), the file's size, what waits to be written, what could
    not even wait, why, and the newest head of each peer's log, conflicts beside it."""

    entries: int
    at_ms: int
    hash: str
    size_bytes: int
    waiting: int
    lost: int
    problem: str
    heads: tuple[KeptHeadView, ...]


class AskedPeerView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A peer that was asked which heads of this log it holds. ``newest`` is 0 where it holds none; ``error``: why it
    could not say."""

    peer: str
    peer_name: str
    heads: int
    newest: int
    error: str = ""


class AuditCheckView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a check of the whole log found. ``found``: ok, changed, missing, reordered, bad_signature, damaged, cut (the
    end is missing) or replaced (a peer holds another entry). ``seq`` is the first bad entry. ``text``: one sentence.

    ``tail_checked``: peers were asked for heads, and at least one holds some; only then a cut end shows."""

    ok: bool
    found: str
    seq: int
    text: str
    entries: int
    first: int
    last_at_ms: int
    hash: str
    tail_checked: bool
    peers: tuple[AskedPeerView, ...] = ()
