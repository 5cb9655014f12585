"""SQLite files of ours: opened, checked, brought to the present schema.

A file comes into being complete: it is built under another name and linked to its place. So one that is there and
is empty, cut off or something else was damaged later, and is named to the owner instead of being replaced.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from miner_ctrl.errors import HomeInUse, OperationFailed, StateDamaged
from miner_ctrl.storage.atomic import sync_directory, write_new

APPLICATION_ID = 0x4D43_5452
"""``MCTR`` in the file's header (PRAGMA application_id): some other program's database is not taken for ours."""

_BUSY_TIMEOUT_MS = 5000
_RESTORE = "Restore it from a backup, or move it away (what it held is lost then) and start again."


def open_database(
    path: Path, migrations: Sequence[str], *, what: str, checked_bytes: int | None = None
) -> apsw.Connection:
    """Open the SQLite file ``path``, made if it is not there.

    ``migrations[n]`` is the SQL that leads from schema version n to n + 1 (``user_version``); all that are missing
    run in one transaction. ``what`` says what the file holds, for people ("peer registry"). The connection commits
    durably: WAL with ``synchronous=FULL``; foreign keys are enforced. The file's mode becomes 0600. A file of more than
    ``checked_bytes`` is not read through: what is damaged in it is said when it is met.

    Raises:
        StateDamaged: the file is not a database of ours, is damaged, was written by a newer version or cannot be
            read; it is left as it is.
        HomeInUse: another process holds it.
    """
    try:
        if not path.exists():
            _create(path, migrations, what)
        if sys.platform != "win32":
            path.chmod(0o600)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            if checked_bytes is None or path.stat().st_size <= checked_bytes:
                _check_pages(connection, path, what)
            _check(connection, path, len(migrations), what)
            _configure(connection)
            _migrate(connection, migrations)
        except BaseException:
            connection.close()
            raise
    except (apsw.BusyError, apsw.LockedError):
        raise HomeInUse(
            f"The {what} {path} is in use by another process.", suggestion="Stop that process and try again."
        ) from None
    except (apsw.NotADBError, apsw.CorruptError):
        raise _damaged(path, what, "is damaged") from None
    except (apsw.Error, OSError) as error:
        raise StateDamaged(
            f"The {what} {path} cannot be opened: {error}.",
            suggestion="See to the file's owner and permissions and to free space on its disk.",
            code="STATE_UNREADABLE",
        ) from None
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Everything within is committed together, durably, when it ends; or not at all, when something is raised.

    One within another belongs to the outer one. Other threads run meanwhile; under apsw's own ``with connection`` they
    stand still while it waits for the lock and for the disk.

    Raises:
        OperationFailed: the file could not be written (disk full, disk broken).
        apsw.ConstraintError: a row breaks the schema's rules.
    """
    begin, commit, undo = ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
    if connection.in_transaction:
        begin, commit, undo = ("SAVEPOINT inner", "RELEASE inner", "ROLLBACK TO inner; RELEASE inner")
    try:
        connection.execute(begin)
        try:
            yield
            connection.execute(commit)
        except BaseException:
            if connection.in_transaction:  # a full disk may have undone everything already
                connection.execute(undo)
            raise
    except apsw.ConstraintError:
        raise
    except apsw.Error as error:
        raise OperationFailed(
            f"{connection.filename} could not be written: {error}.",
            suggestion="See to free space on its disk and to the file's permissions.",
            code="STATE_NOT_WRITTEN",
        ) from None


def fetched(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[Any]:
    """Return every row that ``sql`` gives."""
    return connection.execute(sql, tuple(values)).fetchall()


def _create(path: Path, migrations: Sequence[str], what: str) -> None:
    for suffix in ("-wal", "-journal"):
        leftover = path.with_name(path.name + suffix)
        if leftover.exists():
            raise StateDamaged(
                f"The {what} {path} is missing while its journal {leftover} is there.",
                suggestion="Restore the file from a backup, or move the journal away too.",
            )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        write_new(temporary, b"")
        connection = apsw.Connection(str(temporary), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.pragma("synchronous", "FULL")
            connection.pragma("application_id", APPLICATION_ID)
            _migrate(connection, migrations)
        finally:
            connection.close()
        if sys.platform == "win32":
            temporary.rename(path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def _configure(connection: apsw.Connection) -> None:
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", "FULL")
    connection.pragma("foreign_keys", True)
    connection.pragma("trusted_schema", False)


def _check_pages(connection: apsw.Connection, path: Path, what: str) -> None:
    if connection.pragma("quick_check", 1) != "ok":
        raise _damaged(path, what, "is damaged")


def _check(connection: apsw.Connection, path: Path, newest: int, what: str) -> None:
    """Only reads: setting WAL mode first would make a database of an emptied file."""
    if connection.pragma("application_id") != APPLICATION_ID:
        raise _damaged(path, what, "is empty, or was not written by miner-ctrl")
    version = connection.pragma("user_version")
    if version > newest:
        raise StateDamaged(
            f"The {what} {path} was written by a newer version of miner-ctrl (schema {version}, known {newest}).",
            suggestion="Run that version, or restore a backup made by this one.",
            code="STATE_NEWER",
        )


def _migrate(connection: apsw.Connection, migrations: Sequence[str]) -> None:
    version = connection.pragma("user_version")
    if version == len(migrations):
        return
    with connection:
        for sql in migrations[version:]:
            connection.execute(sql)
        connection.pragma("user_version", len(migrations))


def _damaged(path: Path, what: str, how: str) -> StateDamaged:
    return StateDamaged(f"The {what} {path} {how}.", suggestion=_RESTORE)
