"""The fleet at a glance: rows, totals and alerts kept true to ``Fleet``. The shell of the reducers, with a clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from miner_ctrl.controller.alerts import Alerts
from miner_ctrl.controller.faults import FRESH_FOR_S, Fault, Hashes, faults_of, is_fresh
from miner_ctrl.controller.fleet import Fleet, RigSight
from miner_ctrl.controller.summaries import Summaries, summarize
from miner_ctrl.model.summaries import Alert, AlertAction, AlertKind, FleetTotals, RigState, RigSummary, Severity
from miner_ctrl.model.text import one_line
from miner_ctrl.model.views import PendingView

log = logging.getLogger(__name__)

TICK_S = 1.0
RIGS_AT_ONCE = 100
"""Rigs looked at before others have their turn, a few ms of work: a whole fleet may get old in one tick."""
LOOKS_EVERY_TICKS = 5
"""How often profiles and who waits for approval are looked at: nobody tells of their changes."""


class Overview:
    """Rows, totals and alerts of ``fleet``.

    ``clock`` is the fleet's, ``now_ms`` Unix time; ``hashes`` returns the hash of each profile here by its ID, and
    ``pending`` who waits here for approval.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        hashes: Callable[[], Hashes] = dict,
        pending: Callable[[], Sequence[PendingView]] = tuple,
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._now_ms = now_ms
        self._read_hashes = hashes
        self._pending = pending
        self._hashes: Hashes = {}
        self._sights: dict[str, RigSight] = {}
        self._fresh: dict[str, None] = {}
        """Rigs with numbers of now, the one that is silent for longest first."""
        self._ticks = 0
        self._ticker: asyncio.Task[None] | None = None
        self._unobserve: Callable[[], None] | None = None
        self.summaries = Summaries()
        self.standing = Alerts()

    def start(self) -> None:
        """Take in every rig that is known, follow the fleet from now on, and let time pass."""
        self._unobserve = self._fleet.observe(self._see)
        self._ticker = asyncio.get_running_loop().create_task(self._tick_for_ever(), name="fleet-overview")

    async def close(self) -> None:
        """Stop."""
        if self._unobserve is not None:
            self._unobserve()
            self._unobserve = None
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)

    # --- what others see --------------------------------------------------------------------------------

    def rows(self) -> dict[str, RigSummary]:
        """Return every rig's row by its node ID."""
        return self.summaries.rows()

    def totals(self) -> FleetTotals:
        """Return the totals."""
        counts = self.standing.counts()
        found = self.summaries.totals()
        return FleetTotals(
            **{name: getattr(found, name) for name in _FROM_ROWS},
            critical=counts[Severity.CRITICAL],
            warnings=counts[Severity.WARNING],
            notices=counts[Severity.NOTICE],
        )

    def alerts(self) -> list[Alert]:
        """Return the alerts, the worst first."""
        return self.standing.all()

    def alerts_by_id(self) -> dict[str, Alert]:
        """Return the alerts by their IDs."""
        return self.standing.by_id()

    def watch_rows(self, watcher: Callable[[str, RigSummary | None], None]) -> Callable[[], None]:
        """Have ``watcher`` called at each change of a row; the answer undoes it."""
        return self.summaries.watch(watcher)

    def watch_alerts(self, watcher: Callable[[str, Alert | None], None]) -> Callable[[], None]:
        """Have ``watcher`` called at each change of an alert; the answer undoes it."""
        return self.standing.watch(watcher)

    # --- what comes in ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let time pass: numbers get old, alerts get sure or are over."""
        for _ in self.tick_in_parts():
            pass

    def tick_in_parts(self) -> Iterator[None]:
        """Let time pass, ``RIGS_AT_ONCE`` at a time; the fleet may change in between."""
        now_s, looked = self._clock(), 0
        while (node_id := next(iter(self._fresh), None)) is not None:
            sight = self._sights[node_id]
            if sight.stats_at_s is not None and now_s - sight.stats_at_s <= FRESH_FOR_S:
                break
            del self._fresh[node_id]
            self._see(node_id, sight)
            looked += 1
            if looked % RIGS_AT_ONCE == 0:
                yield
        if self._ticks % LOOKS_EVERY_TICKS == 0:
            self._hashes = self._read_hashes()
            self.standing.see("", "", _waiting(self._pending()), now_s, self._now_ms())
        self._ticks += 1
        turning = self.standing.turning()
        for start in range(0, len(turning), RIGS_AT_ONCE):
            for node_id in self.standing.tick(now_s, turning[start : start + RIGS_AT_ONCE]):
                if node_id in self._sights:
                    self._put_row(node_id, now_s)
            yield

    def _see(self, node_id: str, sight: RigSight | None) -> None:
        if sight is None:
            del self._sights[node_id]
            self._fresh.pop(node_id, None)
            self.standing.gone(node_id)
            self.summaries.drop(node_id)
            return
        now_s = self._clock()
        before = self._sights.get(node_id)
        self._sights[node_id] = sight
        if not is_fresh(sight, now_s):
            self._fresh.pop(node_id, None)
        elif before is None or before.stats_at_s != sight.stats_at_s or node_id not in self._fresh:
            self._fresh.pop(node_id, None)
            self._fresh[node_id] = None
        self.standing.see(
            node_id, sight.view.node_name, faults_of(sight, now_s, self._hashes), now_s, self._now_ms()
        )  # fmt: skip
        self._put_row(node_id, now_s)

    def _put_row(self, node_id: str, now_s: float) -> None:
        sight, now_ms = self._sights[node_id], self._now_ms()
        seen_at_ms = None
        if sight.stats_at_s is not None:
            seen_at_ms = self._seen_at_ms(node_id, sight.stats_at_s, now_s, now_ms)
        row = summarize(sight, fresh=is_fresh(sight, now_s), worst=self.standing.worst(node_id), seen_at_ms=seen_at_ms)
        began_ms: int | None = now_ms
        if row.state is RigState.OFFLINE and self.summaries.row(node_id) is None:
            began_ms = sight.about.last_seen_ms  # it has been away since before this node started
        self.summaries.put(row, began_ms=began_ms)

    def _seen_at_ms(self, node_id: str, stats_at_s: float, now_s: float, now_ms: int) -> int:
        """Return when stats were taken; within a tick of what was said before, that again: clocks round differently."""
        at_ms = now_ms - round((now_s - stats_at_s) * 1000)
        held = self.summaries.row(node_id)
        if held is not None and held.seen_at_ms is not None and abs(held.seen_at_ms - at_ms) <= _SAME_MS:
            return held.seen_at_ms
        return at_ms

    async def _tick_for_ever(self) -> None:
        while True:
            try:
                for _ in self.tick_in_parts():
                    await asyncio.sleep(0)
            except Exception:  # the boundary of this task: what fails now must not end it for good
                log.exception("the fleet could not be looked over")
            await asyncio.sleep(TICK_S)


_SAME_MS = 50
_FROM_ROWS = tuple(name for name in FleetTotals.__struct_fields__ if name not in ("critical", "warnings", "notices"))


def _waiting(pending: Iterable[PendingView]) -> list[Fault]:
    return [
        Fault(
            kind=AlertKind.PAIRING,
            severity=Severity.NOTICE,
            key=node.id,
            text=f"{one_line(node.name, 63)} ({node.address}) waits for approval: {node.words}.",
            suggestion="Compare the words with those on its own screen, then approve or deny it.",
            action=AlertAction(
                label="Approve",
                method="POST",
                path=f"/peers/pending/{node.id}/approve",
                command=f"miner-ctrl peer approve {node.id}",
            ),
            over_after_s=0.0,
        )
        for node in pending
    ]
