"""The controller's history in one SQLite file, ``<data>/mining.db``, with one thread that writes and reads it.

An entry is stored under its source (a rig's journal) and its number, so that there is none twice; samples, events and
how far a journal is known are committed together. The tables hold what rigs said and nothing derived from it: later
schemas add theirs beside them (``user_version`` counts).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from miner_ctrl.errors import OperationFailed
from miner_ctrl.history.parts import HistoryPart, Nonsense, Place, cost_of, new_entries
from miner_ctrl.model.history import JournalEntry, Sample
from miner_ctrl.model.views import GapView, HashratePointView, RigEventView
from miner_ctrl.storage.sqlite import open_database, transaction

T = TypeVar("T")

DAY_MS = 86_400_000
BYTES_A_DAY = 256 * 1024 * 1024
"""What one rig may have stored here in a day: seven days of 64 miners at 10 s are less."""
JOURNALS_A_DAY = 24
"""How many new journals one rig may begin in a day."""

_MIGRATIONS = (
    """
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        rig BLOB NOT NULL,
        journal TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        told_ms INTEGER NOT NULL,
        UNIQUE (rig, journal)
    ) STRICT;
    CREATE TABLE round (
        source INTEGER NOT NULL REFERENCES source,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        offset_ms INTEGER NOT NULL,
        cpu_temperature REAL,
        power REAL,
        PRIMARY KEY (source, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX round_time ON round (source, at_ms + offset_ms);
    CREATE TABLE sample (
        source INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        miner TEXT NOT NULL,
        state TEXT NOT NULL,
        algorithm TEXT NOT NULL,
        hashrate REAL,
        accepted INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        temperature REAL,
        power REAL,
        PRIMARY KEY (source, seq, miner),
        FOREIGN KEY (source, seq) REFERENCES round
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE event (
        source INTEGER NOT NULL REFERENCES source,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        offset_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        miner TEXT NOT NULL,
        who TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (source, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_time ON event (source, at_ms + offset_ms);
    CREATE TABLE gap (
        source INTEGER NOT NULL REFERENCES source,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        noted_ms INTEGER NOT NULL,
        PRIMARY KEY (source, first_seq)
    ) STRICT, WITHOUT ROWID;
    """,
)


class HistoryStore:
    """Opened when it is first used: a large file takes its time to be checked, and the node does not wait for it.

    ``now_ms`` is Unix time.
    """

    def __init__(self, path: Path, *, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._thread = ThreadPoolExecutor(1, "history")
        self._database: apsw.Connection | None = None
        self._day = 0
        self._spent: dict[bytes, int] = {}

    async def close(self) -> None:
        """Finish what is being written and close the file."""
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def since(self, rig: bytes) -> Place:
        """Return how far the history of the rig with this fingerprint is known, in the journal it told of last."""
        return await self._in_thread(lambda: self._since(rig))

    async def add(self, rig: bytes, part: HistoryPart) -> Place:
        """Store what is new in ``part``, all of it or nothing, and return how far the journal is known then.

        Raises:
            Nonsense: no journal in order says this, or the rig has had its share for today.
            OperationFailed: it could not be written.
        """
        return await self._in_thread(lambda: self._add(rig, part))

    async def events(self, rig: bytes, *, since_ms: int, limit: int) -> list[RigEventView]:
        """Return the last events of a rig from ``since_ms`` on, the oldest first."""
        return await self._in_thread(lambda: self._events(rig, since_ms, limit))

    async def hashrate(self, rig: bytes, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last samples of a rig's miners within a time, the oldest first."""
        return await self._in_thread(lambda: self._hashrate(rig, since_ms, until_ms, limit))

    async def gaps(self, rig: bytes) -> list[GapView]:
        """Return what is missing: entries that the rig had forgotten before they were fetched."""
        return await self._in_thread(lambda: self._gaps(rig))

    # --- in the thread ----------------------------------------------------------------------------------

    def _since(self, rig: bytes) -> Place:
        row = self._opened.execute(
            "SELECT journal, last_seq FROM source WHERE rig = ? ORDER BY told_ms DESC, id DESC LIMIT 1", (rig,)
        ).fetchone()
        return Place(*row) if row else Place()

    def _add(self, rig: bytes, part: HistoryPart) -> Place:
        database, now_ms = self._opened, self._now_ms()
        row = database.execute(
            "SELECT id, last_seq FROM source WHERE rig = ? AND journal = ?", (rig, part.journal)
        ).fetchone()
        known = row[1] if row else 0
        fresh = new_entries(part, known)
        spent = self._spent_with(rig, cost_of(fresh) + (0 if row else BYTES_A_DAY // JOURNALS_A_DAY), now_ms)
        last = fresh[-1].seq if fresh else known
        with transaction(database):
            source = database.execute(
                "INSERT INTO source (rig, journal, last_seq, told_ms) VALUES (?, ?, ?, ?) ON CONFLICT (rig, journal)"
                " DO UPDATE SET last_seq = excluded.last_seq, told_ms = excluded.told_ms RETURNING id",
                (rig, part.journal, last, now_ms),
            ).get
            assert isinstance(source, int)  # noqa: S101 - a row's own id
            if fresh and fresh[0].seq > known + 1:
                database.execute("INSERT INTO gap VALUES (?, ?, ?, ?)", (source, known + 1, fresh[0].seq - 1, now_ms))
            _insert(database, source, fresh, part.offset_ms)
        self._spent[rig] = spent
        return Place(part.journal, last)

    def _spent_with(self, rig: bytes, cost: int, now_ms: int) -> int:
        if now_ms // DAY_MS != self._day:
            self._day, self._spent = now_ms // DAY_MS, {}
        spent = self._spent.get(rig, 0) + cost
        if spent > BYTES_A_DAY:
            raise Nonsense("The rig's journal is more than one rig may have stored here in a day.")
        return spent

    def _events(self, rig: bytes, since_ms: int, limit: int) -> list[RigEventView]:
        rows = self._rows(
            "SELECT event.at_ms, offset_ms, kind, miner, who, text, journal, seq FROM event JOIN source ON"
            " source.id = source WHERE rig = ? AND at_ms + offset_ms >= ? ORDER BY at_ms + offset_ms DESC, seq DESC"
            " LIMIT ?",
            (rig, since_ms, limit),
        )
        return [
            RigEventView(
                at_ms=at + offset, rig_at_ms=at, kind=kind, miner=miner, by=who, text=text, journal=journal, seq=seq
            )
            for at, offset, kind, miner, who, text, journal, seq in reversed(rows)
        ]

    def _hashrate(self, rig: bytes, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        rows = self._rows(
            "SELECT at_ms, offset_ms, miner, state, algorithm, hashrate, accepted, rejected, temperature, sample.power,"
            " journal, seq FROM round JOIN source ON source.id = round.source JOIN sample USING (source, seq)"
            " WHERE rig = ? AND at_ms + offset_ms BETWEEN ? AND ? ORDER BY at_ms + offset_ms DESC, seq DESC, miner DESC"
            " LIMIT ?",
            (rig, since_ms, until_ms, limit),
        )
        return [
            HashratePointView(
                at_ms=at + offset, rig_at_ms=at, miner=miner, state=state, algorithm=algorithm, hashrate_hps=hashrate,
                accepted=accepted, rejected=rejected, temperature_c=temperature, power_w=power, journal=journal,
                seq=seq,
            )
            for at, offset, miner, state, algorithm, hashrate, accepted, rejected, temperature, power, journal, seq
            in reversed(rows)
        ]  # fmt: skip

    def _gaps(self, rig: bytes) -> list[GapView]:
        rows = self._rows(
            "SELECT journal, first_seq, gap.last_seq, noted_ms FROM gap JOIN source ON source.id = source"
            " WHERE rig = ? ORDER BY noted_ms LIMIT 1000",
            (rig,),
        )
        return [
            GapView(journal=journal, first=first, last=last, noted_ms=noted) for journal, first, last, noted in rows
        ]

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._opened.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise OperationFailed(
                f"The history {self._path} cannot be read: {error}.", suggestion="See to its disk.", code="NO_HISTORY"
            ) from None

    @property
    def _opened(self) -> apsw.Connection:
        if self._database is None:
            self._database = open_database(self._path, _MIGRATIONS, what="history")
            self._database.pragma("synchronous", "NORMAL")  # what a power cut takes, the rig's journal has
        return self._database

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _insert(database: apsw.Connection, source: int, entries: Iterable[JournalEntry], offset_ms: int) -> None:
    rounds, samples, events = [], [], []
    for entry in entries:
        seq, what = entry.seq, entry.what
        if not isinstance(what, Sample):
            events.append((source, seq, what.at_ms, offset_ms, what.kind, what.miner, what.by, what.text))
            continue
        rounds.append((source, seq, what.at_ms, offset_ms, what.cpu_temperature_c, what.power_w))
        samples += [
            (
                source, seq, miner.name, miner.state.value, miner.algorithm, miner.hashrate_hps, miner.accepted,
                miner.rejected, miner.temperature_c, miner.power_w,
            )
            for miner in what.miners
        ]  # fmt: skip
    database.executemany("INSERT INTO round VALUES (?, ?, ?, ?, ?, ?)", rounds)
    database.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", samples)
    database.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", events)
