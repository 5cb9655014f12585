"""What is kept of a peer (docs/protocol.md, "What is kept of a peer"), and how it is stored."""

from __future__ import annotations

import msgspec

from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import NO_GRANTS, Grant, Grants, Name, Role, parse_grants

FIRST_SCORE = 50
BEST_SCORE = 100
SUCCESS_POINTS = 1
TIMEOUT_POINTS = -3
FAILURE_POINTS = -5
PING_SMOOTHING = 1 / 8
"""Weight of the newest round trip in the smoothed one, as in TCP (RFC 6298)."""

Row = tuple[int | float | str | bytes | None, ...]

COLUMNS = (
    "fingerprint, x, e, id, name, address, role, grants, granted, added_at_ms, verified, blocked, dial, tags, score, "
    "last_seen_ms, ping_ms, ping_smoothed_ms, failure_reason, failure_at_ms"
)


class PeerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One registered peer.

    ``grants`` is what it may do here, ``granted`` what it said that we may do there. ``verified``: somebody compared
    its fingerprint, or a token did. ``dial``: this node keeps dialling it. Times are Unix, ms; ``None`` is never.
    ``score`` is reliability, 0 to 100.
    """

    keys: PublicKeys
    name: str
    address: str = ""
    role: Role = Role.WORKER
    grants: Grants = NO_GRANTS
    granted: Grants = NO_GRANTS
    added_at_ms: int
    verified: bool = False
    blocked: bool = False
    dial: bool = True
    tags: tuple[str, ...] = ()
    score: int = FIRST_SCORE
    last_seen_ms: int | None = None
    ping_ms: float | None = None
    ping_smoothed_ms: float | None = None
    failure_reason: str = ""
    failure_at_ms: int | None = None

    def scored(self, points: int) -> int:
        """Return the score after ``points`` more or less, within 0 and 100."""
        return min(BEST_SCORE, max(0, self.score + points))

    def smoothed(self, ping_ms: float) -> float:
        """Return the smoothed round trip after one more of ``ping_ms``."""
        if self.ping_smoothed_ms is None:
            return ping_ms
        return self.ping_smoothed_ms + PING_SMOOTHING * (ping_ms - self.ping_smoothed_ms)


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """One row as stored, checked against the schema's types on reading."""

    fingerprint: bytes
    x: bytes
    e: bytes
    id: str
    name: Name
    address: str
    role: Role
    grants: str
    granted: str
    added_at_ms: int
    verified: int
    blocked: int
    dial: int
    tags: str
    score: int
    last_seen_ms: int | None
    ping_ms: float | None
    ping_smoothed_ms: float | None
    failure_reason: str
    failure_at_ms: int | None


def to_row(record: PeerRecord) -> Row:
    """Return a record as the values of ``COLUMNS``."""
    return (
        record.keys.fingerprint,
        record.keys.x,
        record.keys.e,
        record.keys.node_id,
        record.name,
        record.address,
        record.role.value,
        _grants_text(record.grants),
        _grants_text(record.granted),
        record.added_at_ms,
        int(record.verified),
        int(record.blocked),
        int(record.dial),
        msgspec.json.encode(record.tags).decode(),
        record.score,
        record.last_seen_ms,
        record.ping_ms,
        record.ping_smoothed_ms,
        record.failure_reason,
        record.failure_at_ms,
    )


def from_row(values: Row) -> PeerRecord:
    """Return the record that ``values`` of ``COLUMNS`` hold.

    Raises:
        ValueError, msgspec.MsgspecError, BadInput: they are not what ``to_row`` writes.
    """
    row = msgspec.convert(values, _Row)
    keys = PublicKeys(row.x, row.e)
    if keys.fingerprint != row.fingerprint or keys.node_id != row.id:
        raise ValueError("a peer's keys do not have its fingerprint")
    return PeerRecord(
        keys=keys,
        name=row.name,
        address=row.address,
        role=row.role,
        grants=parse_grants(row.grants),
        granted=parse_grants(row.granted),
        added_at_ms=row.added_at_ms,
        verified=bool(row.verified),
        blocked=bool(row.blocked),
        dial=bool(row.dial),
        tags=msgspec.json.decode(row.tags, type=tuple[str, ...]),
        score=row.score,
        last_seen_ms=row.last_seen_ms,
        ping_ms=row.ping_ms,
        ping_smoothed_ms=row.ping_smoothed_ms,
        failure_reason=row.failure_reason,
        failure_at_ms=row.failure_at_ms,
    )


def _grants_text(grants: Grants) -> str:
    return ",".join(grant.value for grant in Grant if grant in grants)
