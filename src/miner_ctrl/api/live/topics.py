"""The topics that come from the fleet's overview."""

from __future__ import annotations

from collections.abc import Callable

from miner_ctrl.api.faces import OverviewFace
from miner_ctrl.api.live.tables import Source, StateSource
from miner_ctrl.model.summaries import Alert, RigSummary


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
