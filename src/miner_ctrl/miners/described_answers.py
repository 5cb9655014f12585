"""What a described miner's local API says, made a ``Reading``. Pure; the description says where each figure stands."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.contract import Reading
from miner_ctrl.miners.description import Devices, Number, Places, Scaled, Values
from miner_ctrl.miners.log_lines import unit_times
from miner_ctrl.miners.loopback_http import Answer, not_a_miner
from miner_ctrl.miners.pointers import Pointer
from miner_ctrl.model.miners import MAX_DEVICES, DeviceStats, Hashrates, MinerState
from miner_ctrl.model.text import one_line

MAX_TEXT_CHARS = 255
MAX_COUNT = 2**53
MAX_NUMBER = 1e30
MAX_RECORDS = 1024
_NUMBER = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_UNIT_KEY = re.compile(r"[kMGTP]?H/s")


def parse_json(answer: bytes) -> Any:
    """Return the answer's JSON.

    Raises:
        OperationFailed: it is none.
    """
    try:
        return msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_a_miner("gave an answer that is not JSON") from None


def parse_http(answer: Answer) -> Any:
    """Return the JSON of an answer to a GET.

    Raises:
        OperationFailed: it is a refusal, or no JSON.
    """
    if answer.status != 200:
        raise not_a_miner(f"answered with HTTP status {answer.status}")
    return parse_json(answer.body)


def parse_text(answer: bytes) -> Any:
    """Return ``KEY=VALUE;…|KEY=VALUE;…|`` as an object, or as a list of them when there are several.

    A key that is a unit (``MH/s=25.24``) is a hashrate: it is there as ``hashrate``, in H/s, too.

    Raises:
        OperationFailed: it is no such text.
    """
    records = [_record(text) for text in answer.decode("utf-8", "replace").split("|")[:MAX_RECORDS] if text.strip()]
    if not records or not any(records):
        raise not_a_miner("gave an answer that is not KEY=VALUE")
    return records[0] if len(records) == 1 else records


def make_reading(document: Any, values: Values, devices: Devices | None = None) -> Reading:
    """Return what the answer says, as ``values`` and ``devices`` find it.

    Raises:
        OperationFailed: neither hashrate nor uptime nor shares are there: another program answers.
    """
    figures = [number(document, place) for place in (values.hashrate, values.accepted, values.uptime)]
    if all(figure is None for figure in figures):
        raise not_a_miner("gave an answer that has neither hashrate nor shares where they are looked for")
    hashrate, accepted = figures[0], _count(document, values.accepted)
    rejected = _count(document, values.rejected)
    return Reading(
        state=MinerState.MINING if hashrate or accepted or rejected else MinerState.STARTING,
        version=text(document, values.version),
        hashrates_hps=Hashrates(
            s10=hashrate, s60=number(document, values.hashrate_60s), m15=number(document, values.hashrate_15m)
        ),
        devices=_devices(document, devices) if devices is not None else (),
        accepted=accepted,
        rejected=rejected,
        stale=_count(document, values.stale),
        invalid=_count(document, values.invalid),
        uptime_s=_count(document, values.uptime),
        pool=text(document, values.pool),
        algorithm=text(document, values.algorithm),
        difficulty=number(document, values.difficulty) or None,
    )


def number(document: Any, place: Number | None) -> float | None:
    """Return the number at ``place``, a sum where it has stars; ``None`` when there is none."""
    found = _numbers(document, place)
    return sum(each or 0.0 for each in found) if any(each is not None for each in found) else None


def numbers(document: Any, place: Number | None) -> tuple[float | None, ...]:
    """Return every number that ``place`` reaches; ``None`` for what is none."""
    return tuple(_numbers(document, place))


def text(document: Any, place: Places | None) -> str:
    """Return the text at ``place``, one line of it; empty when there is none."""
    for value in _find(document, place) if place is not None else ():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return one_line(str(value), MAX_TEXT_CHARS)
    return ""


def _numbers(document: Any, place: Number | None) -> list[float | None]:
    if place is None:
        return []
    if not isinstance(place, Scaled):
        return [_as_number(value) for value in _find(document, place)]
    found = [_as_number(value) for value in _find(document, place.at)]
    if isinstance(place.times, float):
        times = [place.times] * len(found)
    else:
        factors = [_as_number(value) for value in _find(document, place.times)]
        times = [factor or 1.0 for factor in factors] or [1.0]
        times += [times[-1]] * (len(found) - len(times))
    return [
        _bounded(value * factor) if value is not None else None for value, factor in zip(found, times, strict=False)
    ]


def _find(document: Any, place: Places) -> list[Any]:
    for pointer in (place,) if isinstance(place, str) else place:
        if found := Pointer(pointer).find(document):
            return found
    return []


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    return _bounded(float(value)) if isinstance(value, float) or _is_count(value) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and -MAX_COUNT <= value <= MAX_COUNT


def _bounded(value: float) -> float | None:
    return value if math.isfinite(value) and 0 <= value <= MAX_NUMBER else None


def _count(document: Any, place: Number | None) -> int:
    return min(int(number(document, place) or 0), MAX_COUNT)


def _devices(document: Any, devices: Devices) -> tuple[DeviceStats, ...]:
    found = _find(document, devices.at)[:MAX_DEVICES]
    rates = numbers(document, devices.hashrates)
    return tuple(
        DeviceStats(
            index=_index(device, devices, position),
            name=text(device, devices.name),
            hashrate_hps=_rate(device, devices, rates, position),
            temperature_c=number(device, devices.temperature) or None,
            fan_percent=number(device, devices.fan),
            power_w=number(device, devices.power) or None,
        )
        for position, device in enumerate(found)
    )


def _index(device: Any, devices: Devices, position: int) -> int:
    index = number(device, devices.index)
    return position if index is None else min(int(index), MAX_COUNT)


def _rate(device: Any, devices: Devices, rates: tuple[float | None, ...], position: int) -> float | None:
    if devices.hashrate is not None:
        return number(device, devices.hashrate)
    return rates[position] if position < len(rates) else None


def _record(said: str) -> dict[str, object]:
    record: dict[str, object] = {}
    for pair in said.split(";")[:MAX_RECORDS]:
        key, equals, value = pair.partition("=")
        if equals:
            record[key.strip()] = value.strip()
            if _UNIT_KEY.fullmatch(key.strip()) and (rate := _as_number(value)) is not None:
                record["hashrate"] = rate * unit_times(key.strip())
    return record


def cannot_pause(miner_type: str) -> OperationFailed:
    """Return the error for a miner whose API has no pause."""
    return OperationFailed(
        f"{miner_type} cannot be paused: it has no such command.", suggestion="Stop it instead.", code="CANNOT_PAUSE"
    )
