"""Commands from peers: journalled, carried out at most once, answered with what happened."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, NotFound, OperationFailed
from miner_ctrl.miners import Miners
from miner_ctrl.model.audit import Audit
from miner_ctrl.model.callers import AccessRole, Caller, Door
from miner_ctrl.model.profiles import Profile
from miner_ctrl.profiles import ProfileStore, validate
from miner_ctrl.protocol.codec import TYPE_NAMES
from miner_ctrl.protocol.codes import WireCode, error_to_wire
from miner_ctrl.protocol.messages import (
    IN_PROGRESS,
    Deploy,
    DeployAck,
    Error,
    MinerAck,
    PauseMiner,
    RestartMiner,
    ResumeMiner,
    RollbackMiner,
    SetLock,
    StartMiner,
    StopMiner,
)
from miner_ctrl.storage.disk import disk_told
from miner_ctrl.transport import Channel, Request
from miner_ctrl.worker.deploys import DeployDesk
from miner_ctrl.worker.journal import Answer, Journal, Standing, command_hash
from miner_ctrl.worker.lock_desk import LockDesk, asked_by
from miner_ctrl.worker.rig_schedule import RigSchedule
from miner_ctrl.worker.starting import Starter

log = logging.getLogger(__name__)

PROFILE_MISSING = "PROFILE_MISSING"
ENDS_WITHIN_S = 5.0
"""What a command that is under way gets when the agent stops."""

_Each = Callable[[str], Awaitable[None]]


class CommandDesk:
    """Carries out what changes this rig. ``audit`` has each command that is not a repeat, and how it ended."""

    def __init__(
        self,
        miners: Miners,
        profiles: ProfileStore,
        journal: Journal,
        *,
        starter: Starter,
        schedule: RigSchedule,
        deploys: DeployDesk,
        lock: LockDesk,
        audit: Audit,
    ) -> None:
        self._audit = audit
        self._miners = miners
        self._profiles = profiles
        self._starter = starter
        self._schedule = schedule
        self._journal = journal
        self._deploys = deploys
        self._lock = lock
        self._under_way: set[asyncio.Task[object]] = set()
        self._closing = False

    async def close(self) -> None:
        """Carry out no more commands; what is under way gets ``ENDS_WITHIN_S`` to have its answer recorded."""
        self._closing = True
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=ENDS_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def carry_out(self, request: Request) -> Answer:
        """Answer one command; a repeat of its message id is never carried out again.

        The answer names the SHA-256 of the command's message, so that a third party can match the two.
        """
        if self._closing:
            raise OperationFailed("The rig's miner-ctrl is shutting down.", suggestion="Try again when it is back.")
        this = asyncio.current_task()
        assert this is not None  # noqa: S101 - handlers run in tasks
        self._under_way.add(this)
        try:
            return await self._carry_out(request)
        finally:
            self._under_way.discard(this)

    async def _carry_out(self, request: Request) -> Answer:
        digest = command_hash(request.payload)
        standing, known = await self._journal.begin(request.peer, request.id, digest)
        if standing is Standing.NEW:
            answer = _naming(await self._noted_attempt(request), request)
            await self._journal.finish(request.peer, request.id, answer)
            return answer
        if isinstance(known, MinerAck):
            return msgspec.structs.replace(known, repeated=True)
        return known or _naming(self._explain(standing), request)

    async def _noted_attempt(self, request: Request) -> Answer:
        payload = request.payload
        miner = getattr(payload, "miner", None)
        target = {} if miner is None else {"miner": miner}
        entry = self._audit.asked(caller_of_peer(request.channel), TYPE_NAMES[type(payload)], target, payload)
        code = "INTERRUPTED"
        try:
            answer = await self._attempt(request)
            code = "" if not isinstance(answer, Error) else str(answer.details.get("code") or answer.code)
        finally:
            self._audit.ended(entry, code)
        return answer

    async def _attempt(self, request: Request) -> Answer:
        payload = request.payload
        try:
            with disk_told(), asked_by(request.channel.node_id):
                return await self._act(request)
        except MinerCtrlError as error:
            routine = error.code == PROFILE_MISSING  # the controller sends the profile, and the command again
            level = logging.DEBUG if routine else logging.INFO
            log.log(level, "%s from %s failed: %s", type(payload).__name__, request.channel.node_id, error.message)
            return error_to_wire(error)
        except Exception:
            log.exception("%s from %s failed unexpectedly", type(payload).__name__, request.channel.node_id)
            return Error(code=WireCode.UNKNOWN, message="The rig failed in a way it did not expect; its log says how.")

    async def _act(self, request: Request) -> Answer:
        miners, payload = self._miners, request.payload
        by = request.channel.node_id
        match payload:
            case StartMiner():
                return MinerAck(status="started", miners=await self._start(payload, by))
            case Deploy():
                return await self._deploy(request, payload)
            case RollbackMiner():
                return await self._deploys.rollback(request, payload.miner_type)
            case SetLock():
                stopped = await self._lock.change(payload.document, payload.signature, by=by)
                return MinerAck(status="locked", miners=stopped)
            case StopMiner():
                each: tuple[str, _Each] = ("stopped", partial(miners.stop, by=by))
            case RestartMiner():
                each = ("restarted", partial(miners.restart, by=by))
            case PauseMiner():
                each = ("paused", partial(miners.pause, resume_after_s=payload.resume_after_s, by=by))
            case ResumeMiner():
                each = ("resumed", partial(miners.resume, by=by))
            case _:
                raise BadInput("This rig knows no such command.")
        ours_only = isinstance(payload, StopMiner | RestartMiner)
        return await self._for_each(*each, payload.miner, miners.names(own=ours_only))

    async def _start(self, payload: StartMiner, by: str) -> tuple[str, ...]:
        profile = self._profile_for(payload)
        if payload.miner_type or payload.config:
            profile = msgspec.structs.replace(
                profile,
                miner_type=payload.miner_type or profile.miner_type,
                config={**profile.config, **payload.config},
            )
        config = validate(profile.miner_type, profile.config)
        self._lock.allow(config)
        return await self._starter.start(profile, config, replace=payload.replace, by=by)

    def _profile_for(self, payload: StartMiner) -> Profile:
        if payload.local_profile:
            return self._profiles.find(payload.local_profile)
        if payload.profile is not None:
            if payload.profile_hash and payload.profile.content_hash != payload.profile_hash:
                raise BadInput("The profile that was sent is not the one its hash names.", code="PROFILE_CHANGED")
            self._lock.allow(validate(payload.profile.miner_type, payload.profile.config))
            self._profiles.remember(payload.profile)
            return payload.profile
        if payload.profile_hash:
            known = self._profiles.by_hash(payload.profile_hash)
            if known is None:
                raise NotFound("The rig does not have this profile yet.", code=PROFILE_MISSING)
            return known
        if payload.miner_type and payload.config:
            return Profile(id="", name="unnamed", miner_type=payload.miner_type, config=payload.config)
        raise BadInput("The command names no profile.", suggestion="Give a profile, or a miner type and its config.")

    async def _for_each(self, status: str, act: _Each, miner: str | None, all_names: tuple[str, ...]) -> MinerAck:
        names = (miner,) if miner is not None else all_names
        done: list[str] = []
        failures: list[MinerCtrlError] = []
        for name in names:
            try:
                await act(name)
                done.append(name)
            except MinerCtrlError as error:
                failures.append(error)
        if not failures:
            return MinerAck(status=status, miners=tuple(done))
        if len(names) == 1:
            raise failures[0]
        raise OperationFailed(
            f"{len(done)} of {len(names)} miners {status}; the first failure: {failures[0].message}",
            details={"done": done},
        )

    async def _deploy(self, request: Request, payload: Deploy) -> DeployAck:
        profile, schedule, bundle = payload.profile, payload.schedule, payload.bundle
        if profile is None and schedule is None and bundle is None:
            raise BadInput(
                "The command names nothing to keep.", suggestion="Give a profile, a schedule or a miner program."
            )
        if profile is not None:
            self._lock.allow(validate(profile.miner_type, profile.config))
            self._profiles.put(profile)
        if schedule is not None:
            self._schedule.set(schedule, by=request.channel.node_id)
        profile_hash = profile.content_hash if profile is not None else ""
        if bundle is None:
            return DeployAck(status="stored", profile_hash=profile_hash)
        answer = await self._deploys.offer(request, bundle)
        return msgspec.structs.replace(answer, profile_hash=profile_hash)

    def _explain(self, standing: Standing) -> Answer:
        """Answer a repeat whose outcome the journal does not hold."""
        if standing is Standing.IN_PROGRESS:
            return MinerAck(status=IN_PROGRESS, repeated=True)
        if standing is Standing.DIFFERENT:
            return error_to_wire(Conflict("Another command was sent under this message id before."))
        present = ", ".join(f"{stats.name} is {stats.state.value}" for stats in self._miners.latest())
        return Error(
            code=WireCode.OUTCOME_UNKNOWN,
            message="The rig was interrupted while it carried out this command; whether it took effect is not known.",
            details={
                "code": "OUTCOME_UNKNOWN",
                "suggestion": "Look at the rig's miners, then decide.",
                "miners": present,
            },
        )


def caller_of_peer(channel: Channel) -> Caller:
    """Return a peer as a caller. Its name is its own choice, its ID is not; it may do what it was granted."""
    return Caller(
        door=Door.PEER,
        role=AccessRole.OPERATOR,
        name=channel.hello.name,
        id=channel.node_id,
        address=channel.remote_host,
    )


def _naming(answer: Answer, request: Request) -> Answer:
    digest = hashlib.sha256(request.message_bytes).hexdigest()
    if isinstance(answer, Error):
        return msgspec.structs.replace(answer, details={**answer.details, "commandHash": digest})
    return msgspec.structs.replace(answer, command_hash=digest)
