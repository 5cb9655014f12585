"""Unix time, and times as the API shows them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def now_ms() -> int:
    """Return Unix time in ms."""
    return time.time_ns() // 1_000_000


def time_text(unix_ms: int) -> str:
    """Return RFC 3339 in UTC, to the second."""
    return _second_text(unix_ms // 1000)


@lru_cache(2048)
def _second_text(unix_s: int) -> str:
    """A long list has few different seconds in it."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
