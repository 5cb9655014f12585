"""What a store of the history does, whatever database is under it: SQLite (``sqlite.py``), PostgreSQL.

A store only stores. What rows are made of entries, and points of rows, is said in ``rollups.py`` and ``points.py``;
tables and columns have the same names in every database (docs/history.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from miner_ctrl.history.bands import StateBucket
from miner_ctrl.history.parts import HistoryPart, Place
from miner_ctrl.history.points import FleetBucket, MinerBucket, RigBucket, Span
from miner_ctrl.history.rollups import Floors, MinerRollup
from miner_ctrl.model.history import HistorySettings, OwnEvent
from miner_ctrl.model.views import GapView, HashratePointView

OWN_RIG = b""
"""The fingerprint that stands for this node's own journal among those of the rigs."""


class EventKey(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where an event stands in the one order of all: by time, then by journal (its number in the store) and number."""

    at_ms: int
    journal: int
    seq: int


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Events from ``since_ms`` to before ``until_ms``; with a ``kind``, of a ``rig`` (what it said of itself and what
    was noted of it), with ``text`` in one of their texts (in capitals or not); ``own``: those that this node saw
    itself, and no other controller that shares the database; before ``before``, where a page ended. The last ``limit``
    of them, the newest first."""

    since_ms: int = 0
    until_ms: int = 2**53
    kinds: tuple[str, ...] = ()
    rig: bytes | None = None
    text: str = ""
    own: bool = False
    before: EventKey | None = None
    limit: int = 1000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. ``rig`` is the fingerprint of the rig it is about, ``OWN_RIG`` for none; ``own``: this
    node saw it, and not the rig. ``offset_ms``: ``at_ms`` minus the time that was told."""

    key: EventKey
    rig: bytes
    own: bool
    offset_ms: int
    kind: str
    miner: str
    who: str
    text: str
    journal: str

    @property
    def at_ms(self) -> int:
        return self.key.at_ms


class BandRows(NamedTuple):
    """What a rig's band is drawn of: its miners and the times it was watched (in ms), by bucket. ``events`` are its
    last ones, ``comings`` those by which this node knows when it was online (``COMINGS``, at most ``MAX_COMINGS``),
    the last one before the time among them; both the newest first."""

    miners: list[StateBucket]
    watched: dict[int, int]
    events: list[Event]
    comings: list[Event]


COMINGS = ("online", "offline", "flapping")
MAX_COMINGS = 1_000


class KnownMiner(msgspec.Struct, frozen=True, order=True):
    """A miner that there is history of."""

    rig: bytes
    name: str


class MinerTotal(msgspec.Struct, frozen=True, kw_only=True):
    """A miner over a time: what its rows of the hours add up to, on each algorithm."""

    miner: KnownMiner
    rollups: dict[str, MinerRollup]
    first_ms: int
    """Start of its first hour within the time, and of its last."""
    last_ms: int


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored, measured: ``bytes`` in all, and ``rig_hours``: of how many hours of rigs that is."""

    bytes: int
    rig_hours: int


class ExportSlice(msgspec.Struct, frozen=True):
    """What to export next: rows of ``what`` (samples, minutes, hours) of one miner, after the key ``after`` (that of
    the last row so far; empty at first)."""

    what: str
    miner: KnownMiner
    since_ms: int
    until_ms: int
    after: tuple[int | str, ...] = ()
    limit: int = 2000


class HistoryCounts:
    """What a store has done since it was made. ``waiting`` are parts that were given to it and are not stored yet,
    ``entries`` those that are, ``commits`` the transactions it took."""

    __slots__ = ("commits", "entries", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self.entries = 0
        self.commits = 0


class HistoryStore(Protocol):
    """Every method raises ``OperationFailed`` if the database does not do it. Times are Unix, ms, this node's clock."""

    def start(self) -> None:
        """Begin to write what is added and to let go of what is too old. Opens nothing yet."""

    def keep(self, settings: HistorySettings) -> None:
        """Keep what for how long from now on; what was let go of already does not come back."""

    async def close(self) -> None:
        """Write what was taken, and close everything."""

    @property
    def problem(self) -> str:
        """Why nothing is recorded at present, one sentence; empty while all is well."""

    @property
    def counts(self) -> HistoryCounts:
        """What has been written, and what waits."""

    # --- writing ----------------------------------------------------------------------------------------

    async def since(self, rig: bytes) -> Place:
        """Return how far the history of the rig with this fingerprint is known, in the journal it told of last."""

    async def add(self, rig: bytes, part: HistoryPart) -> Place:
        """Store what is new in ``part``, all of it or nothing, and return how far the journal is known then.

        Many parts are committed together; while too many wait, this waits.

        Raises:
            Nonsense: no journal in order says this, or the rig has had its share for today.
            OperationFailed: it could not be written.
        """

    async def note(self, events: Sequence[OwnEvent]) -> None:
        """Store events of this node's own journal, in their order.

        Raises:
            OperationFailed: they could not be written; none of them was.
        """

    async def named(self, names: Mapping[bytes, str]) -> None:
        """Note what rigs are called, for those who look into the database; none is entered that has no history."""

    async def sweep(self) -> bool:
        """Let go of a little of what is too old, and return whether there is more of it."""

    # --- reading ----------------------------------------------------------------------------------------

    async def floors(self) -> Floors:
        """Return from when on each table has everything."""

    async def every_ms(self, rig: bytes | None) -> int:
        """Return the time between the last two samples of a rig; 10 s where that is not known."""

    async def miner_buckets(self, rig: bytes, span: Span, *, miner: str | None = None) -> list[MinerBucket]:
        """Return what a rig's miners, or one of them, add up to; buckets without rows are left out."""

    async def rig_buckets(self, rig: bytes, span: Span) -> list[RigBucket]:
        """Return what a rig adds up to."""

    async def fleet_buckets(self, span: Span) -> list[FleetBucket]:
        """Return what all rigs add up to; the table is ``minutes`` or ``hours``."""

    async def miners(self, rig: bytes | None = None) -> list[KnownMiner]:
        """Return every miner that there is history of, in order."""

    async def miner_totals(self, miners: Sequence[KnownMiner], *, since_ms: int, until_ms: int) -> list[MinerTotal]:
        """Return what each of these adds up to in whole hours; those without rows are left out."""

    async def samples(self, rig: bytes, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last samples of a rig's miners within a time, the oldest first."""

    async def events(self, query: EventQuery) -> list[Event]:
        """Return events, the newest first."""

    async def bands(self, rigs: Sequence[bytes], span: Span, *, until_ms: int, events: int) -> list[BandRows]:
        """Return what bands of these rigs are drawn of, one for each; with the last ``events`` events of each."""

    async def gaps(self, rig: bytes) -> list[GapView]:
        """Return what is missing: entries that the rig had forgotten before they were fetched."""

    async def export(self, wanted: ExportSlice) -> list[tuple[object, ...]]:
        """Return the next rows of one miner, in the order of their keys, as ``EXPORTED`` names their columns. A read of
        its own each time: it holds nothing up."""

    async def sizes(self) -> Sizes:
        """Return what is stored; measured at most once in a while."""


_ROLLUP_COLUMNS = tuple(MinerRollup.__struct_fields__)
EXPORTED: dict[str, tuple[str, ...]] = {
    "samples": (
        "at_ms", "journal", "seq", "offset_ms", "covered_ms", "state", "algorithm", "hashrate", "accepted", "rejected",
        "temperature", "power",
    ),
    "minutes": ("at_ms", "algorithm", *_ROLLUP_COLUMNS),
    "hours": ("at_ms", "algorithm", *_ROLLUP_COLUMNS),
}  # fmt: skip
"""The columns of each export."""
EXPORT_KEYS = {
    "samples": ("at_ms", "journal", "seq"),
    "minutes": ("at_ms", "algorithm"),
    "hours": ("at_ms", "algorithm"),
}
"""Which of them tell one row of a miner's from the next; ``journal`` is its number in the store."""
