"""The rig's journal: what its miners did, kept while no controller looks, and told to those that ask.

One SQLite file, written by one thread. An entry gets its number when it is committed, one higher than the last: numbers
have no hole, whatever could not be written. A commit is not flushed to the disk by itself (a crash of the agent loses
nothing, one of the machine the last moments), but what is told to a peer is: a number never names two things.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from miner_ctrl.errors import MinerCtrlError, RateLimited
from miner_ctrl.model.history import MinerSample, RigEvent, Sample
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MinerStats
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.protocol.messages import GetHistory, History
from miner_ctrl.transport import Channel, Request
from miner_ctrl.worker.rig_journal_file import Entry, RigJournalFile

log = logging.getLogger(__name__)
T = TypeVar("T")

WAITING_AT_MOST = 2_000
"""Entries kept in memory while the file cannot be written: five and a half hours of samples at 10 s."""
FORGET_EVERY = 360
"""Samples between two looks at what is too old to keep."""


class RigJournal:
    """Takes in samples and events, in the loop's thread; its file is written in a thread of its own.

    ``machine`` is the newest reading of the machine; ``now_ms`` Unix time in ms.
    """

    def __init__(
        self,
        path: Path,
        *,
        settings: RigSettings,
        now_ms: Callable[[], int],
        machine: Callable[[], MachineStats | None] = lambda: None,
    ) -> None:
        self._file = RigJournalFile(path, new_id=lambda: secrets.token_hex(16))
        self._settings = settings
        self._now_ms = now_ms
        self._machine = machine
        self._thread = ThreadPoolExecutor(1, "rig-journal")
        self._waiting: deque[Entry] = deque()
        self._lost = 0
        self._problem = ""
        self._writing: asyncio.Task[None] | None = None
        self._samples = 0
        self._told: set[Channel] = set()
        self._closing = False

    async def start(self, *, serving: bool = True) -> None:
        """Open the file, made if it is not there; one that is damaged is set aside, and said to be. ``serving``: an
        agent has begun, and not only a command."""
        set_aside = await self._in_thread(self._file.open_or_set_aside)
        if set_aside:
            log.warning("%s", set_aside)
            self.note(RigEvent(at_ms=self._now_ms(), kind="journal", text=set_aside[:1000]))
        if serving:
            self.note(RigEvent(at_ms=self._now_ms(), kind="agent_started"))

    async def close(self) -> None:
        """Write what waits, and close the file."""
        self._closing = True
        if self._writing is not None:
            await asyncio.wait((self._writing,))
        if self._waiting:
            await self._write()
        await self._in_thread(self._file.close)
        self._thread.shutdown()

    @property
    def thread(self) -> Executor:
        """Where it waits for the disk: for others of this rig, too, that do so seldom and shortly."""
        return self._thread

    # --- taking in --------------------------------------------------------------------------------------

    def note(self, event: RigEvent) -> None:
        """Something happened; it is written at once."""
        self._take(event)

    def sampled(self, miners: Sequence[MinerStats]) -> None:
        """The miners were asked; to be called after each round."""
        self._samples += 1
        self._take(sample_of(miners, self._machine(), self._now_ms()))

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the journal, each one sentence."""
        return (self._problem,) if self._problem else ()

    def _take(self, entry: Entry) -> None:
        if self._closing:
            return
        if len(self._waiting) >= WAITING_AT_MOST:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="rig-journal")

    async def _write(self) -> None:
        """Commit everything that waits, in order. What cannot be written waits for the next entry to come."""
        while self._waiting:
            batch = list(self._waiting)
            self._waiting.clear()
            if self._lost:
                batch.insert(0, RigEvent(at_ms=self._now_ms(), kind="journal", text=_lost_text(self._lost)))
            try:
                await self._in_thread(partial(self._file.append, batch))
            except MinerCtrlError as error:
                self._put_back(batch[1:] if self._lost else batch)
                self._tell_problem(error)
                return
            self._lost = 0
            if self._problem:
                log.info("The rig's journal is written again.")
                self._problem = ""
            if self._samples >= FORGET_EVERY:
                self._samples = 0
                await self._forget()

    async def _forget(self) -> None:
        oldest_ms = self._now_ms() - int(self._settings.keep_journal_days * 86_400_000)
        try:
            await self._in_thread(lambda: self._file.forget(before_ms=oldest_ms))
        except MinerCtrlError as error:
            self._tell_problem(error)

    def _put_back(self, batch: list[Entry]) -> None:
        self._waiting.extendleft(reversed(batch))
        while len(self._waiting) > WAITING_AT_MOST:
            self._waiting.popleft()
            self._lost += 1

    def _tell_problem(self, error: MinerCtrlError) -> None:
        if not self._problem:
            log.warning("The rig's journal: %s", error.message)
        waiting = f"{len(self._waiting)} entries wait in memory"
        lost = f", {self._lost} older ones are lost" if self._lost else ""
        self._problem = f"The rig's journal cannot be written: {error.message.rstrip('.')}; {waiting}{lost}."[:1000]

    # --- telling ----------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> History:
        """Answer ``get_history`` with the part of the journal that comes next."""
        payload = request.payload
        assert isinstance(payload, GetHistory)  # noqa: S101 - the route table's promise
        channel = request.channel
        if channel in self._told:
            raise RateLimited("One session may ask for one part of the journal at a time.", suggestion="Wait for it.")
        self._told.add(channel)
        try:
            part = await self._in_thread(lambda: self._file.part(payload.journal, payload.after))
            await channel.drained()
        finally:
            self._told.discard(channel)
        return History(
            journal=part.journal,
            entries=part.entries,
            first=part.first,
            last=part.last,
            more=part.more,
            at_ms=self._now_ms(),
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def sample_of(miners: Sequence[MinerStats], machine: MachineStats | None, at_ms: int) -> Sample:
    """Return what the journal keeps of a round."""
    gpus_w = [gpu.power_w for gpu in machine.gpus if gpu.power_w is not None] if machine is not None else []
    return Sample(
        at_ms=at_ms,
        miners=tuple(map(_of_miner, miners)),
        cpu_temperature_c=None if machine is None else machine.cpu_temperature_c,
        power_w=sum(gpus_w) if gpus_w else None,
    )


def _of_miner(stats: MinerStats) -> MinerSample:
    temperatures = [device.temperature_c for device in stats.devices if device.temperature_c is not None]
    powers = [device.power_w for device in stats.devices if device.power_w is not None]
    return MinerSample(
        name=stats.name,
        state=stats.state,
        algorithm=stats.algorithm,
        hashrate_hps=stats.hashrate_hps,
        accepted=stats.accepted,
        rejected=stats.rejected,
        temperature_c=max(temperatures, default=None),
        power_w=sum(powers) if powers else None,
    )


def _lost_text(lost: int) -> str:
    return f"Missing before this: {lost} entries; the journal could not be written for too long."
