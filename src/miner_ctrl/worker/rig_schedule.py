"""The schedule of this rig: on disk, and carried out at its edges.

Between two edges it does nothing: a command in between holds until the next one. What has been carried out is on disk:
an agent that is started again does not repeat it, and one that missed an edge makes up for it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.errors import StateDamaged
from miner_ctrl.miners import Miners
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.miners import MAX_MINERS
from miner_ctrl.model.nodes import Name
from miner_ctrl.model.rig import Schedule, ScheduleState
from miner_ctrl.model.text import one_line
from miner_ctrl.model.week import DAY_NAMES, PAUSE, RUN, is_empty, profile_named
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.storage.atomic import write_atomic
from miner_ctrl.worker.lock_desk import asked_by
from miner_ctrl.worker.schedule import WallClock, asked_at, next_edge
from miner_ctrl.worker.schedule_deeds import BY, Done, ScheduleDeeds

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 30.0
"""How late a clock that was set, a machine that slept or another time zone may be noticed. Edges are kept exactly."""
RETRY_FIRST_S, RETRY_LAST_S = 10.0, 900.0


class _Kept(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``schedule.json``. ``asked`` has been carried out (if ``settled``) or begun, at ``since_ms``; ``waiting`` are
    miners that still have to be paused."""

    schedule: Schedule = Schedule()
    asked: str = RUN
    since_ms: int = 0
    settled: bool = True
    waiting: Annotated[tuple[Name, ...], Meta(max_length=MAX_MINERS)] = ()
    done: Done = Done()


def wall_clock(unix_s: float) -> datetime:
    """Return what this machine's clock on the wall shows."""
    return datetime.fromtimestamp(unix_s)  # noqa: DTZ006 - the wall clock's is what is wanted


class RigSchedule:
    """Keeps the schedule in the file ``path``. ``note`` gets what happens; ``now_ms`` is Unix time, ``clock``
    monotonic."""

    def __init__(
        self,
        path: Path,
        miners: Miners,
        profiles: ProfileStore,
        *,
        now_ms: Callable[[], int],
        wall: WallClock = wall_clock,
        clock: Callable[[], float] = time.monotonic,
        note: Callable[[RigEvent], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._miners = miners
        self._now_ms = now_ms
        self._wall = wall
        self._clock = clock
        self._note = note
        self._kept = _Kept()
        self._deeds = ScheduleDeeds(miners, profiles, Done(), save=self._save_done, now_ms=now_ms)
        self._problems: tuple[str, ...] = ()
        self._retry_s = RETRY_FIRST_S
        self._retry_at_s = 0.0
        self._looked_ms = 0
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Read the file, if there is one.

        Raises:
            StateDamaged: it is not what was written.
        """
        try:
            self._kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise StateDamaged(
                f"The schedule {self._path} cannot be read.",
                suggestion="Move it away and set the schedule again: miner-ctrl schedule set.",
            ) from None
        self._deeds.done = self._kept.done

    def start(self) -> None:
        """Begin to keep the schedule."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep_for_ever(), name="schedule")

    async def close(self) -> None:
        """Let go; what the schedule has done stays."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    def state(self) -> ScheduleState | None:
        """Return the schedule and what it asks for now; ``None`` if there is none."""
        schedule = self._kept.schedule
        if is_empty(schedule):
            return None
        now_s = self._now_ms() / 1000
        edge_s = next_edge(schedule, now_s, self._wall)
        return ScheduleState(
            schedule=schedule,
            now=asked_at(schedule, now_s, self._wall),
            until_ms=None if edge_s is None else edge_s * 1000,
            local_time=self._wall_text(now_s),
            problem=self.problem,
        )

    @property
    def asked(self) -> str:
        """What the schedule asks for now; empty without one."""
        return "" if is_empty(self._kept.schedule) else self._kept.asked

    @property
    def problem(self) -> str:
        """Why the schedule cannot be kept, one sentence or some; empty when all is well."""
        return one_line(" ".join(self._problems), 900)

    def set(self, schedule: Schedule, *, by: str) -> None:
        """Keep another schedule from now on; durable when this returns. What it asks for now is done at once."""
        if schedule == self._kept.schedule:
            return
        self._save(schedule=schedule, since_ms=self._now_ms())
        text = "The schedule was removed." if is_empty(schedule) else "The schedule was changed."
        self._note(RigEvent(at_ms=self._now_ms(), kind="schedule", by=by, text=text))
        self._wake.set()

    async def look(self) -> None:
        """See what the schedule asks for, and do it if that has changed, or if it could not be done before."""
        async with self._looking:
            self._notice_edge()
            if not self._kept.settled and self._clock() >= self._retry_at_s:
                with asked_by(BY):
                    await self._carry_out()

    # --- within -----------------------------------------------------------------------------------------

    async def _keep_for_ever(self) -> None:
        while True:
            self._wake.clear()
            try:
                _read_time_zone()
                await self.look()
            except Exception:  # the boundary of this task: the next edge must not be missed for it
                log.exception("the schedule could not be kept")
            try:
                async with asyncio.timeout(self._look_again_in_s()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _look_again_in_s(self) -> float | None:
        kept = self._kept
        if is_empty(kept.schedule) and kept.settled:
            return None
        now_s = self._now_ms() / 1000
        edge_s = next_edge(kept.schedule, now_s, self._wall, within_s=LOOKS_EVERY_S)
        waits_s = [LOOKS_EVERY_S]
        if edge_s is not None:
            waits_s.append(edge_s - now_s)
        if not kept.settled:
            waits_s.append(self._retry_at_s - self._clock())
        return max(0.0, min(waits_s))

    def _notice_edge(self) -> None:
        """Begin anew if something else is asked for, or was in between (while no agent ran, or the machine slept)."""
        kept, now_ms = self._kept, self._now_ms()
        asked = asked_at(kept.schedule, now_ms / 1000, self._wall)
        looked_ms, self._looked_ms = max(kept.since_ms, self._looked_ms), now_ms
        if looked_ms > now_ms:  # the clock was set back
            looked_ms = min(kept.since_ms, now_ms)
        passed_s = (now_ms - looked_ms) / 1000
        if asked == kept.asked and next_edge(kept.schedule, looked_ms / 1000, self._wall, within_s=passed_s) is None:
            return
        waiting = self._miners.names() if asked == PAUSE else ()
        self._save(asked=asked, since_ms=now_ms, settled=False, waiting=waiting)
        self._retry_s, self._retry_at_s = RETRY_FIRST_S, self._clock()
        log.info("The schedule asks for: %s", asked)
        self._note(RigEvent(at_ms=now_ms, kind="schedule", by=BY, text=self._edge_text(asked)))

    async def _carry_out(self) -> None:
        asked = self._kept.asked
        await self._miners.sample()
        name = profile_named(asked)
        waiting: list[str] = []
        if name is not None:
            problems = await self._deeds.profile(name)
        elif asked == PAUSE:
            problems, waiting = await self._deeds.pause(self._kept.waiting)
        else:
            problems = await self._deeds.run()
        settled = not problems and not waiting
        self._problems = tuple(problems)
        self._save(settled=settled, waiting=tuple(waiting))
        if not settled:
            for problem in problems:
                log.warning("%s", problem)
            self._retry_at_s = self._clock() + self._retry_s
            self._retry_s = min(2 * self._retry_s, RETRY_LAST_S)

    def _save_done(self, done: Done) -> None:
        self._save(done=done)

    def _save(self, **changes: object) -> None:
        kept = msgspec.structs.replace(self._kept, **changes)
        write_atomic(self._path, msgspec.json.encode(kept))
        self._kept = kept

    def _edge_text(self, asked: str) -> str:
        now_s = self._now_ms() / 1000
        edge_s = next_edge(self._kept.schedule, now_s, self._wall)
        return f"The schedule asks for {asked}" + ("." if edge_s is None else f" until {self._wall_text(edge_s)}.")

    def _wall_text(self, unix_s: float) -> str:
        shown = self._wall(unix_s)
        return f"{DAY_NAMES[shown.weekday()]} {shown:%H:%M}"


def _read_time_zone() -> None:
    """Take over the machine's time zone if it was changed meanwhile."""
    if sys.platform != "win32":
        time.tzset()
