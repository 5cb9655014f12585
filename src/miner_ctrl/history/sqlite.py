"""The history in one SQLite file, ``<data>/mining.db``: one thread writes, two read.

What is added waits a moment for more, and is committed together with it. A commit is not flushed to the disk by itself:
an end of the process loses nothing, one of the machine the last moments, and the rigs' journals have those.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history.contract import (
    BandRows,
    Event,
    EventQuery,
    ExportSlice,
    HistoryCounts,
    KnownMiner,
    MinerTotal,
    Sizes,
)
from miner_ctrl.history.parts import HistoryPart, Place
from miner_ctrl.history.points import FleetBucket, MinerBucket, RigBucket, Span
from miner_ctrl.history.rollups import Floors
from miner_ctrl.history.sqlite_bands import bands
from miner_ctrl.history.sqlite_reader import SqliteReader
from miner_ctrl.history.sqlite_writer import SqliteWriter
from miner_ctrl.history.writing import Gathered, Parts, Recording, sweep_for_ever
from miner_ctrl.model.history import HistorySettings, OwnEvent
from miner_ctrl.model.views import GapView, HashratePointView

T = TypeVar("T")

PARTS_AT_ONCE = 128
"""Parts in one transaction."""
COUNTED_EVERY_S = 600.0
READERS = 2
RIGS_AT_ONCE = 10
"""Bands of one read: between two, others have their turn."""


class SqliteHistory:
    """A ``HistoryStore``. The file is opened when it is first used: the node does not wait for it.

    ``now_ms`` is Unix time; ``clock`` monotonic, in seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        now_ms: Callable[[], int],
        settings: HistorySettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._clock = clock
        self._writer = SqliteWriter(path, settings or HistorySettings(), now_ms=now_ms)
        self._reader = SqliteReader(path, clock=clock)
        self._thread = ThreadPoolExecutor(1, "history")
        self._readers = ThreadPoolExecutor(READERS, "history-read")
        self._gathered = Gathered(self._commit, at_once=PARTS_AT_ONCE, broken=lambda error: error)
        self._recording = Recording()
        self._sweeping: asyncio.Task[None] | None = None
        self._opened = False
        self._rig_hours: tuple[float, int] | None = None

    def start(self) -> None:
        """Let go of what is too old, from now on."""
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(sweep_for_ever(self.sweep), name="history-sweep")

    def keep(self, settings: HistorySettings) -> None:
        """Keep what for how long from now on."""
        self._writer.settings = settings

    async def close(self) -> None:
        """Write what was taken, and close the file."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._gathered.written()
        self._readers.shutdown()
        self._reader.close()
        await self._in_thread(self._writer.close)
        self._thread.shutdown()

    @property
    def problem(self) -> str:
        """Why nothing is recorded at present, one sentence; empty while all is well."""
        return self._recording.problem

    @property
    def counts(self) -> HistoryCounts:
        """What has been written, and what waits."""
        return self._gathered.counts

    # --- writing ----------------------------------------------------------------------------------------

    async def since(self, rig: bytes) -> Place:
        """Return how far the history of the rig with this fingerprint is known, in the journal it told of last."""
        return await self._in_thread(lambda: self._writer.since(rig))

    async def add(self, rig: bytes, part: HistoryPart) -> Place:
        """Store what is new in ``part``, all of it or nothing, and return how far the journal is known then.

        Raises:
            Nonsense: no journal in order says this, or the rig has had its share for today.
            OperationFailed: it could not be written.
            StateDamaged: the file cannot be used.
        """
        return await self._gathered.add(rig, part)

    async def note(self, events: Sequence[OwnEvent]) -> None:
        """Store events of this node's own journal, in their order.

        Raises:
            OperationFailed, StateDamaged: they could not be written; none of them was.
        """
        with self._telling():
            await self._in_thread(lambda: self._writer.note(events))

    async def named(self, names: Mapping[bytes, str]) -> None:
        """Note what rigs are called."""
        await self._in_thread(lambda: self._writer.named(names))

    async def sweep(self) -> bool:
        """Let go of a little of what is too old; whether there is more of it."""
        return await self._in_thread(self._writer.sweep)

    async def _commit(self, parts: Parts) -> list[Place | MinerCtrlError]:
        with self._telling():
            return await self._in_thread(lambda: self._writer.commit(parts))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Have what is written within noted as done, or as not done and why."""
        try:
            yield
        except MinerCtrlError as error:
            self._recording.wrote(error)
            raise
        self._recording.wrote(None)

    # --- reading ----------------------------------------------------------------------------------------

    async def floors(self) -> Floors:
        """Return from when on each table has everything."""
        await self._open()
        return self._writer.floors()

    async def every_ms(self, rig: bytes | None) -> int:
        """Return the time between the last two samples of a rig, or of any; 10 s where that is not known."""
        return await self._read(lambda: self._reader.every_ms(rig))

    async def miner_buckets(self, rig: bytes, span: Span, *, miner: str | None = None) -> list[MinerBucket]:
        """Return what a rig's miners, or one of them, add up to."""
        return await self._read(lambda: self._reader.miner_buckets(rig, span, miner))

    async def rig_buckets(self, rig: bytes, span: Span) -> list[RigBucket]:
        """Return what a rig adds up to."""
        return await self._read(lambda: self._reader.rig_buckets(rig, span))

    async def fleet_buckets(self, span: Span) -> list[FleetBucket]:
        """Return what all rigs add up to."""
        return await self._read(lambda: self._reader.fleet_buckets(span))

    async def miners(self, rig: bytes | None = None) -> list[KnownMiner]:
        """Return every miner that there is history of, in order."""
        return await self._read(lambda: self._reader.miners(rig))

    async def miner_totals(self, miners: Sequence[KnownMiner], *, since_ms: int, until_ms: int) -> list[MinerTotal]:
        """Return what each of these adds up to in whole hours."""
        return await self._read(lambda: self._reader.miner_totals(miners, since_ms, until_ms))

    async def samples(self, rig: bytes, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last samples of a rig's miners within a time, the oldest first."""
        return await self._read(lambda: self._reader.samples(rig, since_ms, until_ms, limit))

    async def events(self, query: EventQuery) -> list[Event]:
        """Return events, the newest first."""
        return await self._read(lambda: self._reader.events(query))

    async def bands(self, rigs: Sequence[bytes], span: Span, *, until_ms: int, events: int) -> list[BandRows]:
        """Return what bands of these rigs are drawn of, one for each."""
        parts = [rigs[first : first + RIGS_AT_ONCE] for first in range(0, len(rigs), RIGS_AT_ONCE)]
        found = await asyncio.gather(
            *(self._read(partial(bands, self._reader, part, span, until_ms=until_ms, events=events)) for part in parts)
        )
        return [rows for part in found for rows in part]

    async def gaps(self, rig: bytes) -> list[GapView]:
        """Return what is missing: entries that the rig had forgotten before they were fetched."""
        return await self._read(lambda: self._reader.gaps(rig))

    async def export(self, wanted: ExportSlice) -> list[tuple[object, ...]]:
        """Return the next rows of one miner."""
        return await self._read(lambda: self._reader.export(wanted))

    async def sizes(self) -> Sizes:
        """Return what is stored: the bytes as they are, the hours of rigs as they were a while ago at most."""
        if self._rig_hours is None or self._clock() > self._rig_hours[0] + COUNTED_EVERY_S:
            self._rig_hours = self._clock(), await self._read(self._reader.rig_hours)
        names = (self._path, self._path.with_name(self._path.name + "-wal"))
        stored = await asyncio.to_thread(lambda: sum(name.stat().st_size for name in names if name.exists()))
        return Sizes(bytes=stored, rig_hours=self._rig_hours[1])

    async def _open(self) -> None:
        if not self._opened:
            with self._telling():
                await self._in_thread(self._writer.open)
            self._opened = True

    async def _read(self, work: Callable[[], T]) -> T:
        await self._open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._reader.in_time, work)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
