"""The log as it is read: parts of it for people, all of it for a check or an export. It waits for the disk."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from miner_ctrl.audit.checking import CUT, DAMAGED, OK, Check, Verifies, check_chain, check_heads
from miner_ctrl.audit.entries import COLUMNS, Entry
from miner_ctrl.audit.file import reading
from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.audit import AuditEntryView, AuditHead

_IS, _HAS = "{} = ?", "instr(lower({}), lower(?)) > 0"
_ALL = f"SELECT {COLUMNS} FROM entry WHERE seq >= ? ORDER BY seq"  # noqa: S608 - our own names


class Wanted(NamedTuple):
    """Which entries: each field that is not empty narrows it. ``peer`` is in the target, or is the caller; ``q`` is in
    any text; ``before`` is a number."""

    limit: int = 100
    before: int = 0
    caller: str = ""
    action: str = ""
    peer: str = ""
    q: str = ""
    since_ms: int = 0
    until_ms: int = 0


class Held(NamedTuple):
    """The heads of this log that a peer, called ``name``, holds; their signatures were checked."""

    name: str
    heads: tuple[AuditHead, ...]


def part(path: Path, wanted: Wanted) -> list[Entry]:
    """Return the entries that are wanted, the newest first. What ended another is wanted if that one is.

    Raises:
        OperationFailed: the log cannot be read.
    """
    if not path.exists():
        return []
    conditions, values = ["entry.seq < ?"], list[str | int]([wanted.before or 2**63 - 1])
    for condition, value in (
        ("entry.at_ms >= ?", wanted.since_ms),
        ("entry.at_ms <= ?", wanted.until_ms),
        (_either(_IS, "caller", "caller_id", "door"), wanted.caller),
        (_either(_IS, "action"), wanted.action),
        (f"({_either(_IS, 'caller', 'caller_id')} OR {_either(_HAS, 'target')})", wanted.peer),
        (_either(_HAS, "caller", "address", "action", "target", "body", "code"), wanted.q),
    ):
        if value:
            conditions.append(condition)
            values += [value] * condition.count("?")
    columns = ", ".join(f"entry.{column}" for column in Entry._fields)
    sql = (
        f"SELECT {columns} FROM entry LEFT JOIN entry AS asked ON asked.seq = entry.of"  # noqa: S608 - our own names
        f" WHERE {' AND '.join(conditions)} ORDER BY entry.seq DESC LIMIT ?"
    )
    with reading(path) as database:
        return [Entry(*row) for row in database.execute(sql, (*values, wanted.limit))]


def every(path: Path, *, since_ms: int = 0, blocks_of: int = 500) -> Iterator[list[Entry]]:
    """Yield the log from its first entry on, or from the first of ``since_ms`` on, in blocks.

    Raises:
        OperationFailed: the log cannot be read.
    """
    if not path.exists():
        return
    with reading(path) as database:
        sql = "SELECT min(seq) FROM entry WHERE at_ms >= ?"
        start = 1 if not since_ms else database.execute(sql, (since_ms,)).get
        while isinstance(start, int):
            block = [Entry(*row) for row in database.execute(f"{_ALL} LIMIT ?", (start, blocks_of))]
            if not block:
                return
            yield block
            start = block[-1].seq + 1


def checked(path: Path, held: list[Held], *, fingerprint: bytes, verifies: Verifies) -> Check:
    """Check the log at ``path`` against itself and against what peers hold.

    The answer names the first bad entry. A file that cannot be read to its end is ``DAMAGED``.
    """
    read = 0

    def entries() -> Iterator[Entry]:
        nonlocal read
        if not path.exists():
            return
        with reading(path) as database:
            for row in database.execute(f"SELECT {COLUMNS} FROM entry ORDER BY seq"):  # noqa: S608
                entry = Entry(*row)
                read = entry.seq
                yield entry

    try:
        check = check_chain(entries, fingerprint=fingerprint, verifies=verifies)
        if check.found != OK:
            return check
        last = check.last.seq if check.last else 0
        with_hashes = _hashes(path) if last else (lambda _: None)
        wrong = [found for each in held if (found := check_heads(each.heads, with_hashes, last, each.name)) is not None]
    except OperationFailed as error:
        return Check(DAMAGED, read + 1, f"{error.message} Entries up to {read} can be read.")
    # Of several, the earliest; of cuts, the peer that holds the most.
    worst = min(wrong, key=lambda found: (found.seq, found.found != CUT), default=None)
    return check if worst is None else worst._replace(first=check.first, last=check.last)


def view_of(entry: Entry) -> AuditEntryView:
    """Return an entry as it is shown and exported."""
    fields = entry._asdict()
    for name in ("prev", "hash", "signature"):
        fields[name] = base64.b64encode(fields[name]).decode()
    return AuditEntryView(**fields)


def _hashes(path: Path) -> Callable[[int], bytes | None]:
    def hash_of(seq: int) -> bytes | None:
        with reading(path) as database:
            found = database.execute("SELECT hash FROM entry WHERE seq = ?", (seq,)).get
        return found if isinstance(found, bytes) else None

    return hash_of


def _either(condition: str, *columns: str) -> str:
    """Return SQL: one of these columns meets the condition, of the entry or of the one that it ends."""
    return f"({' OR '.join(condition.format(f'{row}.{column}') for row in ('entry', 'asked') for column in columns)})"
