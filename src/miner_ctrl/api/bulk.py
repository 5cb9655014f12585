"""``/remote/start``, ``/remote/stop`` and so on: the commands to one rig, to many at once, each answered with a job;
and a job once more, for those rigs on which it came to nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from miner_ctrl.api.deploys import DeployOrder, RollbackOrder, check_deploy, deployed, rollback
from miner_ctrl.api.faces import CommandsFace, DeploysFace, JobsFace, ProfilesFace
from miner_ctrl.api.pinning import must_be_there, pinned_deploy, pinned_start
from miner_ctrl.api.remote import (
    LockChange,
    MinerChoice,
    PauseOrder,
    StartOrder,
    change_lock,
    check_start,
    pause_miner,
    restart_miner,
    resume_miner,
    start_miner,
    stop_miner,
)
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.schedule import set_rig_schedule
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.jobs import JobView, Names, PeerFilter, Retry, Selection
from miner_ctrl.model.rig import Schedule
from miner_ctrl.model.views import DeployProgress, View

BULK = Resource("jobs")
_FAILURES = (404, 409, 429)
MAX_BULK_BYTES = 1024 * 1024
"""Room for the names of as many rigs as a job can be for."""


class BulkStart(StartOrder, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What to start, as on one rig, and which rigs: ``peers``, or a ``filter``. ``dry_run``: only say which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


class BulkMinerChoice(MinerChoice, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which miner of each rig (without a name, all), and which rigs: ``peers``, or a ``filter``. ``dry_run``: only say
    which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


class BulkPause(PauseOrder, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """As ``PauseOrder``, and which rigs: ``peers``, or a ``filter``. ``dry_run``: only say which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


class BulkDeploy(DeployOrder, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What each rig is to have, as ``DeployOrder`` (the job has the progress), and which rigs: ``peers``, or a
    ``filter``. ``dry_run``: only say which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


class BulkRollback(RollbackOrder, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """As ``RollbackOrder``, and which rigs: ``peers``, or a ``filter``. ``dry_run``: only say which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


class BulkSchedule(Schedule, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The schedule that each rig is to keep, and which rigs: ``peers``, or a ``filter``. ``dry_run``: say which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


class BulkLock(LockChange, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """As ``LockChange``, and which rigs: ``peers``, or a ``filter``. ``dry_run``: only say which."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    dry_run: bool = False


Bulk = BulkStart | BulkMinerChoice | BulkPause | BulkDeploy | BulkRollback | BulkSchedule | BulkLock
Told = Callable[[DeployProgress], None]


class _Kind(NamedTuple):
    """A command: the body that orders it, and what it does to one rig, by ``CommandsFace``, or by ``DeploysFace``;
    ``can_be_stopped`` while it does."""

    body: type[Bulk]
    act: Callable[[Any, str, Any, Told], Awaitable[View]]
    by_deploys: bool = False
    can_be_stopped: bool = False


_KINDS = {
    "start": _Kind(BulkStart, lambda by, peer, body, _: start_miner(by, peer, body)),
    "stop": _Kind(BulkMinerChoice, lambda by, peer, body, _: stop_miner(by, peer, body)),
    "restart": _Kind(BulkMinerChoice, lambda by, peer, body, _: restart_miner(by, peer, body)),
    "pause": _Kind(BulkPause, lambda by, peer, body, _: pause_miner(by, peer, body)),
    "resume": _Kind(BulkMinerChoice, lambda by, peer, body, _: resume_miner(by, peer, body)),
    "deploy": _Kind(BulkDeploy, deployed, by_deploys=True, can_be_stopped=True),
    "rollback": _Kind(BulkRollback, lambda by, peer, body, _: rollback(by, peer, body), by_deploys=True),
    "schedule": _Kind(BulkSchedule, lambda by, peer, body, _: set_rig_schedule(by, peer, _schedule(body))),
    "lock": _Kind(BulkLock, lambda by, peer, body, _: change_lock(by, peer, body)),
}


@BULK.post("/remote/start", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def start_many(
    jobs: JobsFace, commands: CommandsFace, profiles: ProfilesFace, caller: Caller, body: BulkStart
) -> JobView:
    """Start a miner on many rigs."""
    check_start(body)
    return await _job(jobs, commands, caller, "start", body, keeps=pinned_start(body, profiles))


@BULK.post("/remote/stop", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def stop_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkMinerChoice) -> JobView:
    """Stop one miner of each of many rigs, or all."""
    return await _job(jobs, commands, caller, "stop", body)


@BULK.post("/remote/restart", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def restart_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkMinerChoice) -> JobView:
    """Stop and start one miner of each of many rigs, or all."""
    return await _job(jobs, commands, caller, "restart", body)


@BULK.post("/remote/pause", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def pause_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkPause) -> JobView:
    """Pause one miner of each of many rigs, or all; for good, or for some time."""
    return await _job(jobs, commands, caller, "pause", body)


@BULK.post("/remote/resume", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def resume_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkMinerChoice) -> JobView:
    """Resume one miner of each of many rigs, or all."""
    return await _job(jobs, commands, caller, "resume", body)


@BULK.post("/remote/deploy", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def deploy_many(
    jobs: JobsFace, deploys: DeploysFace, profiles: ProfilesFace, caller: Caller, body: BulkDeploy
) -> JobView:
    """Give many rigs a profile to keep, or a miner program to run. The job tells how far each is."""
    check_deploy(body)
    return await _job(jobs, deploys, caller, "deploy", body, keeps=await pinned_deploy(body, profiles, deploys))


@BULK.post("/remote/rollback", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def rollback_many(jobs: JobsFace, deploys: DeploysFace, caller: Caller, body: BulkRollback) -> JobView:
    """Have many rigs go back to the version of a miner program that they had before."""
    return await _job(jobs, deploys, caller, "rollback", body)


@BULK.post("/remote/schedule", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def schedule_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkSchedule) -> JobView:
    """Set the schedule of many rigs; one without rules that says run removes it."""
    return await _job(jobs, commands, caller, "schedule", body)


@BULK.post("/remote/lock", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def lock_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkLock) -> JobView:
    """Change the wallet lock of many rigs with a document that a key of their locks has signed."""
    return await _job(jobs, commands, caller, "lock", body)


@BULK.post("/jobs/{id}/retry", status=202, errors=(*_FAILURES, 503), keyed=True)
async def retry_job(  # noqa: PLR0917 - called by name
    jobs: JobsFace,
    commands: CommandsFace,
    deploys: DeploysFace,
    profiles: ProfilesFace,
    caller: Caller,
    id: str,  # noqa: A002 - as in the path
) -> JobView:
    """Give the command of a job again, as a new job, to those rigs on which it failed, was interrupted or cancelled.

    With the same version of its profile or program. A rig that may have heard it already does it once; one on which a
    retry of it has done it meanwhile, or is at it, is left out.
    """
    known = await jobs.retried(id)
    if known is not None:  # what has changed since does not matter: it is the same request
        return known
    retry = await jobs.retry(id)
    kind = _KINDS[retry.action]
    order = msgspec.json.decode(retry.order, type=kind.body)
    if isinstance(order, BulkStart | BulkDeploy):
        await must_be_there(order, profiles, deploys)
    body = msgspec.structs.replace(order, peers=retry.peers)
    return await _job(jobs, deploys if kind.by_deploys else commands, caller, retry.action, body, retry=retry)


async def _job(
    jobs: JobsFace,
    by: CommandsFace | DeploysFace,
    caller: Caller,
    action: str,
    body: Bulk,
    *,
    keeps: Bulk | None = None,
    retry: Retry | None = None,
) -> JobView:
    """``keeps``: ``body`` made exact."""
    kind, order, selection = _KINDS[action], keeps or body, Selection(peers=body.peers, filter=body.filter)

    async def on_one(peer: str, told: Told) -> View:
        return await kind.act(by, peer, order, told)

    return await jobs.start(
        caller, action, selection, on_one, order=body, keeps=keeps, retry=retry, can_be_stopped=kind.can_be_stopped,
        dry_run=body.dry_run,
    )  # fmt: skip


def _schedule(body: BulkSchedule) -> Schedule:
    return Schedule(rules=body.rules, otherwise=body.otherwise)
