"""Commands to rigs: found by name, reached, sent under one message id, answered or explained."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Protocol

import msgspec

from miner_ctrl.controller.answers import expect, wrong_answer
from miner_ctrl.controller.fleet import Fleet, RigMissing, RigPinged, RigReported
from miner_ctrl.controller.log_parts import ReaderTooSlow, parts_of, read_log
from miner_ctrl.errors import MinerCtrlError, NotFound, Refused, RequestTimedOut, Unreachable
from miner_ctrl.model.miners import NodeInfo
from miner_ctrl.model.profiles import LOCAL_PREFIX, ConfigValue, Profile
from miner_ctrl.model.repeats import COMMAND_SEED, id_from
from miner_ctrl.model.rig import Schedule, ScheduleState
from miner_ctrl.model.text import one_line
from miner_ctrl.model.views import CommandView, PingView, RigView
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.profiles import ProfileStore, validate
from miner_ctrl.protocol.codec import TYPE_NAMES
from miner_ctrl.protocol.messages import (
    IN_PROGRESS,
    Deploy,
    FollowLogs,
    GetInfo,
    GetStats,
    Info,
    Logs,
    MinerAck,
    PauseMiner,
    Payload,
    RestartMiner,
    ResumeMiner,
    SetLock,
    StartMiner,
    Stats,
    StopMiner,
)
from miner_ctrl.transport import Channel

ANSWER_WITHIN_S = 5.0
"""For what a rig answers from memory."""
COMMAND_WITHIN_S = 60.0
"""For a command: XMRig may take tens of seconds to end while it initialises its dataset."""
RIG_ARRIVES_WITHIN_S = 5.0
"""How long a command waits for a rig that dials here and is away for a moment: it restarts, or its link does."""
RIG_RETURNS_WITHIN_S = 60.0
"""How long a followed log waits for a rig whose link was lost: longer than a session takes to be back by itself."""
REPEAT_EVERY_S = 1.0


class Reach(Protocol):
    """Returns a live channel to a peer, dialling it if need be, or raises why there is none. A peer that dials this
    node itself is waited for, up to ``patience_s``."""

    def __call__(self, record: PeerRecord, patience_s: float = 0.0) -> Awaitable[Channel]: ...


class Commands:
    """What this controller can ask of its rigs.

    ``live`` returns the session that stands with a peer; ``new_message_id`` makes the id a command keeps through its
    repeats.
    """

    def __init__(
        self,
        registry: Registry,
        profiles: ProfileStore,
        fleet: Fleet,
        *,
        reach: Reach,
        live: Callable[[bytes], Channel | None],
        clock: Callable[[], float],
        new_message_id: Callable[[], str],
    ) -> None:
        self._registry = registry
        self._profiles = profiles
        self._fleet = fleet
        self._reach = reach
        self._live = live
        self._clock = clock
        self._new_message_id = new_message_id

    async def ping(self, query: str) -> PingView:
        """Measure one round trip to a peer."""
        record = self._registry.find(query)
        with _Scored(self._registry, record.keys.fingerprint):
            channel = await self._reach(record)
            rtt_s, offset_ms = await channel.ping(ANSWER_WITHIN_S)
        self._registry.record_ping(record.keys.fingerprint, rtt_s)
        self._fleet.apply(RigPinged(record.keys.fingerprint, rtt_s * 1000, offset_ms))
        return PingView(rtt_ms=round(rtt_s * 1000, 3), clock_offset_ms=round(offset_ms, 3))

    async def sweep(self, timeout_s: float = ANSWER_WITHIN_S) -> dict[str, RigView]:
        """Ask every rig now, all at once; those that fail are there with their reason."""
        asked: list[tuple[PeerRecord, asyncio.Future[Payload]]] = []
        away: list[PeerRecord] = []
        for record in filter(None, map(self._registry.get, self._fleet.fingerprints())):
            channel = self._live(record.keys.fingerprint)
            if channel is None:
                away.append(record)
                continue
            try:  # a future and no task: a thousand tasks cost more than the asking
                question = channel.ask(GetStats(), timeout_s=timeout_s)
            except MinerCtrlError as error:
                self._take_answer(record, error, timeout_s, connected=True)
            else:
                asked.append((record, question))
        refreshed = asyncio.gather(*(self._refresh(record, timeout_s) for record in away))
        answers = await asyncio.gather(*(question for _, question in asked), return_exceptions=True)
        for (record, _), answer in zip(asked, answers, strict=True):
            self._take_answer(record, answer, timeout_s, connected=True)
        await refreshed
        return self._fleet.rigs()

    async def stats(self, query: str, timeout_s: float = ANSWER_WITHIN_S) -> RigView:
        """Ask one rig now.

        Raises:
            Unreachable, Refused, OperationFailed: why it did not answer.
        """
        record = self.rig(query)
        error = await self._refresh(record, timeout_s)
        if error is not None:
            with _advised(record):
                raise error
        view = self._fleet.rig(record.keys.fingerprint)
        if view is None:
            raise _not_a_rig(record)
        return view

    async def start(
        self,
        query: str,
        *,
        profile: str | None,
        miner_type: str | None,
        config: Mapping[str, ConfigValue],
        replace: str | None = None,
        version: str | None = None,
    ) -> CommandView:
        """Start a miner: from our profile ``profile`` (in the ``version`` with that hash, else as it is now), or from
        the rig's own (``local:NAME``, or a name that only the rig knows). With ``replace`` the miner of that name
        (``*``: the only one) runs it from now on."""
        record = self.rig(query)
        overrides = {"miner_type": miner_type or "", "config": dict(config), "replace": replace or ""}
        if profile is None:
            return _done(await self.command(record, StartMiner(**overrides)))  # type: ignore[arg-type]
        name = profile.removeprefix(LOCAL_PREFIX)
        ours = None if profile.startswith(LOCAL_PREFIX) else self._own_profile(profile, version)
        if ours is None:
            with _profile_sought(record, name, only_there=profile.startswith(LOCAL_PREFIX)):
                return _done(await self.command(record, StartMiner(local_profile=name, **overrides)))  # type: ignore[arg-type]
        validate(miner_type or ours.miner_type, {**ours.config, **config})
        try:
            ack = await self.command(record, StartMiner(profile_hash=ours.content_hash, **overrides))  # type: ignore[arg-type]
        except NotFound as error:
            if error.code != "PROFILE_MISSING":
                raise
            sent_along = StartMiner(profile_hash=ours.content_hash, profile=ours, **overrides)  # type: ignore[arg-type]
            ack = await self.command(record, sent_along)
        return _done(ack)

    async def stop(self, query: str, miner: str | None) -> CommandView:
        """Stop one miner of a rig, or all."""
        return _done(await self.command(self.rig(query), StopMiner(miner=miner)))

    async def restart(self, query: str, miner: str | None) -> CommandView:
        """Restart one miner of a rig, or all."""
        return _done(await self.command(self.rig(query), RestartMiner(miner=miner)))

    async def pause(self, query: str, miner: str | None, resume_after_s: int | None = None) -> CommandView:
        """Pause one miner of a rig, or all; with ``resume_after_s`` until then."""
        return _done(await self.command(self.rig(query), PauseMiner(miner=miner, resume_after_s=resume_after_s)))

    async def resume(self, query: str, miner: str | None) -> CommandView:
        """Resume one miner of a rig, or all."""
        return _done(await self.command(self.rig(query), ResumeMiner(miner=miner)))

    async def deploy_profile(self, query: str, profile: str, version: str | None = None) -> CommandView:
        """Store one of our profiles on a rig, under its name; in the ``version`` with that hash, else as it is now."""
        record = self.rig(query)
        await self.command(record, Deploy(profile=self._in_version(profile, version)))
        return CommandView(status="stored")

    async def set_lock(self, query: str, document: bytes, signature: bytes) -> CommandView:
        """Send a rig a change of its wallet lock, signed by a key that the lock names."""
        return _done(await self.command(self.rig(query), SetLock(document=document, signature=signature)))

    async def deploy_schedule(self, query: str, schedule: Schedule) -> CommandView:
        """Have a rig keep another schedule; an empty one is none."""
        await self.command(self.rig(query), Deploy(schedule=schedule))
        return CommandView(status="stored")

    async def schedule(self, query: str) -> ScheduleState | None:
        """Ask a rig for its schedule."""
        record = self.rig(query)
        with _advised(record):
            return (await self.info(query)).schedule

    async def info(self, query: str) -> NodeInfo:
        """Ask a rig for its hardware, software and profiles."""
        record = self._registry.find(query)
        with _Scored(self._registry, record.keys.fingerprint):
            answer = await (await self._reach(record)).request(GetInfo(), timeout_s=ANSWER_WITHIN_S)
        return expect(answer, Info).info

    async def logs(self, query: str, miner: str, lines: int) -> list[str]:
        """Return the last lines of a miner's log, at most ``lines``."""
        record = self.rig(query)
        with _advised(record):
            return await read_log(await self._reach(record), miner, lines)

    async def follow_logs(self, query: str, miner: str, lines: int) -> AsyncIterator[Logs]:
        """Yield a miner's log as it grows, after its last ``lines`` lines, until it ends. After a lost link it goes on
        where it was, if the rig is back within ``RIG_RETURNS_WITHIN_S``."""
        record = self.rig(query)
        cursor: int | None = None
        lost_at_s: float | None = None
        while True:
            try:
                channel = await self._reach(record, RIG_ARRIVES_WITHIN_S)
                question = FollowLogs(miner=miner, lines=lines, cursor=cursor)
                async with aclosing(parts_of(channel, question)) as parts:
                    with _advised(record):
                        async for part in parts:
                            lost_at_s = None
                            if part.more:
                                cursor = part.cursor
                            yield part
            except ReaderTooSlow:
                continue
            except Unreachable:
                lost_at_s = self._clock() if lost_at_s is None else lost_at_s
                if cursor is None or self._clock() - lost_at_s > RIG_RETURNS_WITHIN_S:
                    raise
                await asyncio.sleep(REPEAT_EVERY_S)
            else:
                return

    async def _refresh(self, record: PeerRecord, timeout_s: float) -> MinerCtrlError | None:
        """Ask one rig now, dialling it if need be, within ``timeout_s`` in all; return why it did not answer."""
        connected = False
        answer: Payload | Exception
        try:
            async with asyncio.timeout(timeout_s):
                channel = await self._reach(record)
                connected = True
                answer = await channel.request(GetStats(), timeout_s=timeout_s)
        except (TimeoutError, MinerCtrlError) as error:
            answer = error
        return self._take_answer(record, answer, timeout_s, connected=connected)

    def _take_answer(
        self, record: PeerRecord, answer: Payload | BaseException, timeout_s: float, *, connected: bool
    ) -> MinerCtrlError | None:
        """Enter what came of the question for a rig's stats; return why there are none."""
        fingerprint = record.keys.fingerprint
        if isinstance(answer, Stats):
            self._registry.record_success(fingerprint)
            self._fleet.apply(RigReported(fingerprint, answer.stats, self._clock()))
            return None
        if isinstance(answer, Payload):
            answer = wrong_answer()
        elif isinstance(answer, TimeoutError | RequestTimedOut):
            answer = RequestTimedOut(
                f"{record.name} did not answer within {timeout_s:g} s.",
                suggestion="See whether the rig is up and busy, then try again.",
            )
        if not isinstance(answer, MinerCtrlError):
            raise answer
        _score_failure(self._registry, fingerprint, answer)
        self._fleet.apply(RigMissing(fingerprint, answer.message, answer.code, connected=connected))
        return answer

    async def reach(self, record: PeerRecord) -> Channel:
        """Return a session with a peer, dialling it or waiting for it if need be. Raises ``Unreachable``."""
        return await self._reach(record, RIG_ARRIVES_WITHIN_S)

    async def ask(self, record: PeerRecord, payload: Payload, *, within_s: float) -> Payload:
        """Ask a peer something that changes nothing. Raises as ``Channel.request``."""
        with _advised(record):
            return await (await self.reach(record)).request(payload, timeout_s=within_s)

    async def command(
        self,
        record: PeerRecord,
        payload: Payload,
        *,
        within_s: float = COMMAND_WITHIN_S,
        each_anew: bool = False,
    ) -> Payload:
        """Send a command until it is answered, under one message id: the rig carries it out once.

        A link that is lost meanwhile is waited for, and so is a rig that is still at it, until ``within_s`` have passed
        in all. Where the request has an idempotency key the message id follows from it, so that the rig knows a repeat
        of the request, unless ``each_anew``: what was said before is to be said again.

        Raises:
            Unreachable: as ``reach`` where nothing was sent; once something was, a plain one: it may have been done.
            MinerCtrlError: what the rig says.
        """
        message_id = self._message_id(record, payload, each_anew=each_anew)
        deadline_s = self._clock() + within_s
        sent = False
        with _advised(record), _Scored(self._registry, record.keys.fingerprint):
            while True:
                left_s = deadline_s - self._clock()
                channel = await self._link_for(record, sent=sent, is_last=left_s <= REPEAT_EVERY_S)
                if channel is not None:
                    sent = True
                    try:
                        answer = await channel.request(payload, timeout_s=left_s, message_id=message_id)
                    except RequestTimedOut:
                        raise
                    except Unreachable as error:
                        if left_s <= REPEAT_EVERY_S:
                            raise _not_known(record, error) from error
                    else:
                        if not isinstance(answer, MinerAck) or answer.status != IN_PROGRESS:
                            return answer
                        if left_s <= REPEAT_EVERY_S:
                            raise RequestTimedOut(
                                f"{record.name} has not finished this command within {within_s:g} s.",
                                suggestion="It may still take effect: look at miner-ctrl remote status.",
                            )
                await asyncio.sleep(REPEAT_EVERY_S)

    async def _link_for(self, record: PeerRecord, *, sent: bool, is_last: bool) -> Channel | None:
        """Return a channel for a command, or nothing where one that was ``sent`` is to be tried once more."""
        try:
            return await self._reach(record, RIG_ARRIVES_WITHIN_S)
        except MinerCtrlError as error:
            if not sent:
                raise
            if is_last or not isinstance(error, Unreachable):
                raise _not_known(record, error) from error
            return None

    def _message_id(self, record: PeerRecord, payload: Payload, *, each_anew: bool) -> str:
        seed = COMMAND_SEED.get()
        if seed is None or each_anew:
            return self._new_message_id()
        return id_from(
            seed, record.keys.fingerprint, TYPE_NAMES[type(payload)].encode(), msgspec.msgpack.encode(payload)
        )

    def rig(self, query: str) -> PeerRecord:
        """Return the peer that ``query`` names.

        Raises:
            NotFound: there is none, or it has said that it runs no miners.
            Conflict: there are several.
        """
        record = self._registry.find(query)
        if not record.role.works and record.last_seen_ms is not None:
            raise _not_a_rig(record)
        return record

    def _own_profile(self, name: str, version: str | None) -> Profile | None:
        try:
            return self._in_version(name, version)
        except NotFound:
            if version is not None:
                raise
            return None

    def _in_version(self, name: str, version: str | None) -> Profile:
        return self._profiles.find(name) if version is None else self._profiles.version(name, version)


def _not_known(record: PeerRecord, error: MinerCtrlError) -> Unreachable:
    """Return the error of a command that was sent and not answered; ``error``: why there is no link any more."""
    return Unreachable(
        f"The link to {record.name} went after the command was sent: it is not known whether the rig did it."
        f" Since then: {error.message}",
        suggestion=f"When {record.name} is back, look at miner-ctrl remote status before you give it again.",
    )


def _not_a_rig(record: PeerRecord) -> NotFound:
    return NotFound(
        f"{record.name} is a controller, and no rig of this node.",
        suggestion="See miner-ctrl remote status for the rigs there are.",
        code="NOT_A_RIG",
    )


@contextmanager
def _advised(record: PeerRecord) -> Iterator[None]:
    """Say what to do about a rig's refusal where the rig itself has not."""
    try:
        yield
    except Refused as error:
        error.suggestion = error.suggestion or (
            f"On {record.name}, run miner-ctrl peer list, then give this node what it needs:"
            " miner-ctrl peer grant PEER observe,control."
        )
        raise


@contextmanager
def _profile_sought(record: PeerRecord, name: str, *, only_there: bool) -> Iterator[None]:
    """Say of a profile that the rig did not find where it was looked for."""
    try:
        yield
    except NotFound as error:
        if error.code != "PROFILE_NOT_FOUND":
            raise
        if only_there:
            raise NotFound(
                f"{record.name} has no profile {one_line(name, 80)!r} of its own.",
                suggestion=f"Give it one of this node's: miner-ctrl remote deploy {record.name} --profile NAME.",
                code=error.code,
            ) from None
        raise NotFound(
            f"Neither this node nor {record.name} has a profile {one_line(name, 80)!r}.",
            suggestion="See miner-ctrl profile list for those there are, or make it with miner-ctrl profile create.",
            code=error.code,
        ) from None


class _Scored:
    """Counts what happens within as one interaction with a peer: a success, a time-out or a failure."""

    def __init__(self, registry: Registry, fingerprint: bytes) -> None:
        self._registry = registry
        self._fingerprint = fingerprint

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._registry.record_success(self._fingerprint)
        else:
            _score_failure(self._registry, self._fingerprint, error)


def _score_failure(registry: Registry, fingerprint: bytes, error: BaseException) -> None:
    """Count a time-out or a peer that could not be reached; that it said no is no failure of its."""
    if isinstance(error, TimeoutError | RequestTimedOut):
        registry.record_timeout(fingerprint, "It did not answer in time.")
    elif isinstance(error, Unreachable):
        registry.record_failure(fingerprint, error.message)


def _done(answer: Payload) -> CommandView:
    ack = expect(answer, MinerAck)
    return CommandView(status=one_line(ack.status), miner_name=ack.miners[0] if ack.miners else None, miners=ack.miners)
