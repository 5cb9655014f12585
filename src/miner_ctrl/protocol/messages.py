"""Every message there is: one closed, typed union (protocol.md, "Message").

A message is ``{id, type, from, to, ts, replyTo?, payload}``. ``Message[P]`` is its one shape; each type is a
subclass that fixes the tag and the payload. ``ts`` (Unix time, ms) informs and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from miner_ctrl.model.audit import MAX_HEADS_TOLD, AuditHead
from miner_ctrl.model.history import JournalEntry
from miner_ctrl.model.miners import MAX_LOG_LINES, LogLine, NodeInfo, NodeStats
from miner_ctrl.model.nodes import Name, Role
from miner_ctrl.model.profiles import ConfigValue, Profile
from miner_ctrl.model.rig import BundleOffer, Schedule
from miner_ctrl.model.values import Count, JsonValue, Sentence, ShortText

MessageId = Annotated[str, Meta(min_length=1, max_length=64)]
NodeIdText = Annotated[str, Meta(min_length=16, max_length=16)]
Details = Annotated[Mapping[str, JsonValue], Meta(max_length=32)]
Chunk = Annotated[bytes, Meta(max_length=256 * 1024)]


class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a message says. Unknown fields are ignored, so that a newer peer can say more."""


# --- sessions -------------------------------------------------------------------------------------------


class Hello(Payload, frozen=True, kw_only=True):
    """The first transport message of each side. The responder's carries the verdict; ``grants`` is what the
    receiver may do at the sender."""

    verdict: ShortText = "accepted"
    reason: Sentence = ""
    name: Name
    role: Role
    version: ShortText
    capabilities: Annotated[tuple[ShortText, ...], Meta(max_length=64)] = ()
    instance: Annotated[str, Meta(min_length=16, max_length=32)]
    grants: Annotated[tuple[ShortText, ...], Meta(max_length=16)] = ()


class Ping(Payload, frozen=True, kw_only=True):
    """Asks for a ``Pong``; round trips are measured on the sender's monotonic clock."""


class Pong(Payload, frozen=True, kw_only=True):
    """``clock_ms`` is the answering node's Unix time in ms, for the clock offset."""

    clock_ms: int


class Checkpoint(Payload, frozen=True, kw_only=True):
    """Says nothing; its signature covers everything sent since the last one."""


class Disconnect(Payload, frozen=True, kw_only=True):
    """The sender ends the session on purpose."""

    reason: Sentence = ""


class Error(Payload, frozen=True, kw_only=True):
    """A request failed (``replyTo`` names it). ``code`` is a ``WireCode``."""

    code: int
    message: Sentence
    details: Details = msgspec.field(default_factory=dict)


# --- watching -------------------------------------------------------------------------------------------


class GetStats(Payload, frozen=True, kw_only=True):
    """Asks for one ``Stats``."""


class SubscribeStats(Payload, frozen=True, kw_only=True):
    """Asks for ``Stats`` every ``interval_s`` seconds and on change; ``cancel`` names a subscription to end."""

    interval_s: Annotated[float, Meta(ge=0.1, le=3600)] = 10.0
    cancel: MessageId | None = None


class Stats(Payload, frozen=True, kw_only=True):
    """A worker's state: the answer to ``GetStats``, and what a subscription pushes."""

    stats: NodeStats


class GetLogs(Payload, frozen=True, kw_only=True):
    """Asks for a miner's last ``lines`` log lines."""

    miner: Name
    lines: Annotated[int, Meta(ge=1, le=MAX_LOG_LINES)] = 100


class FollowLogs(Payload, frozen=True, kw_only=True):
    """Asks for a miner's log as it grows, after its last ``lines`` lines, or after ``cursor`` (a byte offset in
    the whole log) to go on without a gap; ``cancel`` names a stream to end."""

    miner: Name
    lines: Annotated[int, Meta(ge=0, le=MAX_LOG_LINES)] = 100
    cursor: Count | None = None
    cancel: MessageId | None = None


class Logs(Payload, frozen=True, kw_only=True):
    """A part of a log; ``more`` parts of the same answer follow. ``cursor`` is the offset after the last line.
    ``skipped`` says how many bytes a slow reader missed before this part."""

    lines: Annotated[tuple[LogLine, ...], Meta(max_length=MAX_LOG_LINES)]
    more: bool = False
    cursor: Count = 0
    skipped: Count = 0


class GetInfo(Payload, frozen=True, kw_only=True):
    """Asks for ``Info``."""


class Info(Payload, frozen=True, kw_only=True):
    """Hardware, OS, versions, installed miners, profiles."""

    info: NodeInfo


# --- commanding -----------------------------------------------------------------------------------------


class StartMiner(Payload, frozen=True, kw_only=True):
    """Start a miner from the profile with ``profile_hash`` (sent along as ``profile`` if the rig lacks it), or
    from the rig's own profile ``local_profile``. ``config`` overrides single fields. With ``replace`` the miner of that
    name (``*``: the only one there is) runs it from now on, without a restart where it can."""

    profile_hash: ShortText = ""
    profile: Profile | None = None
    local_profile: ShortText = ""
    miner_type: ShortText = ""
    replace: ShortText = ""
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)] = msgspec.field(default_factory=dict)


class StopMiner(Payload, frozen=True, kw_only=True):
    """Stop one miner; without a name, all."""

    miner: Name | None = None


class RestartMiner(Payload, frozen=True, kw_only=True):
    """Stop and start one miner with the same profile; without a name, all."""

    miner: Name | None = None


class PauseMiner(Payload, frozen=True, kw_only=True):
    """Pause one miner; without a name, all. With ``resume_after_s`` it goes on by itself then, or when the rig's
    agent is next there."""

    miner: Name | None = None
    resume_after_s: Annotated[int, Meta(ge=1, le=366 * 86400)] | None = None


class ResumeMiner(Payload, frozen=True, kw_only=True):
    """Resume one miner; without a name, all."""

    miner: Name | None = None


IN_PROGRESS = "in progress"
"""The ``status`` that a repeat of a command gets while the first is still being carried out."""


class MinerAck(Payload, frozen=True, kw_only=True):
    """A command was carried out. ``miners`` are the names it touched; ``repeated`` marks the stored answer to a
    message id seen before; ``command_hash`` is the SHA-256 (hex) of the command's message bytes."""

    status: ShortText
    miners: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()
    repeated: bool = False
    command_hash: ShortText = ""


class Deploy(Payload, frozen=True, kw_only=True):
    """What a rig should keep: a profile, a schedule, a miner program, or all of these.

    A program is offered first; the answer ``send`` says where its bytes are wanted from. Once they are all there
    (``DeployChunk``), the same offer again has it checked, unpacked and switched to: ``installed``.
    """

    profile: Profile | None = None
    schedule: Schedule | None = None
    bundle: BundleOffer | None = None


class DeployChunk(Payload, frozen=True, kw_only=True):
    """Bytes of an offered bundle, from ``offset`` on; they come in order, several on their way at a time."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    offset: Count
    data: Chunk


class RollbackMiner(Payload, frozen=True, kw_only=True):
    """Go back to the version of a miner program that was there before the present one."""

    miner_type: ShortText


class DeployAck(Payload, frozen=True, kw_only=True):
    """How far a deploy has come: ``stored``, ``send``, ``received`` or ``installed``; ``rolled back``. ``next_offset``
    is the first byte still missing, ``version`` what is installed now."""

    status: ShortText
    next_offset: Count = 0
    profile_hash: ShortText = ""
    version: ShortText = ""
    command_hash: ShortText = ""


class SetLock(Payload, frozen=True, kw_only=True):
    """Change the wallet lock from afar: ``document`` is canonical JSON of ``{rig, lock}``, signed by a key that the
    present lock names (docs/protocol.md, "Wallet lock")."""

    document: Annotated[bytes, Meta(max_length=64 * 1024)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


# --- remembering ----------------------------------------------------------------------------------------


class GetHistory(Payload, frozen=True, kw_only=True):
    """Asks for the rig's journal after the entry ``after`` of the journal ``journal``; of another journal, all."""

    journal: ShortText = ""
    after: Count = 0


class History(Payload, frozen=True, kw_only=True):
    """A part of a rig's journal, in order. ``more`` is there already; ``first`` and ``last`` are the oldest and the
    newest entry it has; ``at_ms`` is the rig's clock now."""

    journal: ShortText
    entries: Annotated[tuple[JournalEntry, ...], Meta(max_length=2000)] = ()
    first: Count = 0
    last: Count = 0
    more: bool = False
    at_ms: int = 0


# --- vouching -------------------------------------------------------------------------------------------


class AuditHeadTold(Payload, frozen=True, kw_only=True):
    """The newest entry of the sender's audit log, for the receiver to keep; without ``head`` it only asks which are
    kept. Sent to who has the capability ``audit``."""

    head: AuditHead | None = None


class AuditHeads(Payload, frozen=True, kw_only=True):
    """Heads of the asker's audit log that this node keeps: all of them; of a head that was told, the newest and those
    that contradict an earlier one."""

    heads: Annotated[tuple[AuditHead, ...], Meta(max_length=MAX_HEADS_TOLD)] = ()


# --- the union ------------------------------------------------------------------------------------------

P_co = TypeVar("P_co", bound=Payload, covariant=True)


class Message(msgspec.Struct, Generic[P_co], frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The one shape of every message. ``sender`` and ``recipient`` travel as ``from`` and ``to``."""

    id: MessageId
    sender: NodeIdText = msgspec.field(name="from")
    recipient: NodeIdText = msgspec.field(name="to")
    ts: int
    payload: P_co
    reply_to: MessageId | None = msgspec.field(default=None, name="replyTo")


class HelloMessage(Message[Hello], frozen=True, kw_only=True, tag="hello"): ...


class PingMessage(Message[Ping], frozen=True, kw_only=True, tag="ping"): ...


class PongMessage(Message[Pong], frozen=True, kw_only=True, tag="pong"): ...


class CheckpointMessage(Message[Checkpoint], frozen=True, kw_only=True, tag="checkpoint"): ...


class DisconnectMessage(Message[Disconnect], frozen=True, kw_only=True, tag="disconnect"): ...


class ErrorMessage(Message[Error], frozen=True, kw_only=True, tag="error"): ...


class GetStatsMessage(Message[GetStats], frozen=True, kw_only=True, tag="get_stats"): ...


class SubscribeStatsMessage(Message[SubscribeStats], frozen=True, kw_only=True, tag="subscribe_stats"): ...


class StatsMessage(Message[Stats], frozen=True, kw_only=True, tag="stats"): ...


class GetLogsMessage(Message[GetLogs], frozen=True, kw_only=True, tag="get_logs"): ...


class FollowLogsMessage(Message[FollowLogs], frozen=True, kw_only=True, tag="follow_logs"): ...


class LogsMessage(Message[Logs], frozen=True, kw_only=True, tag="logs"): ...


class GetInfoMessage(Message[GetInfo], frozen=True, kw_only=True, tag="get_info"): ...


class InfoMessage(Message[Info], frozen=True, kw_only=True, tag="info"): ...


class StartMinerMessage(Message[StartMiner], frozen=True, kw_only=True, tag="start_miner"): ...


class StopMinerMessage(Message[StopMiner], frozen=True, kw_only=True, tag="stop_miner"): ...


class RestartMinerMessage(Message[RestartMiner], frozen=True, kw_only=True, tag="restart_miner"): ...


class PauseMinerMessage(Message[PauseMiner], frozen=True, kw_only=True, tag="pause_miner"): ...


class ResumeMinerMessage(Message[ResumeMiner], frozen=True, kw_only=True, tag="resume_miner"): ...


class MinerAckMessage(Message[MinerAck], frozen=True, kw_only=True, tag="miner_ack"): ...


class DeployMessage(Message[Deploy], frozen=True, kw_only=True, tag="deploy"): ...


class DeployChunkMessage(Message[DeployChunk], frozen=True, kw_only=True, tag="deploy_chunk"): ...


class RollbackMinerMessage(Message[RollbackMiner], frozen=True, kw_only=True, tag="rollback_miner"): ...


class SetLockMessage(Message[SetLock], frozen=True, kw_only=True, tag="set_lock"): ...


class GetHistoryMessage(Message[GetHistory], frozen=True, kw_only=True, tag="get_history"): ...


class HistoryMessage(Message[History], frozen=True, kw_only=True, tag="history"): ...


class DeployAckMessage(Message[DeployAck], frozen=True, kw_only=True, tag="deploy_ack"): ...


class AuditHeadMessage(Message[AuditHeadTold], frozen=True, kw_only=True, tag="audit_head"): ...


class AuditHeadsMessage(Message[AuditHeads], frozen=True, kw_only=True, tag="audit_heads"): ...


AnyMessage = (
    HelloMessage
    | PingMessage
    | PongMessage
    | CheckpointMessage
    | DisconnectMessage
    | ErrorMessage
    | GetStatsMessage
    | SubscribeStatsMessage
    | StatsMessage
    | GetLogsMessage
    | FollowLogsMessage
    | LogsMessage
    | GetInfoMessage
    | InfoMessage
    | StartMinerMessage
    | StopMinerMessage
    | RestartMinerMessage
    | PauseMinerMessage
    | ResumeMinerMessage
    | MinerAckMessage
    | DeployMessage
    | DeployChunkMessage
    | RollbackMinerMessage
    | DeployAckMessage
    | SetLockMessage
    | GetHistoryMessage
    | HistoryMessage
    | AuditHeadMessage
    | AuditHeadsMessage
)

COMMANDS: frozenset[type[Payload]] = frozenset(
    {StartMiner, StopMiner, RestartMiner, PauseMiner, ResumeMiner, Deploy, RollbackMiner, SetLock}
)
"""What changes a rig: signed, verified before use, at most once, rate-limited."""

REQUESTS: frozenset[type[Payload]] = COMMANDS | {
    Ping, GetStats, SubscribeStats, GetLogs, FollowLogs, GetInfo, DeployChunk, GetHistory, AuditHeadTold
}  # fmt: skip
"""What is owed an answer."""

SIGNED: frozenset[type[Payload]] = COMMANDS | {
    MinerAck, DeployAck, DeployChunk, Error, Hello, Disconnect, Checkpoint
}  # fmt: skip
"""What is signed at once, and ends the session when it comes unsigned; the rest is covered by the next signature."""

REPLIES: frozenset[type[Payload]] = frozenset(
    {Pong, Stats, Logs, Info, History, AuditHeads, MinerAck, DeployAck, Error}
)
"""What answers something, and is therefore never answered with an error."""
