"""The history of a large fleet: what it costs to write, and how soon a chart is there while it is written.

Parts come as a controller fetches them: each rig's two newest samples every 20 s. The raw side of writing is the first
schema's: the same samples into two tables, nothing made of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

import apsw

from benches.figures import Figure, Spread, Target
from benches.nodes import now_ms
from benches.scale import Scale
from miner_ctrl.history import HistoryPart, SqliteHistory, schema_1
from miner_ctrl.history.points import Table, miner_points, plan
from miner_ctrl.model.history import JournalEntry, MinerSample, Sample
from miner_ctrl.model.miners import MinerState

EVERY_MS = 10_000
FETCHED = 2
"""Samples of a rig in one part."""
DAY_MS = 86_400_000
BANDS = 60
"""Rigs that a page shows at once."""


def rig_of(number: int) -> bytes:
    """Return the fingerprint of rig ``number``."""
    return number.to_bytes(32, "big")


def part_of(number: int, first: int, count: int, start_ms: int) -> HistoryPart:
    """Return ``count`` entries of rig ``number`` from ``first`` on; its entry 1 was at ``start_ms``."""
    entries = tuple(
        JournalEntry(
            seq,
            Sample(
                start_ms + (seq - 1) * EVERY_MS,
                (MinerSample("xmrig-1", MinerState.MINING, "rx/0", 1000.0 + seq % 7, seq // 3, 0, 61.5, 95.0),),
                61.5,
                95.0,
            ),
        )
        for seq in range(first, first + count)
    )
    return HistoryPart(
        journal=f"{number:032x}", entries=entries, first=1, last=first + count - 1, more=False, offset_ms=0
    )


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of ``scale.written`` rigs, and of charts of ``scale.fleet`` rigs."""
    return [*await _writing(scale, home), *await _reading(scale, home)]


async def _writing(scale: Scale, home: Path) -> list[Figure]:
    count = scale.written
    history = SqliteHistory(home / "writing.db", now_ms=now_ms)
    start_ms = now_ms() - (2 + scale.rounds) * FETCHED * EVERY_MS
    rows_a_s: list[float] = []
    needed: list[float] = []
    for turn in range(scale.rounds + 1):
        parts = [part_of(number, 1 + turn * FETCHED, FETCHED, start_ms) for number in range(count)]
        began_s, cpu_s = time.perf_counter(), time.process_time()
        await _added(history, parts)
        took_s, used_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        if turn:  # the first makes the dictionaries
            rows_a_s.append(2 * FETCHED * count / took_s)
            needed.append(100 * used_s / (FETCHED * EVERY_MS / 1000))
    await history.close()
    return [
        Figure(f"rows of {count:,} rigs written, a s", "", Spread.of(rows_a_s), _first_schema(scale, home)),
        Figure("  CPU for that fleet at 10 s", "%", Spread.of(needed), None, Target(100 * count / 10_000, reach=25)),
    ]


async def _added(history: SqliteHistory, parts: Sequence[HistoryPart], at_once: int = 64) -> None:
    """Add all parts, as many at once as a controller fetches."""
    waiting = iter(enumerate(parts))

    async def some() -> None:
        for number, part in waiting:
            await history.add(rig_of(number), part)

    await asyncio.gather(*(some() for _ in range(at_once)))


def _first_schema(scale: Scale, home: Path) -> Spread:
    """Return rows a second of the first schema, one part in a transaction, as it was."""
    database = apsw.Connection(str(home / "first.db"))
    database.pragma("journal_mode", "WAL")
    database.pragma("synchronous", "NORMAL")
    database.execute(schema_1.TABLES)
    rates = []
    for turn in range(scale.rounds + 1):
        began_s = time.perf_counter()
        for number in range(scale.written):
            part = part_of(number, 1 + turn * FETCHED, FETCHED, 0)
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "INSERT INTO source VALUES (?, ?, ?, ?, 0) ON CONFLICT (rig, journal) DO UPDATE SET last_seq ="
                " excluded.last_seq",
                (number + 1, rig_of(number), part.journal, part.last),
            )
            whats = [(entry.seq, entry.what) for entry in part.entries if isinstance(entry.what, Sample)]
            database.executemany(
                "INSERT INTO round VALUES (?, ?, ?, 0, ?, ?)",
                [(number + 1, seq, what.at_ms, what.cpu_temperature_c, what.power_w) for seq, what in whats],
            )
            database.executemany(
                "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number + 1, seq, miner.name, miner.state.value, miner.algorithm, miner.hashrate_hps,
                        miner.accepted, miner.rejected, miner.temperature_c, miner.power_w,
                    )
                    for seq, what in whats
                    for miner in what.miners
                ],
            )  # fmt: skip
            database.execute("COMMIT")
        if turn:
            rates.append(2 * FETCHED * scale.written / (time.perf_counter() - began_s))
    database.close()
    return Spread.of(rates)


async def _reading(scale: Scale, home: Path) -> list[Figure]:
    """Fill a day of every rig, then ask for days of rigs at random while the fleet goes on being written."""
    count, samples = scale.fleet, scale.day_samples
    path = home / "reading.db"
    history = SqliteHistory(path, now_ms=now_ms)
    start_ms = now_ms() - samples * EVERY_MS
    for first in range(1, samples, 2_000):
        held = min(2_000, samples + 1 - first)
        await _added(history, [part_of(number, first, held, start_ms) for number in range(count)], at_once=8)
    size_bytes = (await history.sizes()).bytes
    rig_days = count * samples * EVERY_MS / DAY_MS
    over = asyncio.Event()
    writing = asyncio.create_task(_keep_writing(history, count, samples + 1, start_ms, over), name="bench-writing")
    await asyncio.sleep(0.5)
    took_ms = []
    chosen = random.Random(1)  # the same rigs each time
    for _ in range(scale.charts):
        rig = rig_of(chosen.randrange(count))
        began_s = time.perf_counter()
        until_ms = now_ms()
        span = plan(until_ms - DAY_MS, until_ms, 200, await history.floors(), every_ms=await history.every_ms(rig))
        points = miner_points(span, await history.miner_buckets(rig, span, miner="xmrig-1"))
        took_ms.append((time.perf_counter() - began_s) * 1e3)
        assert len(points) <= 200
        assert any(point.hashrate for point in points)
        await asyncio.sleep(0.005)
    bands_ms = []
    for _ in range(scale.charts // 10):
        rigs = [rig_of(number) for number in chosen.sample(range(count), min(BANDS, count))]
        began_s, until_ms = time.perf_counter(), now_ms()
        span = plan(until_ms - DAY_MS, until_ms, 97, await history.floors(), finest=Table.MINUTES)
        found = await history.bands(rigs, span, until_ms=until_ms, events=51)
        bands_ms.append((time.perf_counter() - began_s) * 1e3)
        assert all(rows.miners and rows.watched for rows in found)
        await asyncio.sleep(0.005)
    over.set()
    await writing
    began_s = time.perf_counter()
    await history.close()
    again = SqliteHistory(path, now_ms=now_ms)
    await again.floors()
    opened_ms = (time.perf_counter() - began_s) * 1e3
    await again.close()
    ordered = sorted(took_ms)
    return [
        Figure("24 h of a rig in 200 points", "ms", Spread.of(took_ms)),
        Figure("  p95 while it is written", "ms", Spread(ordered[int(len(ordered) * 0.95)]), None, Target(50)),
        Figure(f"bands of {min(BANDS, count)} rigs, 24 h", "ms", Spread.of(bands_ms), None, Target(100)),
        Figure("bytes of a rig and day", "KiB", Spread(size_bytes / rig_days / 1024)),
        Figure("closed and opened again", "ms", Spread(opened_ms), None, Target(2_000)),
    ]


async def _keep_writing(history: SqliteHistory, count: int, first: int, start_ms: int, over: asyncio.Event) -> None:
    """Add what ``count`` rigs say, as fast as they say it."""
    seq = first
    while not over.is_set():
        began_s = time.monotonic()
        parts = [part_of(number, seq, FETCHED, start_ms) for number in range(count)]
        await _added(history, parts)
        seq += FETCHED
        left_s = FETCHED * EVERY_MS / 1000 - (time.monotonic() - began_s)
        try:
            async with asyncio.timeout(max(0.0, left_s) / 10):  # ten times as fast, to be surely in its way
                await over.wait()
        except TimeoutError:
            continue
