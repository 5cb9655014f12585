"""What reads the history's SQLite file, over connections of its own: readers never hold the writer up.

Each call is one short read, or several; one that takes too long is broken off, because the file's journal cannot be
emptied while a read goes on, and others wait for the thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from miner_ctrl.errors import OperationFailed
from miner_ctrl.history.contract import (
    EXPORT_KEYS,
    EXPORTED,
    OWN_RIG,
    Event,
    EventKey,
    EventQuery,
    ExportSlice,
    KnownMiner,
    MinerTotal,
)
from miner_ctrl.history.points import FleetBucket, MinerBucket, RigBucket, Span, Table
from miner_ctrl.history.rollups import FIRST_EVERY_MS, FleetRollup, JournalState, MinerRollup, RigRollup
from miner_ctrl.history.schema import FLEET_COLUMNS, LEAST, MINER_COLUMNS, MOST, RIG_COLUMNS
from miner_ctrl.model.views import GapView, HashratePointView

T = TypeVar("T")

READ_WITHIN_S, COUNT_WITHIN_S = 10.0, 60.0
_STEPS_BETWEEN_LOOKS = 20_000

_OF_SAMPLES = (
    "sum(state = 'mining'), sum(state = 'paused'), sum(state NOT IN ('mining', 'paused')), count(hashrate),"
    " total(hashrate), min(hashrate), max(hashrate), total(hashrate * covered_ms) / 1000, sum(accepted),"
    " sum(rejected), count(temperature), total(temperature), max(temperature), count(power), total(power)"
)
_OF_ROUNDS = (
    "count(*), sum(covered_ms), count(cpu_temperature), total(cpu_temperature), max(cpu_temperature), count(power),"
    " total(power)"
)
_MINER_TABLES = {Table.MINUTES: "minute", Table.HOURS: "hour"}


def _summed(columns: Sequence[str]) -> str:
    return ", ".join(
        f"{'min' if column in LEAST else 'max' if column in MOST else 'sum'}({column})" for column in columns
    )


_OF_MINERS, _OF_RIGS, _OF_FLEET = _summed(MINER_COLUMNS), _summed(RIG_COLUMNS), _summed(FLEET_COLUMNS)
_decode_state = msgspec.msgpack.Decoder(JournalState).decode


class SqliteReader:
    """Called in any thread: each has a connection of its own. ``clock`` is monotonic, in seconds."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._here = threading.local()
        self._connections: list[apsw.Connection] = []

    def close(self) -> None:
        """Close every connection; nobody reads any more."""
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def in_time(self, work: Callable[[], T]) -> T:
        """Do ``work`` in this thread: all of its reads together have ``READ_WITHIN_S``.

        Raises:
            OperationFailed: they took longer.
        """
        self._here.deadline_s = self._clock() + READ_WITHIN_S
        return work()

    def every_ms(self, rig: bytes | None) -> int:
        where, values = ("", ()) if rig is None else (" WHERE fingerprint = ?", (rig,))
        row = self.rows(
            f"SELECT state FROM journal JOIN rig ON rig.id = journal.rig{where} ORDER BY told_ms DESC, journal.id DESC"
            " LIMIT 1",
            values,
        )
        return _decode_state(row[0][0]).every_ms if row else FIRST_EVERY_MS

    def miner_buckets(self, rig: bytes, span: Span, miner: str | None) -> list[MinerBucket]:
        algorithms = self.algorithms()
        found = []
        for rig_id, miner_id, name in self.miners_of(rig, miner):
            [(packed,)] = self.rows(
                _of_miner(span.table), (span.step_ms, rig_id, miner_id, span.since_ms, span.until_ms)
            )
            for at_ms, algorithm, *values in msgspec.json.decode(packed):
                found.append(
                    MinerBucket(
                        at_ms, name, algorithms.get(algorithm) or self.algorithm(algorithm), MinerRollup(*values)
                    )
                )
        return found

    def rig_buckets(self, rig: bytes, span: Span) -> list[RigBucket]:
        table, columns = {
            Table.SAMPLES: ("rig_sample", _OF_ROUNDS),
            Table.MINUTES: ("rig_minute", _OF_RIGS),
            Table.HOURS: ("rig_hour", _OF_RIGS),
        }[span.table]
        return [
            RigBucket(at_ms, RigRollup(*values))
            for at_ms, *values in self.rows(
                f"SELECT at_ms / ? * ? AS bucket, {columns} FROM {table} WHERE rig = (SELECT id FROM rig WHERE"
                " fingerprint = ?) AND at_ms >= ? AND at_ms < ? GROUP BY bucket ORDER BY bucket",
                (span.step_ms, span.step_ms, rig, span.since_ms, span.until_ms),
            )
        ]

    def fleet_buckets(self, span: Span) -> list[FleetBucket]:
        table = "fleet_hour" if span.table is Table.HOURS else "fleet_minute"
        return [
            FleetBucket(at_ms, algorithm, FleetRollup(*values))
            for at_ms, algorithm, *values in self.rows(
                f"SELECT at_ms / ? * ? AS bucket, name, {_OF_FLEET} FROM {table} JOIN algorithm ON"
                " algorithm.id = algorithm WHERE at_ms >= ? AND at_ms < ? GROUP BY bucket, algorithm ORDER BY bucket",
                (span.step_ms, span.step_ms, span.since_ms, span.until_ms),
            )
        ]

    def miners(self, rig: bytes | None) -> list[KnownMiner]:
        where, values = ("", ()) if rig is None else (" WHERE fingerprint = ?", (rig,))
        return [
            KnownMiner(*row)
            for row in self.rows(
                f"SELECT fingerprint, miner.name FROM miner JOIN rig ON rig.id = miner.rig{where}"
                " ORDER BY fingerprint, miner.name",
                values,
            )
        ]

    def miner_totals(self, miners: Sequence[KnownMiner], since_ms: int, until_ms: int) -> list[MinerTotal]:
        algorithms = self.algorithms()
        found = []
        for miner in miners:
            rollups: dict[str, MinerRollup] = {}
            times: list[int] = []
            for rig_id, miner_id, _ in self.miners_of(miner.rig, miner.name):
                for algorithm, first_ms, last_ms, *values in self.rows(
                    f"SELECT algorithm, min(at_ms), max(at_ms), {_OF_MINERS} FROM hour WHERE rig = ? AND miner = ?"
                    " AND at_ms >= ? AND at_ms < ? GROUP BY algorithm",
                    (rig_id, miner_id, since_ms, until_ms),
                ):
                    rollups[algorithms.get(algorithm) or self.algorithm(algorithm)] = MinerRollup(*values)
                    times += (first_ms, last_ms)
            if times:
                found.append(MinerTotal(miner=miner, rollups=rollups, first_ms=min(times), last_ms=max(times)))
        return found

    def samples(self, rig: bytes, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        algorithms = self.algorithms()
        journals = dict(
            self.rows(
                "SELECT journal.id, journal.name FROM journal JOIN rig ON rig.id = rig WHERE fingerprint = ?", (rig,)
            )
        )
        rows: list[tuple[str, Any]] = []
        for rig_id, miner_id, name in self.miners_of(rig, None):
            rows += [
                (name, row)
                for row in self.rows(
                    "SELECT at_ms, seq, journal, offset_ms, state, algorithm, hashrate, accepted, rejected,"
                    " temperature, power FROM sample WHERE rig = ? AND miner = ? AND at_ms >= ? AND at_ms < ?"
                    " ORDER BY at_ms DESC, journal DESC, seq DESC LIMIT ?",
                    (rig_id, miner_id, since_ms, until_ms, limit),
                )
            ]
        rows.sort(key=lambda each: (each[1][0], each[1][1], each[0]))
        return [
            HashratePointView(
                at_ms=at_ms, rig_at_ms=at_ms - offset_ms, miner=name, state=state,
                algorithm=algorithms.get(algorithm) or self.algorithm(algorithm), hashrate_hps=hashrate,
                accepted=accepted, rejected=rejected, temperature_c=temperature, power_w=power,
                journal=journals.get(journal, ""), seq=seq,
            )
            for name, (at_ms, seq, journal, offset_ms, state, algorithm, hashrate, accepted, rejected, temperature,
                power) in rows[-limit:]
        ]  # fmt: skip

    def events(self, query: EventQuery) -> list[Event]:
        conditions, values = ["event.at_ms >= ?", "event.at_ms < ?"], [query.since_ms, query.until_ms]
        bound: list[Any] = list(values)
        if query.before is not None:
            conditions.append("(event.at_ms, event.journal, event.seq) < (?, ?, ?)")
            bound += [query.before.at_ms, query.before.journal, query.before.seq]
        if query.rig is not None:
            conditions.append("event.rig = (SELECT id FROM rig WHERE fingerprint = ?)")
            bound.append(query.rig)
        if query.kinds:
            conditions.append(f"event.kind IN ({', '.join('?' * len(query.kinds))})")
            bound += query.kinds
        if query.own:
            conditions.append("teller.fingerprint = ?")
            bound.append(OWN_RIG)
        if query.text:
            texts = "event.kind || char(10) || event.miner || char(10) || event.who || char(10) || event.text"
            conditions.append(f"instr(lower({texts}), lower(?))")
            bound.append(query.text)
        return [
            Event(
                key=EventKey(at_ms, journal, seq), rig=rig, own=teller == OWN_RIG, offset_ms=offset_ms, kind=kind,
                miner=miner, who=who, text=text, journal=name,
            )
            for at_ms, journal, seq, rig, teller, offset_ms, kind, miner, who, text, name in self.rows(
                "SELECT event.at_ms, event.journal, event.seq, rig.fingerprint, teller.fingerprint, offset_ms, kind,"
                " miner, who, text, journal.name FROM event JOIN rig ON rig.id = event.rig JOIN journal ON"
                " journal.id = event.journal JOIN rig AS teller ON teller.id = journal.rig WHERE"
                f" {' AND '.join(conditions)} ORDER BY event.at_ms DESC, event.journal DESC, event.seq DESC LIMIT ?",
                (*bound, query.limit),
            )
        ]  # fmt: skip

    def gaps(self, rig: bytes) -> list[GapView]:
        return [
            GapView(journal=journal, first=first, last=last, noted_ms=noted_ms)
            for journal, first, last, noted_ms in self.rows(
                "SELECT journal.name, first_seq, gap.last_seq, noted_ms FROM gap JOIN journal ON journal.id = journal"
                " JOIN rig ON rig.id = journal.rig WHERE fingerprint = ? ORDER BY noted_ms LIMIT 1000",
                (rig,),
            )
        ]

    def export(self, wanted: ExportSlice) -> list[tuple[object, ...]]:
        table = {"samples": "sample", "minutes": "minute", "hours": "hour"}[wanted.what]
        columns, key = EXPORTED[wanted.what], EXPORT_KEYS[wanted.what]
        algorithms = self.algorithms()
        place = columns.index("algorithm")
        after: tuple[Any, ...] = wanted.after
        if after and "algorithm" in key:
            number = next((id_ for id_, name in algorithms.items() if name == after[-1]), -1)
            after = (*after[:-1], number)
        past = f" AND ({', '.join(key)}) > ({', '.join('?' * len(key))})" if after else ""
        rows: list[tuple[object, ...]] = []
        for rig_id, miner_id, _ in self.miners_of(wanted.miner.rig, wanted.miner.name):
            rows += [
                (*row[:place], algorithms.get(row[place]) or self.algorithm(row[place]), *row[place + 1 :])
                for row in self.rows(
                    f"SELECT {', '.join(columns)} FROM {table} WHERE rig = ? AND miner = ? AND at_ms >= ? AND"
                    f" at_ms < ?{past} ORDER BY {', '.join(key)} LIMIT ?",
                    (rig_id, miner_id, wanted.since_ms, wanted.until_ms, *after, wanted.limit),
                )
            ]
        return rows

    def rig_hours(self) -> int:
        """Count the hours of rigs; slow on a large file."""
        self._here.deadline_s = self._clock() + COUNT_WITHIN_S
        return int(self.rows("SELECT count(*) FROM rig_hour", ())[0][0])

    def miners_of(self, rig: bytes, miner: str | None) -> list[tuple[int, int, str]]:
        """Return numbers and name of a rig's miners: those of the rig, of the miner."""
        where, values = ("", (rig,)) if miner is None else (" AND miner.name = ?", (rig, miner))
        return self.rows(
            "SELECT rig.id, miner.id, miner.name FROM miner JOIN rig ON rig.id = miner.rig WHERE fingerprint = ?"
            f"{where} ORDER BY miner.name",
            values,
        )

    def algorithms(self) -> dict[int, str]:
        """Return the algorithms by their numbers, as they were read once."""
        known: dict[int, str] | None = getattr(self._here, "algorithms", None)
        if known is None or len(known) > 10_000:
            known = self._here.algorithms = dict(self.rows("SELECT id, name FROM algorithm LIMIT 10000", ()))
        return known

    def algorithm(self, number: int) -> str:
        """Return one that came since they were read."""
        row = self.rows("SELECT name FROM algorithm WHERE id = ?", (number,))
        name = self.algorithms()[number] = row[0][0] if row else ""
        return name

    def rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a statement.

        Raises:
            OperationFailed: the file cannot be read, or it took too long.
        """
        try:
            connection = self._connection()
            if self._clock() > self._here.deadline_s:
                raise _slow()
            return connection.execute(sql, tuple(values)).fetchall()
        except apsw.InterruptError:
            raise _slow() from None
        except apsw.Error as error:
            raise OperationFailed(
                f"The history {self._path} cannot be read: {error}.", suggestion="See to its disk.", code="NO_HISTORY"
            ) from None

    def _connection(self) -> apsw.Connection:
        known: apsw.Connection | None = getattr(self._here, "connection", None)
        if known is None:
            known = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            known.set_busy_timeout(5_000)
            known.pragma("query_only", True)
            known.pragma("trusted_schema", False)
            here = self._here
            known.set_progress_handler(lambda: self._clock() > here.deadline_s, _STEPS_BETWEEN_LOOKS)
            here.connection = known
            self._connections.append(known)
        return known


def _slow() -> OperationFailed:
    return OperationFailed(
        "The history took too long to answer.",
        suggestion="Ask for a shorter time, or for less at once.",
        code="HISTORY_SLOW",
    )


def _of_miner(table: Table) -> str:
    """Return what gives all buckets as one row of JSON: each row that is read has to wait for the writer's thread."""
    columns = _OF_SAMPLES if table is Table.SAMPLES else _OF_MINERS
    name = _MINER_TABLES.get(table, "sample")
    return (
        "SELECT json_group_array(json(bucket)) FROM"
        f" (SELECT json_array(at_ms / ?1 * ?1, algorithm, {columns}) AS bucket"
        f" FROM {name} WHERE rig = ?2 AND miner = ?3 AND at_ms >= ?4 AND at_ms < ?5 GROUP BY at_ms / ?1, algorithm"
        " ORDER BY at_ms / ?1)"
    )
