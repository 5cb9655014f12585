"""What a fleet did in the last day, written into the history's file before the node starts.

Events go through the store, as they would come. Rows are put into its tables as they would be then: a day of samples of
a thousand rigs would take the store minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import apsw

from benches.page_fleet.hostile import some_text
from benches.page_fleet.plans import HOUR_MS, MINUTE_MS, Mood, Outage, Plan
from benches.page_fleet.rigs import SimRig
from miner_ctrl.history import HistoryPart, SqliteHistory
from miner_ctrl.history.schema import ROLLUPS
from miner_ctrl.model.history import JournalEntry, OwnEvent, RigEvent

EXACT_RIGS = 100
"""Rigs whose every minute is there; of others there is a row for a quarter of an hour: enough for a band."""
SAMPLED_RIGS = 25
"""Rigs whose last hour is there as samples, too."""
COARSE_MS = 15 * MINUTE_MS
_SAMPLE_MS = 10_000


async def write_past(file: Path, rigs: Sequence[SimRig], own: str, *, now_ms: int, lasts_ms: int) -> dict[bytes, int]:
    """Write the past of these rigs; return the number of each one's next journal entry."""
    begin_ms = (now_ms - lasts_ms) // HOUR_MS * HOUR_MS
    store = SqliteHistory(file, now_ms=lambda: now_ms)
    try:
        parts = {rig.fingerprint: _part(rig, begin_ms, now_ms) for rig in rigs}
        await asyncio.gather(*(store.add(rig, part) for rig, part in parts.items()))
        await store.note(sorted(_own_events(rigs, own, begin_ms, now_ms), key=lambda event: event.at_ms))
        await store.named({rig.fingerprint: rig.plan.name for rig in rigs})
    finally:
        await store.close()
    _fill(file, rigs, begin_ms, now_ms)
    return {rig: part.last + 1 for rig, part in parts.items()}


def _part(rig: SimRig, begin_ms: int, now_ms: int) -> HistoryPart:
    told = tuple(JournalEntry(seq, event) for seq, event in enumerate(_events(rig, begin_ms, now_ms), 1))
    return HistoryPart(journal=f"{rig.plan.number:032x}", entries=told, first=1, last=len(told), more=False)


def _events(rig: SimRig, begin_ms: int, now_ms: int) -> Iterator[RigEvent]:
    """Yield what a rig noted itself, the oldest first."""
    plan, miner = rig.plan, f"{rig.plan.machine.hashes[0][0]}-1"
    dice = random.Random(plan.number)
    found = [RigEvent(at_ms=begin_ms + plan.number % 3000 * 100, kind="agent_started", text="0.1.0")]
    for outage in plan.outages:
        if outage.kind == "offline" or outage.since_ms < begin_ms:
            continue
        kind = "crashed" if outage.kind == "crashed" else "paused"
        text = "Killed by signal 11." if kind == "crashed" else "as asked"
        found.append(RigEvent(at_ms=outage.since_ms, kind=kind, miner=miner, text=_spoiled(rig, dice, text)))
        if kind == "crashed":
            retried_ms = outage.since_ms + 5_000
            found.append(
                RigEvent(at_ms=retried_ms, kind="watchdog", miner=miner, by="watchdog", text="Restart 1 of 5.")
            )
        if outage.until_ms < now_ms:
            kind = "started" if kind == "crashed" else "resumed"
            found.append(RigEvent(at_ms=outage.until_ms, kind=kind, miner=miner, by="watchdog", text=plan.machine.cpu))
    if plan.number % 4 == 0:
        at_ms = now_ms - dice.randrange(HOUR_MS, 20 * HOUR_MS)
        found.append(RigEvent(at_ms=at_ms, kind="deployed", by="owner", text=_spoiled(rig, dice, "the profile main")))
    yield from sorted((event for event in found if event.at_ms < now_ms), key=lambda event: event.at_ms)


def _spoiled(rig: SimRig, dice: random.Random, text: str) -> str:
    return some_text(dice) if rig.hostile else text


def _own_events(rigs: Sequence[SimRig], own: str, begin_ms: int, now_ms: int) -> Iterator[OwnEvent]:
    """Yield what the node noted of them: comings and goings, and what was asked for."""
    yield OwnEvent(at_ms=begin_ms - HOUR_MS, kind="controller", text="started")
    for rig in rigs:
        plan = rig.plan
        yield OwnEvent(at_ms=begin_ms - HOUR_MS + plan.number % 1000, kind="online", peer=rig.fingerprint)
        for outage in plan.outages:
            if outage.kind == "offline" and outage.since_ms > begin_ms:
                reason = "Its link was lost: nothing was heard for 20 s."
                yield OwnEvent(at_ms=outage.since_ms, kind="offline", peer=rig.fingerprint, text=reason)
                if outage.until_ms < now_ms:
                    yield OwnEvent(at_ms=outage.until_ms, kind="online", peer=rig.fingerprint)
        if plan.number % 9 == 0:
            at_ms = now_ms - plan.number % 20 * HOUR_MS - HOUR_MS
            yield OwnEvent(at_ms=at_ms, kind="command", peer=rig.fingerprint, by="login maria", text="Restart xmrig-1.")
        if plan.number % 13 == 0:
            at_ms = now_ms - plan.number % 17 * HOUR_MS - HOUR_MS // 2
            yield OwnEvent(at_ms=at_ms, kind="deploy", peer=rig.fingerprint, by=own, text="Deploy main.")


# --- rows -----------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A rig over ``lasts_ms`` from ``at_ms`` on; ``part`` is which part of its hashrate there was."""

    at_ms: int
    lasts_ms: int
    kind: str
    part: float


def _fill(file: Path, rigs: Sequence[SimRig], begin_ms: int, now_ms: int) -> None:
    connection = apsw.Connection(str(file))
    connection.pragma("synchronous", "OFF")
    try:
        with connection:
            _Filling(connection, begin_ms, now_ms).write(rigs)
    finally:
        connection.close()


class _Filling:
    def __init__(self, connection: apsw.Connection, begin_ms: int, now_ms: int) -> None:
        self._connection = connection
        self._begin_ms = begin_ms
        self._until_ms = now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
        self._fleet: dict[tuple[int, str], float] = {}

    def write(self, rigs: Sequence[SimRig]) -> None:
        for index, rig in enumerate(rigs):
            number = self._id("rig", "fingerprint", rig.fingerprint, name=rig.plan.name)
            step_ms = MINUTE_MS if index < EXACT_RIGS else COARSE_MS
            rows = [*_course(rig.plan, self._begin_ms, self._until_ms, step_ms)]
            hours = [*_course(rig.plan, self._begin_ms, self._until_ms, HOUR_MS)]
            self._rig(number, "rig_minute", rows)
            self._rig(number, "rig_hour", hours)
            for place, (kind, algorithm, rate, power) in enumerate(rig.plan.machine.hashes):
                if rig.plan.mood is Mood.IDLE:
                    continue
                miner = self._miner(number, f"{kind}-{place + 1}")
                key = (number, miner, self._id("algorithm", "name", algorithm))
                average = rate * rig.plan.factor
                self._of_miner("minute", key, rows, average, power)
                self._of_miner("hour", key, hours, average, power)
                if index < SAMPLED_RIGS:
                    self._samples(key, rig.plan, average, power)
                for row in rows:
                    if row.kind == "mining":
                        self._fleet_hashes(row, algorithm, average)
        self._write_fleet()

    def _id(self, table: str, column: str, value: bytes | str, **more: str) -> int:
        names = ", ".join((column, *more))
        marks = ", ".join("?" * (1 + len(more)))
        self._connection.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", (value, *more.values()))
        [(found,)] = self._connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,))
        return int(found)

    def _miner(self, rig: int, name: str) -> int:
        self._connection.execute("INSERT OR IGNORE INTO miner (rig, name) VALUES (?, ?)", (rig, name))
        [(found,)] = self._connection.execute("SELECT id FROM miner WHERE rig = ? AND name = ?", (rig, name))
        return int(found)

    def _rig(self, rig: int, table: str, rows: Sequence[_Row]) -> None:
        def values() -> Iterator[tuple[object, ...]]:
            for row in rows:
                if row.kind != "offline":
                    samples = row.lasts_ms // _SAMPLE_MS
                    yield rig, row.at_ms, samples, row.lasts_ms, samples, 62.0 * samples, 66.5, 0, 0.0

        self._insert(table, values())

    def _of_miner(
        self, table: str, key: tuple[int, int, int], rows: Sequence[_Row], average: float, power: float
    ) -> None:
        rig, miner, algorithm = key

        def values() -> Iterator[tuple[object, ...]]:
            for row in rows:
                rate, samples, shares = average * row.part, row.lasts_ms // _SAMPLE_MS, row.lasts_ms // 180_000
                if row.kind == "mining":
                    yield (
                        rig, miner, row.at_ms, algorithm, samples, 0, 0, samples, rate * samples, rate * 0.97,
                        rate * 1.02, rate * row.lasts_ms / 1000, shares, 0, samples, 61.0 * samples, 64.0, samples,
                        power * samples,
                    )  # fmt: skip
                elif row.kind != "offline":
                    paused = samples if row.kind == "paused" else 0
                    yield (
                        rig, miner, row.at_ms, algorithm, 0, paused, samples - paused, 0, 0.0, None, None, 0.0, 0, 0,
                        0, 0.0, None, 0, 0.0,
                    )  # fmt: skip

        self._insert(table, values())

    def _samples(self, key: tuple[int, int, int], plan: Plan, average: float, power: float) -> None:
        rig, miner, algorithm = key
        rows = [*_course(plan, self._until_ms - HOUR_MS, self._until_ms, _SAMPLE_MS)]
        self._connection.executemany(
            "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, 0, ?, 0, ?, ?, ?, ?, 0, 0, 61.0, ?)",
            (
                (
                    rig, miner, row.at_ms, number, _SAMPLE_MS, "mining" if row.kind == "mining" else row.kind,
                    algorithm, average * row.part if row.kind == "mining" else None, power,
                )
                for number, row in enumerate(rows)
                if row.kind != "offline"
            ),
        )  # fmt: skip
        self._connection.executemany(
            "INSERT OR IGNORE INTO rig_sample VALUES (?, ?, 0, ?, 0, ?, 62.0, NULL)",
            ((rig, row.at_ms, number, _SAMPLE_MS) for number, row in enumerate(rows) if row.kind != "offline"),
        )

    def _insert(self, table: str, rows: Iterator[tuple[object, ...]]) -> None:
        key, columns = ROLLUPS[table]
        marks = ", ".join("?" * (len(key) + len(columns)))
        self._connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)

    def _fleet_hashes(self, row: _Row, algorithm: str, average: float) -> None:
        for at_ms in range(row.at_ms, row.at_ms + row.lasts_ms, MINUTE_MS):
            key = (at_ms, algorithm)
            self._fleet[key] = self._fleet.get(key, 0.0) + average * row.part * MINUTE_MS / 1000

    def _write_fleet(self) -> None:
        hours: dict[tuple[int, str], float] = {}
        for (at_ms, algorithm), hashes in self._fleet.items():
            key = (at_ms // HOUR_MS * HOUR_MS, algorithm)
            hours[key] = hours.get(key, 0.0) + hashes
        for table, found in (("fleet_minute", self._fleet), ("fleet_hour", hours)):
            ids = {algorithm: self._id("algorithm", "name", algorithm) for _, algorithm in found}
            self._insert(table, ((at_ms, ids[name], hashes, 0, 0) for (at_ms, name), hashes in found.items()))


def _course(plan: Plan, begin_ms: int, until_ms: int, step_ms: int) -> Iterator[_Row]:
    """Yield what a rig did, step by step: ``mining``, ``paused``, ``crashed`` or ``offline``."""
    dice = random.Random(plan.number)
    outages = list(plan.outages)
    drift = 1.0
    for at_ms in range(begin_ms, until_ms, step_ms):
        while outages and outages[0].until_ms <= at_ms:
            outages.pop(0)
        drift = min(1.04, max(0.95, drift + dice.uniform(-0.006, 0.006)))
        slow = plan.mood is Mood.SLOW and at_ms > plan.since_ms
        yield _Row(at_ms, min(step_ms, until_ms - at_ms), _during(outages, at_ms), drift * (0.6 if slow else 1.0))


def _during(outages: Sequence[Outage], at_ms: int) -> str:
    return outages[0].kind if outages and outages[0].since_ms <= at_ms else "mining"
