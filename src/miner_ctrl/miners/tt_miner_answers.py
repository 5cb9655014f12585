"""What TT-Miner says to ``miner_getstat1``, made a ``Reading``. Pure; as 2.2.1 answered (``tests/recorded/``).

The answer is nine texts: name and version; uptime in minutes; ``total;accepted;rejected``; each GPU's hashrate; the
same two of a second algorithm; ``temperature;fan`` of each GPU; the pool; ``invalid;switches;…``. Hashrates are plain
H/s (ethminer, whose protocol this is, says kH/s there). ``off`` stands for what is not mined.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.contract import Reading
from miner_ctrl.miners.loopback_http import not_a_miner
from miner_ctrl.model.miners import MAX_DEVICES, DeviceStats, Hashrates, MinerState
from miner_ctrl.model.text import one_line

MAX_TEXT_CHARS = 255
MAX_COUNT = 2**53
SECONDS_A_MINUTE = 60
_NAME = re.compile(r"(?i:tt-?miner)[/ -]+(?:(?i:version):? *)?([0-9][\w.+-]{0,40})")
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")


class _Answer(msgspec.Struct):
    result: Annotated[tuple[str, ...], Meta(max_length=32)] | None = None
    error: object = None


_ANSWER = msgspec.json.Decoder(_Answer)


def parse_stat1(answer: bytes) -> Reading:
    """Return what the answer says.

    Raises:
        OperationFailed: the API refused, or the answer is not TT-Miner's.
    """
    try:
        said = _ANSWER.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not TT-Miner's") from None
    if said.result is None:
        raise OperationFailed(
            "TT-Miner's local API refused the question.",
            suggestion="It may have been started with an API password: start it from here.",
            code="MINER_DECLINED",
        )
    name = _NAME.match(said.result[0]) if said.result else None
    if name is None or len(said.result) < 8:
        raise not_a_miner("gave an answer that is not TT-Miner's")
    uptime, totals, rates, heat, pool = (said.result[index] for index in (1, 2, 3, 6, 7))
    hashrate, accepted, rejected = _three(totals)
    invalid = _numbers(said.result[8])[:1] if len(said.result) > 8 else []
    accepted_count, rejected_count = _count(accepted), _count(rejected)
    return Reading(
        state=MinerState.MINING if hashrate or accepted_count or rejected_count else MinerState.STARTING,
        version=one_line(name[1], MAX_TEXT_CHARS),
        hashrates_hps=Hashrates(s10=hashrate),
        devices=_devices(rates, heat),
        accepted=accepted_count,
        rejected=rejected_count,
        invalid=_count(invalid[0]) if invalid else 0,
        uptime_s=_count((_numbers(uptime) or [0])[0], times=SECONDS_A_MINUTE),
        pool=one_line(pool, MAX_TEXT_CHARS) if pool != "off" else "",
    )


def _three(text: str) -> tuple[float | None, float | None, float | None]:
    first, second, third = (*_numbers(text), None, None, None)[:3]
    return first, second, third


def _count(number: float | None, *, times: int = 1) -> int:
    return min(int(number or 0) * times, MAX_COUNT)


def _devices(rates: str, heat: str) -> tuple[DeviceStats, ...]:
    hashrates, pairs = _numbers(rates), _numbers(heat)
    count = min(max(len(hashrates), len(pairs) // 2), MAX_DEVICES)
    hashrates += [None] * (count - len(hashrates))
    pairs += [None] * (2 * count - len(pairs))
    return tuple(
        DeviceStats(
            index=index,
            kind="cuda",
            hashrate_hps=hashrates[index],
            temperature_c=pairs[2 * index] or None,
            fan_percent=pairs[2 * index + 1],
        )
        for index in range(count)
    )


def _numbers(text: str) -> list[float | None]:
    """Return the numbers between semicolons; ``None`` for ``off`` and whatever else is none."""
    parts = text.split(";")[: 4 * MAX_DEVICES] if text else []
    return [float(part) if _NUMBER.fullmatch(part.strip()) else None for part in parts]
