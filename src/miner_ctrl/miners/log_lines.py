"""What a miner's log says, made a ``Reading`` by a description's patterns. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from miner_ctrl.miners.contract import Reading
from miner_ctrl.miners.patterns import LinePattern
from miner_ctrl.model.miners import Hashrates, MinerState
from miner_ctrl.model.text import one_line

HOLES = {
    "hashrate": "number",
    "unit": "unit",
    "accepted": "number",
    "rejected": "number",
    "stale": "number",
    "invalid": "number",
    "difficulty": "number",
    "pool": "word",
    "algorithm": "word",
    "version": "version",
}
"""Hole → what may stand there."""
MAX_TEXT_CHARS = 255
MAX_COUNT = 2**53
TIMES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def read_lines(lines: Sequence[str], patterns: Sequence[LinePattern]) -> Reading:
    """Return the newest figure of each kind in ``lines``, the last line being the newest."""
    found: dict[str, str] = {}
    wanted = frozenset(name for pattern in patterns for name in pattern.names)
    for line in reversed(lines):
        if wanted <= found.keys():
            break
        plain = _COLOUR.sub("", line)
        for pattern in patterns:
            for name, text in (pattern.find(plain) or {}).items():
                found.setdefault(name, text)
    hashrate = _number(found.get("hashrate"))
    if hashrate is not None:
        hashrate *= unit_times(found.get("unit", "H/s"))
    accepted, rejected = _count(found.get("accepted")), _count(found.get("rejected"))
    return Reading(
        state=MinerState.MINING if hashrate or accepted or rejected else MinerState.STARTING,
        version=one_line(found.get("version", ""), MAX_TEXT_CHARS),
        hashrates_hps=Hashrates(s10=hashrate),
        pool=one_line(found.get("pool", ""), MAX_TEXT_CHARS),
        algorithm=one_line(found.get("algorithm", ""), MAX_TEXT_CHARS),
        difficulty=_number(found.get("difficulty")),
        accepted=accepted,
        rejected=rejected,
        stale=_count(found.get("stale")),
        invalid=_count(found.get("invalid")),
    )


def unit_times(unit: str) -> float:
    """Return how many H/s one of ``unit`` (``MH/s``, ``Sol/s``) is."""
    return TIMES.get(unit[:1], 1.0) if len(unit) > 3 and unit[1:2] in "HhSsGgP" else 1.0


def _number(text: str | None) -> float | None:
    if text is None or len(text) > 40:
        return None
    value = float(text.replace(",", ""))
    return value if math.isfinite(value) else None


def _count(text: str | None) -> int:
    return min(int(_number(text) or 0), MAX_COUNT)
