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
