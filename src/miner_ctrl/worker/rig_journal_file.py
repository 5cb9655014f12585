"""The file of the rig's journal. Every call blocks: they are made in the journal's own thread."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import msgspec

from miner_ctrl.errors import OperationFailed, StateDamaged
from miner_ctrl.model.history import JournalEntry, RigEvent, Sample
from miner_ctrl.storage.sqlite import open_database, transaction

MAX_BYTES = 64 * 1024 * 1024
"""What entries may take on the disk, however young they are."""
PART_ENTRIES = 2_000
PART_BYTES = 512 * 1024
SET_ASIDE_AT_MOST = 3
_FORGOTTEN_AT_ONCE = 5_000

_MIGRATIONS = (
    """
    CREATE TABLE journal (id TEXT NOT NULL) STRICT;
    CREATE TABLE entry (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, what BLOB NOT NULL) STRICT;
    """,
)
_SUFFIXES = ("", "-wal", "-shm")

Entry = Sample | RigEvent
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the journal; fields as in ``History``."""

    journal: str
    entries: tuple[JournalEntry, ...]
    first: int
    last: int
    more: bool


class RigJournalFile:
    """``new_id`` makes the ID of a journal that begins."""

    def __init__(self, path: Path, *, new_id: Callable[[], str]) -> None:
        self._path = path
        self._new_id = new_id
        self._database: apsw.Connection | None = None
        self._id = ""
        self._last = 0
        self._unflushed = False

    def open_or_set_aside(self) -> str:
        """Open the file. One that is damaged gets another name, and a new journal begins; the answer says so.

        What merely cannot be opened now is tried again at each ``append``.
        """
        try:
            self._open()
        except OperationFailed:
            return ""
        except StateDamaged as error:
            if error.code == "STATE_UNREADABLE":
                return ""
            aside = self._set_aside()
            try:
                self._open()
            except (OperationFailed, StateDamaged):
                self._database = None
            return f"{error.message.rstrip('.')}: it was set aside as {aside.name}, and a new journal begins."
        return ""

    def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def append(self, entries: Sequence[Entry]) -> None:
        """Commit ``entries`` under the next numbers.

        Raises:
            OperationFailed: it could not be written; none of them was.
        """
        database = self._opened()
        with transaction(database):
            database.executemany(
                "INSERT INTO entry (seq, at_ms, what) VALUES (?, ?, ?)",
                (
                    (number, entry.at_ms, _encoder.encode(entry))
                    for number, entry in enumerate(entries, start=self._last + 1)
                ),
            )
        self._last += len(entries)
        self._unflushed = True

    def forget(self, *, before_ms: int) -> None:
        """Delete what is older, and then the oldest while the rest is over ``MAX_BYTES``; never the newest entry.

        Raises:
            OperationFailed: it could not be written.
        """
        database = self._opened()
        with transaction(database):
            row = database.execute("SELECT min(seq) FROM entry WHERE at_ms >= ?", (before_ms,)).fetchone()
            kept_from = self._last if row is None or row[0] is None else row[0]
            database.execute("DELETE FROM entry WHERE seq < ?", (kept_from,))
        while self._used_bytes(database) > MAX_BYTES:
            with transaction(database):
                database.execute(
                    "DELETE FROM entry WHERE seq < min((SELECT min(seq) FROM entry) + ?, ?)",
                    (_FORGOTTEN_AT_ONCE, self._last),
                )
                if not database.changes():
                    return

    def part(self, journal: str, after: int) -> Part:
        """Return what comes after the entry ``after`` of ``journal``; of another journal, from this one's start.

        Everything in it is on the disk: a number that was told stays this entry's, whatever happens to the machine.

        Raises:
            OperationFailed: the file cannot be read.
        """
        database = self._opened()
        try:
            if self._unflushed:
                database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._unflushed = False
            return self._part(database, after if journal == self._id else 0)
        except (apsw.Error, msgspec.DecodeError) as error:
            raise OperationFailed(
                f"The rig's journal {self._path.name} cannot be read: {error}.",
                suggestion="See to the disk of the rig.",
                code="JOURNAL_UNREADABLE",
            ) from None

    def _part(self, database: apsw.Connection, after: int) -> Part:
        first = _number(database, "SELECT coalesce(min(seq), 0) FROM entry")
        entries: list[JournalEntry] = []
        size = 0
        for seq, what in database.execute(
            "SELECT seq, what FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (after, PART_ENTRIES)
        ):
            size += len(what) + 16
            if entries and size > PART_BYTES:
                break
            entries.append(JournalEntry(seq=seq, what=_decoder.decode(what)))
        told = entries[-1].seq if entries else after
        return Part(
            journal=self._id,
            entries=tuple(entries),
            first=first,
            last=self._last,
            more=bool(entries) and told < self._last,
        )

    def _opened(self) -> apsw.Connection:
        if self._database is None:
            try:
                self._open()
            except StateDamaged as error:
                raise OperationFailed(error.message, suggestion=error.suggestion, code=error.code) from None
        assert self._database is not None  # noqa: S101 - _open sets it or raises
        return self._database

    def _open(self) -> None:
        database = open_database(self._path, _MIGRATIONS, what="rig's journal")
        try:
            database.pragma("synchronous", "NORMAL")  # the disk is waited for when a peer is told, not at each sample
            row = database.execute("SELECT id FROM journal").fetchone()
            if row is None:
                row = (self._new_id(),)
                with transaction(database):
                    database.execute("INSERT INTO journal VALUES (?)", row)
            self._id = row[0]
            self._last = _number(database, "SELECT coalesce(max(seq), 0) FROM entry")
        except apsw.Error as error:
            database.close()
            raise StateDamaged(f"The rig's journal {self._path} is damaged: {error}.") from None
        except BaseException:
            database.close()
            raise
        self._database, self._unflushed = database, True

    def _set_aside(self) -> Path:
        aside = self._path.with_name(f"{self._path.name}.damaged-{secrets.token_hex(4)}")
        for suffix in _SUFFIXES:
            file = self._path.with_name(self._path.name + suffix)
            if file.exists():
                file.rename(aside.with_name(aside.name + suffix))
        self._forget_set_aside()
        return aside

    def _forget_set_aside(self) -> None:
        found = list(self._path.parent.glob(f"{self._path.name}.damaged-????????"))
        found.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in found[:-SET_ASIDE_AT_MOST]:
            for suffix in _SUFFIXES:
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    @staticmethod
    def _used_bytes(database: apsw.Connection) -> int:
        pages, free, size = (int(database.pragma(name)) for name in ("page_count", "freelist_count", "page_size"))
        return (pages - free) * size


def _number(database: apsw.Connection, sql: str) -> int:
    value = database.execute(sql).get
    assert isinstance(value, int)  # noqa: S101 - what the schema's STRICT columns hold
    return value
