"""Bands of many rigs for people: by their names, with what happened as ticks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from miner_ctrl.controller.history_events import offline_intervals, online_intervals
from miner_ctrl.errors import BadInput, MinerCtrlError
from miner_ctrl.history import OWN_RIG, HistoryStore
from miner_ctrl.history.bands import band_hashrates, band_states
from miner_ctrl.history.contract import BandRows, Event, EventQuery
from miner_ctrl.history.points import Span, Table, plan
from miner_ctrl.model.text import one_line
from miner_ctrl.model.views import BandEventView, BandsView, BandView, LineView
from miner_ctrl.peers import PeerRecord, Registry

MAX_BANDS = 100
MAX_EVENTS = 50
MAX_TEXT_CHARS = 200
UNTOLD_MS = 45_000
"""What rigs did within this time they may not have told yet."""


class Bands:
    """What is remembered of peers, as one row each."""

    def __init__(self, registry: Registry, store: HistoryStore, *, now_ms: Callable[[], int]) -> None:
        self._registry = registry
        self._store = store
        self._now_ms = now_ms

    async def read(self, peers: Sequence[str], *, since_ms: int, until_ms: int, points: int) -> BandsView:
        """Return the rigs that ``peers`` name over one time.

        Raises:
            BadInput: there are more than ``MAX_BANDS``, or none.
        """
        if not 0 < len(peers) <= MAX_BANDS:
            raise BadInput(
                f"Bands are for 1 to {MAX_BANDS} rigs at once, not {len(peers)}.",
                suggestion="Give their IDs in ?peers=, with commas between, and ask for others in another request.",
                code="BAD_PEERS",
            )
        records, unknown = self._found(peers)
        span = _whole(plan(since_ms, until_ms, points + 1, await self._store.floors(), finest=Table.MINUTES), points)
        rigs = [record.keys.fingerprint for record in records]
        found = await self._store.bands(rigs, span, until_ms=until_ms, events=MAX_EVENTS + 1) if rigs else []
        stops = await self._stops(span.since_ms, until_ms)
        bands = await asyncio.to_thread(
            lambda: tuple(
                self._band(record, rows, span, stops, until_ms) for record, rows in zip(records, found, strict=True)
            )
        )
        return BandsView(
            start_ms=span.since_ms, step_ms=span.step_ms, points=len(span.times()), table=span.table.value,
            bands=bands,
            unknown=unknown,
        )  # fmt: skip

    def _found(self, peers: Sequence[str]) -> tuple[list[PeerRecord], tuple[str, ...]]:
        found: dict[bytes, PeerRecord] = {}
        unknown = []
        for query in peers:
            try:
                record = self._registry.find(query)
            except MinerCtrlError:
                unknown.append(one_line(query, 64))
            else:
                found[record.keys.fingerprint] = record
        return list(found.values()), tuple(unknown)

    async def _stops(self, since_ms: int, until_ms: int) -> list[Event]:
        """Return when this node was started and stopped, the last time before ``since_ms`` among them."""
        own = EventQuery(rig=OWN_RIG, kinds=("controller",), own=True, until_ms=since_ms, limit=1)
        within = EventQuery(
            rig=OWN_RIG, kinds=("controller",), own=True, since_ms=since_ms, until_ms=until_ms, limit=10_000
        )
        return [*await self._store.events(own), *await self._store.events(within)]

    def _band(self, record: PeerRecord, rows: BandRows, span: Span, stops: Sequence[Event], until_ms: int) -> BandView:
        told_until_ms = min(until_ms, self._now_ms() - UNTOLD_MS)
        return BandView(
            peer_id=record.keys.node_id,
            peer_name=record.name,
            states=band_states(
                span, rows.miners, rows.watched, _offline(rows, stops, span.since_ms, until_ms), until_ms=told_until_ms
            ),
            hashrate=tuple(
                LineView(name=name, values=tuple(values))
                for name, values in band_hashrates(span, rows.miners, rows.watched).items()
            ),
            events=tuple(
                BandEventView(
                    at_ms=event.at_ms, kind=event.kind, miner=event.miner, by=event.who,
                    text=one_line(event.text, MAX_TEXT_CHARS), own=event.own,
                )
                for event in reversed(rows.events[:MAX_EVENTS])
            ),
            earlier_events=len(rows.events) > MAX_EVENTS,
        )  # fmt: skip


def _whole(span: Span, points: int) -> Span:
    """Leave out the first bucket where it is one too many: a day in 96 is 95 quarters of an hour and the present."""
    more = len(span.times()) > points
    return span._replace(since_ms=span.since_ms + span.step_ms) if more else span


def _offline(rows: BandRows, stops: Sequence[Event], since_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Return when a rig was offline, from its first coming on: before, nobody knows."""
    first_ms = min((event.at_ms for event in rows.comings), default=until_ms)
    events = [*rows.comings, *(stop for stop in stops if stop.at_ms >= first_ms)]
    online, known_from_ms = online_intervals(events, since_ms, until_ms)
    return offline_intervals(online, known_from_ms, until_ms)
