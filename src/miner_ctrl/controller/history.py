"""Rigs' history for people: by the rig's name, as points of a chart, as events, as files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from msgspec import structs

from miner_ctrl.controller.history_bands import Bands
from miner_ctrl.controller.history_events import cursor_of, event_view, offline_intervals, online_intervals
from miner_ctrl.controller.history_export import exported
from miner_ctrl.errors import Conflict, NotFound
from miner_ctrl.history import OWN_RIG, HistoryStore
from miner_ctrl.history.contract import Event, EventQuery, KnownMiner, MinerTotal
from miner_ctrl.history.points import (
    Line,
    Span,
    Table,
    fleet_hashrates,
    mean_of,
    miner_points,
    online_line,
    plan,
    power_lines,
    rig_hashrates,
    share_lines,
    state_lines,
    temperature_lines,
)
from miner_ctrl.history.rollups import HOUR_MS, MINUTE_MS, MinerRollup
from miner_ctrl.history.settings import write_history_settings
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import (
    BandsView,
    GapView,
    HashratePointView,
    HistoryEventView,
    HistoryPointView,
    HistoryStatusView,
    IntervalView,
    LineView,
    MinerHistoryView,
    RetentionView,
    RigEventView,
    SeriesView,
)
from miner_ctrl.peers import Registry

SETTLED_AFTER_MS = 45_000
"""A minute of the fleet is told when all rigs had this long to tell theirs."""
UNITS = {"hashrate": "H/s", "shares": "shares", "temperature": "°C", "power": "W", "online": "", "states": ""}


class RigHistory:
    """What is remembered of a peer, as ``query`` names it (see ``Registry.find``). ``recording``: rigs are being asked
    for their journals; ``now_ms`` is Unix time; ``settings`` are kept in ``settings_file``."""

    def __init__(
        self,
        registry: Registry,
        store: HistoryStore,
        *,
        settings: HistorySettings,
        recording: bool,
        now_ms: Callable[[], int],
        settings_file: Path,
        database: str = "sqlite",
    ) -> None:
        self._registry = registry
        self._store = store
        self._settings = settings
        self._settings_file = settings_file
        self._recording = recording
        self._now_ms = now_ms
        self._database = database
        self._bands = Bands(registry, store, now_ms=now_ms)
        self._told: list[Callable[[], None]] = []

    async def status(self) -> HistoryStatusView:
        """Return whether it is recorded, for how long it is kept, and what it takes."""
        sizes = await self._store.sizes()
        rig_days = sizes.rig_hours / 24
        return HistoryStatusView(
            enabled=self._recording,
            retention_days=self._settings.hours_days,
            retention=self.retention(),
            database=self._database,
            problem=self._store.problem,
            bytes=sizes.bytes,
            rig_days=round(rig_days, 2),
            bytes_per_rig_day=round(sizes.bytes / rig_days) if rig_days else None,
        )

    def retention(self) -> RetentionView:
        """Return for how long what is kept."""
        return RetentionView(**structs.asdict(self._settings))

    async def keep(self, settings: HistorySettings) -> RetentionView:
        """Keep what for how long from now on, and after a restart.

        Raises:
            BadInput: finer rows would be kept for longer than coarser ones.
            OperationFailed: the file of the settings cannot be written; nothing is changed then.
        """
        await asyncio.to_thread(write_history_settings, self._settings_file, settings)
        self._settings = settings
        self._store.keep(settings)
        return self.retention()

    # --- miners -----------------------------------------------------------------------------------------

    async def miners(
        self, peer: str | None, *, since_ms: int, until_ms: int, offset: int, limit: int
    ) -> tuple[list[MinerHistoryView], int]:
        """Return a part of all miners that there is history of, and how many they are."""
        known = await self._store.miners(self._rig(peer) if peer else None)
        part = known[offset : offset + limit]
        totals = {
            total.miner: total
            for total in await self._store.miner_totals(part, since_ms=since_ms - since_ms % HOUR_MS, until_ms=until_ms)
        }
        return [self._miner_view(miner, totals.get(miner)) for miner in part], len(known)

    async def miner(self, name: str, peer: str | None, *, since_ms: int, until_ms: int) -> MinerHistoryView:
        """Return one of them.

        Raises:
            NotFound: there is no history of such a miner.
            Conflict: several rigs have a miner of that name.
        """
        miner = await self._miner(name, peer)
        totals = await self._store.miner_totals([miner], since_ms=since_ms - since_ms % HOUR_MS, until_ms=until_ms)
        return self._miner_view(miner, totals[0] if totals else None)

    async def miner_hashrate(
        self, name: str, peer: str | None, *, since_ms: int, until_ms: int, points: int
    ) -> list[HistoryPointView]:
        """Return one miner's hashrate; raises as ``miner``."""
        miner = await self._miner(name, peer)
        span = await self._span(miner.rig, since_ms, until_ms, points)
        return [
            HistoryPointView(
                timestamp=time_text(point.at_ms),
                hashrate=point.hashrate,
                min_rate=point.least,
                max_rate=point.most,
                algorithm=point.algorithm,
            )
            for point in miner_points(span, await self._store.miner_buckets(miner.rig, span, miner=miner.name))
        ]

    # --- rigs -------------------------------------------------------------------------------------------

    async def rig_hashrate(
        self, query: str, *, since_ms: int, until_ms: int, points: int, algorithm: str
    ) -> list[HistoryPointView]:
        """Return a rig's hashrate on one algorithm: the one that its miners were longest on, unless it is given."""
        rig = self._rig(query)
        span = await self._span(rig, since_ms, until_ms, points)
        miners, rounds = await self._store.miner_buckets(rig, span), await self._store.rig_buckets(rig, span)
        lines = rig_hashrates(span, miners, rounds)
        if not algorithm:
            counts: dict[str, int] = {}
            for _, _, name, rollup in miners:
                counts[name] = counts.get(name, 0) + rollup.mining
            algorithm = max(lines, key=lambda name: (counts.get(name, 0), name), default="")
        line = lines.get(algorithm) or [None] * len(span.times())
        return [
            HistoryPointView(timestamp=time_text(at_ms), hashrate=value, algorithm=algorithm)
            for at_ms, value in zip(span.times(), line, strict=True)
        ]

    async def series(self, query: str, what: str, *, since_ms: int, until_ms: int, points: int) -> SeriesView:
        """Return lines of a rig: ``what`` is hashrate (per algorithm), shares, temperature, power, online or states."""
        rig = self._rig(query)
        span = await self._span(rig, since_ms, until_ms, points)
        events = await self._comings_and_goings(rig, span.since_ms, until_ms)
        online, known_from_ms = online_intervals(events, span.since_ms, until_ms)
        reasons = {event.at_ms: event.text for event in events if event.kind != "controller"}
        if what == "online":
            line = online_line(span, online, known_from_ms=known_from_ms, until_ms=until_ms)
            lines = {"online": line}
        else:
            lines = await self._lines(rig, what, span)
        return SeriesView(
            what=what, unit=UNITS[what], start_ms=span.since_ms, step_ms=span.step_ms, points=len(span.times()),
            table=span.table.value, lines=_line_views(lines),
            offline=tuple(
                IntervalView(since_ms=begin, until_ms=end, reason=reasons.get(begin, ""))
                for begin, end in offline_intervals(online, known_from_ms, until_ms)
            ),
        )  # fmt: skip

    async def _lines(self, rig: bytes, what: str, span: Span) -> dict[str, Line]:
        miners = await self._store.miner_buckets(rig, span)
        if what == "states":
            return state_lines(span, miners)
        rounds = await self._store.rig_buckets(rig, span)
        make = {
            "hashrate": rig_hashrates,
            "shares": share_lines,
            "temperature": temperature_lines,
            "power": power_lines,
        }[what]
        return make(span, miners, rounds)

    async def samples(self, query: str, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last ``limit`` samples within a time, the oldest first."""
        return await self._store.samples(self._rig(query), since_ms=since_ms, until_ms=until_ms, limit=limit)

    async def gaps(self, query: str) -> list[GapView]:
        """Return what is missing."""
        return await self._store.gaps(self._rig(query))

    async def bands(self, peers: Sequence[str], *, since_ms: int, until_ms: int, points: int) -> BandsView:
        """Return many rigs over one time; raises ``BadInput`` for more than ``MAX_BANDS``."""
        return await self._bands.read(peers, since_ms=since_ms, until_ms=until_ms, points=points)

    # --- the fleet --------------------------------------------------------------------------------------

    async def fleet_hashrate(self, *, since_ms: int, until_ms: int, points: int) -> SeriesView:
        """Return the hashrate of all rigs, a line for each algorithm, as far as they had the time to tell theirs."""
        settled_ms = (self._now_ms() - SETTLED_AFTER_MS) // MINUTE_MS * MINUTE_MS
        until_ms = min(until_ms, max(settled_ms, since_ms + 1))
        span = plan(since_ms, until_ms, points, await self._store.floors(), finest=Table.MINUTES)
        lines = fleet_hashrates(span, await self._store.fleet_buckets(span), until_ms=until_ms)
        return SeriesView(
            what="hashrate", unit=UNITS["hashrate"], start_ms=span.since_ms, step_ms=span.step_ms,
            points=len(span.times()), table=span.table.value, lines=_line_views(lines),
        )  # fmt: skip

    # --- events -----------------------------------------------------------------------------------------

    async def rig_events(self, query: str, *, since_ms: int, limit: int) -> list[RigEventView]:
        """Return the last ``limit`` events from ``since_ms`` on, the oldest first."""
        found = await self._store.events(EventQuery(rig=self._rig(query), since_ms=since_ms, limit=limit))
        return [
            RigEventView(
                at_ms=event.at_ms, rig_at_ms=event.at_ms - event.offset_ms, kind=event.kind, miner=event.miner,
                by=event.who, text=event.text, journal=event.journal, seq=event.key.seq, own=event.own,
            )
            for event in reversed(found)
        ]  # fmt: skip

    async def events(
        self,
        *,
        since_ms: int,
        until_ms: int,
        kinds: tuple[str, ...],
        peer: str | None,
        text: str,
        cursor: str,
        limit: int,
    ) -> list[HistoryEventView]:
        """Return events of all rigs and of this node, the newest first.

        Raises:
            BadInput: ``cursor`` is not one of an event.
        """
        query = EventQuery(
            since_ms=since_ms, until_ms=until_ms, kinds=kinds, rig=self._rig(peer) if peer else None, text=text,
            before=cursor_of(cursor) if cursor else None, limit=limit,
        )  # fmt: skip
        return [event_view(event, *self._named(event.rig)) for event in await self._store.events(query)]

    def watch_events(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have ``told`` called when there may be new ones, in the loop's thread; the answer undoes it."""
        self._told.append(told)
        return lambda: self._told.remove(told)

    def written(self) -> None:
        """Events were written."""
        for told in tuple(self._told):
            told()

    def export(
        self, what: str, form: str, peer: str | None, *, since_ms: int, until_ms: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file of samples, minutes, hours or events, as ``csv`` or ``jsonl``, part by part."""
        rig = self._rig(peer) if peer else None
        return exported(self._store, what, form, rig, since_ms=since_ms, until_ms=until_ms, named=self._named)

    # --- names and times --------------------------------------------------------------------------------

    async def _span(self, rig: bytes, since_ms: int, until_ms: int, points: int) -> Span:
        every_ms = await self._store.every_ms(rig)
        return plan(since_ms, until_ms, points, await self._store.floors(), every_ms=every_ms)

    async def _comings_and_goings(self, rig: bytes, since_ms: int, until_ms: int) -> list[Event]:
        """Return what ``online_intervals`` wants to know."""
        kinds = ("online", "offline", "flapping")
        before = await self._store.events(EventQuery(rig=rig, kinds=kinds, own=True, until_ms=since_ms, limit=1))
        within = EventQuery(rig=rig, kinds=kinds, own=True, since_ms=since_ms, until_ms=until_ms, limit=10_000)
        here = EventQuery(
            rig=OWN_RIG,
            kinds=("controller",),
            own=True,
            since_ms=before[0].at_ms if before else since_ms,
            until_ms=until_ms,
            limit=10_000,
        )
        return [*before, *await self._store.events(within), *await self._store.events(here)]

    async def _miner(self, name: str, peer: str | None) -> KnownMiner:
        rig = self._rig(peer) if peer else None
        found = [miner for miner in await self._store.miners(rig) if miner.name == name]
        if not found:
            raise NotFound(
                f"There is no history of a miner called {name[:100]!r}.",
                suggestion="GET /api/v1/mining/history/miners lists those there are.",
                code="MINER_NOT_FOUND",
            )
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} rigs have a miner called {name[:100]!r}.",
                suggestion="Say whose with ?peer=NAME.",
                code="MINER_AMBIGUOUS",
            )
        return found[0]

    def _miner_view(self, miner: KnownMiner, total: MinerTotal | None) -> MinerHistoryView:
        rollups = total.rollups if total else {}
        algorithm = max(rollups, key=lambda name: (rollups[name].hashrate_n, name), default="")
        main, whole = rollups.get(algorithm, MinerRollup()), MinerRollup()
        for rollup in rollups.values():
            whole.add(rollup)
        samples = whole.mining + whole.paused + whole.down
        node_id, name = self._named(miner.rig)
        return MinerHistoryView(
            miner_name=miner.name, peer_id=node_id, peer_name=name, total_points=samples,
            average_rate=mean_of(main.hashrate_sum, main.hashrate_n), max_rate=main.hashrate_max,
            min_rate=main.hashrate_min, algorithm=algorithm, algorithms=tuple(sorted(filter(None, rollups))),
            shares=whole.accepted, rejected=whole.rejected, mining=mean_of(whole.mining, samples),
            first_at=time_text(total.first_ms) if total else "", last_at=time_text(total.last_ms) if total else "",
        )  # fmt: skip

    def _named(self, rig: bytes) -> tuple[str, str]:
        """Return node ID and name of a peer; fingerprint and no name of one that is no longer known."""
        if rig == OWN_RIG:
            return "", ""
        record = self._registry.get(rig)
        return (record.keys.node_id, record.name) if record else (rig.hex(), "")

    def _rig(self, query: str) -> bytes:
        return self._registry.find(query).keys.fingerprint


def _line_views(lines: dict[str, Line]) -> tuple[LineView, ...]:
    return tuple(LineView(name=name, values=tuple(values)) for name, values in lines.items())
