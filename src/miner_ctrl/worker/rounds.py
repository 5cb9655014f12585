"""Asks the miners at the owner's interval, controller or none, and tells the journal what they said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import MinerStats

log = logging.getLogger(__name__)


class Rounds:
    """One round every ``every_s`` seconds; ``sampled`` gets what was said."""

    def __init__(self, miners: Miners, *, every_s: float, sampled: Callable[[Sequence[MinerStats]], None]) -> None:
        self._miners = miners
        self._every_s = every_s
        self._sampled = sampled
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._for_ever(), name="rounds")

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                self._sampled(await self._miners.sample())
            except Exception:  # the boundary of this task: one round that fails must not be the last
                log.exception("the miners could not be asked")
