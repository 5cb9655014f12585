"""``/remote/start``, ``/remote/stop`` and so on: the commands to one rig, to many at once. Each answers with a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from miner_ctrl.api.deploys import DeployOrder, RollbackOrder, check_deploy, deployed, rollback
from miner_ctrl.api.faces import CommandsFace, DeploysFace, JobsFace
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
from miner_ctrl.model.jobs import JobView, Names, PeerFilter, Selection
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
Act = Callable[[str], Awaitable[View]]


@BULK.post("/remote/start", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def start_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkStart) -> JobView:
    """Start a miner on many rigs."""
    check_start(body)
    return await _job(jobs, caller, "start", body, lambda peer: start_miner(commands, peer, body))


@BULK.post("/remote/stop", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def stop_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkMinerChoice) -> JobView:
    """Stop one miner of each of many rigs, or all."""
    return await _job(jobs, caller, "stop", body, lambda peer: stop_miner(commands, peer, body))


@BULK.post("/remote/restart", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def restart_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkMinerChoice) -> JobView:
    """Stop and start one miner of each of many rigs, or all."""
    return await _job(jobs, caller, "restart", body, lambda peer: restart_miner(commands, peer, body))


@BULK.post("/remote/pause", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def pause_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkPause) -> JobView:
    """Pause one miner of each of many rigs, or all; for good, or for some time."""
    return await _job(jobs, caller, "pause", body, lambda peer: pause_miner(commands, peer, body))


@BULK.post("/remote/resume", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def resume_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkMinerChoice) -> JobView:
    """Resume one miner of each of many rigs, or all."""
    return await _job(jobs, caller, "resume", body, lambda peer: resume_miner(commands, peer, body))


@BULK.post("/remote/deploy", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def deploy_many(jobs: JobsFace, deploys: DeploysFace, caller: Caller, body: BulkDeploy) -> JobView:
    """Give many rigs a profile to keep, or a miner program to run. The job tells how far each is."""
    check_deploy(body)

    async def act(peer: str, told: Callable[[DeployProgress], None]) -> View:
        return await deployed(deploys, peer, body, told)

    return await jobs.start(
        caller, "deploy", _selection(body), act, order=body, can_be_stopped=True, dry_run=body.dry_run
    )


@BULK.post("/remote/rollback", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def rollback_many(jobs: JobsFace, deploys: DeploysFace, caller: Caller, body: BulkRollback) -> JobView:
    """Have many rigs go back to the version of a miner program that they had before."""
    return await _job(jobs, caller, "rollback", body, lambda peer: rollback(deploys, peer, body))


@BULK.post("/remote/schedule", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def schedule_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkSchedule) -> JobView:
    """Set the schedule of many rigs; one without rules that says run removes it."""
    schedule = Schedule(rules=body.rules, otherwise=body.otherwise)
    return await _job(jobs, caller, "schedule", body, lambda peer: set_rig_schedule(commands, peer, schedule))


@BULK.post("/remote/lock", status=202, errors=_FAILURES, max_body_bytes=MAX_BULK_BYTES, keyed=True)
async def lock_many(jobs: JobsFace, commands: CommandsFace, caller: Caller, body: BulkLock) -> JobView:
    """Change the wallet lock of many rigs with a document that a key of their locks has signed."""
    return await _job(jobs, caller, "lock", body, lambda peer: change_lock(commands, peer, body))


async def _job(jobs: JobsFace, caller: Caller, action: str, body: Bulk, act: Act) -> JobView:
    async def on_one(peer: str, told: Callable[[DeployProgress], None]) -> View:
        del told  # only deploys tell how far they are
        return await act(peer)

    return await jobs.start(caller, action, _selection(body), on_one, order=body, dry_run=body.dry_run)


def _selection(body: Bulk) -> Selection:
    return Selection(peers=body.peers, filter=body.filter)
