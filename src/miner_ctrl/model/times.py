"""Times as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(unix_ms: int) -> str:
    """Return RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
