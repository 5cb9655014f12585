"""``/miners``: this machine's own miners, without a controller."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import RigFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.remote import LogLinesView, MinerChoice
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.streams import EndView, Event, Stream, close_with
from miner_ctrl.errors import BadInput
from miner_ctrl.model.addresses import parse_loopback_url
from miner_ctrl.model.miners import MAX_LOG_LINES, MinerStats
from miner_ctrl.model.nodes import check_name
from miner_ctrl.model.times import time_text
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import AvailableMinerView, CommandView, HashrateView, StatusView

MINERS = Resource("miners")
_FAILURES = (403, 502, 504)

Seconds = Annotated[float, Meta(gt=0, le=366 * 86400)]


class LocalLogsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``lines``: how many of the last ones; ``format``: each line as ``text``, or in ``base64``, as older clients want
    it; ``follow``: go on with what is added, as events (in text)."""

    lines: Annotated[int, Meta(ge=0, le=MAX_LOG_LINES)] = 100
    format: Literal["base64", "text"] = "base64"
    follow: bool = False


class LocalStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``replace``: the miner that is to run the profile from now on; ``*``: the only one there is."""

    replace: ShortText | None = None


class Pause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """``resume_after_s``: go on by itself after so many seconds."""

    resume_after_s: Seconds | None = None


class PauseChoice(MinerChoice, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which miner (without a name, all), and for how many seconds (left out: until it is resumed)."""

    resume_after_s: Seconds | None = None


class TerminalInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line to type at a miner's terminal."""

    input: Annotated[str, Meta(max_length=256)]


class Adoption(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A miner that runs already: its type, where its API is on this machine (``url`` or ``port``), and the token that
    it wants. ``name``: what it is called here."""

    miner_type: ShortText
    url: ShortText | None = None
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    token: Annotated[str, Meta(max_length=255)] = ""
    name: ShortText | None = None


@MINERS.get("/miners")
async def list_miners(rig: RigFace, query: ListQuery) -> Listing[MinerStats]:
    """Return the miners of this machine that run, and those that have crashed, with the reason."""
    return select(await rig.miners(), query, MinerStats)


@MINERS.get("/miners/available")
async def available_miners(rig: RigFace) -> list[AvailableMinerView]:
    """Return the miner programs that this machine has, or could have."""
    return [
        AvailableMinerView(
            name=each.type,
            description=each.description,
            installed=each.installed,
            version=each.version,
            path=each.path,
            simulated=each.simulated,
            capabilities=each.capabilities,
            fields=each.fields,
            source=each.source,
            previous=each.previous,
        )
        for each in await rig.available()
    ]


@MINERS.post("/miners/adopt", status=201, errors=(404, *_FAILURES))
async def adopt_miner(rig: RigFace, body: Adoption) -> CommandView:
    """Watch a miner that somebody else started, and control it as far as its API allows."""
    if (body.url is None) == (body.port is None):
        raise BadInput(
            "Nothing says, or two things say, where the miner's API is.",
            suggestion="Give its url, for example http://127.0.0.1:18088, or its port.",
        )
    if any(not "\x21" <= char <= "\x7e" for char in body.token):
        raise BadInput(
            "The token has characters that no API's token has.",
            suggestion="Give it as it stands in the miner's configuration.",
        )
    port = parse_loopback_url(body.url) if body.url is not None else body.port or 0
    name = check_name(body.name) if body.name is not None else None
    adopted = await rig.adopt(body.miner_type, port=port, token=body.token, name=name)
    return _done("adopted", (adopted,))


@MINERS.post("/miners/stop", errors=(404, *_FAILURES))
async def stop_miners(rig: RigFace, body: MinerChoice) -> CommandView:
    """Stop one miner of this machine, or all."""
    return _done("stopped", await rig.stop(body.miner_name))


@MINERS.post("/miners/restart", errors=(404, *_FAILURES))
async def restart_miners(rig: RigFace, body: MinerChoice) -> CommandView:
    """Stop and start one miner of this machine, or all."""
    return _done("restarted", await rig.restart(body.miner_name))


@MINERS.post("/miners/pause", errors=(404, *_FAILURES))
async def pause_miners(rig: RigFace, body: PauseChoice) -> CommandView:
    """Pause one miner of this machine, or all."""
    return _done("paused", await rig.pause(body.miner_name, body.resume_after_s))


@MINERS.post("/miners/resume", errors=(404, *_FAILURES))
async def resume_miners(rig: RigFace, body: MinerChoice) -> CommandView:
    """Resume one miner of this machine, or all."""
    return _done("resumed", await rig.resume(body.miner_name))


@MINERS.delete("/miners/{miner}", errors=_FAILURES)
async def stop_one_miner(rig: RigFace, miner: str) -> StatusView:
    """Stop a miner. It leaves the list; its log stays."""
    await rig.stop(miner)
    return StatusView(status="stopped")


@MINERS.get("/miners/{miner}/stats")
async def one_miner(rig: RigFace, miner: str) -> MinerStats:
    """Return one miner's state."""
    return await rig.miner(miner)


@MINERS.get("/miners/{miner}/hashrate-history")
async def hashrate_history(rig: RigFace, miner: str) -> list[HashrateView]:
    """Return a miner's hashrate as this process remembers it: about the last hour."""
    return [HashrateView(timestamp=time_text(at_ms), hashrate=hps) for at_ms, hps in rig.hashrates(miner)]


@MINERS.get("/miners/{miner}/logs", events={"lines": LogLinesView, "end": EndView})
async def own_miner_logs(rig: RigFace, miner: str, query: LocalLogsQuery) -> list[str] | Stream:
    """Return the last lines of a miner's log, or follow it. A stopped miner's log stays readable."""
    if query.follow:
        return Stream(_followed(rig, miner, query.lines))
    if query.lines == 0:
        raise BadInput("No lines of a log are nothing to ask for.", suggestion="Use lines=1 to 10000, or follow=true.")
    lines = await rig.logs(miner, query.lines)
    return lines if query.format == "text" else [b64encode(line.encode()).decode() for line in lines]


@MINERS.post("/miners/{miner}/restart", errors=_FAILURES)
async def restart_one_miner(rig: RigFace, miner: str) -> CommandView:
    """Stop a miner and start it again."""
    return _done("restarted", await rig.restart(miner))


@MINERS.post("/miners/{miner}/pause", errors=_FAILURES)
async def pause_one_miner(rig: RigFace, miner: str, body: Pause) -> CommandView:
    """Have a miner stop hashing, and keep its process."""
    return _done("paused", await rig.pause(miner, body.resume_after_s))


@MINERS.post("/miners/{miner}/resume", errors=_FAILURES)
async def resume_one_miner(rig: RigFace, miner: str) -> CommandView:
    """Have a paused miner go on."""
    return _done("resumed", await rig.resume(miner))


@MINERS.post("/miners/{miner}/stdin", errors=_FAILURES, local_only=True)
async def type_at_miner(rig: RigFace, miner: str, body: TerminalInput) -> StatusView:
    """Type one line at a miner's terminal; only on the machine itself."""
    await rig.type(miner, body.input.rstrip("\r\n"))
    return StatusView(status="sent")


@MINERS.delete("/miners/{miner}/adopt", errors=_FAILURES)
async def release_miner(rig: RigFace, miner: str) -> StatusView:
    """Let go of an adopted miner; it goes on."""
    await rig.release(miner)
    return StatusView(status="released")


@MINERS.post("/profiles/{profile}/start", errors=_FAILURES)
async def start_profile(rig: RigFace, profile: str, body: LocalStart) -> CommandView:
    """Start a miner of this machine from a profile."""
    return _done("started", await rig.start(profile, replace=body.replace))


def _done(status: str, names: Sequence[str]) -> CommandView:
    return CommandView(status=status, miner_name=names[0] if names else None, miners=tuple(names))


async def _followed(rig: RigFace, miner: str, lines: int) -> AsyncGenerator[Event, None]:
    parts = rig.follow_logs(miner, lines)
    try:
        async for part in parts:
            yield Event("lines", LogLinesView(lines=tuple(part.lines), skipped=part.skipped))
    finally:
        await close_with(parts)
