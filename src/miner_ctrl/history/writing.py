"""How what is added to a history waits for more, to be committed with it; how it is said, once, that it cannot be
written; how what is too old is let go of. The same whatever database is under it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history.contract import HistoryCounts
from miner_ctrl.history.parts import HistoryPart, Place

log = logging.getLogger(__name__)

GATHER_S = 0.05
"""How long what is added waits for more to be committed with it."""
ENOUGH = 32
"""So many do not wait."""
PARTS_WAITING = 256
"""Parts in memory; whoever brings another waits."""
SLICE_EVERY_S = 0.5
PASS_EVERY_S = 600.0

Parts = Sequence[tuple[bytes, HistoryPart]]
_Waiting = tuple[bytes, HistoryPart, "asyncio.Future[Place]"]


class Recording:
    """Whether what is to be written is written: said when that changes, and not each time."""

    def __init__(self) -> None:
        self.problem = ""

    def wrote(self, error: MinerCtrlError | None) -> None:
        """Writing came about, or did not."""
        if error is None:
            if self.problem:
                log.info("History is recorded again.")
            self.problem = ""
            return
        if not self.problem:
            log.warning("History is not recorded until this is mended: %s", error.message)
        self.problem = error.message


class Gathered:
    """Parts that wait to be committed together, ``at_once`` in one transaction.

    ``commit`` stores parts, and returns for each how far its journal is known then, or why it was refused; what it
    raises is of all of them. ``broken`` makes of what should never be raised the error that who added it is told.
    """

    def __init__(
        self,
        commit: Callable[[Parts], Awaitable[Sequence[Place | MinerCtrlError]]],
        *,
        at_once: int,
        broken: Callable[[Exception], Exception],
    ) -> None:
        self.counts = HistoryCounts()
        self._store = commit
        self._at_once = at_once
        self._broken = broken
        self._room = asyncio.Semaphore(PARTS_WAITING)
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, rig: bytes, part: HistoryPart) -> Place:
        """As ``HistoryStore.add``."""
        self.counts.waiting += 1
        try:
            place = await self._add(rig, part)
        finally:
            self.counts.waiting -= 1
        self.counts.entries += len(part.entries)
        return place

    async def written(self) -> None:
        """Wait until what was taken is written, or is known not to be."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    async def _add(self, rig: bytes, part: HistoryPart) -> Place:
        async with self._room:
            stored: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
            self._waiting.append((rig, part, stored))
            if self._writing is None or self._writing.done():
                self._writing = asyncio.get_running_loop().create_task(self._write(), name="history-write")
            return await stored

    async def _write(self) -> None:
        while self._waiting:
            if len(self._waiting) < ENOUGH:
                await asyncio.sleep(GATHER_S)
            batch, self._waiting = self._waiting[: self._at_once], self._waiting[self._at_once :]
            await self._commit(batch)

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._store([(rig, part) for rig, part, _ in batch])
            self.counts.commits += 1
        except MinerCtrlError as error:
            for _, _, stored in batch:
                _settle(stored, error)
        except Exception as error:  # the boundary of the writer: what one rig told must not stop the others'
            if len(batch) == 1:
                log.exception("a part of a rig's history could not be stored")
                _settle(batch[0][2], self._broken(error))
                return
            for each in batch:
                await self._commit((each,))
        else:
            for (_, _, stored), outcome in zip(batch, outcomes, strict=True):
                _settle(stored, outcome)


async def sweep_for_ever(sweep: Callable[[], Awaitable[bool]]) -> None:
    """Call ``sweep``, soon again while it says that there is more."""
    while True:
        goes_on = False
        with suppress(MinerCtrlError):
            goes_on = await sweep()
        await asyncio.sleep(SLICE_EVERY_S if goes_on else PASS_EVERY_S)


def _settle(stored: asyncio.Future[Place], outcome: Place | Exception) -> None:
    if stored.done():  # nobody waits for it any more
        return
    if isinstance(outcome, Exception):
        stored.set_exception(outcome)
    else:
        stored.set_result(outcome)
