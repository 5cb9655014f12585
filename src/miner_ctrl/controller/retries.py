"""A job tried once more: on which rigs, and which of them may have heard it already. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from miner_ctrl.controller.job import Job, JobPeer
from miner_ctrl.errors import Conflict
from miner_ctrl.model.jobs import JobPeerState, JobState, Retry

CAME_TO_NOTHING = frozenset({JobPeerState.FAILED, JobPeerState.INTERRUPTED, JobPeerState.CANCELLED})
_UNHEARD = frozenset({
    "PEER_UNREACHABLE", "PEER_TIMED_OUT", "INTERNAL_ERROR",
    "NOT_CONNECTED", "IDENTITY_MISMATCH", "IDENTITY_CHANGED", "ADDRESS_MOVED", "TLS_REFUSED",
})  # fmt: skip
"""Errors that are no rig's answer: it may have done it, now or when it was told before. Told in the same words, it does
it once."""


def retry_of(job: Job, kept: Iterable[Job], is_known: Callable[[bytes], bool]) -> Retry:
    """Return what is to be done once more. Left out are rigs that were removed meanwhile (not ``is_known``), and those
    on which one of ``kept`` (the oldest first) that tried it again has done it or is at it.

    Raises:
        Conflict: the job runs, came to nothing on no rig that is still there, or does not have all that was asked for.
    """
    if job.state is JobState.RUNNING:
        raise Conflict(
            "This job still runs.",
            suggestion=f"Wait until it has ended, or cancel it: DELETE /api/v1/mining/jobs/{job.id}.",
            code="JOB_RUNNING",
        )
    came_to_nothing = [peer for peer in job.peers if peer.state in CAME_TO_NOTHING]
    there = [peer for peer in came_to_nothing if is_known(peer.fingerprint)]
    last = _last_tried(job, kept)
    left = [standing for peer in there if (standing := last[peer.fingerprint])[1].state in CAME_TO_NOTHING]
    if not left:
        if there:
            raise nothing_to_retry(
                "Each rig on which this job came to nothing was told again: that is done, or under way."
            )
        raise nothing_to_retry(
            "The rigs on which this job came to nothing have all been removed."
            if came_to_nothing
            else "There is no rig on which this job failed, was interrupted or was cancelled."
        )
    return Retry(
        of=job.id,
        action=job.action,
        order=job.order.must_be_whole(),
        peers=tuple(peer.node_id for _, peer in left),
        said_in={peer.node_id: peer.said_in or tried.id for tried, peer in left if _may_have_heard(peer)},
    )


def nothing_to_retry(sentence: str) -> Conflict:
    """Return the error of a job with no rig left to try it again on."""
    return Conflict(
        sentence, suggestion="Give the command anew to the rigs that are to have it.", code="NOTHING_TO_RETRY"
    )


def digest_of_retry(action: str, of: str) -> bytes:
    """Return what names the request to try the job ``of`` again: whatever rigs are left of it."""
    return digest_of(action, f"again: {of}".encode())


def digest_of(action: str, asked: bytes) -> bytes:
    """Return what names a request that makes a job."""
    return hashlib.sha256(action.encode() + b"\0" + asked).digest()


def _last_tried(job: Job, kept: Iterable[Job]) -> dict[bytes, tuple[Job, JobPeer]]:
    """Return how each rig stands in the last job that was told it: in ``job``, or in one that tries that again."""
    last = {peer.fingerprint: (job, peer) for peer in job.peers}
    family = {job.id}
    for other in kept:
        if other.retry_of in family:
            family.add(other.id)
            last |= {peer.fingerprint: (other, peer) for peer in other.peers if peer.state is not JobPeerState.SKIPPED}
    return last


def _may_have_heard(peer: JobPeer) -> bool:
    """Whether nothing says that it has not: only the rig's own answer that it failed does."""
    return peer.state is not JobPeerState.FAILED or peer.error is None or peer.error.code in _UNHEARD
