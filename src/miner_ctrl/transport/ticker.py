"""The one clockwork of an endpoint: ticks finely while something hangs on it, and seldom otherwise.

A rig's node is idle nearly all of its life, and each wake-up costs it more than the work it then finds: five a second
were two thirds of all its CPU time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from miner_ctrl.transport.timings import Timings


class Ticker:
    """Calls ``work`` with the interval it meant to wait. ``urgent`` says, after each tick, whether something hangs on
    the next one coming soon; what becomes urgent in between calls ``hasten``."""

    __slots__ = ("_calm_s", "_fine_s", "_handle", "_interval_s", "_urgent", "_work")

    def __init__(self, timings: Timings, urgent: Callable[[], bool], work: Callable[[float], None]) -> None:
        self._fine_s = timings.tick_s
        self._calm_s = timings.calm_tick_s
        self._urgent = urgent
        self._work = work
        self._handle: asyncio.TimerHandle | None = None
        self._interval_s = 0.0

    @property
    def runs(self) -> bool:
        """Whether it ticks."""
        return self._handle is not None

    def start(self) -> None:
        """Begin to tick, finely."""
        self._wait(self._fine_s)

    def stop(self) -> None:
        """Tick no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def hasten(self) -> None:
        """Something has become urgent: the next tick comes after a fine interval at most."""
        if self._interval_s > self._fine_s and self._handle is not None:
            self._handle.cancel()
            self._wait(self._fine_s)

    def _wait(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._handle = asyncio.get_running_loop().call_later(interval_s, self._tick)

    def _tick(self) -> None:
        waited_s = self._interval_s
        self._wait(self._fine_s)
        self._work(waited_s)
        if self._handle is not None and not self._urgent():
            self._handle.cancel()
            self._wait(self._calm_s)
