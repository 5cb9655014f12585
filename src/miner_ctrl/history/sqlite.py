"""The history in one SQLite file, ``<data>/mining.db``: one thread writes, two read.

What is added waits a moment for more, and is committed together with it. A commit is not flushed to the disk by itself:
an end of the process loses nothing, one of the machine the last moments, and the rigs' journals have those.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history.contract import Event, EventQuery, ExportSlice, HistoryCounts, KnownMiner, MinerTotal, Sizes
from miner_ctrl.history.parts import HistoryPart, Place
from miner_ctrl.history.points import FleetBucket, MinerBucket, RigBucket, Span
from miner_ctrl.history.rollups import Floors
from miner_ctrl.history.sqlite_reader import SqliteReader
from miner_ctrl.history.sqlite_writer import SqliteWriter
from miner_ctrl.model.history import HistorySettings, OwnEvent
from miner_ctrl.model.views import GapView, HashratePointView

log = logging.getLogger(__name__)
T = TypeVar("T")

GATHER_S = 0.05
"""How long what is added waits for more to be committed with it."""
ENOUGH = 32
"""So many do not wait."""
PARTS_AT_ONCE = 128
"""Parts in one transaction."""
PARTS_WAITING = 256
"""Parts in memory; whoever brings another waits."""
SLICE_EVERY_S = 0.5
PASS_EVERY_S = 600.0
COUNTED_EVERY_S = 600.0
READERS = 2

_Waiting = tuple[bytes, HistoryPart, "asyncio.Future[Place]"]


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
        self._room = asyncio.Semaphore(PARTS_WAITING)
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._opened = False
        self._problem = ""
        self.counts = HistoryCounts()
        self._rig_hours: tuple[float, int] | None = None

    def start(self) -> None:
        """Let go of what is too old, from now on."""
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep_for_ever(), name="history-sweep")

    async def close(self) -> None:
        """Write what was taken, and close the file."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        if self._writing is not None:
            await asyncio.wait((self._writing,))
        self._readers.shutdown()
        self._reader.close()
        await self._in_thread(self._writer.close)
        self._thread.shutdown()

    @property
    def problem(self) -> str:
        """Why nothing is recorded at present, one sentence; empty while all is well."""
        return self._problem

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
        self.counts.waiting += 1
        try:
            place = await self._add(rig, part)
        finally:
            self.counts.waiting -= 1
        self.counts.entries += len(part.entries)
        return place

    async def _add(self, rig: bytes, part: HistoryPart) -> Place:
        async with self._room:
            stored: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
            self._waiting.append((rig, part, stored))
            if self._writing is None or self._writing.done():
                self._writing = asyncio.get_running_loop().create_task(self._write(), name="history-write")
            return await stored

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

    async def _write(self) -> None:
        while self._waiting:
            if len(self._waiting) < ENOUGH:
                await asyncio.sleep(GATHER_S)
            batch, self._waiting = self._waiting[:PARTS_AT_ONCE], self._waiting[PARTS_AT_ONCE:]
            await self._commit(batch)

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            with self._telling():
                parts = [(rig, part) for rig, part, _ in batch]
                outcomes = await self._in_thread(lambda: self._writer.commit(parts))
            self.counts.commits += 1
        except MinerCtrlError as error:
            for _, _, stored in batch:
                _settle(stored, error)
        except Exception as error:  # the boundary of the writer: what one rig told must not stop the others'
            if len(batch) == 1:
                log.exception("a part of a rig's history could not be stored")
                _settle(batch[0][2], error)
                return
            for each in batch:
                await self._commit((each,))
        else:
            for (_, _, stored), outcome in zip(batch, outcomes, strict=True):
                _settle(stored, outcome)

    def _telling(self) -> _Telling:
        return _Telling(self)

    def wrote(self, error: MinerCtrlError | None) -> None:
        """Writing came about, or did not: said once."""
        if error is None:
            if self._problem:
                log.info("History is recorded again.")
            self._problem = ""
            return
        if not self._problem:
            log.warning("History is not recorded until this is mended: %s", error.message)
        self._problem = error.message

    async def _sweep_for_ever(self) -> None:
        while True:
            goes_on = False
            with suppress(MinerCtrlError):
                goes_on = await self.sweep()
            await asyncio.sleep(SLICE_EVERY_S if goes_on else PASS_EVERY_S)

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


class _Telling:
    """Has what is written within noted as done, or as not done and why."""

    def __init__(self, history: SqliteHistory) -> None:
        self._history = history

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self._history.wrote(None)
        elif isinstance(error, MinerCtrlError):
            self._history.wrote(error)


def _settle(stored: asyncio.Future[Place], outcome: Place | BaseException) -> None:
    if stored.done():  # nobody waits for it any more
        return
    if isinstance(outcome, BaseException):
        stored.set_exception(outcome)
    else:
        stored.set_result(outcome)
