"""What this node itself saw and did, noted among the events of its rigs: who came and went, and whatever other rooms
have noted."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history import HistoryStore
from miner_ctrl.model.history import OwnEvent
from miner_ctrl.model.text import one_line
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.transport import ChannelDown, ChannelUp, Endpoint

log = logging.getLogger(__name__)

WAITING_AT_MOST = 1_000
"""Events in memory while they cannot be written; the oldest are lost, and counted."""
AGAIN_AFTER_S = 5.0
FLAPS_AT_MOST = 40
"""Comings and goings of one peer that are noted in an hour; then it is flapping, and what follows in it is not."""
HOUR_MS = 3_600_000

ASKED_BY: ContextVar[str] = ContextVar("asked_by", default="")
"""Who asked for what is being done; empty where nobody did."""


class OwnJournal:
    """Takes events in the loop's thread, at once; they are written when the store does. ``now_ms`` is Unix time."""

    def __init__(
        self, endpoint: Endpoint, registry: Registry, store: HistoryStore, *, now_ms: Callable[[], int]
    ) -> None:
        self.written: Callable[[], None] = lambda: None
        """Called when events have been written."""
        self._endpoint = endpoint
        self._registry = registry
        self._store = store
        self._now_ms = now_ms
        self._waiting: deque[OwnEvent] = deque()
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None
        self._known: set[bytes] = set()
        self._names: dict[bytes, str] = {}
        self._noted: dict[bytes, tuple[int, int]] = {}
        self._online: set[bytes] = set()
        self._closing = False

    def start(self) -> None:
        """Note that this controller began, and follow sessions, those that stand already among them."""
        self._known = {record.keys.fingerprint for record in self._registry.all()}
        self.note_own("controller", text="started")
        self._endpoint.on_event.append(self._session_event)
        for channel in self._endpoint.channels():
            self._session_event(ChannelUp(channel))

    async def close(self) -> None:
        """Note that this controller stops, and write what can be written."""
        self.note_own("controller", text="stopped")
        self._closing = True
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    def note_own(self, kind: str, *, peer: bytes = b"", miner: str = "", by: str = "", text: str = "") -> None:
        """Note that something happened here, of the peer with this fingerprint if it is of one; ``by`` asked for it."""
        if self._closing:
            return
        self._waiting.append(
            OwnEvent(
                at_ms=self._now_ms(), kind=one_line(kind, 255), peer=peer, miner=one_line(miner, 255),
                by=one_line(by, 255), text=one_line(text, 1000),
            )
        )  # fmt: skip
        self._bound()
        self._write_soon()

    def registered(self, record: PeerRecord) -> None:
        """A peer's entry came, or changed."""
        self._names[record.keys.fingerprint] = record.name
        if record.keys.fingerprint not in self._known:
            self._known.add(record.keys.fingerprint)
            text = f"{record.name} is a {record.role.value}."
            self.note_own("paired", peer=record.keys.fingerprint, by=ASKED_BY.get(), text=text)
        elif not self._closing:
            self._write_soon()

    def removed(self, fingerprint: bytes) -> None:
        """A peer's entry has gone."""
        self._known.discard(fingerprint)
        self.note_own("unpaired", peer=fingerprint, by=ASKED_BY.get())

    def _session_event(self, event: ChannelUp | ChannelDown) -> None:
        fingerprint = event.channel.fingerprint
        if isinstance(event, ChannelUp):
            if self._registry.get(fingerprint) is not None and fingerprint not in self._online:
                self._online.add(fingerprint)
                self._came_or_went(fingerprint, "online", "")
        elif fingerprint in self._online and self._endpoint.channel(fingerprint) is None:
            self._online.discard(fingerprint)
            self._came_or_went(fingerprint, "offline", event.reason)

    def _came_or_went(self, fingerprint: bytes, kind: str, text: str) -> None:
        hour = self._now_ms() // HOUR_MS
        noted_in, count = self._noted.get(fingerprint, (hour, 0))
        count = count + 1 if noted_in == hour else 1
        self._noted[fingerprint] = hour, count
        if count <= FLAPS_AT_MOST:
            self.note_own(kind, peer=fingerprint, text=text)
        elif count == FLAPS_AT_MOST + 1:
            self.note_own("flapping", peer=fingerprint, text="It comes and goes; no more of it is noted in this hour.")

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="own-journal")

    async def _write(self) -> None:
        while self._waiting or self._names:
            batch = list(self._waiting)
            if self._lost:
                text = f"{self._lost} events before this could not be written."
                batch.insert(0, OwnEvent(at_ms=self._now_ms(), kind="journal", text=text))
            self._waiting.clear()
            try:
                if batch:
                    await self._store.note(batch)
            except MinerCtrlError:  # the store says so
                self._waiting.extendleft(reversed(batch[1:] if self._lost else batch))
                self._bound()
                if self._closing:
                    return
                await asyncio.sleep(AGAIN_AFTER_S)
            else:
                self._lost = 0
                if batch:
                    self.written()
                await self._name({event.peer for event in batch})

    async def _name(self, peers: set[bytes]) -> None:
        """Tell the store what ``peers`` are called, and who was renamed: for those who look into the database."""
        names, self._names = self._names, {}
        for fingerprint in peers:
            record = self._registry.get(fingerprint)
            if record is not None:
                names[fingerprint] = record.name
        if names:
            with suppress(MinerCtrlError):  # the store says so; the next time that it comes or goes
                await self._store.named(names)

    def _bound(self) -> None:
        while len(self._waiting) > WAITING_AT_MOST:
            self._waiting.popleft()
            self._lost += 1
