"""Topics that are tables and topics that are one state, and what one reader still has to hear of them.

Nothing here is a queue. A table remembers for a slow reader which fields of which rows it has not heard of, and gives
it their values of the moment in which it reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec.structs import fields

from miner_ctrl.errors import MinerCtrlError

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 250
"""In one message: about 60 KB, and a millisecond or two of work."""
ALL = -1
"""A row that a reader does not have, or as one that was removed since: all its fields, those at their default too, for
it may be put over the old one."""
REMOVED = 0

_encoder = msgspec.json.Encoder()


class Source(NamedTuple):
    """Where the rows of a table come from: structs of ``kind``, each with an ``id``. ``watch`` has its argument called
    with a row's ID and the row, or ``None`` when it was removed, and returns what undoes that. ``read``, where rows are
    on a disk, returns them; it is called when somebody subscribes, and nobody hears of the table before."""

    kind: type[msgspec.Struct]
    rows: Callable[[], Mapping[str, Any]]
    watch: Callable[[Callable[[str, Any], None]], Callable[[], None]]
    read: Callable[[], Awaitable[Mapping[str, Any]]] | None = None


class StateSource(NamedTuple):
    """Where one state comes from; ``watch`` has its argument called when it may have changed."""

    state: Callable[[], Any]
    watch: Callable[[Callable[[], None]], Callable[[], None]]


class Part(Protocol):
    """What one reader has still to hear of one topic."""

    def take(self, change: Any) -> None:
        """Take in what ``collect`` of its topic returned."""

    def restart(self) -> None:
        """Begin anew, with a snapshot."""

    def pull(self) -> tuple[str, str] | None:
        """Return type and JSON (without its closing brace) of the next message, if there is one."""


class Subject(Protocol):
    """What there is to hear of: a topic that at least one reader has."""

    every_s: float
    """It is collected at most this often."""

    def open(self, woken: Callable[[], None]) -> None:
        """Follow the source, and call ``woken`` at each change."""

    def close(self) -> None:
        """Follow it no more."""

    def collect(self) -> Any:
        """Return what changed since the last time, or ``None``."""

    def part(self, topic: str, lines: int) -> Part:
        """Return what a new reader has to hear, which calls the topic as ``topic``."""


class Change(NamedTuple):
    """What changed in a table: for each row the fields (a bit each), and the message that says so."""

    masks: dict[str, int]
    text: str


class Table:
    """A topic of rows. What is ``published`` is what readers that keep up have."""

    def __init__(self, name: str, source: Source, *, every_s: float) -> None:
        self.name = name
        self.every_s = every_s
        self.published: dict[str, Any] = {}
        self._source = source
        self._fields = tuple((field.name, field.encode_name) for field in fields(source.kind))
        self._latest: dict[str, Any] = {}
        self.begun = source.read is None
        """Whether the rows that there were are there."""
        self._has_begun = False
        self._reading: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None
        self._woken: Callable[[], None] = _ignore

    def open(self, woken: Callable[[], None]) -> None:
        self._woken = woken
        self._unwatch = self._source.watch(self._note)
        self.published = dict(self._source.rows())
        if self._source.read is not None:
            reading = self._begin(self._source.read)
            self._reading = asyncio.get_running_loop().create_task(reading, name=f"live: read {self.name}")

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._unwatch is not None:
            self._unwatch()
        self.published = {}

    async def _begin(self, read: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        try:
            self.published = dict(await read())
        except MinerCtrlError as error:
            log.warning("the topic %s begins empty: %s", self.name, error.message)
        except Exception:  # the boundary of this task
            log.exception("the topic %s begins empty", self.name)
        self._apply()  # what was heard meanwhile is newer
        self.begun = self._has_begun = True
        self._woken()

    def collect(self) -> Change | None:
        if not self.begun:
            return None
        masks = self._apply()
        if not masks and not self._has_begun:
            return None
        self._has_begun = False
        return Change(masks, self.delta(masks.items()) if len(masks) <= ROWS_AT_ONCE else "")

    def _apply(self) -> dict[str, int]:
        """Take in what was heard; returns which fields of which rows are other ones now."""
        latest, self._latest = self._latest, {}
        masks: dict[str, int] = {}
        for id_, row in latest.items():
            held = self.published.get(id_)
            if row is None:
                if held is not None:
                    del self.published[id_]
                    masks[id_] = REMOVED
                continue
            mask = ALL if held is None else self._difference(held, row)
            if mask:
                masks[id_] = mask
                self.published[id_] = row
        return masks

    def part(self, topic: str, lines: int) -> TablePart:
        del topic, lines
        return TablePart(self)

    def delta(self, masks: Iterable[tuple[str, int]]) -> str:
        """Return the message that says what ``masks`` are the fields of, as it is now."""
        changed: list[Any] = []
        removed: list[str] = []
        for id_, mask in masks:
            row = self.published.get(id_)
            if row is None:
                removed.append(id_)
            else:
                changed.append(self._patch(id_, row, mask))
        body = _encoder.encode({"topic": self.name, "changed": changed, "removed": removed})
        return f'{{"type":"delta",{body[1:-1].decode()}'

    def snapshot(self, ids: Iterable[str], part: int, *, more: bool) -> str:
        """Return one part of a snapshot."""
        rows = [row for id_ in ids if (row := self.published.get(id_)) is not None]
        body = _encoder.encode({"topic": self.name, "part": part, "more": more, "rows": rows})
        return f'{{"type":"snapshot",{body[1:-1].decode()}'

    def _difference(self, held: Any, row: Any) -> int:
        mask = 0
        for place, (name, _) in enumerate(self._fields):
            if getattr(held, name) != getattr(row, name):
                mask |= 1 << place
        return mask

    def _patch(self, id_: str, row: Any, mask: int) -> dict[str, Any]:
        patch: dict[str, Any] = {"id": id_}
        for place, (name, encoded) in enumerate(self._fields):
            if mask >> place & 1:
                patch[encoded] = getattr(row, name)
        return patch

    def _note(self, id_: str, row: Any) -> None:
        self._latest[id_] = row
        self._woken()


class TablePart:
    """What one reader has still to hear of a table: first the IDs of a snapshot, then either the last change, as it was
    written for everybody, or the rows and fields that it has missed."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._change: Change | None = None
        self._missed: dict[str, int] = {}
        self._ids: Iterator[str] | None = None
        self._left = 0
        self._number = 0
        self._is_listed = False
        self.restart()

    @property
    def waiting(self) -> int:
        """How many rows wait for the reader."""
        return self._left + len(self._missed) + (len(self._change.masks) if self._change else 0)

    def restart(self) -> None:
        self._change, self._missed, self._number = None, {}, 0
        self._ids, self._left = iter(()), 0
        self._is_listed = self._table.begun
        if self._is_listed:
            self._list()

    def _list(self) -> None:
        ids = tuple(self._table.published)
        self._ids, self._left, self._is_listed = iter(ids), len(ids), True

    def take(self, change: Change) -> None:
        if not self._is_listed:
            self._list()
            return
        if self._ids is None and not self._missed and self._change is None and change.text:
            self._change = change
            return
        if self._change is not None:
            self._miss(self._change.masks)
            self._change = None
        self._miss(change.masks)

    def pull(self) -> tuple[str, str] | None:
        if not self._is_listed:
            return None
        if self._ids is not None:
            ids = tuple(islice(self._ids, ROWS_AT_ONCE))
            self._left -= len(ids)
            more = self._left > 0
            text = self._table.snapshot(ids, self._number, more=more)
            self._number += 1
            if not more:
                self._ids = None
            return "snapshot", text
        if self._change is not None:
            text, self._change = self._change.text, None
            return "delta", text
        if self._missed:
            some = list(islice(self._missed.items(), ROWS_AT_ONCE))
            for id_, _ in some:
                del self._missed[id_]
            return "delta", self._table.delta(some)
        return None

    def _miss(self, masks: Mapping[str, int]) -> None:
        missed = self._missed
        for id_, mask in masks.items():
            missed[id_] = REMOVED if mask == REMOVED else missed.get(id_, 0) | mask


class State:
    """A topic that is one state, said whole each time."""

    def __init__(self, source: StateSource, *, every_s: float) -> None:
        self.every_s = every_s
        self._source = source
        self._text = ""
        self._unwatch: Callable[[], None] | None = None
        self._woken: Callable[[], None] = _ignore

    def open(self, woken: Callable[[], None]) -> None:
        self._woken = woken
        self._unwatch = self._source.watch(self._note)

    def close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()

    def collect(self) -> bool:
        self._text = ""
        return True

    def part(self, topic: str, lines: int) -> StatePart:
        del lines
        return StatePart(self, topic)

    def text(self) -> str:
        """Return the state as JSON, encoded once for all readers."""
        if not self._text:
            self._text = _encoder.encode(self._source.state()).decode()
        return self._text

    def _note(self) -> None:
        self._woken()


class StatePart:
    """Whether one reader has still to hear of a state."""

    def __init__(self, subject: State, topic: str) -> None:
        self._subject = subject
        self._topic = _encoder.encode(topic).decode()
        self._waits = True

    def restart(self) -> None:
        self._waits = True

    def take(self, change: Any) -> None:
        del change
        self._waits = True

    def pull(self) -> tuple[str, str] | None:
        if not self._waits:
            return None
        self._waits = False
        return "state", f'{{"type":"state","topic":{self._topic},"state":{self._subject.text()}'


def _ignore() -> None:
    """Nobody listens yet."""
