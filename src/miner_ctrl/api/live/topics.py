"""The topics that come from the fleet's overview, and that of the jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from miner_ctrl.api.faces import JobsFace, OverviewFace
from miner_ctrl.api.live.tables import Source, StateSource
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.jobs import JobPeerView, JobView
from miner_ctrl.model.summaries import Alert, RigSummary

log = logging.getLogger(__name__)


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
    """Return ``jobs``, a table. Those that are kept are read from the disk when somebody subscribes: they come a moment
    after the snapshot, as its first delta."""

    def watch(told: Callable[[str, Any], None]) -> Callable[[], None]:
        heard: set[str] = set()

        def note(job: JobView, peer: JobPeerView | None) -> None:
            del peer
            heard.add(job.id)
            told(job.id, job)

        async def read() -> None:
            try:
                for job in await jobs.all():
                    if job.id not in heard:  # what was heard meanwhile is newer
                        told(job.id, job)
            except MinerCtrlError as error:
                log.warning("the jobs could not be read: %s", error.message)

        unwatch = jobs.watch(note)
        reading = asyncio.get_running_loop().create_task(read(), name="live: read the jobs")

        def end() -> None:
            unwatch()
            reading.cancel()

        return end

    return Source(JobView, dict, watch)
