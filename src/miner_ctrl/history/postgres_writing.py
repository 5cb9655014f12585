"""Many parts of rigs' journals, stored in one transaction of PostgreSQL's.

A rig's row is locked while its parts are stored: of two controllers that fetched the same part one stores it, and the
other then sees that it is known. Rows of samples are copied in, as one has to be there once because its journal's
number says so; roll-ups are added to what is there, in the order of their keys, so that two transactions never wait
for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from miner_ctrl.history.contract import OWN_RIG
from miner_ctrl.history.parts import HistoryPart, Nonsense, Place, kept_text, new_entries, texts_of
from miner_ctrl.history.postgres_schema import kind_of
from miner_ctrl.history.rollups import (
    FleetRollup,
    Floors,
    JournalState,
    MinerRollup,
    RigRollup,
    Rows,
    floors_of,
    rows_of,
)
from miner_ctrl.history.schema import EVENT_COLUMNS, LEAST, MOST, RIG_SAMPLE_COLUMNS, ROLLUPS, SAMPLE_COLUMNS
from miner_ctrl.history.shares import Cost, Shares, cost_of_part
from miner_ctrl.model.history import HistorySettings, OwnEvent, Sample

if TYPE_CHECKING:
    from miner_ctrl.history.postgres_server import Connection

_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(JournalState).decode
_Rollup = MinerRollup | RigRollup | FleetRollup


class _Journal(msgspec.Struct):
    """A journal as far as it is stored; ``id`` is 0 for one that is not there yet."""

    id: int = 0
    last_seq: int = 0
    state: JournalState = msgspec.field(default_factory=JournalState)


class _Taken(msgspec.Struct):
    """What was made of one part."""

    rig: int
    journal: _Journal
    name: str
    rows: Rows
    hole: tuple[int, int] | None


class PartsTransaction:
    """``parts`` to be stored together. What ``shares`` counts is to be told it when the transaction stands."""

    def __init__(
        self,
        connection: Connection,
        parts: Sequence[tuple[bytes, HistoryPart]],
        *,
        settings: HistorySettings,
        shares: Shares,
        now_ms: int,
    ) -> None:
        self._connection = connection
        self._parts = parts
        self._settings = settings
        self._shares = shares
        self._now_ms = now_ms
        self._floors = Floors()
        self._rigs: dict[bytes, int] = {}
        self._journals: dict[tuple[bytes, str], _Journal] = {}
        self._miners: dict[tuple[int, str], int] = {}
        self._algorithms: dict[str, int] = {}
        self.costs: dict[bytes, Cost] = {}

    async def store(self) -> list[Place | Nonsense]:
        """Store what is new, and return for each part how far its journal is known then, or why it was refused; those
        do not stop the others."""
        self._floors = floors_of(await kept(self._connection), self._settings, self._now_ms)
        self._rigs = await rig_ids(self._connection, {rig for rig, _ in self._parts})
        await self._load()
        taken, outcomes = await asyncio.to_thread(self._take_all)
        await self._enter_journals(taken)
        await self._enter_names(taken)
        await self._insert(taken)
        return outcomes

    # --- what is known ----------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Read the journals, and the names that the parts have and that are known."""
        rows = await self._connection.fetch(
            "SELECT rig.fingerprint, journal.name, journal.id, last_seq, state"
            " FROM unnest($1::bytea[], $2::text[]) AS wanted (fingerprint, name)"
            " JOIN rig ON rig.fingerprint = wanted.fingerprint"
            " JOIN journal ON journal.rig = rig.id AND journal.name = wanted.name",
            [rig for rig, _ in self._parts],
            [kept_text(part.journal) for _, part in self._parts],
        )
        for rig, name, id_, last_seq, state in rows:
            self._journals[rig, name] = _Journal(id_, last_seq, _decode_state(state))
        miners = {
            (self._rigs[rig], miner.name)
            for rig, part in self._parts
            for entry in part.entries
            if isinstance(entry.what, Sample)
            for miner in entry.what.miners
        }
        algorithms = {
            kept_text(miner.algorithm)
            for _, part in self._parts
            for entry in part.entries
            if isinstance(entry.what, Sample)
            for miner in entry.what.miners
        }
        await self._look_up(miners, algorithms)

    async def _look_up(self, miners: Iterable[tuple[int, str]], algorithms: Iterable[str]) -> None:
        """Note the numbers of those names that are known, and hold them: nobody forgets them meanwhile. A part with a
        name that cannot be one is refused later."""
        wanted = sorted(each for each in miners if "\0" not in each[1])
        rows = await self._connection.fetch(
            "SELECT miner.rig, miner.name, miner.id FROM unnest($1::integer[], $2::text[]) AS wanted (rig, name)"
            " JOIN miner ON miner.rig = wanted.rig AND miner.name = wanted.name ORDER BY miner.id"
            " FOR KEY SHARE OF miner",
            [rig for rig, _ in wanted],
            [name for _, name in wanted],
        )
        self._miners.update({(rig, name): id_ for rig, name, id_ in rows})
        rows = await self._connection.fetch(
            "SELECT name, id FROM algorithm WHERE name = ANY($1::text[])",
            list(algorithms),
        )
        self._algorithms.update((row[0], row[1]) for row in rows)

    # --- pure: rows of parts ----------------------------------------------------------------------------

    def _take_all(self) -> tuple[list[_Taken], list[Place | Nonsense]]:
        taken: list[_Taken] = []
        outcomes: list[Place | Nonsense] = []
        for rig, part in self._parts:
            try:
                made = self._take(rig, part)
            except Nonsense as error:
                outcomes.append(error)
            else:
                taken.append(made)
                outcomes.append(Place(part.journal, made.journal.last_seq))
        return taken, outcomes

    def _take(self, rig: bytes, part: HistoryPart) -> _Taken:
        journal = self._journals.get((rig, part.journal), _Journal())
        fresh = new_entries(part, journal.last_seq)
        rows = rows_of(fresh, offset_ms=part.offset_ms, state=journal.state, floors=self._floors, now_ms=self._now_ms)
        hole = (journal.last_seq + 1, fresh[0].seq - 1) if fresh and fresh[0].seq > journal.last_seq + 1 else None
        names = self._new_names(rig, rows)
        cost = cost_of_part(fresh, names=names, new_journal=not journal.id, hole=hole is not None)
        if rig in self.costs:  # a second part of one rig in one transaction
            cost.add(self.costs[rig])
        self._shares.check(rig, cost, self._now_ms)
        self.costs[rig] = cost
        self._journals[rig, part.journal] = journal
        if fresh:
            journal.last_seq, journal.state = fresh[-1].seq, rows.state
        return _Taken(self._rigs[rig], journal, part.journal, rows, hole)

    def _new_names(self, rig: bytes, rows: Rows) -> int:
        known = self._rigs[rig]
        new = sum((known, name) not in self._miners for name in {key[0] for key in rows.hours})
        return new + sum(name not in self._algorithms for name in {key[2] for key in rows.hours})

    # --- into the tables --------------------------------------------------------------------------------

    async def _enter_journals(self, taken: Sequence[_Taken]) -> None:
        """Enter new ones, and how far each is known."""
        each = {(one.rig, one.name): one.journal for one in taken}
        new = [key for key, journal in each.items() if not journal.id]
        if new:
            rows = await self._connection.fetch(
                "INSERT INTO journal (rig, name, last_seq, told_ms, state)"
                " SELECT rig, name, 0, 0, '' FROM unnest($1::integer[], $2::text[]) AS new (rig, name)"
                " RETURNING rig, name, id",
                [rig for rig, _ in new],
                [name for _, name in new],
            )
            for rig, name, id_ in rows:
                each[rig, name].id = id_
        await self._connection.execute(
            "UPDATE journal SET last_seq = now.last_seq, told_ms = $4, state = now.state"
            " FROM unnest($1::integer[], $2::bigint[], $3::bytea[]) AS now (id, last_seq, state)"
            " WHERE journal.id = now.id",
            [journal.id for journal in each.values()],
            [journal.last_seq for journal in each.values()],
            [_encode(journal.state) for journal in each.values()],
            self._now_ms,
        )
        holes = [(one.journal.id, *one.hole, self._now_ms) for one in taken if one.hole]
        await self._connection.copy_records_to_table("gap", records=holes)

    async def _enter_names(self, taken: Sequence[_Taken]) -> None:
        """Enter miners and algorithms that are new."""
        miners = {(one.rig, key[0]) for one in taken for key in one.rows.hours}
        algorithms = {key[2] for one in taken for key in one.rows.hours}
        while (new := sorted(miners - self._miners.keys())) or algorithms - self._algorithms.keys():
            await self._connection.execute(
                "INSERT INTO algorithm (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
                sorted(algorithms - self._algorithms.keys()),
            )
            await self._connection.execute(
                "INSERT INTO miner (rig, name) SELECT * FROM unnest($1::integer[], $2::text[]) ON CONFLICT DO NOTHING",
                [rig for rig, _ in new],
                [name for _, name in new],
            )
            await self._look_up(new, algorithms - self._algorithms.keys())

    async def _insert(self, taken: Sequence[_Taken]) -> None:
        samples: list[tuple[Any, ...]] = []
        rounds: list[tuple[Any, ...]] = []
        events: list[tuple[Any, ...]] = []
        for one in taken:
            rig, journal = one.rig, one.journal.id
            samples += [
                (
                    rig, self._miners[rig, row.miner], row.at_ms, journal, *row[2:6], self._algorithms[row.algorithm],
                    *row[7:],
                )
                for row in one.rows.samples
            ]  # fmt: skip
            rounds += [(rig, row[0], journal, *row[1:]) for row in one.rows.rounds]
            events += [(row[0], journal, row[1], rig, *row[2:]) for row in one.rows.events]
        copy = self._connection.copy_records_to_table
        await copy("sample", columns=SAMPLE_COLUMNS, records=samples)
        await copy("rig_sample", columns=RIG_SAMPLE_COLUMNS, records=rounds)
        await copy("event", columns=EVENT_COLUMNS, records=events)
        for table, rollups in self._rollups(taken).items():
            await add_rollups(self._connection, table, rollups)

    def _rollups(self, taken: Sequence[_Taken]) -> dict[str, dict[tuple[int, ...], _Rollup]]:
        """Return what all parts together add to each table: a key is there once."""
        found: dict[str, dict[tuple[int, ...], Any]] = {table: {} for table in ROLLUPS}

        def add(table: str, key: tuple[int, ...], rollup: _Rollup) -> None:
            known = found[table].setdefault(key, type(rollup)())
            known.add(rollup)

        for one in taken:
            rig, rows = one.rig, one.rows
            for table, made, rig_made in (
                ("minute", rows.minutes, rows.rig_minutes),
                ("hour", rows.hours, rows.rig_hours),
            ):
                for (name, at_ms, algorithm), rollup in made.items():
                    add(table, (rig, self._miners[rig, name], at_ms, self._algorithms[algorithm]), rollup)
                for at_ms, rig_rollup in rig_made.items():
                    add(f"rig_{table}", (rig, at_ms), rig_rollup)
                for (at_ms, algorithm), total in rows.fleet(made).items():
                    add(f"fleet_{table}", (at_ms, self._algorithms[algorithm]), total)
        return found


async def kept(connection: Connection) -> Floors:
    """Return from when on each table has everything, as it was last noted."""
    rows = await connection.fetch("SELECT what, from_ms FROM kept")
    return Floors(**{row[0]: row[1] for row in rows if row[0] in Floors.__struct_fields__})


async def rig_ids(connection: Connection, fingerprints: Iterable[bytes]) -> dict[bytes, int]:
    """Return the numbers of rigs, entered if they were not; until the transaction ends nobody else stores of them."""
    wanted = sorted(set(fingerprints))
    await connection.execute(
        "INSERT INTO rig (fingerprint, name) SELECT unnest($1::bytea[]), '' ON CONFLICT DO NOTHING",
        wanted,
    )
    rows = await connection.fetch(
        "SELECT fingerprint, id FROM rig WHERE fingerprint = ANY($1::bytea[]) ORDER BY id FOR NO KEY UPDATE", wanted
    )
    return {row[0]: row[1] for row in rows}


async def note_own(connection: Connection, events: Sequence[OwnEvent], *, journal: str, now_ms: int) -> None:
    """Store events of this node's own journal, in their order."""
    rigs = await rig_ids(connection, {OWN_RIG, *(event.peer for event in events)})
    [(id_, last_seq)] = await connection.fetch(
        "INSERT INTO journal (rig, name, last_seq, told_ms, state) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (rig, name) DO UPDATE SET last_seq = journal.last_seq + $3, told_ms = $4"
        " RETURNING id, last_seq",
        rigs[OWN_RIG], journal, len(events), now_ms, _encode(JournalState()),
    )  # fmt: skip
    await connection.copy_records_to_table(
        "event",
        columns=EVENT_COLUMNS,
        records=[
            (event.at_ms, id_, seq, rigs[event.peer], 0, *texts_of(event))
            for seq, event in enumerate(events, last_seq - len(events) + 1)
        ],
    )


async def add_rollups(connection: Connection, table: str, rollups: Mapping[tuple[int, ...], _Rollup]) -> None:
    """Add to what the table has."""
    if not rollups:
        return
    rows = [(*key, *msgspec.structs.astuple(rollups[key])) for key in sorted(rollups)]
    await connection.execute(_UPSERTS[table], *zip(*rows, strict=True))


def _upsert(table: str) -> str:
    key, columns = ROLLUPS[table]
    lists = ", ".join(f"${index}::{kind_of(name)}[]" for index, name in enumerate((*key, *columns), 1))
    changes = ", ".join(f"{name} = {_merged(table, name)}" for name in columns)
    return (
        f"INSERT INTO {table} ({', '.join((*key, *columns))}) SELECT * FROM unnest({lists})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )


def _merged(table: str, name: str) -> str:
    both = f"{table}.{name}, excluded.{name}"
    if name in LEAST:
        return f"least({both})"
    if name in MOST:
        return f"greatest({both})"
    return f"{table}.{name} + excluded.{name}"


_UPSERTS = {table: _upsert(table) for table in ROLLUPS}
