"""Every question that a store of the history is asked, and its answer in a form that two stores' can be compared in.

Floats are rounded to ``DIGITS`` significant digits: sums of the same numbers in another order differ in the last bits.
The rest has to be the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from miner_ctrl.history import HistoryStore
from miner_ctrl.history.contract import EXPORT_KEYS, EXPORTED, EventQuery, ExportSlice
from miner_ctrl.history.points import Span, Table, plan

DIGITS = 12
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
Answer = object


class Question(NamedTuple):
    """``kind`` is what is timed together."""

    kind: str
    name: str
    ask: Callable[[], Awaitable[Answer]]


async def questions(history: HistoryStore, rigs: Sequence[bytes], now_ms: int) -> AsyncIterator[Question]:
    """Yield all of them for some rigs; the store is asked when ``ask`` is called."""
    floors = await history.floors()
    yield Question("floors", "floors", partial(_plain, history.floors))
    for rig in rigs:
        name = rig[:4].hex()
        yield Question("place", f"since {name}", partial(_plain, history.since, rig))
        yield Question("place", f"every {name}", partial(_plain, history.every_ms, rig))
        yield Question("gaps", f"gaps {name}", partial(_plain, history.gaps, rig))
        spans = [
            plan(now_ms - hours * HOUR_MS, now_ms, points, floors, every_ms=10_000)
            for hours, points in ((1, 200), (24, 200), (24, 7), (24 * 7, 500), (24 * 365, 100))
        ]
        begin = now_ms - now_ms % HOUR_MS - 6 * HOUR_MS
        spans += [Span(table, begin, begin + 6 * HOUR_MS, HOUR_MS) for table in Table]
        for span in spans:
            asked = f"{name} {span}"
            yield Question("miners of a rig", asked, partial(_sorted, history.miner_buckets, rig, span))
            yield Question("a miner", asked, partial(_sorted, history.miner_buckets, rig, span, miner="miner-1"))
            yield Question("a rig", asked, partial(_sorted, history.rig_buckets, rig, span))
        last = partial(_plain, history.samples, rig, since_ms=now_ms - 5 * DAY_MS, until_ms=now_ms)
        for limit in (10, 1_000):
            yield Question("last samples", f"{name} {limit}", partial(last, limit=limit))
    for hours, points in ((1, 60), (24, 200), (24 * 7, 200), (24 * 90, 500)):
        span = plan(now_ms - hours * HOUR_MS, now_ms, points, floors, finest=Table.MINUTES)
        yield Question("the fleet", str(span), partial(_sorted, history.fleet_buckets, span))
    for hours, points in ((24, 97), (6, 72), (24 * 60, 60)):
        span = plan(now_ms - hours * HOUR_MS, now_ms, points, floors, finest=Table.MINUTES)
        yield Question("bands", str(span), partial(_bands, history, rigs, span, now_ms))
    miners = await history.miners()
    yield Question("list of miners", "all", partial(_plain, history.miners))
    yield Question("list of miners", "of one rig", partial(_plain, history.miners, rigs[0]))
    totals = partial(_plain, history.miner_totals, miners, since_ms=now_ms - 30 * DAY_MS, until_ms=now_ms)
    yield Question("miners' totals", "all", totals)
    for query in (
        EventQuery(limit=500),
        EventQuery(since_ms=now_ms - DAY_MS, until_ms=now_ms - HOUR_MS, limit=500),
        EventQuery(kinds=("crashed", "watchdog"), limit=200),
        EventQuery(rig=rigs[0], limit=200),
        EventQuery(text="BY hand", limit=200),
        EventQuery(text="'; drop", rig=rigs[-1], limit=200),
    ):
        yield Question("events", str(query), partial(_events, history, query))
    page = EventQuery(limit=50)
    for number in range(4):
        page = msgspec.structs.replace(page, before=(await history.events(page))[-1].key)
        yield Question("events", f"page {number}", partial(_events, history, page))
    for what in EXPORTED:
        wanted = ExportSlice(what, miners[0], now_ms - 30 * DAY_MS, now_ms)
        yield Question("export", what, partial(_exported, history, wanted))
    yield Question("hours of rigs", "sizes", partial(_rig_hours, history))


async def _plain(ask: Callable[..., Awaitable[Answer]], *given: Any, **named: Any) -> Answer:
    return rounded(await ask(*given, **named))


async def _sorted(ask: Callable[..., Awaitable[Sequence[Answer]]], *given: Any, **named: Any) -> Answer:
    """In an order of its own: buckets are looked up by their time."""
    return sorted((rounded(each) for each in await ask(*given, **named)), key=repr)


async def _events(history: HistoryStore, query: EventQuery) -> Answer:
    """Without a journal's number, which is the store's own; its name is there."""
    return [
        (event.key.seq, {name: value for name, value in msgspec.structs.asdict(event).items() if name != "key"})
        for event in await history.events(query)
    ]


async def _bands(history: HistoryStore, rigs: Sequence[bytes], span: Span, now_ms: int) -> Answer:
    return [
        (
            sorted((rounded(bucket) for bucket in band.miners), key=repr),
            band.watched,
            [(event.at_ms, event.key.seq, event.kind, event.own, event.text) for event in band.events],
            [(event.at_ms, event.key.seq, event.kind, event.own) for event in band.comings],
        )
        for band in await history.bands([*rigs, b"?" * 32], span, until_ms=now_ms, events=20)
    ]


async def _exported(history: HistoryStore, wanted: ExportSlice) -> Answer:
    """All of it, in slices; journals, and algorithms within a row's time, are in the store's own order."""
    found: list[tuple[object, ...]] = []
    columns = EXPORTED[wanted.what]
    while rows := await history.export(wanted):
        found += rows
        after: tuple[Any, ...] = tuple(rows[-1][columns.index(name)] for name in EXPORT_KEYS[wanted.what])
        wanted = msgspec.structs.replace(wanted, after=after)
    kept = [index for index, name in enumerate(columns) if name != "journal"]
    return sorted((rounded(tuple(row[index] for index in kept)) for row in found), key=repr)


async def _rig_hours(history: HistoryStore) -> Answer:
    return (await history.sizes()).rig_hours


def rounded(value: Answer) -> Answer:
    """Return plain values, floats with ``DIGITS`` significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, msgspec.Struct):
        return rounded(msgspec.structs.asdict(value))
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(rounded, value))
    return value
