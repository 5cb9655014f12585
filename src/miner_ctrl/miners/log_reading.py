"""The logs of all miners, also of those that were stopped: their last lines, or as they grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from miner_ctrl.errors import NotFound, OperationFailed
from miner_ctrl.miners.folders import Folders
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.log_file import LogFile, LogPart
from miner_ctrl.miners.record import RECORD_FILE


class LogReading:
    """Reads the logs of ``instances``, and of miners that were."""

    def __init__(self, instances: Mapping[str, Instance], folders: Folders) -> None:
        self._instances = instances
        self._folders = folders
        self._reader = ThreadPoolExecutor(1, "logs")
        """Ten thousand lines take a third of a second to read and clean: too long for everybody else to wait."""

    def close(self) -> None:
        """Read no more."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def tail(self, name: str, lines: int) -> tuple[list[str], int]:
        """Return the last lines of a miner's log, and the cursor after them. Raises as ``follow``."""
        log, ended = self._log(name)
        part = await self._read(lambda: log.tail(lines, ended=ended))
        return part.lines, part.cursor

    async def follow(self, name: str, *, lines: int, cursor: int | None) -> AsyncGenerator[LogPart, None]:
        """Yield a miner's log as it grows: after its last ``lines``, or after ``cursor``; ends when the miner has.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was adopted: its log is not ours.
        """
        log, ended = self._log(name)
        part = await self._read(
            lambda: log.tail(lines, ended=ended) if cursor is None else log.after(cursor, ended=ended)
        )
        yield part
        instance = self._instances.get(name)
        if instance is None:
            return
        grown = instance.follow()
        try:
            while True:
                grown.clear()
                ended = not instance.state.alive
                while (part := await self._read(partial(log.after, part.cursor, ended=ended))).lines:
                    yield part
                if ended:
                    return
                await grown.wait()
        finally:
            instance.unfollow(grown)

    async def _read(self, read: Callable[[], LogPart]) -> LogPart:
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    def _log(self, name: str) -> tuple[LogFile, bool]:
        instance = self._instances.get(name)
        if instance is not None and instance.record.adopted:
            raise OperationFailed(
                f"{name} was adopted: its log is not this rig's.",
                suggestion="Look for it where the miner was started.",
                code="LOG_NOT_OURS",
            )
        if instance is not None:
            return instance.log, not instance.state.alive
        folder = self._folders.place / name
        if Folders.may_have_made(name) and (folder / RECORD_FILE).is_file():
            return LogFile(folder), True
        raise no_such_miner(name, self._instances)


def no_such_miner(name: str, there: Mapping[str, Instance]) -> NotFound:
    """Return the error for a name that no miner has."""
    suggestion = f"There are: {', '.join(there)}." if there else "No miner runs here."
    return NotFound(f"No miner is called {name[:80]!r} on this rig.", suggestion=suggestion, code="MINER_NOT_FOUND")
