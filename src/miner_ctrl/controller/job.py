"""One job: its rigs, how it stands with each, and what is to be written down of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from miner_ctrl.controller.orders import NEVER_KEPT, SMALL_ORDER_BYTES, KeptOrder
from miner_ctrl.model.jobs import JobCounts, JobPeerState, JobPeerView, JobState, JobView
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import DeployProgress, ErrorView, View

Told = Callable[[DeployProgress], None]
Act = Callable[[str, Told], Awaitable[View]]
"""Does it on one rig (its full ID) and returns what it answers; a deploy tells how far it is."""


class JobPeer:
    """One rig of a job. ``said_in``: the job whose command this one says again to it; it may have heard that one."""

    __slots__ = (
        "answer",
        "error",
        "fingerprint",
        "finished_ms",
        "name",
        "node_id",
        "place",
        "said_in",
        "sent_bytes",
        "started_ms",
        "state",
        "step",
        "total_bytes",
    )

    def __init__(self, place: int, fingerprint: bytes, node_id: str, name: str, said_in: str = "") -> None:
        self.place = place
        self.fingerprint = fingerprint
        self.node_id = node_id
        self.name = name
        self.said_in = said_in
        self.state = JobPeerState.WAITING
        self.answer: dict[str, object] | None = None
        self.error: ErrorView | None = None
        self.step = ""
        self.sent_bytes = 0
        self.total_bytes = 0
        self.started_ms: int | None = None
        self.finished_ms: int | None = None

    def view(self) -> JobPeerView:
        """Return it as the API shows it."""
        return JobPeerView(
            id=self.node_id,
            name=self.name,
            state=self.state,
            answer=self.answer,
            error=self.error,
            step=self.step,
            sent_bytes=self.sent_bytes,
            total_bytes=self.total_bytes,
            started_at=_text(self.started_ms),
            finished_at=_text(self.finished_ms),
        )


class Job:
    """A job and its rigs. ``digest`` names the request that made it, ``retry_of`` the job that it tries again. One that
    was read from disk has no ``act``."""

    def __init__(
        self,
        id_: str,
        action: str,
        peers: list[JobPeer],
        *,
        asked_by: str,
        digest: bytes,
        created_ms: int,
        order: KeptOrder = NEVER_KEPT,
        retry_of: str = "",
        act: Act | None = None,
        can_be_stopped: bool = False,
    ) -> None:
        self.id = id_
        self.action = action
        self.peers = peers
        self.asked_by = asked_by
        self.digest = digest
        self.created_ms = created_ms
        self.finished_ms: int | None = None
        self.state = JobState.RUNNING
        self.order = order
        self.retry_of = retry_of
        self._small_order = order.view(SMALL_ORDER_BYTES)
        self.act = act
        self.can_be_stopped = can_be_stopped
        """Whether a rig's command that runs can be stopped; else it ends by itself."""
        self.cancelled = False
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.unwritten: set[int] = set()
        self._counts = Counter(peer.state for peer in peers)
        self._sent_bytes = sum(peer.sent_bytes for peer in peers)
        self._total_bytes = sum(peer.total_bytes for peer in peers)

    def change(self, peer: JobPeer, state: JobPeerState) -> None:
        """It stands differently with a rig now."""
        self._counts[peer.state] -= 1
        self._counts[state] += 1
        peer.state = state
        self.unwritten.add(peer.place)

    def tell(self, peer: JobPeer, progress: DeployProgress) -> None:
        """A deploy to a rig is so far."""
        self._sent_bytes += progress.sent_bytes - peer.sent_bytes
        self._total_bytes += progress.total_bytes - peer.total_bytes
        peer.step, peer.sent_bytes, peer.total_bytes = progress.state, progress.sent_bytes, progress.total_bytes

    def waiting(self) -> list[JobPeer]:
        """Return the rigs whose turn has not come."""
        return [peer for peer in self.peers if peer.state is JobPeerState.WAITING]

    def view(self, *, whole: bool = False) -> JobView:
        """Return it as the API shows it; ``whole``: also with an order that is long."""
        return JobView(
            id=self.id,
            action=self.action,
            state=self.state,
            asked_by=self.asked_by,
            created_at=time_text(self.created_ms),
            finished_at=_text(self.finished_ms),
            total=len(self.peers),
            counts=JobCounts(**{state.value: self._counts[state] for state in JobPeerState}),
            sent_bytes=self._sent_bytes,
            total_bytes=self._total_bytes,
            order=self.order.view() if whole else self._small_order,
            retry_of=self.retry_of,
        )


def answer_of(view: View) -> dict[str, object]:
    """Return a command's answer as JSON says it."""
    answer: dict[str, object] = msgspec.json.decode(msgspec.json.encode(view))
    return answer


def _text(unix_ms: int | None) -> str | None:
    return None if unix_ms is None else time_text(unix_ms)
