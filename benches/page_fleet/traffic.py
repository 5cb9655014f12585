"""What goes on in the fleet: rigs tell their stats, some come and go, somebody commands a few."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence

import psutil

from benches.page_fleet.rigs import SimRig
from benches.page_fleet.sessions import SimEndpoint

LOOK_EVERY_S = 0.01
TOLD_EVERY_S = 10.0
BEAT_S = 0.01
CATCH_UP_AT_MOST = 200
"""Changes of one beat: after the process was held up, what was missed does not come all at once."""
COMES_AND_GOES_EVERY_S = 15.0


class Traffic:
    """Has rigs tell their stats one after the other, ``per_s`` of them a second, and counts."""

    def __init__(self, endpoint: SimEndpoint, rigs: Sequence[SimRig], per_s: float, *, quiet: bool) -> None:
        self._endpoint = endpoint
        self._rigs = [rig for rig in rigs if rig.plan.connected]
        self._per_s = per_s
        self._quiet = quiet
        self._told = 0
        self._late_ms: list[float] = []

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.gather(self._tell(), self._look(), self._report(), self._come_and_go())

    async def _tell(self) -> None:
        turn, due = 0, 0.0
        before_s = time.monotonic()
        while self._rigs:
            await asyncio.sleep(BEAT_S)
            now_s = time.monotonic()
            due = min(due + (now_s - before_s) * self._per_s, float(CATCH_UP_AT_MOST))
            before_s = now_s
            while due >= 1.0:
                due -= 1.0
                session = self._endpoint.sessions.get(self._rigs[turn % len(self._rigs)].fingerprint)
                turn += 1
                if session is not None:
                    session.push()
                    self._told += 1

    async def _come_and_go(self) -> None:
        """One of the rigs that are well loses its link for some seconds, now and then."""
        turn = 0
        while len(self._rigs) > 20:
            await asyncio.sleep(COMES_AND_GOES_EVERY_S)
            rig = self._rigs[turn * 37 % len(self._rigs)]
            turn += 1
            session = self._endpoint.sessions.get(rig.fingerprint)
            if session is not None:
                self._endpoint.end(session, "Its link was lost: nothing was heard for 20 s.")
                await asyncio.sleep(COMES_AND_GOES_EVERY_S / 2)
                self._endpoint.open(rig)

    async def _look(self) -> None:
        while True:
            due = time.perf_counter() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self._late_ms.append(max(0.0, time.perf_counter() - due) * 1e3)

    async def _report(self) -> None:
        process = psutil.Process()
        process.cpu_percent()
        began_s, told = time.monotonic(), 0
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            passed_s = time.monotonic() - began_s
            late_ms, self._late_ms = sorted(self._late_ms), []
            line = {
                "changesPerSecond": round((self._told - told) / passed_s, 1),
                "cpuPercent": process.cpu_percent(),
                "loopLateMsP95": round(late_ms[int(len(late_ms) * 0.95)], 1) if late_ms else None,
                "loopLateMsMax": round(late_ms[-1], 1) if late_ms else None,
                "memoryMiB": process.memory_info().rss // 2**20,
                "sessions": len(self._endpoint.sessions),
            }
            began_s, told = time.monotonic(), self._told
            if not self._quiet:
                print(json.dumps(line), file=sys.stderr, flush=True)
