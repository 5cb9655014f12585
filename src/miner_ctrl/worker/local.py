"""This machine's own miners, for its owner: what the REST API and the command line do here without a controller.

The same ``Miners`` and the same gate as for commands from afar; ``by`` is ``owner``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from miner_ctrl.errors import MinerCtrlError, NotFound, OperationFailed
from miner_ctrl.miners import LogPart, MinerApi, Miners
from miner_ctrl.model.miners import MAX_MINERS, InstalledMiner, MinerStats
from miner_ctrl.model.rig import Schedule, ScheduleState
from miner_ctrl.profiles import ProfileStore, validate
from miner_ctrl.worker.rig_schedule import RigSchedule
from miner_ctrl.worker.starting import Starter

BY = "owner"
FRESH_FOR_S = 1.0
POINTS_KEPT = 400
"""For each miner: a little more than an hour at the usual interval of 10 s."""
POINTS_APART_MS = 9_000

Point = tuple[int, float | None]
"""Unix time (ms) and hashrate (H/s)."""


class LocalRig:
    """The face of this rig for its owner. ``clock`` is monotonic, in seconds; ``now_ms`` Unix time."""

    def __init__(
        self,
        miners: Miners,
        profiles: ProfileStore,
        schedule: RigSchedule,
        starter: Starter,
        *,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._miners = miners
        self._profiles = profiles
        self._schedule = schedule
        self._clock = clock
        self._now_ms = now_ms
        self._sampled_s = float("-inf")
        self._points: dict[str, deque[Point]] = {}
        self._starter = starter

    # --- looking ----------------------------------------------------------------------------------------

    async def miners(self) -> Sequence[MinerStats]:
        """Return the miners that run or have crashed, asked no longer ago than ``FRESH_FOR_S``."""
        if self._clock() - self._sampled_s > FRESH_FOR_S:
            await self._miners.sample()
        return self._miners.latest()

    async def miner(self, name: str) -> MinerStats:
        """Return one of them.

        Raises:
            NotFound: there is none of that name.
        """
        for stats in await self.miners():
            if stats.name == name:
                return stats
        raise _no_such_miner(name, self._miners.names())

    async def available(self) -> Sequence[InstalledMiner]:
        """Return the miner types that this machine could run, whether it has their programs or not."""
        return await asyncio.to_thread(self._miners.installed)

    async def logs(self, name: str, lines: int) -> list[str]:
        """Return the last lines of a miner's log, also of one that was stopped. Raises ``NotFound``."""
        return (await self._miners.tail(name, lines))[0]

    def follow_logs(self, name: str, lines: int) -> AsyncGenerator[LogPart, None]:
        """Yield a miner's log as it grows, after its last ``lines``; ends when the miner has. Raises ``NotFound``."""
        return self._miners.follow(name, lines=lines, cursor=None)

    def hashrates(self, name: str) -> Sequence[Point]:
        """Return what is remembered of a miner's hashrate, the oldest first: about the last hour.

        Raises:
            NotFound: there is no such miner, and was none.
        """
        if name not in self._points and name not in self._miners.names():
            raise _no_such_miner(name, self._miners.names())
        return tuple(self._points.get(name, ()))

    def sampled(self, stats: Sequence[MinerStats]) -> None:
        """Remember the miners' hashrates; called after each sampling."""
        now_ms, self._sampled_s = self._now_ms(), self._clock()
        for each in stats:
            points = self._points.setdefault(each.name, deque(maxlen=POINTS_KEPT))
            if not points or not 0 <= now_ms - points[-1][0] < POINTS_APART_MS:
                points.append((now_ms, each.hashrate_hps))
        for name in tuple(self._points)[: max(0, len(self._points) - MAX_MINERS)]:
            if name not in self._miners.names():
                del self._points[name]

    # --- commanding -------------------------------------------------------------------------------------

    async def start(self, profile: str, *, replace: str | None = None) -> Sequence[str]:
        """Start a miner from one of this node's profiles, or have the miner ``replace`` run it from now on (``*``: the
        only one there is); return the names of the miners that run it.

        Raises:
            NotFound: no such profile, miner, or program.
            Conflict: a miner runs that profile already.
            BadInput, Refused, OperationFailed: it cannot be started; says why.
        """
        found = self._profiles.find(profile)
        config = validate(found.miner_type, found.config)
        return await self._starter.start(found, config, replace=replace or "", by=BY)

    async def stop(self, name: str | None) -> Sequence[str]:
        """Stop one miner, or all; return who it was.

        Raises:
            NotFound: no such miner.
            OperationFailed: some could not be.
        """
        return await self._each("stopped", name, lambda each: self._miners.stop(each, by=BY))

    async def restart(self, name: str | None) -> Sequence[str]:
        """Stop one miner, or all, and start it again. Raises as ``stop``."""
        return await self._each("restarted", name, lambda each: self._miners.restart(each, by=BY))

    async def pause(self, name: str | None, resume_after_s: float | None) -> Sequence[str]:
        """Pause one miner, or all; with ``resume_after_s`` it goes on by itself then. Raises as ``stop``."""
        return await self._each(
            "paused", name, lambda each: self._miners.pause(each, resume_after_s=resume_after_s, by=BY)
        )

    async def resume(self, name: str | None) -> Sequence[str]:
        """Have one miner, or all, go on. Raises as ``stop``."""
        return await self._each("resumed", name, lambda each: self._miners.resume(each, by=BY))

    async def type(self, name: str, line: str) -> None:
        """Type a line at a miner's terminal. Raises ``BadInput``, ``NotFound``, ``Conflict``."""
        self._miners.type(name, line)

    async def adopt(self, miner_type: str, *, port: int, token: str, name: str | None) -> str:
        """Watch a miner that somebody else started and whose API is at ``port`` of this machine; return its name here.

        Raises:
            NotFound: no such miner type.
            Conflict, BadInput, OperationFailed, Unreachable: it cannot be adopted; says why.
        """
        return await self._miners.adopt(miner_type, MinerApi(port=port, token=token), name=name, by=BY)

    async def release(self, name: str) -> None:
        """Let go of an adopted miner; it goes on. Raises ``NotFound``, ``Conflict``."""
        await self._miners.release(name, by=BY)

    # --- schedule ---------------------------------------------------------------------------------------

    def schedule(self) -> ScheduleState | None:
        """Return the schedule and what it asks for now; ``None`` if there is none."""
        return self._schedule.state()

    def set_schedule(self, schedule: Schedule) -> None:
        """Keep another schedule from now on; an empty one is none."""
        self._schedule.set(schedule, by=BY)

    # --- within -----------------------------------------------------------------------------------------

    async def _each(self, status: str, name: str | None, act: Callable[[str], Awaitable[None]]) -> Sequence[str]:
        names = (name,) if name is not None else self._miners.names()
        done: list[str] = []
        failures: list[MinerCtrlError] = []
        for each in names:
            try:
                await act(each)
                done.append(each)
            except MinerCtrlError as error:
                failures.append(error)
        self._sampled_s = float("-inf")
        if failures and len(names) == 1:
            raise failures[0]
        if failures:
            raise OperationFailed(
                f"{len(done)} of {len(names)} miners {status}; the first failure: {failures[0].message}",
                suggestion=failures[0].suggestion,
                details={"done": done},
            )
        return done


def _no_such_miner(name: str, names: Sequence[str]) -> NotFound:
    there = f"There are: {', '.join(names)}." if names else "No miner runs here."
    return NotFound(f"There is no miner {name[:63]!r} here.", suggestion=there, code="MINER_NOT_FOUND")
