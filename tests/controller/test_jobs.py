"""Jobs: an answer for each rig, nobody held up by one that hangs, cancelled, and known after a restart."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.controller.fleet import RigConnected, RigReported
from miner_ctrl.controller.job import Job
from miner_ctrl.controller.jobs import AT_ONCE, KEPT_AT_MOST, RUNNING_AT_MOST
from miner_ctrl.errors import (
    BadInput,
    Conflict,
    MinerCtrlError,
    NotFound,
    RateLimited,
    StateDamaged,
    Unreachable,
)
from miner_ctrl.model.callers import OWNER, AccessRole, Caller, Door
from miner_ctrl.model.jobs import JobPeerState, JobPeerView, JobState, JobView, PeerFilter, Selection
from miner_ctrl.model.miners import MinerState, MinerStats, NodeStats
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.repeats import COMMAND_SEED
from tests.api.in_memory import until
from tests.controller.farm import Farm, Order


async def test_each_rig_has_its_own_answer(farm: Farm) -> None:
    farm.fails = {
        "rig-1": Unreachable("rig-1 is not there.", code="NOT_CONNECTED", suggestion="Is it on?"),
        "rig-2": NotFound("rig-2 is a controller.", code="NOT_A_RIG"),
        "rig-3": RuntimeError("a fault of ours: hunter2"),
    }
    job = await farm.ended((await farm.start()).id)
    assert (job.state, job.counts.done, job.counts.failed, job.counts.skipped) == (JobState.DONE, 3, 2, 1)
    peers = {peer.name: peer for peer in await farm.jobs.peers(job.id)}
    assert peers["rig-0"].answer == {"status": "stopped", "minerName": None, "miners": ["rig-0"]}
    error = peers["rig-1"].error
    assert error is not None
    assert (error.error, error.code, error.suggestion) == ("rig-1 is not there.", "NOT_CONNECTED", "Is it on?")
    fault = peers["rig-3"].error
    assert fault is not None
    assert (fault.code, "hunter2" in fault.error) == ("INTERNAL_ERROR", False)
    assert (job.sent_bytes, job.total_bytes) == (60, 120)


async def test_rigs_that_hang_hold_nobody(tmp_path: Path) -> None:
    farm = Farm(tmp_path, 3 * AT_ONCE)
    farm.hangs = {f"rig-{number}" for number in range(2 * AT_ONCE)}
    selection = Selection(peers=tuple(f"rig-{number}" for number in range(3 * AT_ONCE)), filter=None)
    job = await farm.start(selection)
    most, views = 0, [job]

    def note(seen: JobView, peer: JobPeerView | None) -> None:
        nonlocal most
        views.append(seen)
        most = max(most, len(farm.asked))

    farm.jobs.watch(note)
    await until(lambda: bool(farm.asked))
    assert most <= AT_ONCE, "all at once"
    await until(lambda: len(farm.asked) == 3 * AT_ONCE)
    await until(lambda: views[-1].counts.done == AT_ONCE)
    assert (await farm.jobs.get(job.id)).counts.running == 2 * AT_ONCE
    farm.let_go.set()
    assert (await farm.ended(job.id)).counts.done == 3 * AT_ONCE
    await farm.jobs.close()
    farm.registry.close()


@pytest.mark.parametrize("stoppable", [True, False])
async def test_a_cancelled_job_begins_with_nobody_and_stops_only_what_can_be_stopped(
    tmp_path: Path, stoppable: bool
) -> None:
    farm = Farm(tmp_path, AT_ONCE + 5)
    farm.hangs = set(farm.ids.values())
    job = await farm.start(stoppable=stoppable)
    await until(lambda: len(farm.asked) == AT_ONCE)
    cancelled = await farm.jobs.cancel(job.id)
    assert cancelled.counts.cancelled >= 5
    if not stoppable:
        assert (await farm.jobs.get(job.id)).state is JobState.RUNNING
        farm.let_go.set()
    ended = await farm.ended(job.id)
    assert ended.state is JobState.CANCELLED
    assert (ended.counts.cancelled, ended.counts.done) == ((AT_ONCE + 5, 0) if stoppable else (5, AT_ONCE))
    assert len(farm.asked) == AT_ONCE
    assert (await farm.jobs.cancel(job.id)) == ended
    await farm.jobs.close()
    farm.registry.close()


async def test_a_job_cancelled_before_its_tasks_ran_ends(farm: Farm) -> None:
    job = await farm.start(stoppable=True)
    await farm.jobs.cancel(job.id)
    assert (await farm.ended(job.id)).state is JobState.CANCELLED
    assert farm.asked == []


def stats(name: str, state: MinerState) -> NodeStats:
    miner = MinerStats(name="m", type="simulated", state=state)
    return NodeStats(node_id="0" * 16, node_name=name, at_ms=1, miners=(miner,))


async def test_a_filter_lets_through_what_all_of_it_is_true_of(farm: Farm) -> None:
    farm.registry.update(farm.fingerprint("rig-1"), tags=("Cellar", "gpu"))
    farm.registry.update(farm.fingerprint("rig-2"), tags=("cellar",), role=Role.DUAL)
    farm.fleet.apply(RigConnected(farm.fingerprint("rig-1"), "1"))
    farm.fleet.apply(RigReported(farm.fingerprint("rig-1"), stats("rig-1", MinerState.MINING), 1.0))
    farm.fleet.apply(RigReported(farm.fingerprint("rig-3"), stats("rig-3", MinerState.PAUSED), 1.0))
    cases: list[tuple[PeerFilter, set[str]]] = [
        (PeerFilter(), {f"rig-{number}" for number in range(6)}),
        (PeerFilter(tags=("cellar",)), {"rig-1", "rig-2"}),
        (PeerFilter(tags=("cellar", "GPU")), {"rig-1"}),
        (PeerFilter(q="RIG-4"), {"rig-4"}),
        (PeerFilter(state=MinerState.PAUSED), {"rig-3"}),
        (PeerFilter(online=True), {"rig-1"}),
        (PeerFilter(online=False, tags=("cellar",)), {"rig-2"}),
        (PeerFilter(role=Role.DUAL), {"rig-2"}),
    ]
    for wanted, expected in cases:
        seen = await farm.jobs.start(OWNER, "stop", Selection(None, wanted), farm.act, order=Order(), dry_run=True)
        assert {rig.name for rig in seen.peers} == expected, wanted
    assert farm.asked == []
    assert await farm.jobs.all() == []


async def test_rigs_are_named_by_id_prefix_and_name_and_each_is_told_once(farm: Farm) -> None:
    id_ = next(iter(farm.ids))
    name = farm.ids[id_]
    job = await farm.ended((await farm.start(Selection((id_, name, id_[:12]), None))).id)
    assert (job.total, farm.asked) == (1, [name])


@pytest.mark.parametrize(
    ("selection", "error"),
    [
        (Selection(None, None), BadInput),
        (Selection(("rig-0",), PeerFilter()), BadInput),
        (Selection((), None), BadInput),
        (Selection(None, PeerFilter(q="nobody")), BadInput),
        (Selection(("rig-0", "nobody"), None), NotFound),
    ],
)
async def test_a_selection_that_cannot_be_begins_nothing(
    farm: Farm, selection: Selection, error: type[MinerCtrlError]
) -> None:
    with pytest.raises(error):
        await farm.start(selection)
    assert (farm.asked, await farm.jobs.all()) == ([], [])


async def test_a_rig_removed_before_its_turn_is_skipped(farm: Farm) -> None:
    job = await farm.start(Selection(("rig-0", "rig-1"), None))
    farm.registry.remove(farm.fingerprint("rig-1"))
    await farm.ended(job.id)
    assert await farm.states(job.id) == {"rig-0": JobPeerState.DONE, "rig-1": JobPeerState.SKIPPED}


async def test_what_was_known_of_a_job_is_there_after_a_crash(farm: Farm) -> None:
    farm.hangs = {"rig-1"}
    farm.fails = {"rig-2": Unreachable("rig-2 is not there.")}
    caller = Caller(door=Door.TOKEN, role=AccessRole.OPERATOR, name="script")
    job = await farm.jobs.start(caller, "stop", Selection(("rig-0", "rig-1", "rig-2"), None), farm.act, order=Order())
    done = await farm.ended((await farm.start(Selection(("rig-3",), None))).id)
    after = farm.opened()
    async with asyncio.timeout(30):
        while {peer.state for peer in await _peers_on_disk(farm, job.id)} != {  # noqa: ASYNC110
            JobPeerState.DONE, JobPeerState.INTERRUPTED, JobPeerState.FAILED,
        }:  # fmt: skip
            await asyncio.sleep(0.05)
    seen = await after.get(job.id)
    assert (seen.state, seen.asked_by, seen.total, seen.finished_at) == (JobState.INTERRUPTED, "token script", 3, None)
    peers = {peer.name: peer for peer in await after.peers(job.id)}
    assert peers["rig-0"].answer == {"status": "stopped", "minerName": None, "miners": ["rig-0"]}
    assert peers["rig-1"].error is not None
    assert peers["rig-1"].error.code == "INTERRUPTED"
    assert peers["rig-2"].error is not None
    assert peers["rig-2"].error.error == "rig-2 is not there."
    assert await after.get(done.id) == done
    await after.close()


async def _peers_on_disk(farm: Farm, job: str) -> list[JobPeerView]:
    """Return what a node that starts now reads of a job."""
    jobs = farm.opened()
    try:
        return await jobs.peers(job)
    finally:
        await jobs.close()


async def test_a_node_that_stops_in_order_writes_down_where_it_was(farm: Farm) -> None:
    farm.hangs = {"rig-1"}
    job = await farm.start(Selection(("rig-0", "rig-1"), None))
    await until(lambda: farm.asked == ["rig-0", "rig-1"])
    await farm.jobs.close()
    farm.jobs = farm.opened()
    assert (await farm.jobs.get(job.id)).state is JobState.INTERRUPTED
    assert await farm.states(job.id) == {"rig-0": JobPeerState.DONE, "rig-1": JobPeerState.INTERRUPTED}


async def test_the_same_request_under_a_key_is_the_same_job_also_after_a_restart(farm: Farm) -> None:
    COMMAND_SEED.set(b"k")
    job = await farm.ended((await farm.start()).id)
    assert await farm.start() == job
    await farm.jobs.close()
    farm.jobs = farm.opened()
    assert await farm.start() == job
    with pytest.raises(Conflict) as raised:
        await farm.start(order=Order("start"))
    assert raised.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert len(farm.asked) == 6


class Named(msgspec.Struct, frozen=True, rename="camel"):
    """An order of before there were versions in orders."""

    miner_type: str = "xmrig"
    filter: PeerFilter = PeerFilter(role=Role.WORKER)


class Versioned(Named, frozen=True, rename="camel"):
    """The same one of today."""

    profile_hash: str | None = None


async def test_a_key_is_the_same_request_for_a_node_that_knows_of_versions(farm: Farm) -> None:
    COMMAND_SEED.set(b"k")
    job = await farm.ended((await farm.start(order=Named())).id)
    assert await farm.start(order=Versioned()) == job
    with pytest.raises(Conflict):
        await farm.start(order=Versioned(profile_hash="ab12"))


async def test_so_many_jobs_run_and_so_many_are_kept(farm: Farm) -> None:
    one = Selection(("rig-0",), None)
    farm.hangs = {"rig-0"}
    for _ in range(RUNNING_AT_MOST):
        await farm.start(one)
    with pytest.raises(RateLimited):
        await farm.start(one)
    farm.let_go.set()
    for job in await farm.jobs.all():
        await farm.ended(job.id)
    for _ in range(KEPT_AT_MOST):
        last = await farm.ended((await farm.start(one)).id)
    kept = await farm.jobs.all()
    assert (len(kept), kept[0].id) == (KEPT_AT_MOST, last.id)
    with pytest.raises(NotFound):
        await farm.jobs.get("job1")
    await farm.jobs.close()
    farm.jobs = farm.opened()
    assert len(await farm.jobs.all()) == KEPT_AT_MOST


def _put(noted: asyncio.Queue[tuple[str, JobState]], job: JobView) -> None:
    noted.put_nowait((job.id, job.state))


async def test_what_has_just_ended_is_written_down_before_the_jobs_are_closed(farm: Farm) -> None:
    for _ in range(KEPT_AT_MOST):
        await farm.ended((await farm.start(Selection(("rig-0",), None))).id)
    for _ in range(10):
        noted: asyncio.Queue[tuple[str, JobState]] = asyncio.Queue()
        farm.jobs.noted = partial(_put, noted)
        last = await farm.start(Selection(("rig-0",), None))
        while await noted.get() != (last.id, JobState.DONE):  # the one before it may be noted only now
            pass
        await farm.jobs.close()
        farm.jobs = farm.opened()
        kept = await farm.jobs.all()
        assert (len(kept), kept[0].id, kept[0].state) == (KEPT_AT_MOST, last.id, JobState.DONE)


async def test_watchers_hear_of_every_rig_until_they_do_not_want_to(farm: Farm) -> None:
    heard: list[tuple[str, str]] = []
    unwatch = farm.jobs.watch(lambda job, peer: heard.append((job.state, "" if peer is None else peer.state)))
    await farm.ended((await farm.start(Selection(("rig-0",), None))).id)
    await until(lambda: heard[-1] == ("done", ""))
    assert [state for _, state in heard if state] == ["running", "running", "done"]
    unwatch()
    length = len(heard)
    await farm.ended((await farm.start()).id)
    assert len(heard) == length


async def test_a_damaged_file_is_named_and_left_alone(farm: Farm) -> None:
    (farm.folder / "jobs.db").write_bytes(b"not a database")
    with pytest.raises(StateDamaged, match=r"jobs\.db"):
        await farm.jobs.all()
    assert (farm.folder / "jobs.db").read_bytes() == b"not a database"


async def test_jobs_are_closed_also_where_the_task_of_one_is_gone(farm: Farm) -> None:
    farm.hangs = {"rig-0"}
    job = await farm.start()
    task = farm.jobs._tasks.pop(job.id)
    await farm.jobs.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    farm.jobs = farm.opened()


async def test_what_cannot_be_written_down_is_done_all_the_same(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(job: Job) -> None:
        raise RuntimeError("a fault of ours")

    await farm.jobs.all()
    monkeypatch.setattr(farm.jobs._store, "add", broken)
    assert (await farm.ended((await farm.start()).id)).counts.done == 6
