"""The topics that come from the fleet's overview, that of the jobs, and that of the events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from msgspec import structs

from miner_ctrl.api.faces import HistoryFace, JobsFace, OverviewFace
from miner_ctrl.api.live.messages import EventRow
from miner_ctrl.api.live.tables import Source, StateSource
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.jobs import JobView
from miner_ctrl.model.summaries import Alert, RigSummary
from miner_ctrl.model.times import MAX_MS

log = logging.getLogger(__name__)

EVENTS_KEPT = 200
EVENTS_EVERY_S = 0.25
"""New events are looked for at most this often: it is a query."""


def overview_topics(overview: OverviewFace) -> tuple[dict[str, Source], dict[str, StateSource]]:
    """Return ``fleet`` and ``alerts``, which are tables, and ``totals``, which is one state."""

    def watch_totals(told: Callable[[], None]) -> Callable[[], None]:
        unwatch_rows = overview.watch_rows(lambda _id, _row: told())
        unwatch_alerts = overview.watch_alerts(lambda _id, _alert: told())

        def unwatch() -> None:
            unwatch_rows()
            unwatch_alerts()

        return unwatch

    tables = {
        "fleet": Source(RigSummary, overview.rows, overview.watch_rows),
        "alerts": Source(Alert, overview.alerts_by_id, overview.watch_alerts),
    }
    return tables, {"totals": StateSource(overview.totals, watch_totals)}


def jobs_topic(jobs: JobsFace) -> Source:
    """Return ``jobs``, a table of those that are kept."""

    async def read() -> dict[str, JobView]:
        return {job.id: job for job in await jobs.all()}

    def watch(told: Callable[[str, Any], None]) -> Callable[[], None]:
        return jobs.watch(lambda job, _: told(job.id, job), lambda id_: told(id_, None))

    return Source(JobView, dict, watch, read)


def events_topic(history: HistoryFace) -> Source:
    """Return ``events``, a table of the last ``EVENTS_KEPT``."""
    events = _Events(history)
    return Source(EventRow, dict, events.watch, events.read)


class _Events:
    """The last events, read again when there may be others."""

    def __init__(self, history: HistoryFace) -> None:
        self._history = history
        self._shown: dict[str, EventRow] = {}

    async def read(self) -> dict[str, EventRow]:
        """Return them, the oldest first."""
        newest = await self._history.events(
            since_ms=0, until_ms=MAX_MS, kinds=(), peer=None, text="", cursor="", limit=EVENTS_KEPT
        )
        self._shown = {each.cursor: EventRow(id=each.cursor, **structs.asdict(each)) for each in reversed(newest)}
        return self._shown

    def watch(self, told: Callable[[str, Any], None]) -> Callable[[], None]:
        """As ``Source.watch``."""
        changed = asyncio.Event()
        following = asyncio.get_running_loop().create_task(self._follow(changed, told), name="live: follow the events")
        unwatch = self._history.watch_events(changed.set)

        def end() -> None:
            unwatch()
            following.cancel()

        return end

    async def _follow(self, changed: asyncio.Event, told: Callable[[str, Any], None]) -> None:
        while True:
            await changed.wait()
            changed.clear()
            before = self._shown
            try:
                after = await self.read()
            except MinerCtrlError as error:  # the store says so, and tries again
                log.debug("the events could not be read: %s", error.message)
            else:
                for id_, event in after.items():
                    if id_ not in before:
                        told(id_, event)
                for id_ in before.keys() - after.keys():
                    told(id_, None)
            await asyncio.sleep(EVENTS_EVERY_S)
