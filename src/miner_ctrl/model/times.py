"""Unix time, times as the API shows them, and times as people ask for them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

MAX_MS = 2**53
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_AGO = re.compile(r"-?((?:\d{1,9}(?:\.\d{1,3})?(?:ms|[smhdw]))+)")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


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


def asked_ms(text: str, now_ms: int) -> int:
    """Return the Unix time (ms) that ``text`` asks for: Unix time in ms, RFC 3339, ``now``, or how long ago, such as
    ``24h``, ``90s`` or ``1h30m``.

    Raises:
        BadInput: it is none of these.
    """
    wanted = text.strip()
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 16:
        found = int(wanted)
    elif wanted == "now":
        found = now_ms
    elif ago := _AGO.fullmatch(wanted):
        spans = _SPAN.findall(ago[1])
        found = max(0, now_ms - round(sum(float(count) * _UNITS_MS[unit] for count, unit in spans)))
    else:
        found = _at(wanted)
    if not 0 <= found <= MAX_MS:
        raise _no_time(text)
    return found


def _at(text: str) -> int:
    for spelling in (text, text.replace(" ", "+")):  # a + in a query string is a space
        try:
            at = datetime.fromisoformat(spelling)
            return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    raise _no_time(text)


def _no_time(text: str) -> BadInput:
    return BadInput(
        f"{one_line(text, 60)!r} is not a time.",
        suggestion="Give Unix time in ms, RFC 3339 (2026-01-31T12:00:00Z), or how long ago: 90s, 30m, 24h, 7d.",
        code="BAD_TIME",
    )
