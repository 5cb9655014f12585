"""What writes the history's SQLite file. Every call blocks: they are made in the writer's own thread.

Many parts are committed together. What is known of journals and dictionaries is kept in memory; after a transaction
that did not come about it is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history import schema_1
from miner_ctrl.history.contract import OWN_RIG
from miner_ctrl.history.parts import HistoryPart, Nonsense, Place, new_entries, texts_of
from miner_ctrl.history.rollups import FleetRollup, Floors, JournalState, Rows, floors_of, rows_of
from miner_ctrl.history.schema import EVENT_COLUMNS, LEAST, MOST, RIG_SAMPLE_COLUMNS, ROLLUPS, SAMPLE_COLUMNS, TABLES
from miner_ctrl.history.shares import Cost, Shares, cost_of_part
from miner_ctrl.history.sqlite_sweep import Sweep
from miner_ctrl.model.history import HistorySettings, JournalEntry, OwnEvent
from miner_ctrl.storage.sqlite import fetched, open_database, transaction

MIGRATIONS = (schema_1.TABLES, schema_1.SET_ASIDE + TABLES)
CHECKED_BYTES = 64 * 1024 * 1024
"""A larger file is not read through when it is opened: that would take minutes."""
OWN_JOURNAL = "own"
_CACHE_KIB = 64 * 1024
_CHECKPOINT_PAGES = 8_000
_JOURNALS_IN_MEMORY = 50_000
_NAMES_IN_MEMORY = 200_000

_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(JournalState).decode


class _Journal:
    """A journal as far as it is stored."""

    __slots__ = ("id", "last_seq", "rig", "state")

    def __init__(self, id_: int, rig: int, last_seq: int, state: JournalState) -> None:
        self.id = id_
        self.rig = rig
        self.last_seq = last_seq
        self.state = state


class _Batch:
    """The rows of one transaction, by table, and what each rig has of it."""

    def __init__(self, floors: Floors, now_ms: int) -> None:
        self.floors = floors
        self.now_ms = now_ms
        self.costs: dict[bytes, Cost] = {}
        self.samples: list[tuple[Any, ...]] = []
        self.rounds: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.rollups: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ROLLUPS}
        self.fleet: dict[str, dict[tuple[int, int], FleetRollup]] = {"fleet_minute": {}, "fleet_hour": {}}


class SqliteWriter:
    """``now_ms`` is Unix time. Opened by ``open``."""

    def __init__(self, path: Path, settings: HistorySettings, *, now_ms: Callable[[], int]) -> None:
        self._path = path
        self.settings = settings
        """How long what is kept; may be replaced at any time, from any thread."""
        self._now_ms = now_ms
        self._database: apsw.Connection | None = None
        self._shares = Shares()
        self._kept = Floors()
        self._rigs: dict[bytes, int] = {}
        self._miners: dict[tuple[int, str], int] = {}
        self._algorithms: dict[str, int] = {}
        self._journals: dict[tuple[bytes, str], _Journal] = {}
        self._sweep = Sweep()

    def open(self) -> None:
        """Open the file, made if it is not there.

        Raises:
            StateDamaged: it is not a file of ours, is damaged, was written by a newer version or cannot be read.
            OperationFailed: rows of an earlier schema could not be carried over.
        """
        if self._database is not None:
            return
        database = open_database(self._path, MIGRATIONS, what="history", checked_bytes=CHECKED_BYTES)
        try:
            database.pragma("synchronous", "NORMAL")  # what a power cut takes, the rig's journal has
            database.pragma("foreign_keys", False)  # ids come from the dictionaries alone
            database.pragma("cache_size", -_CACHE_KIB)
            database.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
            database.pragma("journal_size_limit", _CHECKPOINT_PAGES * 4096)
            kept = dict(fetched(database, "SELECT what, from_ms FROM kept"))
            self._kept = Floors(**{name: int(kept.get(name, 0)) for name in Floors.__struct_fields__})
            self._database = database
            with transaction(database):
                schema_1.carry_over(database, self)
        except BaseException:
            self._database = None
            self._forget_known()
            database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def floors(self) -> Floors:
        """Return from when on each table has everything."""
        return floors_of(self._kept, self.settings, self._now_ms())

    def since(self, rig: bytes) -> Place:
        """Return how far the rig's history is known, in the journal it told of last."""
        row = self._opened.execute(
            "SELECT journal.name, last_seq FROM journal JOIN rig ON rig.id = journal.rig WHERE fingerprint = ?"
            " ORDER BY told_ms DESC, journal.id DESC LIMIT 1",
            (rig,),
        ).fetchone()
        return Place(*row) if row else Place()

    def commit(self, parts: Sequence[tuple[bytes, HistoryPart]]) -> list[Place | MinerCtrlError]:
        """Store what is new in ``parts``, and return for each how far its journal is known then, or why it was
        refused; those do not stop the others.

        Raises:
            OperationFailed: nothing could be written.
        """
        database, now_ms = self._opened, self._now_ms()
        batch = _Batch(floors_of(self._kept, self.settings, now_ms), now_ms)
        outcomes: list[Place | MinerCtrlError] = []
        try:
            with transaction(database):
                for rig, part in parts:
                    try:
                        outcomes.append(self._take_part(batch, rig, part))
                    except Nonsense as error:
                        outcomes.append(error)
                self._insert(batch)
        except BaseException:
            self._forget_known()
            raise
        for rig, cost in batch.costs.items():
            self._shares.taken(rig, cost)
        if len(self._journals) > _JOURNALS_IN_MEMORY or len(self._miners) > _NAMES_IN_MEMORY:
            self._forget_known()
        return outcomes

    def note(self, events: Sequence[OwnEvent]) -> None:
        """Store events of this node's own journal.

        Raises:
            OperationFailed: nothing could be written.
        """
        database, now_ms = self._opened, self._now_ms()
        try:
            with transaction(database):
                journal = self._journal(OWN_RIG, OWN_JOURNAL) or self._new_journal(OWN_RIG, OWN_JOURNAL, now_ms)
                database.executemany(
                    _insert("event", EVENT_COLUMNS),
                    [
                        (event.at_ms, journal.id, seq, self._rig(event.peer), 0, *texts_of(event))
                        for seq, event in enumerate(events, journal.last_seq + 1)
                    ],
                )
                journal.last_seq += len(events)
                database.execute(
                    "UPDATE journal SET last_seq = ?, told_ms = ? WHERE id = ?", (journal.last_seq, now_ms, journal.id)
                )
        except BaseException:
            self._forget_known()
            raise

    def named(self, names: Mapping[bytes, str]) -> None:
        """Note what rigs are called.

        Raises:
            OperationFailed: nothing could be written.
        """
        database = self._opened
        with transaction(database):
            database.executemany(
                "UPDATE rig SET name = ?1 WHERE fingerprint = ?2 AND name <> ?1",
                [(name, rig) for rig, name in names.items()],
            )

    def sweep(self) -> bool:
        """Let go of a little of what is too old; whether there is more.

        Raises:
            OperationFailed: nothing could be written.
        """
        database, floors = self._opened, self.floors()
        with transaction(database):
            database.executemany(
                "INSERT INTO kept VALUES (?, ?) ON CONFLICT DO UPDATE SET from_ms = excluded.from_ms",
                [(name, getattr(floors, name)) for name in Floors.__struct_fields__],
            )
            self._kept = floors
            forgotten = self._sweep.slice(database, floors)
        if forgotten:
            self._miners = {}
        return self._sweep.goes_on

    # --- carrying over ----------------------------------------------------------------------------------

    def begin_journal(self, rig: bytes, place: Place, told_ms: int) -> int:
        """Enter a journal as it was known; ``take`` gives it its entries."""
        journal = self._new_journal(rig, place.journal, told_ms)
        journal.last_seq = place.after
        self._opened.execute("UPDATE journal SET last_seq = ? WHERE id = ?", (place.after, journal.id))
        return journal.id

    def take(self, journal: int, entries: tuple[JournalEntry, ...], offset_ms: int) -> None:
        """Make rows of entries that are known already."""
        known = next(each for each in self._journals.values() if each.id == journal)
        now_ms = self._now_ms()
        batch = _Batch(floors_of(self._kept, self.settings, now_ms), now_ms)
        rows = rows_of(entries, offset_ms=offset_ms, state=known.state, floors=batch.floors, now_ms=now_ms)
        self._add_rows(batch, known, rows)
        self._insert(batch)
        known.state = rows.state
        self._opened.execute("UPDATE journal SET state = ? WHERE id = ?", (_encode(rows.state), journal))

    def take_gap(self, journal: int, first: int, last: int, noted_ms: int) -> None:
        """Enter a hole."""
        self._opened.execute("INSERT INTO gap VALUES (?, ?, ?, ?)", (journal, first, last, noted_ms))

    # --- within a transaction ---------------------------------------------------------------------------

    def _take_part(self, batch: _Batch, rig: bytes, part: HistoryPart) -> Place:
        now_ms, floors = batch.now_ms, batch.floors
        journal = self._journal(rig, part.journal)
        known = journal.last_seq if journal else 0
        fresh = new_entries(part, known)
        state = journal.state if journal else JournalState()
        rows = rows_of(fresh, offset_ms=part.offset_ms, state=state, floors=floors, now_ms=now_ms)
        hole = bool(fresh) and fresh[0].seq > known + 1
        cost = cost_of_part(fresh, names=self._new_names(rig, rows), new_journal=journal is None, hole=hole)
        if rig in batch.costs:  # a second part of one rig in one transaction
            cost.add(batch.costs[rig])
        self._shares.check(rig, cost, now_ms)
        batch.costs[rig] = cost
        if journal is None:
            journal = self._new_journal(rig, part.journal, now_ms)
        if hole:
            self.take_gap(journal.id, known + 1, fresh[0].seq - 1, now_ms)
        if fresh:
            journal.last_seq = fresh[-1].seq
            journal.state = rows.state
            self._add_rows(batch, journal, rows)
        self._opened.execute(
            "UPDATE journal SET last_seq = ?, told_ms = ?, state = ? WHERE id = ?",
            (journal.last_seq, now_ms, _encode(journal.state), journal.id),
        )
        return Place(part.journal, journal.last_seq)

    def _add_rows(self, batch: _Batch, journal: _Journal, rows: Rows) -> None:
        rig, number = journal.rig, journal.id
        miners = {name: self._miner(rig, name) for name in {key[0] for key in rows.hours}}
        algorithms = {name: self._algorithm(name) for name in {key[2] for key in rows.hours}}
        batch.samples += [
            (
                rig, miners[name], at_ms, number, seq, offset_ms, covered_ms, state, algorithms[algorithm], hashrate,
                accepted, rejected, temperature, power,
            )
            for name, at_ms, seq, offset_ms, covered_ms, state, algorithm, hashrate, accepted, rejected, temperature,
            power in rows.samples
        ]  # fmt: skip
        batch.rounds += [(rig, each[0], number, *each[1:]) for each in rows.rounds]
        batch.events += [(each[0], number, each[1], rig, *each[2:]) for each in rows.events]
        for table, rig_table, fleet_table, made, rig_made in (
            ("minute", "rig_minute", "fleet_minute", rows.minutes, rows.rig_minutes),
            ("hour", "rig_hour", "fleet_hour", rows.hours, rows.rig_hours),
        ):
            into, fleet = batch.rollups[table], batch.fleet[fleet_table]
            for (name, at_ms, algorithm), rollup in made.items():
                known = algorithms[algorithm]
                into.append((rig, miners[name], at_ms, known, *msgspec.structs.astuple(rollup)))
                total = fleet.get((at_ms, known))
                if total is None:
                    total = fleet[at_ms, known] = FleetRollup()
                total.hashes += rollup.hashes
                total.accepted += rollup.accepted
                total.rejected += rollup.rejected
            batch.rollups[rig_table] += [
                (rig, at_ms, *msgspec.structs.astuple(rollup)) for at_ms, rollup in rig_made.items()
            ]

    def _insert(self, batch: _Batch) -> None:
        database = self._opened
        database.executemany(_insert("sample", SAMPLE_COLUMNS), batch.samples)
        database.executemany(_insert("rig_sample", RIG_SAMPLE_COLUMNS), batch.rounds)
        database.executemany(_insert("event", EVENT_COLUMNS), batch.events)
        for table, fleet in batch.fleet.items():
            batch.rollups[table] = [(*key, *msgspec.structs.astuple(each)) for key, each in fleet.items()]
        for table, rows in batch.rollups.items():
            rows.sort()  # neighbours in the file one after the other
            database.executemany(_UPSERTS[table], rows)

    def _new_names(self, rig: bytes, rows: Rows) -> int:
        known = self._rigs.get(rig, 0)
        new = sum((known, name) not in self._miners for name in {key[0] for key in rows.hours})
        return new + sum(name not in self._algorithms for name in {key[2] for key in rows.hours})

    # --- dictionaries -----------------------------------------------------------------------------------

    def _journal(self, rig: bytes, name: str) -> _Journal | None:
        known = self._journals.get((rig, name))
        if known is None:
            row = self._opened.execute(
                "SELECT journal.id, rig.id, last_seq, state FROM journal JOIN rig ON rig.id = journal.rig"
                " WHERE fingerprint = ? AND journal.name = ?",
                (rig, name),
            ).fetchone()
            if row is None:
                return None
            known = _Journal(row[0], row[1], row[2], _decode_state(row[3]))
            self._journals[rig, name] = known
        return known

    def _new_journal(self, rig: bytes, name: str, now_ms: int) -> _Journal:
        number = self._rig(rig)
        id_ = _only(
            self._opened.execute(
                "INSERT INTO journal (rig, name, last_seq, told_ms, state) VALUES (?, ?, 0, ?, ?) RETURNING id",
                (number, name, now_ms, _encode(JournalState())),
            )
        )
        made = self._journals[rig, name] = _Journal(id_, number, 0, JournalState())
        return made

    def _rig(self, fingerprint: bytes) -> int:
        known = self._rigs.get(fingerprint)
        if known is None:
            known = self._rigs[fingerprint] = self._entered(
                "SELECT id FROM rig WHERE fingerprint = ?",
                "INSERT INTO rig (fingerprint, name) VALUES (?, '') RETURNING id",
                (fingerprint,),
            )
        return known

    def _miner(self, rig: int, name: str) -> int:
        known = self._miners.get((rig, name))
        if known is None:
            known = self._miners[rig, name] = self._entered(
                "SELECT id FROM miner WHERE rig = ? AND name = ?",
                "INSERT INTO miner (rig, name) VALUES (?, ?) RETURNING id",
                (rig, name),
            )
        return known

    def _algorithm(self, name: str) -> int:
        known = self._algorithms.get(name)
        if known is None:
            known = self._algorithms[name] = self._entered(
                "SELECT id FROM algorithm WHERE name = ?",
                "INSERT INTO algorithm (name) VALUES (?) RETURNING id",
                (name,),
            )
        return known

    def _entered(self, look: str, enter: str, values: tuple[Any, ...]) -> int:
        row = self._opened.execute(look, values).fetchone()
        return int(row[0]) if row else _only(self._opened.execute(enter, values))

    def _forget_known(self) -> None:
        self._rigs, self._miners, self._algorithms, self._journals = {}, {}, {}, {}

    @property
    def _opened(self) -> apsw.Connection:
        if self._database is None:
            self.open()
        assert self._database is not None  # noqa: S101 - open sets it or raises
        return self._database


def _only(cursor: apsw.Cursor) -> int:
    value = cursor.get
    assert isinstance(value, int)  # noqa: S101 - a row's own id
    return value


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _upsert(table: str) -> str:
    key, columns = ROLLUPS[table]
    changes = ", ".join(_merged(column) for column in columns)
    return f"{_insert(table, (*key, *columns))} ON CONFLICT DO UPDATE SET {changes}"


def _merged(column: str) -> str:
    if column not in LEAST | MOST:
        return f"{column} = {column} + excluded.{column}"
    how = "min" if column in LEAST else "max"
    return f"{column} = coalesce({how}({column}, excluded.{column}), {column}, excluded.{column})"


_UPSERTS = {table: _upsert(table) for table in ROLLUPS}
