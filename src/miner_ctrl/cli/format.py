"""Values as people read them: hashrates, ages, durations, and text that came from somebody else."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from miner_ctrl.model.text import one_line

NEVER = "never"
NOTHING = "-"
_HASHRATE_UNITS = ("H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s")
_STEPS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_SGR = re.compile(r"\x1b\[[0-9;:]{0,40}m")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)


def hashrate(hps: float | None) -> str:
    """Return ``hps`` (H/s) in the unit that leaves 1 to 999 before it, with three significant digits."""
    if hps is None:
        return NOTHING
    unit = 0
    while round_to_3(hps) >= 1000 and unit < len(_HASHRATE_UNITS) - 1:
        hps, unit = hps / 1000, unit + 1
    return f"{_three_digits(hps)} {_HASHRATE_UNITS[unit]}"


def round_to_3(value: float) -> float:
    """Return ``value`` with three significant digits."""
    return float(f"{value:.3g}")


def _three_digits(value: float) -> str:
    value = round_to_3(value)
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """Return a length of time in its largest unit: ``45 s``, ``3 min``, ``2 h``, ``5 days``."""
    if seconds is None:
        return NOTHING
    seconds = max(0, int(seconds))
    for unit, size in _STEPS:
        if seconds >= size or size == 1:
            count = seconds // size
            return f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''}"
    raise AssertionError("unreachable")


def age(seconds: float | None) -> str:
    """Return how long ago something was: ``12 s ago``, ``now`` under a second, ``never`` for ``None``."""
    if seconds is None:
        return NEVER
    return "now" if seconds < 1 else f"{duration(seconds)} ago"


def seconds_since(moment: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds from an RFC 3339 ``moment`` to ``now``; ``None`` for never or for what is not a time."""
    if not moment:
        return None
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, ((now or datetime.now(UTC)) - then).total_seconds())


def since(moment: str | None, now: datetime | None = None) -> str:
    """Return how long ago an RFC 3339 ``moment`` was."""
    return age(seconds_since(moment, now))


def until(moment: str | None, now: datetime | None = None) -> str:
    """Return how far ahead an RFC 3339 ``moment`` lies: ``in 59 min``, or ``over``."""
    if not moment:
        return NEVER
    try:
        left_s = (datetime.fromisoformat(moment) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError):
        return one_line(moment, 40)
    if left_s <= 0:
        return "over"
    return f"in {duration(round(left_s / 60) * 60 if left_s > 90 else left_s + 0.5)}"


def milliseconds(value: float | None) -> str:
    """Return a round trip in ms with the digits that matter."""
    if value is None:
        return NOTHING
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def shown(value: object, max_chars: int = 255) -> str:
    """Return a value from the node on one line, without control characters and sequences; ``-`` for nothing."""
    text = "" if value is None else _ESCAPE.sub("", str(value))
    return one_line(text, max_chars).strip() or NOTHING


def log_line(line: str, *, colour: bool) -> str:
    """Return a miner's log line, safe to print: of escape sequences only colours stay, and those only if ``colour``."""
    if not colour:
        return _clean(_ESCAPE.sub("", line))
    pieces, at = list[str](), 0
    for match in _ESCAPE.finditer(line):
        pieces.append(_clean(line[at : match.start()]))
        if _SGR.fullmatch(match[0]):
            pieces.append(match[0])
        at = match.end()
    pieces.append(_clean(line[at:]))
    text = "".join(pieces)
    return f"{text}\x1b[0m" if "\x1b" in text else text


def _clean(text: str) -> str:
    return one_line(text.replace("\t", "    ").rstrip("\r\n"), 8192)


def plural(count: int, noun: str) -> str:
    """Return ``1 rig``, ``2 rigs``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
