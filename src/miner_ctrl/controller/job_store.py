"""Jobs on disk (``<data>/node/jobs.db``): what was asked of whom and what came of it, for after a restart.

A job is there before its first command goes out; how it stands with its rigs follows at most ``WRITTEN_EVERY_S``
later. One that this node did not end is read as interrupted, and so is each rig whose end was not written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from miner_ctrl.controller.job import Job, JobPeer
from miner_ctrl.controller.orders import KeptOrder, LeftOut
from miner_ctrl.model.jobs import JobPeerState, JobState
from miner_ctrl.model.views import ErrorView
from miner_ctrl.storage.sqlite import open_database, transaction

T = TypeVar("T")

_MIGRATIONS = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        action TEXT NOT NULL,
        asked_by TEXT NOT NULL,
        digest BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        finished_ms INTEGER,
        state TEXT NOT NULL
    ) STRICT;
    CREATE TABLE job_peer (
        job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        fingerprint BLOB NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        answer BLOB,
        error BLOB,
        step TEXT NOT NULL,
        sent_bytes INTEGER NOT NULL,
        total_bytes INTEGER NOT NULL,
        started_ms INTEGER,
        finished_ms INTEGER,
        PRIMARY KEY (job, place)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE job ADD COLUMN asked BLOB;
    ALTER TABLE job ADD COLUMN left_out TEXT NOT NULL DEFAULT 'old';
    ALTER TABLE job ADD COLUMN retry_of TEXT NOT NULL DEFAULT '';
    ALTER TABLE job_peer ADD COLUMN said_in TEXT NOT NULL DEFAULT '';
    """,
)
_PEER_ROW = f"INTO job_peer VALUES ({', '.join('?' * 14)})"
INTERRUPTED = ErrorView(
    error="This node ended before the rig's answer was written down; the command may have been carried out.",
    code="INTERRUPTED",
    suggestion="Look at the rig, then decide.",
)


class _PeerRow(msgspec.Struct, array_like=True, frozen=True):
    place: int
    fingerprint: bytes
    id: str
    name: str
    state: JobPeerState
    answer: bytes | None
    error: bytes | None
    step: str
    sent_bytes: int
    total_bytes: int
    started_ms: int | None
    finished_ms: int | None
    said_in: str


class _JobRow(msgspec.Struct, array_like=True, frozen=True):
    id: str
    action: str
    asked_by: str
    digest: bytes
    created_ms: int
    finished_ms: int | None
    state: JobState
    asked: bytes | None
    left_out: LeftOut
    retry_of: str


class JobStore:
    """One SQLite file, read and written in one thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "jobs")
        self._database: apsw.Connection | None = None

    async def open(self) -> list[Job]:
        """Open the file and return its jobs, the oldest first.

        Raises:
            StateDamaged: it is not a file of jobs of ours.
        """
        return await self._in_thread(self._open)

    async def close(self) -> None:
        """Finish what is being written and close the file."""
        await self._in_thread(self._close)
        self._thread.shutdown()

    async def add(self, job: Job) -> None:
        """Write down a new job with all its rigs; durable when this returns."""
        head = (
            job.id, job.action, job.asked_by, job.digest, job.created_ms, job.finished_ms, job.state.value,
            job.order.json, job.order.left_out.value, job.retry_of,
        )  # fmt: skip
        rows = [_row(job, peer) for peer in job.peers]
        job.unwritten.clear()
        await self._in_thread(lambda: self._add(head, rows))

    async def write(self, job: Job) -> None:
        """Write down what has changed of a job."""
        rows = [_row(job, job.peers[place]) for place in sorted(job.unwritten)]
        job.unwritten.clear()
        state = (job.state.value, job.finished_ms, job.id)
        await self._in_thread(lambda: self._write(state, rows))

    async def remove(self, jobs: Iterable[str]) -> None:
        """Forget jobs."""
        named = [(job,) for job in jobs]
        await self._in_thread(lambda: self._remove(named))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    @property
    def _connection(self) -> apsw.Connection:
        if self._database is None:
            raise RuntimeError("the jobs are not open")
        return self._database

    def _open(self) -> list[Job]:
        self._database = open_database(self._path, _MIGRATIONS, what="list of jobs")
        return [self._read(*row) for row in self._database.execute("SELECT * FROM job ORDER BY created_ms, rowid")]

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _read(self, *head: apsw.SQLiteValue) -> Job:
        row = msgspec.convert(head, _JobRow)
        query = (
            "SELECT place, fingerprint, id, name, state, answer, error, step, sent_bytes, total_bytes, started_ms,"
            " finished_ms, said_in FROM job_peer WHERE job = ? ORDER BY place"
        )
        peers = [_peer(msgspec.convert(row, _PeerRow)) for row in self._connection.execute(query, (row.id,))]
        job = Job(
            row.id, row.action, peers, asked_by=row.asked_by, digest=row.digest, created_ms=row.created_ms,
            order=KeptOrder(row.asked, row.left_out), retry_of=row.retry_of,
        )  # fmt: skip
        job.finished_ms, job.state = row.finished_ms, row.state
        if job.state is JobState.RUNNING:
            job.state = JobState.INTERRUPTED
        return job

    def _add(self, head: tuple[apsw.SQLiteValue, ...], rows: list[tuple[apsw.SQLiteValue, ...]]) -> None:
        with transaction(self._connection):
            self._connection.execute("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", head)
            self._connection.executemany(f"INSERT {_PEER_ROW}", rows)

    def _write(self, state: tuple[apsw.SQLiteValue, ...], rows: list[tuple[apsw.SQLiteValue, ...]]) -> None:
        with transaction(self._connection):
            self._connection.execute("UPDATE job SET state = ?, finished_ms = ? WHERE id = ?", state)
            self._connection.executemany(f"REPLACE {_PEER_ROW}", rows)

    def _remove(self, named: list[tuple[str]]) -> None:
        with transaction(self._connection):
            self._connection.executemany("DELETE FROM job WHERE id = ?", named)


def _row(job: Job, peer: JobPeer) -> tuple[apsw.SQLiteValue, ...]:
    return (
        job.id,
        peer.place,
        peer.fingerprint,
        peer.node_id,
        peer.name,
        peer.state.value,
        None if peer.answer is None else msgspec.json.encode(peer.answer),
        None if peer.error is None else msgspec.json.encode(peer.error, enc_hook=str),
        peer.step,
        peer.sent_bytes,
        peer.total_bytes,
        peer.started_ms,
        peer.finished_ms,
        peer.said_in,
    )


def _peer(row: _PeerRow) -> JobPeer:
    peer = JobPeer(row.place, row.fingerprint, row.id, row.name, row.said_in)
    peer.state = row.state if row.state.ended else JobPeerState.INTERRUPTED
    peer.answer = None if row.answer is None else msgspec.json.decode(row.answer)
    peer.error = None if row.error is None else msgspec.json.decode(row.error, type=ErrorView)
    peer.started_ms, peer.finished_ms = row.started_ms, row.finished_ms
    peer.step, peer.sent_bytes, peer.total_bytes = row.step, row.sent_bytes, row.total_bytes
    if not row.state.ended:
        peer.error = INTERRUPTED
    return peer
