"""What the feed says and hears, as JSON (docs/live.md).

What it says has a ``type`` and a ``seq``, what it hears has an ``op``. The feed writes its messages from parts that
many readers share; that they are what is declared here is proven by the tests.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.jobs import JobView
from miner_ctrl.model.summaries import Alert, FleetTotals, RigSummary
from miner_ctrl.model.views import HistoryEventView, InviteView, PendingView, RigView

MAX_TOPICS = 64
MAX_TOPIC_CHARS = 200
MAX_MESSAGE_BYTES = 4096
MAX_LOG_LINES = 500

Topic = Annotated[str, Meta(min_length=1, max_length=MAX_TOPIC_CHARS)]
Patch = dict[str, object]


class Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    """A message from the node. ``seq`` is one higher than that of the message before it on this connection."""

    seq: int


class Hello(Said, frozen=True, kw_only=True, tag="hello"):
    """The first message. ``nowMs`` is the node's clock, which all times are of; ``role`` is what the reader may do
    here; ``topics`` are those there are, beside ``peer:ID`` and ``log:PEER/MINER``."""

    now_ms: int
    version: str
    role: AccessRole
    topics: tuple[str, ...]


class FleetSnapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """All rigs, in parts: part 0 begins anew, and the last one has no ``more``."""

    topic: Literal["fleet"]
    part: int
    more: bool
    rows: tuple[RigSummary, ...]


class FleetDelta(Said, frozen=True, kw_only=True, tag="delta"):
    """Rigs that changed: the ``id`` and the fields that did, each with its new value, also where that is the default; a
    rig that is new has all of them. ``removed`` are IDs."""

    topic: Literal["fleet"]
    changed: tuple[Patch, ...]
    removed: tuple[str, ...]


class AlertsSnapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """All alerts, as ``FleetSnapshot``."""

    topic: Literal["alerts"]
    part: int
    more: bool
    rows: tuple[Alert, ...]


class AlertsDelta(Said, frozen=True, kw_only=True, tag="delta"):
    """Alerts that changed, as ``FleetDelta``."""

    topic: Literal["alerts"]
    changed: tuple[Patch, ...]
    removed: tuple[str, ...]


class JobsSnapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """All jobs that are kept, as ``FleetSnapshot``."""

    topic: Literal["jobs"]
    part: int
    more: bool
    rows: tuple[JobView, ...]


class JobsDelta(Said, frozen=True, kw_only=True, tag="delta"):
    """Jobs that went on, as ``FleetDelta``."""

    topic: Literal["jobs"]
    changed: tuple[Patch, ...]
    removed: tuple[str, ...]


class EventRow(HistoryEventView, frozen=True, kw_only=True):
    """An event of the history; its ``id`` is its cursor."""

    id: str


class EventsSnapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """The last 200 events of the history, the oldest first, as ``FleetSnapshot``."""

    topic: Literal["events"]
    part: int
    more: bool
    rows: tuple[EventRow, ...]


class EventsDelta(Said, frozen=True, kw_only=True, tag="delta"):
    """Events that came, each with all its fields; ``removed`` are those that are no longer among the last 200."""

    topic: Literal["events"]
    changed: tuple[Patch, ...]
    removed: tuple[str, ...]


class PendingSnapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """Who waits for approval here, as ``FleetSnapshot``."""

    topic: Literal["pending"]
    part: int
    more: bool
    rows: tuple[PendingView, ...]


class PendingDelta(Said, frozen=True, kw_only=True, tag="delta"):
    """Who came to wait, or waits no more, as ``FleetDelta``."""

    topic: Literal["pending"]
    changed: tuple[Patch, ...]
    removed: tuple[str, ...]


class InvitesSnapshot(Said, frozen=True, kw_only=True, tag="snapshot"):
    """All invites, without their tokens, as ``FleetSnapshot``."""

    topic: Literal["invites"]
    part: int
    more: bool
    rows: tuple[InviteView, ...]


class InvitesDelta(Said, frozen=True, kw_only=True, tag="delta"):
    """Invites that were made, used (``joined`` says by whom), revoked or have expired, as ``FleetDelta``."""

    topic: Literal["invites"]
    changed: tuple[Patch, ...]
    removed: tuple[str, ...]


class TotalsState(Said, frozen=True, kw_only=True, tag="state"):
    """The fleet counted, at most once a second."""

    topic: Literal["totals"]
    state: FleetTotals


class PeerState(Said, frozen=True, kw_only=True, tag="state"):
    """All that is known of one rig; ``null`` when it was removed."""

    topic: Topic
    state: RigView | None


class LogLines(Said, frozen=True, kw_only=True, tag="log"):
    """Lines of a log; the ``first`` ones are those there were. Before them ``skippedLines`` were left out because the
    reader was slow, and ``skippedBytes`` because the rig's log or its link was."""

    topic: Topic
    lines: tuple[str, ...]
    first: bool
    skipped_lines: int
    skipped_bytes: int


class Ended(Said, frozen=True, kw_only=True, tag="ended"):
    """Nothing more comes of ``topic``: it was unsubscribed, has ended, or (with a ``code``) cannot be had."""

    topic: str
    reason: str
    code: str
    suggestion: str


class Problem(Said, frozen=True, kw_only=True, tag="error"):
    """What was heard was not understood, or not done. The connection goes on."""

    error: str
    code: str
    suggestion: str


class Pong(Said, frozen=True, kw_only=True, tag="pong"):
    """The answer to ``ping``; ``id`` is what was sent with it."""

    id: int
    now_ms: int


SAID: tuple[type[Said], ...] = (
    Hello, FleetSnapshot, FleetDelta, AlertsSnapshot, AlertsDelta, JobsSnapshot, JobsDelta, EventsSnapshot,
    EventsDelta, PendingSnapshot, PendingDelta, InvitesSnapshot, InvitesDelta, TotalsState, PeerState, LogLines, Ended,
    Problem, Pong,
)  # fmt: skip


class Heard(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", forbid_unknown_fields=True):
    """A message to the node."""


class Subscribe(Heard, frozen=True, kw_only=True, tag="subscribe"):
    """Hear of these topics: ``fleet``, ``totals``, ``alerts``, ``jobs``, ``events``, ``pending``, ``invites``,
    ``peer:ID``, ``log:PEER/MINER``. ``lines``: how many of a log's last lines come first. Each begins with a snapshot,
    also one that was subscribed already."""

    topics: Annotated[tuple[Topic, ...], Meta(min_length=1, max_length=MAX_TOPICS)]
    lines: Annotated[int, Meta(ge=0, le=MAX_LOG_LINES)] = 100


class Unsubscribe(Heard, frozen=True, kw_only=True, tag="unsubscribe"):
    """Hear no more of these topics."""

    topics: Annotated[tuple[Topic, ...], Meta(min_length=1, max_length=MAX_TOPICS)]


class SnapshotAgain(Heard, frozen=True, kw_only=True, tag="snapshot"):
    """Begin a topic anew: for who missed a message."""

    topic: Topic


class Ping(Heard, frozen=True, kw_only=True, tag="ping"):
    """Answered with ``pong``."""

    id: Annotated[int, Meta(ge=0, le=2**53)] = 0


Asked = Subscribe | Unsubscribe | SnapshotAgain | Ping
ASKED: tuple[type[Heard], ...] = (Subscribe, Unsubscribe, SnapshotAgain, Ping)
