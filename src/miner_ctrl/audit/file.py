"""The log's file, ``<data>/node/audit.db``: append-only by its schema, one writer, readers beside it.

A row cannot be changed, taken out or put in between through this schema; who goes around it is found by the chain. The
file is written durably: what ``append`` returned outlives the machine's power.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from miner_ctrl.audit.entries import COLUMNS, Draft, Entry, first_link, link, sealed
from miner_ctrl.errors import OperationFailed
from miner_ctrl.storage.sqlite import open_database, transaction

_CACHE_KIB = 256
_OPEN_AT_MOST = 20_000
"""Entries whose end may still come."""
_MIGRATIONS = (
    """
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        of INTEGER NOT NULL,
        door TEXT NOT NULL,
        role TEXT NOT NULL,
        caller TEXT NOT NULL,
        caller_id TEXT NOT NULL,
        address TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        body TEXT NOT NULL,
        code TEXT NOT NULL,
        prev BLOB NOT NULL,
        hash BLOB NOT NULL,
        signature BLOB NOT NULL
    ) STRICT;
    CREATE TRIGGER entry_in_order BEFORE INSERT ON entry
        WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entry)
        BEGIN SELECT RAISE(ABORT, 'the audit log takes entries at its end only'); END;
    CREATE TRIGGER entry_stays BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER entry_as_it_is BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    """,
)
_INSERT = f"INSERT INTO entry ({COLUMNS}) VALUES ({', '.join('?' * len(Entry._fields))})"  # noqa: S608 - our own names
_LAST = f"SELECT {COLUMNS} FROM entry ORDER BY seq DESC LIMIT 1"  # noqa: S608


class AuditFile:
    """Written by one thread at a time; opened when something is first written.

    ``fingerprint`` is the node's, ``sign`` makes its Ed25519 signature.
    """

    def __init__(self, path: Path, *, fingerprint: bytes, sign: Callable[[bytes], bytes]) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._sign = sign
        self._database: apsw.Connection | None = None
        self._last: Entry | None = None
        self._known = False
        self._seq_of: dict[int, int] = {}

    def append(self, drafts: Sequence[Draft]) -> Entry:
        """Write all of ``drafts`` durably at the end, or none; return the last entry.

        An end whose beginning was lost says so: its ``of`` is 0.

        Raises:
            OperationFailed: the file could not be written.
            StateDamaged, HomeInUse: it could not be opened.
        """
        database = self._opened()
        if not self._known:
            self._last, self._known = _last(database), True
        last, entries, seq_of = self._last, list[Entry](), dict[int, int]()
        for draft in drafts:
            last = sealed(
                draft,
                seq=last.seq + 1 if last else 1,
                of=seq_of.get(draft.of) or self._seq_of.get(draft.of, 0),
                prev=link(last.hash, last.signature) if last else first_link(self._fingerprint),
                fingerprint=self._fingerprint,
                sign=self._sign,
            )
            entries.append(last)
            if draft.ticket:
                seq_of[draft.ticket] = last.seq
        assert last is not None  # noqa: S101 - nobody appends nothing
        try:
            with transaction(database):
                database.executemany(_INSERT, entries)
        except BaseException:
            self._known = False  # whether it was committed is for the file to say
            raise
        self._last = last
        self._seq_of |= seq_of
        for draft in drafts:
            self._seq_of.pop(draft.of, None)
        while len(self._seq_of) > _OPEN_AT_MOST:  # their ends were lost
            del self._seq_of[next(iter(self._seq_of))]
        return last

    def close(self) -> None:
        """Close the file."""
        database, self._database, self._known = self._database, None, False
        if database is not None:
            database.close()

    def _opened(self) -> apsw.Connection:
        if self._database is None:
            self._database = open_database(self.path, _MIGRATIONS, what="audit log")
            self._database.pragma("cache_size", -_CACHE_KIB)
        return self._database


def newest(path: Path) -> Entry | None:
    """Return the last entry of the log at ``path``, without opening it for writing.

    Raises:
        OperationFailed: it cannot be read.
    """
    if not path.exists():
        return None
    with reading(path) as database:
        return _last(database)


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    """Open a log to read it, while it may be written.

    Raises:
        OperationFailed: it cannot be read.
    """
    try:
        database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            database.set_busy_timeout(5000)
            database.pragma("cache_size", -_CACHE_KIB)
            yield database
        finally:
            database.close()
    except apsw.Error as error:
        raise OperationFailed(
            f"The audit log {path} cannot be read: {error}.",
            suggestion="See to its disk and its permissions; miner-ctrl audit verify says what of it is sound.",
            code="AUDIT_UNREADABLE",
        ) from None


def _last(database: apsw.Connection) -> Entry | None:
    row = database.execute(_LAST).fetchone()
    return Entry(*row) if row else None
