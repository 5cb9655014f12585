"""Unix time, and times as the API shows them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Return Unix time in ms."""
    return time.time_ns() // 1_000_000


def time_text(unix_ms: int) -> str:
    """Return RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
