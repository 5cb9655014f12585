"""``/remote``: the rigs: their state, their miners, their logs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import CommandsFace, FleetFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.routes import Encoded
from miner_ctrl.api.streams import EndView, Event, Stream, close_with
from miner_ctrl.errors import BadInput
from miner_ctrl.model.miners import MAX_LOG_LINES, LogLine, NodeInfo
from miner_ctrl.model.profiles import LOCAL_PREFIX, ConfigValue
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import CommandView, RigView, View

REMOTE = Resource("remote")
_FAILURES = (403, 502, 504)


VersionHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{4,64}\Z")]


class StatsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``refresh``: ask every rig now, and wait for at most ``timeout`` seconds."""

    refresh: bool = False
    timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = msgspec.field(default=5.0, name="timeout")


class LogsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``lines``: how many of the last ones; ``follow``: go on with what is added, as events."""

    lines: Annotated[int, Meta(ge=0, le=MAX_LOG_LINES)] = 100
    follow: bool = False


class StartOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What to start: a profile, or a miner type, or both; ``config`` overrides single fields. ``profile_hash``: in this
    version, not as the profile is now. ``replace`` names a miner that is to run it from now on (``*``: the only one
    there is)."""

    miner_type: ShortText | None = None
    profile_id: ShortText | None = None
    profile_hash: VersionHash | None = None
    replace: ShortText | None = None
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)] = msgspec.field(default_factory=dict)


class MinerChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which miner; without a name, all of that rig."""

    miner_name: ShortText | None = None


class PauseOrder(MinerChoice, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which miner (without a name, all of that rig), and after how many seconds it goes on by itself."""

    resume_after_s: Annotated[int, Meta(ge=1, le=366 * 86400)] | None = None


class LockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signed change of a rig's wallet lock, as ``miner-ctrl lock sign`` writes it; the signature is base64."""

    document: Annotated[str, Meta(max_length=64 * 1024)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class LogLinesView(View, frozen=True, kw_only=True):
    """The event ``lines``. ``skipped``: bytes of the log that a slow reader missed before these."""

    lines: tuple[LogLine, ...]
    skipped: int = 0


@REMOTE.get("/remote/stats")
async def fleet_stats(fleet: FleetFace, commands: CommandsFace, query: StatsQuery) -> Encoded[dict[str, RigView]]:
    """Return every rig, by its ID.

    From memory: what the rigs pushed last, and how old it is. One that failed is there with its error.
    """
    if query.refresh:
        await commands.sweep(query.timeout_s)
    return Encoded(fleet.rigs_json())


@REMOTE.get("/remote/{peer}/stats", errors=_FAILURES)
async def rig_stats(commands: CommandsFace, peer: str) -> RigView:
    """Ask one rig for its state."""
    return await commands.stats(peer)


@REMOTE.get("/remote/{peer}/info", errors=_FAILURES)
async def rig_info(commands: CommandsFace, peer: str) -> NodeInfo:
    """Ask one rig for its machine, its miner programs and its profiles."""
    return await commands.info(peer)


@REMOTE.post("/remote/{peer}/start", errors=(409, *_FAILURES), keyed=True)
async def start_miner(commands: CommandsFace, peer: str, body: StartOrder) -> CommandView:
    """Start a miner on a rig."""
    check_start(body)
    return await commands.start(
        peer, profile=body.profile_id, miner_type=body.miner_type, config=body.config, replace=body.replace,
        version=body.profile_hash,
    )  # fmt: skip


def check_start(body: StartOrder) -> None:
    """Raise ``BadInput`` if it does not say what to start."""
    if body.profile_id is None and body.miner_type is None:
        raise BadInput(
            "Nothing says what to start.",
            suggestion="Give a profileId (the ID or name of a profile), or a minerType with a config.",
        )
    check_version(body.profile_id, body.profile_hash)


def check_version(profile: str | None, version: str | None) -> None:
    """Raise ``BadInput`` if a version is named, and not of which profile of this node."""
    if version is not None and (profile is None or profile.startswith(LOCAL_PREFIX)):
        raise BadInput(
            "A profileHash says which version of a profile of this node; none is named.",
            suggestion="Give its profileId too, or leave the profileHash out.",
        )


@REMOTE.post("/remote/{peer}/stop", errors=_FAILURES, keyed=True)
async def stop_miner(commands: CommandsFace, peer: str, body: MinerChoice) -> CommandView:
    """Stop one miner of a rig, or all."""
    return await commands.stop(peer, body.miner_name)


@REMOTE.post("/remote/{peer}/restart", errors=_FAILURES, keyed=True)
async def restart_miner(commands: CommandsFace, peer: str, body: MinerChoice) -> CommandView:
    """Stop and start one miner of a rig, or all."""
    return await commands.restart(peer, body.miner_name)


@REMOTE.post("/remote/{peer}/pause", errors=_FAILURES, keyed=True)
async def pause_miner(commands: CommandsFace, peer: str, body: PauseOrder) -> CommandView:
    """Pause one miner of a rig, or all; for good, or for some time."""
    return await commands.pause(peer, body.miner_name, body.resume_after_s)


@REMOTE.post("/remote/{peer}/resume", errors=_FAILURES, keyed=True)
async def resume_miner(commands: CommandsFace, peer: str, body: MinerChoice) -> CommandView:
    """Resume one miner of a rig, or all."""
    return await commands.resume(peer, body.miner_name)


@REMOTE.post("/remote/{peer}/lock", errors=(409, *_FAILURES), keyed=True)
async def change_lock(commands: CommandsFace, peer: str, body: LockChange) -> CommandView:
    """Change a rig's wallet lock with a document that a key of that lock has signed."""
    return await commands.set_lock(peer, body.document.encode(), body.signature)


@REMOTE.get("/remote/{peer}/logs/{miner}", errors=_FAILURES, events={"lines": LogLinesView, "end": EndView})
async def miner_logs(commands: CommandsFace, peer: str, miner: str, query: LogsQuery) -> list[str] | Stream:
    """Return the last lines of a miner's log, or follow it."""
    if query.follow:
        return Stream(_followed(commands, peer, miner, query.lines))
    if query.lines == 0:
        raise BadInput("No lines of a log are nothing to ask for.", suggestion="Use lines=1 to 10000, or follow=true.")
    return await commands.logs(peer, miner, query.lines)


async def _followed(commands: CommandsFace, peer: str, miner: str, lines: int) -> AsyncGenerator[Event, None]:
    parts = commands.follow_logs(peer, miner, lines)
    try:
        async for part in parts:
            yield Event("lines", LogLinesView(lines=tuple(part.lines), skipped=part.skipped))
    finally:
        await close_with(parts)
