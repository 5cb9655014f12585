"""The topics that come from the fleet's overview, those of the jobs, of the events, and of who comes to the door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import structs

from miner_ctrl.api.faces import HistoryFace, JobsFace, OverviewFace, PairingFace
from miner_ctrl.api.live.messages import EventRow
from miner_ctrl.api.live.tables import Source, StateSource
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.jobs import JobView
from miner_ctrl.model.summaries import Alert, RigSummary
from miner_ctrl.model.times import MAX_MS
from miner_ctrl.model.views import InviteView, PendingView

log = logging.getLogger(__name__)

EVENTS_KEPT = 200
READ_AGAIN_S = 0.25
"""What is read again is so at most this often: it is a query."""


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

    async def read() -> dict[str, EventRow]:
        newest = await history.events(
            since_ms=0, until_ms=MAX_MS, kinds=(), peer=None, text="", cursor="", limit=EVENTS_KEPT
        )
        return {each.cursor: EventRow(id=each.cursor, **structs.asdict(each)) for each in reversed(newest)}

    again = _ReadAgain("events", read, history.watch_events)
    return Source(EventRow, dict, again.watch, again.read)


def pairing_topics(pairing: PairingFace) -> dict[str, Source]:
    """Return ``pending`` and ``invites``: who waits for approval, and who used which invite."""

    async def pending() -> dict[str, PendingView]:
        return {node.id: node for node in pairing.pending()}

    async def invites() -> dict[str, InviteView]:
        return {invite.id: invite for invite in pairing.invites()}

    waiting = _ReadAgain("pending", pending, pairing.watch_doors)
    made = _ReadAgain("invites", invites, pairing.watch_doors)
    return {
        "pending": Source(PendingView, dict, waiting.watch, waiting.read),
        "invites": Source(InviteView, dict, made.watch, made.read),
    }


class _ReadAgain:
    """Rows that are read again when there may be others; ``look`` has its argument called then."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[Mapping[str, Any]]],
        look: Callable[[Callable[[], None]], Callable[[], None]],
    ) -> None:
        self._name = name
        self._read = read
        self._look = look
        self._shown: Mapping[str, Any] = {}

    async def read(self) -> Mapping[str, Any]:
        """Return them."""
        self._shown = await self._read()
        return self._shown

    def watch(self, told: Callable[[str, Any], None]) -> Callable[[], None]:
        """As ``Source.watch``."""
        changed = asyncio.Event()
        following = asyncio.get_running_loop().create_task(
            self._follow(changed, told), name=f"live: follow {self._name}"
        )
        unwatch = self._look(changed.set)

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
            except MinerCtrlError as error:  # what reads says so, and it is tried again
                log.debug("%s could not be read: %s", self._name, error.message)
            else:
                for id_, row in after.items():
                    if before.get(id_) != row:
                        told(id_, row)
                for id_ in before.keys() - after.keys():
                    told(id_, None)
            await asyncio.sleep(READ_AGAIN_S)
