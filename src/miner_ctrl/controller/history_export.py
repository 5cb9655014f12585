"""History as a file, made a slice at a time: each slice is a read of its own, and its memory is all that it takes.

A cell of CSV that a spreadsheet would take for a formula gets an apostrophe before it: what is in it came from rigs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

import msgspec

from miner_ctrl.history import HistoryStore
from miner_ctrl.history.contract import EXPORT_KEYS, EXPORTED, EventQuery, ExportSlice
from miner_ctrl.model.times import time_text

ROWS_AT_ONCE = 2_000
_EVENTS = ("time", "at_ms", "peer", "peer_name", "own", "kind", "miner", "by", "text")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_LEFT_OUT = frozenset({"journal", "seq", "offset_ms"})
"""What only tells rows apart."""

Named = Callable[[bytes], tuple[str, str]]
"""A peer's ID and name, by its fingerprint."""


class _Wanted(NamedTuple):
    store: HistoryStore
    what: str
    rig: bytes | None
    since_ms: int
    until_ms: int
    named: Named


async def exported(
    store: HistoryStore, what: str, form: str, rig: bytes | None, *, since_ms: int, until_ms: int, named: Named
) -> AsyncGenerator[bytes, None]:
    """Yield the file: samples, minutes or hours miner by miner, each in the order of time; events the newest first."""
    wanted = _Wanted(store, what, rig, since_ms, until_ms, named)
    columns = _EVENTS if what == "events" else _columns(what)
    if form == "csv":
        yield _csv([columns])
    async for rows in _events(wanted) if what == "events" else _rows(wanted):
        yield _csv(rows) if form == "csv" else _json_lines(columns, rows)


def _columns(what: str) -> tuple[str, ...]:
    return ("time", "peer", "peer_name", "miner", *(name for name in EXPORTED[what] if name not in _LEFT_OUT))


async def _rows(wanted: _Wanted) -> AsyncGenerator[list[tuple[object, ...]], None]:
    names = EXPORTED[wanted.what]
    shown = [index for index, name in enumerate(names) if name not in _LEFT_OUT]
    key = [names.index(name) for name in EXPORT_KEYS[wanted.what]]
    for miner in await wanted.store.miners(wanted.rig):
        part = ExportSlice(wanted.what, miner, wanted.since_ms, wanted.until_ms, limit=ROWS_AT_ONCE)
        while found := await wanted.store.export(part):
            who = (*wanted.named(miner.rig), miner.name)
            yield [(time_text(_ms(row[0])), *who, *(row[index] for index in shown)) for row in found]
            if len(found) < ROWS_AT_ONCE:
                break
            after = tuple(value for value in (found[-1][index] for index in key) if isinstance(value, int | str))
            part = msgspec.structs.replace(part, after=after)


async def _events(wanted: _Wanted) -> AsyncGenerator[list[tuple[object, ...]], None]:
    query = EventQuery(since_ms=wanted.since_ms, until_ms=wanted.until_ms, rig=wanted.rig, limit=ROWS_AT_ONCE)
    while found := await wanted.store.events(query):
        yield [
            (
                time_text(each.at_ms), each.at_ms, *wanted.named(each.rig), each.own, each.kind, each.miner, each.who,
                each.text,
            )
            for each in found
        ]  # fmt: skip
        query = msgspec.structs.replace(query, before=found[-1].key)


def _ms(value: object) -> int:
    return value if isinstance(value, int) else 0


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def _json_lines(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    return b"".join(msgspec.json.encode(dict(zip(columns, row, strict=True))) + b"\n" for row in rows)
