"""What a node counts, wired: each source is a function that returns metrics by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from miner_ctrl.config import Home
from miner_ctrl.metrics import Metrics, Source, Values
from miner_ctrl.metrics import families as of
from miner_ctrl.metrics.process import read_process
from miner_ctrl.model.summaries import RigSummary
from miner_ctrl.model.views import NodeInfoView, RigView

if TYPE_CHECKING:
    from miner_ctrl.app.audit import NodeAudit
    from miner_ctrl.app.controller import ControllerHalf
    from miner_ctrl.controller import Fleet, Overview
    from miner_ctrl.history import HistoryStore
    from miner_ctrl.transport import Endpoint


def metrics_of(home: Home) -> Metrics:
    """Return what the node of ``home`` counts while it has no identity: its process, its disk, its API."""
    return Metrics(blocking=(read_process, lambda: {of.DISK_FREE.name: shutil.disk_usage(home.data).free}))


def follow(metrics: Metrics, *, info: Callable[[], NodeInfoView], controller: ControllerHalf, audit: NodeAudit) -> None:
    """Have ``metrics`` tell of a node with an identity."""
    metrics.info, metrics.fleet = info, lambda: rigs_of(controller.fleet, controller.overview)
    metrics.sources = [
        sessions_of(controller.endpoint),
        alerts_of(controller.overview),
        history_of(controller.store),
        audit_of(audit),
    ]
    metrics.problems_of = [lambda: _not_recorded(controller.store), lambda: audit.made.problem if audit.made else ""]


def rigs_of(fleet: Fleet, overview: Overview) -> Iterator[tuple[RigView, RigSummary]]:
    """Yield each rig, and its row."""
    rows = overview.rows()
    return ((view, rows[view.node_id]) for view in fleet.views() if view.node_id in rows)


def alerts_of(overview: Overview) -> Source:
    """Return the source of how many alerts stand."""

    def read() -> Values:
        totals = overview.totals()
        return {of.ALERTS.name: {"critical": totals.critical, "warning": totals.warnings, "notice": totals.notices}}

    return read


def history_of(store: HistoryStore) -> Source:
    """Return the source of what is written into the history."""

    def read() -> Values:
        counts = store.counts
        return {
            of.HISTORY_WAITING.name: counts.waiting,
            of.HISTORY_ENTRIES.name: counts.entries,
            of.HISTORY_COMMITS.name: counts.commits,
            of.HISTORY_WRITABLE.name: int(not store.problem),
        }

    return read


def audit_of(audit: NodeAudit) -> Source:
    """Return the source of what is written into the audit log; it is made when something is to be noted."""

    def read() -> Values:
        log = audit.made
        return {of.AUDIT_ENTRIES.name: log.written if log else 0, of.AUDIT_LOST.name: log.lost_ever if log else 0}

    return read


def _not_recorded(store: HistoryStore) -> str:
    return f"The history is not recorded: {store.problem}" if store.problem else ""


def sessions_of(endpoint: Endpoint) -> Source:
    """Return the source of what an endpoint counts."""

    def read() -> Values:
        counts = endpoint.counts
        return {
            of.SESSIONS.name: len(endpoint.channels()),
            of.HALF_OPEN.name: endpoint.half_open,
            of.HANDSHAKES.name: {"accepted": counts.accepted, "refused": counts.refused, "failed": counts.failed},
            of.DIALS.name: {"connected": counts.dialled, "failed": counts.dial_failures},
            of.SESSIONS_ENDED.name: {"clean": counts.ended_cleanly, "lost": counts.lost},
            of.SENT.name: counts.sent_bytes,
            of.RECEIVED.name: counts.received_bytes,
        }

    return read
