"""How late the event loop is: a timer that says when it should have run."""

from __future__ import annotations

import asyncio

from miner_ctrl.metrics.requests import Histogram

EVERY_S = 1.0
WATCHED_FOR_S = 300.0
"""Without a scrape for so long it stops: a node that nobody scrapes is not woken for it."""
LAG_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)


class LoopLag:
    """Looks once a second, from one ``wanted`` until ``WATCHED_FOR_S`` after the last."""

    def __init__(self) -> None:
        self.seconds = Histogram(LAG_S)
        self._until_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def wanted(self) -> None:
        """Go on looking, or begin to."""
        loop = asyncio.get_running_loop()
        self._until_s = loop.time() + WATCHED_FOR_S
        if self._timer is None:
            self._wait(loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due_s = loop.time() + EVERY_S
        self._timer = loop.call_at(due_s, self._look, loop, due_s)

    def _look(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        now_s = loop.time()
        self.seconds.note(max(0.0, now_s - due_s))
        if now_s < self._until_s:
            self._wait(loop)
        else:
            self._timer = None
