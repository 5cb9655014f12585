"""``/jobs``: what was asked of many rigs at once, and what came of it on each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from miner_ctrl.api.faces import JobsFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.streams import EndView, Event, Stream
from miner_ctrl.model.jobs import JobPeerState, JobPeerView, JobState, JobView

JOBS = Resource("jobs")
_NO_JOBS = (503,)
TOLD_EVERY_S = 0.2
"""A job that is followed is told of at most this often; of what comes in between the last state counts."""


class JobQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``follow``: go on until it has ended, as events."""

    follow: bool = False


class JobPeersQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """Which part of the list, as everywhere; ``state`` keeps the rigs that the job stands with in this way."""

    state: JobPeerState | None = None


@JOBS.get("/jobs", errors=_NO_JOBS)
async def list_jobs(jobs: JobsFace, query: ListQuery) -> Listing[JobView]:
    """Return the jobs that are kept, the newest first."""
    return select(await jobs.all(), query, JobView)


@JOBS.get("/jobs/{id}", errors=_NO_JOBS, events={"job": JobView, "peer": JobPeerView, "end": EndView})
async def get_job(jobs: JobsFace, id: str, query: JobQuery) -> JobView | Stream:  # noqa: A002 - as in the path
    """Return how a job stands, or follow it: the job, each rig that it stands differently with, until it has ended."""
    job = await jobs.get(id)
    return Stream(_followed(jobs, job.id)) if query.follow else job


@JOBS.get("/jobs/{id}/peers", errors=_NO_JOBS)
async def list_job_peers(jobs: JobsFace, id: str, query: JobPeersQuery) -> Listing[JobPeerView]:  # noqa: A002
    """Return how a job stands with each of its rigs, in the order they were named."""
    peers = await jobs.peers(id)
    if query.state is not None:
        peers = [peer for peer in peers if peer.state is query.state]
    return select(peers, query, JobPeerView)


@JOBS.delete("/jobs/{id}", errors=_NO_JOBS)
async def cancel_job(jobs: JobsFace, id: str) -> JobView:  # noqa: A002 - as in the path
    """Begin with no further rigs. A deploy that runs is stopped; another command that runs is waited for.

    A job that has ended stays as it is.
    """
    return await jobs.cancel(id)


async def _followed(jobs: JobsFace, id_: str) -> AsyncGenerator[Event, None]:
    """Yield the job and then its changes. What waits for a slow reader is one state of the job and of each rig."""
    waiting: dict[str, JobPeerView] = {}
    latest: JobView | None = None
    changed = asyncio.Event()

    def note(job: JobView, peer: JobPeerView | None) -> None:
        nonlocal latest
        if job.id == id_:
            latest = job
            if peer is not None:
                waiting[peer.id] = peer
            changed.set()

    unwatch = jobs.watch(note)
    try:
        job = await jobs.get(id_)
        yield Event("job", job)
        while job.state is JobState.RUNNING:
            await changed.wait()
            changed.clear()
            while waiting:
                yield Event("peer", waiting.pop(next(iter(waiting))))
            if latest is not None:
                job, latest = latest, None
                yield Event("job", job)
            await asyncio.sleep(0 if job.state is not JobState.RUNNING else TOLD_EVERY_S)
    finally:
        unwatch()
