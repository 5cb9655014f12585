"""A process that writes history as a controller does, until it is killed:
``python -m tests.history.killed_writer FILE``.

It prints each number that it has been told is stored.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from miner_ctrl.history import HistoryPart, SqliteHistory
from miner_ctrl.model.history import JournalEntry, MinerSample, OwnEvent, RigEvent, Sample
from miner_ctrl.model.miners import MinerState

RIGS = 40


def now_ms() -> int:
    """Return Unix time in ms."""
    return time.time_ns() // 1_000_000


def rig_of(number: int) -> bytes:
    """Return the fingerprint of rig ``number``."""
    return number.to_bytes(32, "big")


def entries_of(first: int, count: int, at_ms: int) -> tuple[JournalEntry, ...]:
    """Return entries that tell their own number: as shares found, and in an event's text."""
    return tuple(
        JournalEntry(
            seq,
            RigEvent(at_ms=at_ms + seq, kind="started", text=str(seq))
            if seq % 5 == 0
            else Sample(at_ms + seq, (MinerSample("m", MinerState.MINING, "rx/0", 1.0, seq, 0),)),
        )
        for seq in range(first, first + count)
    )


async def write(path: Path) -> None:
    """Write for ever, every rig at once."""
    history = SqliteHistory(path, now_ms=now_ms)
    history.start()

    async def one(number: int) -> None:
        rig, journal = rig_of(number), f"{number:032x}"
        place = await history.since(rig)
        after = place.after
        while True:
            entries = entries_of(after + 1, 7, now_ms() - 3_600_000)
            part = HistoryPart(journal=journal, entries=entries, first=1, last=after + 9, more=True, offset_ms=0)
            after = (await history.add(rig, part)).after
            print(number, after, flush=True)

    async def own() -> None:
        while True:
            await history.note([OwnEvent(at_ms=now_ms(), kind="settings", text="x")])
            await asyncio.sleep(0.01)

    await asyncio.gather(own(), *map(one, range(RIGS)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
