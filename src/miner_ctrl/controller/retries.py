"""A job tried once more: on which rigs, and which of them may have heard it already. Pure."""

from __future__ import annotations

from collections.abc import Callable

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


def retry_of(job: Job, is_known: Callable[[bytes], bool]) -> Retry:
    """Return what is to be done once more; rigs that were removed meanwhile (not ``is_known``) are left out.

    Raises:
        Conflict: the job runs, came to nothing on no rig that is still there, or does not have all that was asked for.
    """
    if job.state is JobState.RUNNING:
        raise Conflict(
            "This job still runs.",
            suggestion=f"Wait until it has ended, or cancel it: DELETE /api/v1/mining/jobs/{job.id}.",
            code="JOB_RUNNING",
        )
    left = [peer for peer in job.peers if peer.state in CAME_TO_NOTHING]
    there = [peer for peer in left if is_known(peer.fingerprint)]
    if not there:
        raise Conflict(
            "The rigs on which this job came to nothing have all been removed."
            if left
            else "There is no rig on which this job failed, was interrupted or was cancelled.",
            suggestion="Give the command anew to the rigs that are to have it.",
            code="NOTHING_TO_RETRY",
        )
    return Retry(
        of=job.id,
        action=job.action,
        order=job.order.must_be_whole(),
        peers=tuple(peer.node_id for peer in there),
        said_in={peer.node_id: peer.said_in or job.id for peer in there if _may_have_heard(peer)},
    )


def _may_have_heard(peer: JobPeer) -> bool:
    """Whether nothing says that it has not: only the rig's own answer that it failed does."""
    return peer.state is not JobPeerState.FAILED or peer.error is None or peer.error.code in _UNHEARD
