"""The rig's machine, watched: its newest reading, and what is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from miner_ctrl.model.machine import Hardware, MachineStats
from miner_ctrl.model.miners import MinerStats
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.model.text import one_line
from miner_ctrl.telemetry import GpuReading, StatsReader, is_read_only, read_hardware
from miner_ctrl.worker.problems import Problems, Sight

log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWERS_WITHIN_S = 1.0
"""How long a tick waits for the GPUs; what comes later counts at the next one."""
HARDWARE_WITHIN_S = 5.0
GPU_SILENT_AFTER_S = 60.0
"""A driver that has not answered for so long has most likely crashed."""


class RigFacts(NamedTuple):
    """What ``NodeStats`` says beside the miners."""

    machine: MachineStats | None = None
    problems: tuple[str, ...] = ()
    schedule: str = ""
    locked: bool = False


class MachineWatch:
    """Reads the machine at an interval; ``stats``, ``problems`` and ``hardware`` are the newest there are.

    GPUs are read in a thread, because their drivers can block: one that hangs keeps its last values out of the stats
    and becomes a problem, and everything else goes on. ``miners`` are asked for what they say of huge pages.
    ``clock`` is monotonic, in seconds.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: RigSettings,
        clock: Callable[[], float],
        miners: Callable[[], Sequence[MinerStats]] = tuple,
        reader: StatsReader | None = None,
        read_hardware: Callable[[], Hardware] = read_hardware,
    ) -> None:
        self._data_dir = data_dir
        self._every_s = settings.sample_every_s
        self._clock = clock
        self._miners = miners
        self._reader = reader or StatsReader()
        self._read_hardware = read_hardware
        self._problems = Problems(settings)
        self._gpus = GpuReading()
        self._asking: asyncio.Future[GpuReading] | None = None
        self._asked_s = 0.0
        self._hardware: asyncio.Future[Hardware] | None = None
        self._watching: asyncio.Task[None] | None = None
        self.stats: MachineStats | None = None
        self.problems: tuple[str, ...] = ()
        self.on_read: Callable[[], None] = lambda: None
        """Called after each reading."""

    def facts(self) -> RigFacts:
        """Return the newest reading and its problems."""
        return RigFacts(self.stats, self.problems)

    def newest(self) -> MachineStats | None:
        """Return the newest reading, or ``None`` before the first."""
        return self.stats

    async def hardware(self) -> Hardware | None:
        """Return what the machine is made of, read once; ``None`` while a driver keeps it waiting."""
        if self._hardware is None:
            self._hardware = _in_thread(self._read_hardware, "hardware")
        await asyncio.wait({self._hardware}, timeout=HARDWARE_WITHIN_S)
        return self._hardware.result() if self._hardware.done() else None

    def start(self) -> None:
        """Begin reading."""
        self._watching = asyncio.get_running_loop().create_task(self._watch_for_ever(), name="machine-watch")

    async def close(self) -> None:
        """Stop reading. A driver that hangs is left alone with its thread, which ends with the process."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def tick(self) -> None:
        """Read once."""
        if self._asking is not None or self._reader.may_have_gpus():
            await self._ask_gpus()
        self._read()

    async def _ask_gpus(self) -> None:
        if self._asking is None:
            self._asked_s = self._clock()
            self._asking = _in_thread(self._reader.read_gpus, "gpus")
        await asyncio.wait({self._asking}, timeout=ANSWERS_WITHIN_S)
        if self._asking.done():
            asked, self._asking = self._asking, None
            self._gpus = GpuReading()
            self._gpus = asked.result()
        elif self._clock() - self._asked_s >= GPU_SILENT_AFTER_S:
            self._gpus = GpuReading((), ("The GPUs' driver has stopped answering: restart the rig.",))

    def _read(self) -> None:
        self.stats = self._reader.read(self._data_dir, gpus=self._gpus.gpus)
        sight = Sight(
            machine=self.stats,
            data_dir=one_line(str(self._data_dir), 300),
            read_only=is_read_only(self._data_dir),
            gpu_problems=self._gpus.problems,
            miners=self._miners(),
            has_aes=self._reader.has_aes(),
        )
        self.problems = self._problems.see(sight)
        for sentence in self._problems.begun:
            log.warning("%s", sentence)
        self.on_read()

    async def _watch_for_ever(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:  # the boundary of this task: one reading that fails must not be the last
                log.exception("the machine could not be read")
            await asyncio.sleep(self._every_s)


def _in_thread(read: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Run ``read`` in a thread that the process does not wait for when it ends, as it does for those of a pool."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def take(value: T | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)  # type: ignore[arg-type]  # a T where there is no error

    def work() -> None:
        try:
            value, error = read(), None
        except Exception as failed:  # noqa: BLE001 - raised again where the answer is awaited
            value, error = None, failed
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(take, value, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return answer
