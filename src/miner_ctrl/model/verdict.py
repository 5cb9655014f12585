"""What a node decides about a peer that has proven its keys (protocol.md, "Handshake")."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class VerdictStatus(StrEnum):
    """Only ``accepted`` lets a session stand; the other two are said in ``hello``, and the session closes."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REFUSED = "refused"


class Verdict(msgspec.Struct, frozen=True):
    """``reason`` is one sentence for the person on the other side; empty when there is nothing to explain."""

    status: VerdictStatus
    reason: str = ""
