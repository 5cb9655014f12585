"""One archive read for many rigs: each block comes from the disk once for all that are near each other, and few are
held."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.rig import BundleOffer

PART_BYTES = 256 * 1024
"""The largest part that is sent; blocks are as large, and begin at its multiples."""
BLOCKS_HELD = 24


class Reader:
    """One archive. Used in the event loop; the disk is waited for in a thread."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self.users = 0
        self._file = file
        self._size_bytes = size_bytes
        self._one_at_a_time = asyncio.Lock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    async def read(self, offset: int, most: int) -> bytes:
        """Return the bytes from ``offset`` on, up to the end of its block and at most ``most``.

        Raises:
            OperationFailed: the archive is shorter than it was, or cannot be read.
        """
        start = offset - offset % PART_BYTES
        async with self._one_at_a_time:
            block = self._blocks.get(start)
            if block is None:
                block = self._blocks[start] = await asyncio.to_thread(self._read_block, start)
                if len(self._blocks) > BLOCKS_HELD:
                    self._blocks.popitem(last=False)
        at = offset - start
        data = block[at : at + most] if at or most < len(block) else block
        if not data:
            raise _unreadable("it is shorter than it was")
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read_block(self, start: int) -> bytes:
        try:
            self._file.seek(start)
            return self._file.read(min(PART_BYTES, self._size_bytes - start))
        except OSError as error:
            raise _unreadable(error.strerror or str(error)) from None


class BundleReaders:
    """The archives that are being sent now, each open once."""

    def __init__(self) -> None:
        self._open: dict[str, Reader] = {}

    @asynccontextmanager
    async def opened(self, path: Path, offer: BundleOffer) -> AsyncIterator[Reader]:
        """Have an archive open for as long as the block takes.

        Raises:
            OperationFailed: it cannot be opened.
        """
        reader = self._open.get(offer.sha256)
        if reader is None:
            try:
                file = path.open("rb", buffering=0)
            except OSError as error:
                raise _unreadable(error.strerror or str(error)) from None
            reader = self._open[offer.sha256] = Reader(file, offer.size_bytes)
        reader.users += 1
        try:
            yield reader
        finally:
            reader.users -= 1
            if not reader.users:
                del self._open[offer.sha256]
                reader.close()


def _unreadable(why: str) -> OperationFailed:
    return OperationFailed(
        f"The bundle's archive cannot be read here: {why}.", suggestion="Add it anew: miner-ctrl bundle add FILE."
    )
