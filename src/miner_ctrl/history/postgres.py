"""The history in a PostgreSQL database, which several controllers and others may share.

What is added waits a moment for more, and is committed together with it. While the server is away nothing is kept here:
the rigs' journals have it, and are asked again when it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from miner_ctrl.errors import MinerCtrlError, OperationFailed, StateDamaged
from miner_ctrl.history import postgres_reading as reading
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
from miner_ctrl.history.parts import HistoryPart, Nonsense, Place
from miner_ctrl.history.points import FleetBucket, MinerBucket, RigBucket, Span
from miner_ctrl.history.postgres_bands import bands
from miner_ctrl.history.postgres_errors import NOT_WRITTEN, not_written
from miner_ctrl.history.postgres_server import PostgresServer
from miner_ctrl.history.postgres_sweep import Sweep
from miner_ctrl.history.postgres_writing import PartsTransaction, kept, note_own
from miner_ctrl.history.rollups import Floors, floors_of
from miner_ctrl.history.shares import Shares
from miner_ctrl.history.writing import Gathered, Parts, Recording, sweep_for_ever
from miner_ctrl.model.history import HistorySettings, OwnEvent
from miner_ctrl.model.views import GapView, HashratePointView
from miner_ctrl.storage.database_url import DatabaseUrl

if TYPE_CHECKING:
    from miner_ctrl.history.postgres_server import Connection

PARTS_AT_ONCE = 64
"""Parts in one transaction."""
COUNTED_EVERY_S = 600.0
TRIES = 3
"""How often a transaction is begun that another one stood in the way of."""


class PostgresHistory:
    """A ``HistoryStore``. It connects when it is first used. ``own_journal`` names this node's own among those of other
    controllers. ``now_ms`` is Unix time; ``clock`` monotonic, in seconds."""

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        now_ms: Callable[[], int],
        settings: HistorySettings | None = None,
        own_journal: str = "own",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings or HistorySettings()
        self._own_journal = own_journal
        self._now_ms = now_ms
        self._clock = clock
        self._server = PostgresServer(url, clock=clock)
        self._shares = Shares()
        self._sweep = Sweep()
        self._gathered = Gathered(
            self._stored, at_once=PARTS_AT_ONCE, broken=lambda error: not_written(error, self._server.shown)
        )
        self._recording = Recording()
        self._sweeping: asyncio.Task[None] | None = None
        self._sizes: tuple[float, Sizes] | None = None

    async def check(self) -> None:
        """See that the database can be used.

        Raises:
            Refused, NotFound, StateDamaged: a person has to mend something.
            OperationFailed: it cannot be reached now.
        """
        await self._server.check()

    def start(self) -> None:
        """Let go of what is too old, from now on."""
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(sweep_for_ever(self.sweep), name="history-sweep")

    def keep(self, settings: HistorySettings) -> None:
        """Keep what for how long from now on."""
        self._settings = settings

    async def close(self) -> None:
        """Write what was taken, and end the connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._gathered.written()
        await self._server.close()

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
        async with self._written() as connection:
            return await reading.since(connection, rig)

    async def add(self, rig: bytes, part: HistoryPart) -> Place:
        """Store what is new in ``part``, all of it or nothing, and return how far the journal is known then.

        Raises:
            Nonsense: no journal in order says this, or the rig has had its share for today.
            OperationFailed: it could not be written.
            StateDamaged: a newer version of miner-ctrl wrote the database.
        """
        return await self._gathered.add(rig, part)

    async def note(self, events: Sequence[OwnEvent]) -> None:
        """Store events of this node's own journal, in their order.

        Raises:
            OperationFailed, StateDamaged: they could not be written; none of them was.
        """
        async with self._written() as connection, connection.transaction():
            await note_own(connection, events, journal=self._own_journal, now_ms=self._now_ms())

    async def named(self, names: Mapping[bytes, str]) -> None:
        """Note what rigs are called."""
        async with self._written() as connection:
            await connection.execute(
                "UPDATE rig SET name = new.name FROM unnest($1::bytea[], $2::text[]) AS new (fingerprint, name)"
                " WHERE rig.fingerprint = new.fingerprint AND rig.name <> new.name",
                list(names),
                list(names.values()),
            )

    async def sweep(self) -> bool:
        """Let go of a little of what is too old; whether there is more of it."""
        async with self._written() as connection, connection.transaction():
            return await self._sweep.slice(connection, await self._floors(connection))

    async def _stored(self, parts: Parts) -> list[Place | Nonsense]:
        for tries in range(TRIES):
            try:
                async with self._written() as connection:
                    async with connection.transaction():
                        transaction = PartsTransaction(
                            connection, parts, settings=self._settings, shares=self._shares, now_ms=self._now_ms()
                        )
                        outcomes = await transaction.store()
                    for rig, cost in transaction.costs.items():
                        self._shares.taken(rig, cost)
                    return outcomes
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError):
                if tries == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _written(self) -> AsyncIterator[Connection]:
        """Yield a connection to write with; whether that came about is noted, and said once."""
        try:
            async with self._server.connection() as connection:
                yield connection
        except (Nonsense, StateDamaged, OperationFailed) as error:
            if not isinstance(error, Nonsense):
                self._recording.wrote(error)
            raise
        except MinerCtrlError as error:  # who was let in is no more
            self._recording.wrote(error)
            raise OperationFailed(error.message, suggestion=error.suggestion, code=NOT_WRITTEN) from None
        self._recording.wrote(None)

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[Connection]:
        """Yield a connection to read with."""
        try:
            async with self._server.connection() as connection:
                yield connection
        except StateDamaged:
            raise
        except MinerCtrlError as error:
            raise OperationFailed(error.message, suggestion=error.suggestion, code="NO_HISTORY") from None

    async def _floors(self, connection: Connection) -> Floors:
        return floors_of(await kept(connection), self._settings, self._now_ms())

    # --- reading ----------------------------------------------------------------------------------------

    async def floors(self) -> Floors:
        """Return from when on each table has everything."""
        async with self._asked() as connection:
            return await self._floors(connection)

    async def every_ms(self, rig: bytes | None) -> int:
        """Return the time between the last two samples of a rig, or of any; 10 s where that is not known."""
        async with self._asked() as connection:
            return await reading.every_ms(connection, rig)

    async def miner_buckets(self, rig: bytes, span: Span, *, miner: str | None = None) -> list[MinerBucket]:
        """Return what a rig's miners, or one of them, add up to."""
        async with self._asked() as connection:
            return await reading.miner_buckets(connection, rig, span, miner)

    async def rig_buckets(self, rig: bytes, span: Span) -> list[RigBucket]:
        """Return what a rig adds up to."""
        async with self._asked() as connection:
            return await reading.rig_buckets(connection, rig, span)

    async def fleet_buckets(self, span: Span) -> list[FleetBucket]:
        """Return what all rigs add up to."""
        async with self._asked() as connection:
            return await reading.fleet_buckets(connection, span)

    async def miners(self, rig: bytes | None = None) -> list[KnownMiner]:
        """Return every miner that there is history of, in order."""
        async with self._asked() as connection:
            return await reading.miners(connection, rig)

    async def miner_totals(self, miners: Sequence[KnownMiner], *, since_ms: int, until_ms: int) -> list[MinerTotal]:
        """Return what each of these adds up to in whole hours."""
        async with self._asked() as connection:
            return await reading.miner_totals(connection, miners, since_ms=since_ms, until_ms=until_ms)

    async def samples(self, rig: bytes, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last samples of a rig's miners within a time, the oldest first."""
        async with self._asked() as connection:
            return await reading.samples(connection, rig, since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def events(self, query: EventQuery) -> list[Event]:
        """Return events, the newest first."""
        async with self._asked() as connection:
            return await reading.events(connection, query, own_journal=self._own_journal)

    async def bands(self, rigs: Sequence[bytes], span: Span, *, until_ms: int, events: int) -> list[BandRows]:
        """Return what bands of these rigs are drawn of, one for each."""
        async with self._asked() as connection:
            return await bands(connection, rigs, span, until_ms=until_ms, events=events, own_journal=self._own_journal)

    async def gaps(self, rig: bytes) -> list[GapView]:
        """Return what is missing: entries that the rig had forgotten before they were fetched."""
        async with self._asked() as connection:
            return await reading.gaps(connection, rig)

    async def export(self, wanted: ExportSlice) -> list[tuple[object, ...]]:
        """Return the next rows of one miner."""
        async with self._asked() as connection:
            return await reading.export(connection, wanted)

    async def sizes(self) -> Sizes:
        """Return what is stored, measured a while ago at most; while the database is away, what was known last."""
        if self._sizes is None or self._clock() > self._sizes[0] + COUNTED_EVERY_S:
            try:
                async with self._asked() as connection:
                    self._sizes = self._clock(), await reading.sizes(connection)
            except MinerCtrlError as error:
                self._recording.wrote(error)
        return self._sizes[1] if self._sizes else Sizes(bytes=0, rig_hours=0)
