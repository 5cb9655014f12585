"""Jobs: one command to many rigs, with an answer for each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import ErrorView, View

MAX_RIGS = 10_000


class JobState(StrEnum):
    """How a job stands. ``interrupted``: this node ended before the job did, or something in it failed."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class JobPeerState(StrEnum):
    """How a job stands with one rig. ``skipped``: it is no rig, or was removed before its turn; ``cancelled``: it was
    not told, or its deploy was stopped; ``interrupted``: what came of it is not known."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (JobPeerState.WAITING, JobPeerState.RUNNING)


class PeerFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rigs: those that all of this is true of. ``tags``: it has each of them; ``q``: it has that in its name, ID,
    address or tags; ``state``: one of its miners is in it; ``role``, ``online``: the rig's own."""

    tags: Annotated[tuple[ShortText, ...], Meta(max_length=32)] = ()
    q: Annotated[str, Meta(max_length=200)] = ""
    state: MinerState | None = None
    role: Role | None = None
    online: bool | None = None


PeerQuery = Annotated[str, Meta(min_length=1, max_length=64)]
Names = Annotated[tuple[PeerQuery, ...], Meta(max_length=MAX_RIGS)]


class Selection(msgspec.Struct, frozen=True):
    """Which rigs a job is for: ``peers`` (IDs, prefixes or names), or all that ``filter`` lets through."""

    peers: tuple[str, ...] | None
    filter: PeerFilter | None


class Retry(msgspec.Struct, frozen=True):
    """What a job is to do once more: the ``order`` of the job ``of`` (JSON), on those rigs on which it came to nothing,
    by their full IDs; ``said_in`` has those that may have heard it already, and the job in which it was said."""

    of: str
    action: str
    order: bytes
    peers: tuple[str, ...]
    said_in: Mapping[str, str]


class JobCounts(View, frozen=True, kw_only=True):
    """How many rigs are in each state."""

    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    interrupted: int = 0


class JobRigView(View, frozen=True, kw_only=True):
    """A rig that a job is for."""

    id: str
    name: str


class JobView(View, frozen=True, kw_only=True):
    """A command to many rigs. ``asked_by`` is the door it came through, with the name of who asked where there is one.
    ``sent_bytes`` of ``total_bytes``: how far the programs of a deploy have gone, over all rigs (0 where no bytes go).
    ``order`` is what was asked of each rig, without secrets (``…`` stands for one); ``null`` where it is not kept, and
    in lists where it is long. ``retry_of`` is the job that this one tries again. ``dry_run``: nothing was done, and the
    job is not kept; ``peers`` then has the rigs it would have been for."""

    id: str
    action: str
    state: JobState
    asked_by: str
    created_at: str
    finished_at: str | None = None
    total: int
    counts: JobCounts
    sent_bytes: int = 0
    total_bytes: int = 0
    order: dict[str, object] | None = None
    retry_of: str = ""
    dry_run: bool = False
    peers: tuple[JobRigView, ...] = ()


class JobPeerView(View, frozen=True, kw_only=True):
    """What a job did on one rig. ``answer`` is what the command to that rig alone would have answered; ``error`` why it
    failed, in the one shape of errors; ``step`` and bytes are a deploy's progress. Times are there once they are."""

    id: str
    name: str
    state: JobPeerState
    answer: dict[str, object] | None = None
    error: ErrorView | None = None
    step: str = ""
    sent_bytes: int = 0
    total_bytes: int = 0
    started_at: str | None = None
    finished_at: str | None = None
