"""``/audit``: who asked this node to change something, and how it ended."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.api.downloads import Download
from miner_ctrl.api.faces import AuditFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.audit_views import AuditCheckView, AuditEntryView, AuditStatusView
from miner_ctrl.model.callers import AccessRole

AUDIT = Resource("audit")
_UNREADABLE = (502,)

Time = Annotated[int, Meta(ge=0, le=2**53)]
Filter = Annotated[str, Meta(max_length=255)]


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries. ``before``: with a smaller number than this (0: the newest). ``caller``: a name, an ID, or a
    door; ``action`` whole; ``peer`` in what was asked for, or who asked; ``q`` in any text. ``since`` and ``until``:
    Unix time in ms (0: no bound)."""

    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100
    before: Time = 0
    caller: Filter = ""
    action: Filter = ""
    peer: Filter = ""
    q: Filter = ""
    since: Time = 0
    until: Time = 0


class AuditExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``since``: Unix time in ms; a file that begins later than the log cannot show what was before."""

    format: Literal["jsonl", "csv"] = "jsonl"
    since: Time = 0


@AUDIT.get("/audit", errors=_UNREADABLE, role=AccessRole.OPERATOR)
async def audit_entries(audit: AuditFace, query: AuditQuery) -> list[AuditEntryView]:
    """Return entries of the audit log, the newest first."""
    return list(
        await audit.entries(
            limit=query.limit,
            before=query.before,
            caller=query.caller,
            action=query.action,
            peer=query.peer,
            q=query.q,
            since_ms=query.since,
            until_ms=query.until,
        )
    )


@AUDIT.get("/audit/status", role=AccessRole.OPERATOR)
async def audit_status(audit: AuditFace) -> AuditStatusView:
    """Return how the audit log stands, and which heads of peers' logs are kept here."""
    return await audit.status()


@AUDIT.post("/audit/verify", role=AccessRole.OPERATOR, changes=False)
async def verify_audit(audit: AuditFace) -> AuditCheckView:
    """Check the whole audit log: its chain, its signatures, and what peers hold of it.

    A peer that is connected is asked which heads it holds; only so a missing end shows.
    """
    return await audit.check()


@AUDIT.get(
    "/audit/export",
    errors=_UNREADABLE,
    role=AccessRole.OPERATOR,
    media_types=("application/jsonl", "text/csv"),
)
async def export_audit(audit: AuditFace, query: AuditExportQuery) -> Download:
    """Return the audit log as a file.

    JSON lines can be checked without this node: `miner-ctrl audit verify FILE --key FINGERPRINT`.
    """
    media_type = "text/csv; charset=utf-8" if query.format == "csv" else "application/jsonl"
    parts = audit.export(query.format, since_ms=query.since)
    return Download(name=f"audit.{query.format}", media_type=media_type, parts=parts)
