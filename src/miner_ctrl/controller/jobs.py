"""Many rigs at once: one command, carried out on each by the same code as for one alone, with an answer for each.

``AT_ONCE`` rigs are begun with at the same moment. One that takes longer than ``HOLDS_S`` gives its place to the next
and goes on beside it: a rig that hangs holds nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from miner_ctrl.controller.fleet import Fleet
from miner_ctrl.controller.job import Act, Job, JobPeer, answer_of
from miner_ctrl.controller.job_store import INTERRUPTED, JobStore
from miner_ctrl.controller.orders import kept_order
from miner_ctrl.controller.retries import digest_of, digest_of_retry, nothing_to_retry, retry_of
from miner_ctrl.controller.selection import chosen
from miner_ctrl.errors import Conflict, MinerCtrlError, NotFound, RateLimited
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.jobs import (
    JobCounts,
    JobPeerState,
    JobPeerView,
    JobRigView,
    JobState,
    JobView,
    Retry,
    Selection,
)
from miner_ctrl.model.repeats import COMMAND_SEED, id_from, seed_of_job
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import DeployProgress, ErrorView
from miner_ctrl.peers import PeerRecord, Registry

log = logging.getLogger(__name__)

AT_ONCE = 64
HOLDS_S = 1.0
WRITTEN_EVERY_S = 1.0
RUNNING_AT_MOST = 16
KEPT_AT_MOST = 100
KEPT_RIGS_AT_MOST = 200_000
"""Over all jobs that are kept; the oldest that have ended go first."""
_FAULT = ErrorView(error="Something went wrong inside this node; its log says what.", code="INTERNAL_ERROR")
_encoder = msgspec.json.Encoder(enc_hook=str, order="sorted")

Watcher = Callable[[JobView, JobPeerView | None], None]
"""Called with a job and the rig that it stands differently with; ``None`` where it is the job alone."""


class Jobs:
    """The jobs of this controller, those that have ended too. ``now_ms`` is Unix time; ``new_id`` makes a job's ID.

    The file is opened when somebody asks for the first time.
    """

    def __init__(
        self,
        registry: Registry,
        fleet: Fleet,
        store: JobStore,
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._store = store
        self._now_ms = now_ms
        self._new_id = new_id
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """One for each job, until it is written down and room was made for it."""
        self._watchers: list[Watcher] = []
        self._gone_watchers: list[Callable[[str], None]] = []
        self.noted: Callable[[JobView], None] = lambda job: None
        """Hears of each job when it begins and when it has ended."""
        self._opening = asyncio.Lock()
        self._is_open = False

    async def close(self) -> None:
        """End what runs, as interrupted, and write it down."""
        for job in tuple(self._jobs.values()):
            if job.state is JobState.RUNNING:
                for peer in job.waiting():
                    self._end(job, peer, JobPeerState.INTERRUPTED, INTERRUPTED)
                if (task := self._tasks.get(job.id)) is not None:
                    task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._store.close()

    # --- looking ----------------------------------------------------------------------------------------

    async def all(self) -> list[JobView]:
        """Return every job that is kept, the newest first."""
        await self._opened()
        return [job.view() for job in reversed(self._jobs.values())]

    async def get(self, id_: str) -> JobView:
        """Return one job, with its whole order. Raises ``NotFound``."""
        return (await self._find(id_)).view(whole=True)

    async def peers(self, id_: str) -> list[JobPeerView]:
        """Return how a job stands with each of its rigs. Raises ``NotFound``."""
        return [peer.view() for peer in (await self._find(id_)).peers]

    async def retry(self, id_: str) -> Retry:
        """Return what is to be done to try a job again, for ``start``. Raises ``NotFound``, and as ``retry_of``."""
        job = await self._find(id_)
        return retry_of(job, self._jobs.values(), lambda fingerprint: self._registry.get(fingerprint) is not None)

    async def retried(self, id_: str) -> JobView | None:
        """Return the job that this request, by its idempotency key, has made already to try the job ``id_`` again.

        Raises:
            Conflict: the key made another job.
        """
        await self._opened()
        seed = COMMAND_SEED.get()
        known = None if seed is None else self._jobs.get(id_from(seed, b"job"))
        return None if known is None else _same(known, digest_of_retry(known.action, id_))

    def watch(self, watcher: Watcher, gone: Callable[[str], None] | None = None) -> Callable[[], None]:
        """Have ``watcher`` called at each change, and ``gone`` with the ID of each job that is kept no more, in
        the loop's thread; the answer undoes it."""
        self._watchers.append(watcher)
        if gone is not None:
            self._gone_watchers.append(gone)

        def end() -> None:
            self._watchers.remove(watcher)
            if gone is not None:
                self._gone_watchers.remove(gone)

        return end

    # --- doing ------------------------------------------------------------------------------------------

    async def start(
        self,
        caller: Caller,
        action: str,
        selection: Selection,
        act: Act,
        *,
        order: msgspec.Struct,
        keeps: msgspec.Struct | None = None,
        retry: Retry | None = None,
        can_be_stopped: bool = False,
        dry_run: bool = False,
    ) -> JobView:
        """Begin a job: ``act`` on each rig of ``selection``. ``order`` is what was asked for, whole; the same one with
        the same idempotency key is the same job. ``keeps`` is what to do if it is to be done again (else ``order``),
        ``retry`` what this does again.

        Raises:
            BadInput, NotFound, Conflict: which rigs it is for cannot be said; nothing was begun. Those of a ``retry``
                that have been removed since are left out.
            RateLimited: too many jobs run.
        """
        await self._opened()
        digest = digest_of(action, _asked_for(order)) if retry is None else digest_of_retry(action, retry.of)
        seed = COMMAND_SEED.get()
        id_ = self._new_id() if seed is None else id_from(seed, b"job")
        known = self._jobs.get(id_)
        if known is not None:
            return _same(known, digest)
        records = chosen(self._registry, self._fleet, selection if retry is None else self._left_of(retry))
        asked_by = caller.shown
        if dry_run:
            return self._rehearsed(id_, action, records, asked_by)
        if sum(job.state is JobState.RUNNING for job in self._jobs.values()) >= RUNNING_AT_MOST:
            raise RateLimited(
                f"{RUNNING_AT_MOST} jobs run already.",
                suggestion="Wait until one of them has ended, or cancel one: DELETE /api/v1/mining/jobs/ID.",
                code="TOO_MANY_JOBS",
                details={"retryAfterS": 5},
            )
        peers = [
            JobPeer(
                place, record.keys.fingerprint, record.keys.node_id, record.name,
                "" if retry is None else retry.said_in.get(record.keys.node_id, ""),
            )
            for place, record in enumerate(records)
        ]  # fmt: skip
        job = Job(
            id_, action, peers, asked_by=asked_by, digest=digest, created_ms=self._now_ms(), act=act,
            can_be_stopped=can_be_stopped, order=kept_order(keeps or order), retry_of="" if retry is None else retry.of,
        )  # fmt: skip
        self._jobs[id_] = job
        self._tasks[id_] = asyncio.create_task(self._run(job), name=f"job {id_}")
        self._tasks[id_].add_done_callback(lambda _: self._tasks.pop(id_, None))
        self._tell(job, None)
        self.noted(job.view())
        return job.view()

    async def cancel(self, id_: str) -> JobView:
        """Begin with no further rigs. A deploy that runs is stopped, and goes on where it was with the next one; any
        other command that runs is answered. A job that has ended stays as it is. Raises ``NotFound``."""
        job = await self._find(id_)
        if job.state is not JobState.RUNNING:
            return job.view()
        job.cancelled = True
        for peer in job.waiting():
            self._end(job, peer, JobPeerState.CANCELLED)
        if job.can_be_stopped:
            for task in tuple(job.tasks.values()):
                task.cancel()
        self._tell(job, None)
        return job.view()

    # --- within -----------------------------------------------------------------------------------------

    async def _run(self, job: Job) -> None:
        writing = asyncio.create_task(self._write_on(job), name=f"job {job.id}: written down")
        try:
            await self._go_through(job)
            while job.tasks:
                await asyncio.wait(tuple(job.tasks.values()))
            ended = any(peer.state is JobPeerState.CANCELLED for peer in job.peers)
            job.state = JobState.CANCELLED if job.cancelled and ended else JobState.DONE
        except asyncio.CancelledError:
            await self._interrupt(job, INTERRUPTED)
        except Exception:
            log.exception("job %s: %s was cut off", job.id, job.action)
            await self._interrupt(job, _FAULT)
        finally:
            job.finished_ms = self._now_ms()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._written(self._store.write(job))
            job.act = None
            self._tell(job, None)
            self.noted(job.view())
            await self._make_room(job)

    async def _interrupt(self, job: Job, why: ErrorView) -> None:
        """Cut a job off: what is not known of its rigs by then is not known."""
        job.state = JobState.INTERRUPTED
        tasks = tuple(job.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for peer in job.peers:
            if not peer.state.ended:
                self._end(job, peer, JobPeerState.INTERRUPTED, why)

    async def _go_through(self, job: Job) -> None:
        places = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        await self._written(self._store.add(job))
        for peer in job.peers:
            await places.acquire()
            if peer.state is not JobPeerState.WAITING:  # cancelled meanwhile
                places.release()
                continue
            place = _Place(places)
            task = loop.create_task(self._one(job, peer), name=f"job {job.id}: {peer.node_id}")
            job.tasks[peer.place] = task
            task.add_done_callback(place.leave)
            task.add_done_callback(partial(_forget, job, peer.place))
            loop.call_later(HOLDS_S, place.leave)

    async def _one(self, job: Job, peer: JobPeer) -> None:
        act = job.act
        if act is None or peer.state is not JobPeerState.WAITING:  # cancelled since its task was made
            return
        peer.started_ms = self._now_ms()
        job.change(peer, JobPeerState.RUNNING)
        self._tell(job, peer)
        COMMAND_SEED.set(seed_of_job(peer.said_in or job.id))  # of this task alone

        def told(progress: DeployProgress) -> None:
            job.tell(peer, progress)
            self._tell(job, peer)

        try:
            self._must_be_known(peer)
            peer.answer = answer_of(await act(peer.node_id, told))
            self._end(job, peer, JobPeerState.DONE)
        except asyncio.CancelledError:
            if not job.cancelled:
                self._end(job, peer, JobPeerState.INTERRUPTED, INTERRUPTED)
                raise
            self._end(job, peer, JobPeerState.CANCELLED)
        except MinerCtrlError as error:
            view = ErrorView(error=error.message, code=error.code, details=error.details, suggestion=error.suggestion)
            state = JobPeerState.SKIPPED if error.code == "NOT_A_RIG" else JobPeerState.FAILED
            self._end(job, peer, state, view)
        except Exception:
            log.exception("%s on %s failed", job.action, peer.node_id)
            self._end(job, peer, JobPeerState.FAILED, _FAULT)

    def _left_of(self, retry: Retry) -> Selection:
        """Return the rigs of a retry that have not been removed while it was prepared."""
        there = {record.keys.node_id for record in self._registry.all()}
        left = tuple(node_id for node_id in retry.peers if node_id in there)
        if not left:
            raise nothing_to_retry("The rigs on which this job came to nothing have all been removed.")
        return Selection(peers=left, filter=None)

    def _must_be_known(self, peer: JobPeer) -> None:
        if self._registry.get(peer.fingerprint) is None:
            raise NotFound(f"{peer.name} was removed before its turn.", code="NOT_A_RIG")

    def _end(self, job: Job, peer: JobPeer, state: JobPeerState, error: ErrorView | None = None) -> None:
        peer.error = error
        peer.finished_ms = self._now_ms()
        job.change(peer, state)
        self._tell(job, peer)

    def _tell(self, job: Job, peer: JobPeer | None) -> None:
        if self._watchers:
            seen, of_peer = job.view(), None if peer is None else peer.view()
            for watcher in tuple(self._watchers):
                watcher(seen, of_peer)

    async def _write_on(self, job: Job) -> None:
        while True:
            await asyncio.sleep(WRITTEN_EVERY_S)
            if job.unwritten:
                await asyncio.shield(self._written(self._store.write(job)))

    async def _written(self, writing: Awaitable[None]) -> None:
        """Wait for ``writing``. That it failed stops no command: what is not on disk is in memory."""
        try:
            await writing
        except MinerCtrlError as error:
            log.warning("A job was not written down: %s", error.message)
        except Exception:
            log.exception("A job was not written down")

    async def _make_room(self, ended: Job) -> None:
        gone: list[str] = []
        rigs = sum(len(job.peers) for job in self._jobs.values())
        for job in tuple(self._jobs.values()):
            if len(self._jobs) <= KEPT_AT_MOST and rigs <= KEPT_RIGS_AT_MOST:
                break
            if job is ended or job.id not in self._tasks:
                del self._jobs[job.id]
                rigs -= len(job.peers)
                gone.append(job.id)
        for job_id in gone:
            for told in tuple(self._gone_watchers):
                told(job_id)
        if gone:
            await self._written(self._store.remove(gone))

    async def _find(self, id_: str) -> Job:
        await self._opened()
        job = self._jobs.get(id_)
        if job is None:
            raise NotFound(
                f"There is no job {one_line(id_, 40)!r}.",
                suggestion=f"GET /api/v1/mining/jobs has the last {KEPT_AT_MOST}.",
                code="JOB_NOT_FOUND",
            )
        return job

    async def _opened(self) -> None:
        async with self._opening:
            if not self._is_open:
                self._jobs = {job.id: job for job in await self._store.open()}
                self._is_open = True

    def _rehearsed(self, id_: str, action: str, records: Sequence[PeerRecord], asked_by: str) -> JobView:
        now = time_text(self._now_ms())
        return JobView(
            id=id_,
            action=action,
            state=JobState.DONE,
            asked_by=asked_by,
            created_at=now,
            finished_at=now,
            total=len(records),
            counts=JobCounts(waiting=len(records)),
            dry_run=True,
            peers=tuple(JobRigView(id=record.keys.node_id, name=record.name) for record in records),
        )


def _same(known: Job, digest: bytes) -> JobView:
    """Return the job that an idempotency key has made, if it was by this request."""
    if known.digest != digest:
        raise Conflict(
            "This Idempotency-Key was sent before, with another request.",
            suggestion="Make a new key for each request, and send it again only with the same one.",
            code="IDEMPOTENCY_KEY_REUSED",
        )
    return known.view()


def _asked_for(order: msgspec.Struct) -> bytes:
    """Return what names a request: one without a ``profile_hash`` as a node says it that knows of none."""
    if getattr(order, "profile_hash", "") is not None:
        return _encoder.encode(order)
    asked = msgspec.to_builtins(order, str_keys=True, enc_hook=str)
    return _encoder.encode({name: value for name, value in asked.items() if name != "profileHash"})


def _forget(job: Job, place: int, _: object) -> None:
    job.tasks.pop(place, None)


class _Place:
    """A place among those that are begun with; given back once."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._left = False

    def leave(self, _: object = None) -> None:
        if not self._left:
            self._left = True
            self._places.release()
