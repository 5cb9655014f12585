"""What this node keeps of its peers' logs: the heads they told, so that a cut or replaced log shows.

``<data>/node/audit-heads.db`` is opened for what has come meanwhile and closed again: heads come seldom. Of each peer
it keeps ``KEPT`` heads spread over the time, the newest always, and beside them those that contradict an earlier one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from miner_ctrl.audit.threads import in_thread
from miner_ctrl.model.audit import MAX_HEADS_TOLD, AuditHead
from miner_ctrl.storage.sqlite import open_database, transaction

log = logging.getLogger(__name__)

KEPT = 64
CONFLICTS_KEPT = MAX_HEADS_TOLD - KEPT
STATUS_HEADS = 500

_MIGRATIONS = (
    """
    CREATE TABLE head (
        peer BLOB NOT NULL CHECK (length(peer) = 32),
        conflict INTEGER NOT NULL CHECK (conflict IN (0, 1)),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        at_ms INTEGER NOT NULL,
        signature BLOB NOT NULL,
        kept_at_ms INTEGER NOT NULL,
        PRIMARY KEY (peer, conflict, seq, hash)
    ) STRICT, WITHOUT ROWID;
    """,
)


class Kept(NamedTuple):
    """A head of a peer (its fingerprint), since when it is kept (Unix, ms), and whether it contradicts another."""

    peer: bytes
    head: AuditHead
    kept_at_ms: int
    conflict: bool


class _Asked(NamedTuple):
    peer: bytes
    head: AuditHead | None
    answer: asyncio.Future[tuple[AuditHead, ...]]


class HeadBook:
    """Takes heads whose signature was checked. ``now_ms`` is Unix time; the disk is waited for in ``thread``, else in
    one of the loop's."""

    def __init__(self, path: Path, *, now_ms: Callable[[], int], thread: Executor | None = None) -> None:
        self._path = path
        self._thread = thread
        self._now_ms = now_ms
        self._asked: list[_Asked] = []
        self._working: asyncio.Task[None] | None = None

    async def take(self, peer: bytes, head: AuditHead | None) -> tuple[AuditHead, ...]:
        """Keep ``head`` of the peer's log, and return its newest and those that contradict; with none, return all that
        are kept of it.

        Raises:
            MinerCtrlError: the file cannot be read or written.
        """
        asked = _Asked(peer, head, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._working is None or self._working.done():
            self._working = asyncio.get_running_loop().create_task(self._work(), name="audit-heads")
        return await asked.answer

    async def close(self) -> None:
        """Write what has come."""
        if self._working is not None:
            await asyncio.wait((self._working,))

    async def kept(self) -> list[Kept]:
        """Return what contradicts, and the newest head of each peer, as many as there is room for.

        Raises:
            MinerCtrlError: the file cannot be read.
        """
        return await in_thread(self._thread, self._all)

    async def _work(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            try:
                answers = await in_thread(self._thread, partial(self._taken, asked))
            except Exception as error:  # noqa: BLE001 - the boundary to the file: whoever asked hears of it
                for each in asked:
                    if not each.answer.done():
                        each.answer.set_exception(error)
                continue
            for each, answer in zip(asked, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)

    # --- in a thread ------------------------------------------------------------------------------------

    def _taken(self, asked: list[_Asked]) -> list[tuple[AuditHead, ...]]:
        if not self._path.exists() and all(each.head is None for each in asked):
            return [() for _ in asked]
        database = open_database(self._path, _MIGRATIONS, what="heads of peers' audit logs")
        try:
            now_ms = self._now_ms()
            with transaction(database):
                for each in asked:
                    if each.head is not None:
                        _keep(database, each.peer, each.head, now_ms)
            return [_told(database, each.peer, all_=each.head is None) for each in asked]
        finally:
            database.close()

    def _all(self) -> list[Kept]:
        if not self._path.exists():
            return []
        database = open_database(self._path, _MIGRATIONS, what="heads of peers' audit logs")
        try:
            rows: list[Any] = database.execute(
                "SELECT peer, max(seq), at_ms, hash, signature, kept_at_ms, conflict FROM head GROUP BY peer, conflict,"
                " CASE conflict WHEN 1 THEN seq || hex(hash) END ORDER BY conflict DESC, kept_at_ms DESC LIMIT ?",
                (STATUS_HEADS,),
            ).fetchall()
        finally:
            database.close()
        return [
            Kept(peer, AuditHead(seq, at, hash_, signature), kept_ms, bool(conflict))
            for peer, seq, at, hash_, signature, kept_ms, conflict in rows
        ]


def _keep(database: apsw.Connection, peer: bytes, head: AuditHead, now_ms: int) -> None:
    newest: Any = database.execute(
        "SELECT seq, hash FROM head WHERE peer = ? AND conflict = 0 ORDER BY seq DESC LIMIT 1", (peer,)
    ).fetchone()
    conflict = newest is not None and (head.seq < newest[0] or (head.seq == newest[0] and head.hash != newest[1]))
    row = (peer, int(conflict), head.seq, head.hash, head.at_ms, head.signature, now_ms)
    if conflict:
        told = database.execute("SELECT count(*) FROM head WHERE peer = ? AND conflict = 1", (peer,)).get
        if isinstance(told, int) and told >= CONFLICTS_KEPT:
            return
    database.execute("INSERT OR IGNORE INTO head VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    if conflict and database.changes():
        log.warning(
            "The audit log of the peer %s was cut or replaced: it told of entry %d, and now of %s%d. Both are kept.",
            peer.hex(), newest[0], "another " if head.seq == newest[0] else "", head.seq,
        )  # fmt: skip
    _thin_out(database, peer)


def _thin_out(database: apsw.Connection, peer: bytes) -> None:
    """Have ``KEPT`` heads at most: the one goes whose neighbours are closest in time, never the newest."""
    rows = database.execute("SELECT seq, kept_at_ms FROM head WHERE peer = ? AND conflict = 0 ORDER BY seq", (peer,))
    heads: list[Any] = rows.fetchall()
    if len(heads) <= KEPT:
        return
    closest = min(range(1, len(heads) - 1), key=lambda index: heads[index + 1][1] - heads[index - 1][1])
    database.execute("DELETE FROM head WHERE peer = ? AND conflict = 0 AND seq = ?", (peer, heads[closest][0]))


def _told(database: apsw.Connection, peer: bytes, *, all_: bool) -> tuple[AuditHead, ...]:
    rows = database.execute(
        "SELECT seq, at_ms, hash, signature FROM head WHERE peer = ?1 AND (?2 OR conflict = 1 OR seq = (SELECT max(seq)"
        " FROM head WHERE peer = ?1 AND conflict = 0)) ORDER BY conflict DESC, seq DESC LIMIT ?3",
        (peer, all_, MAX_HEADS_TOLD),
    )
    return tuple(AuditHead(*row) for row in rows)
