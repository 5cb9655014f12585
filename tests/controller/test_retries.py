"""Jobs tried again: on which rigs, each told once what it may have heard, and known by its key."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from miner_ctrl.controller.job import Job
from miner_ctrl.controller.job_store import _MIGRATIONS
from miner_ctrl.controller.orders import MAX_ORDER_BYTES
from miner_ctrl.errors import (
    Conflict,
    IdentityMismatch,
    NotFound,
    OperationFailed,
    RequestTimedOut,
    Unreachable,
)
from miner_ctrl.model.callers import OWNER
from miner_ctrl.model.jobs import JobState, JobView, Selection
from miner_ctrl.model.repeats import COMMAND_SEED, seed_of_job
from miner_ctrl.storage.sqlite import open_database
from tests.api.in_memory import until
from tests.controller.farm import Farm, Order


async def again(farm: Farm, job: str) -> JobView:
    if (known := await farm.jobs.retried(job)) is not None:
        return known
    retry = await farm.jobs.retry(job)
    order = msgspec.json.decode(retry.order, type=Order)
    return await farm.jobs.start(OWNER, retry.action, Selection(retry.peers, None), farm.act, order=order, retry=retry)


async def test_those_on_which_it_came_to_nothing_are_tried_again_also_after_a_restart(farm: Farm) -> None:
    farm.fails = {
        "rig-1": OperationFailed("No."),
        "rig-2": NotFound("rig-2 is a controller.", code="NOT_A_RIG"),
        "rig-3": Unreachable("The link went."),
    }
    farm.hangs = {"rig-4"}
    named = tuple(f"rig-{number}" for number in range(6))
    job = await farm.start(Selection(named, None), order=Order("halt"))
    await until(lambda: set(farm.asked) == set(named))
    await farm.jobs.close()
    farm.jobs, farm.fails, farm.hangs = farm.opened(), {}, set()
    first = await farm.jobs.get(job.id)
    assert (first.state, first.counts.interrupted, first.order) == (JobState.INTERRUPTED, 1, {"what": "halt"})
    farm.asked.clear()
    second = await farm.ended((await again(farm, job.id)).id)
    assert sorted(farm.asked) == ["rig-1", "rig-3", "rig-4"]
    assert (second.retry_of, second.order, second.counts.done) == (job.id, first.order, 3)
    # who may have heard it hears the same command; who said no hears another
    seeds = {name: farm.seeds[name] for name in farm.asked}
    own, of_first = seed_of_job(second.id), seed_of_job(job.id)
    assert seeds == {"rig-1": own, "rig-3": of_first, "rig-4": of_first}


async def test_who_may_have_heard_it_hears_the_same_command_each_time(farm: Farm) -> None:
    one = Selection(("rig-0",), None)
    farm.fails = {"rig-0": RequestTimedOut("It did not answer.")}
    first = await farm.ended((await farm.start(one)).id)
    second = await farm.ended((await again(farm, first.id)).id)
    await farm.jobs.close()
    farm.jobs, farm.fails = farm.opened(), {}
    third = await farm.ended((await again(farm, second.id)).id)
    assert (third.counts.done, third.retry_of) == (1, second.id)
    assert farm.seeds["rig-0"] == seed_of_job(first.id)


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("It dials this node itself.", code="NOT_CONNECTED"),
        Unreachable("It was sent, and the link went."),
        RuntimeError("a fault of ours"),
        IdentityMismatch("Somebody else is there."),
    ],
)
async def test_who_did_not_answer_is_told_the_same_also_by_the_retry_of_a_retry(farm: Farm, error: Exception) -> None:
    one = Selection(("rig-0",), None)
    farm.fails = {"rig-0": RequestTimedOut("It did not answer.")}
    first = await farm.ended((await farm.start(one)).id)
    farm.fails = {"rig-0": error}
    second = await farm.ended((await again(farm, first.id)).id)
    farm.fails = {"rig-0": OperationFailed("No.")}
    third = await farm.ended((await again(farm, second.id)).id)
    assert farm.seeds["rig-0"] == seed_of_job(first.id)
    fourth = await farm.ended((await again(farm, third.id)).id)
    assert farm.seeds["rig-0"] == seed_of_job(fourth.id), "it said no: it is told anew"


async def test_a_cancelled_retry_does_not_forget_who_may_have_heard_it(farm: Farm) -> None:
    one = Selection(("rig-0",), None)
    farm.fails = {"rig-0": RequestTimedOut("It did not answer.")}
    first = await farm.ended((await farm.start(one)).id)
    second = await again(farm, first.id)
    await farm.jobs.cancel(second.id)
    assert (await farm.ended(second.id)).counts.cancelled == 1
    farm.fails = {}
    await farm.ended((await again(farm, second.id)).id)
    assert farm.seeds["rig-0"] == seed_of_job(first.id)


async def test_what_was_cancelled_before_its_turn_is_tried_again(farm: Farm) -> None:
    job = await farm.start()
    await farm.jobs.cancel(job.id)
    assert (await farm.ended(job.id)).counts.cancelled == 6
    assert (await farm.ended((await again(farm, job.id)).id)).counts.done == 6


async def test_rigs_that_were_removed_are_left_out_and_nobody_left_is_said(farm: Farm) -> None:
    farm.fails = {name: OperationFailed("No.") for name in ("rig-0", "rig-1")}
    job = await farm.ended((await farm.start()).id)
    farm.registry.remove(farm.fingerprint("rig-0"))
    assert len((await farm.jobs.retry(job.id)).peers) == 1
    farm.registry.remove(farm.fingerprint("rig-1"))
    with pytest.raises(Conflict, match="have all been removed") as raised:
        await farm.jobs.retry(job.id)
    assert raised.value.code == "NOTHING_TO_RETRY"


async def test_a_retry_under_a_key_is_the_same_job_also_when_a_rig_was_removed_since(farm: Farm) -> None:
    farm.fails = {name: OperationFailed("No.") for name in ("rig-0", "rig-1")}
    job = await farm.ended((await farm.start()).id)
    COMMAND_SEED.set(b"again")
    second = await farm.ended((await again(farm, job.id)).id)
    farm.registry.remove(farm.fingerprint("rig-0"))
    assert await again(farm, job.id) == second
    assert len(await farm.jobs.all()) == 2


async def test_a_key_that_made_a_retry_is_known_whatever_has_become_of_the_job(farm: Farm) -> None:
    farm.fails = {"rig-0": OperationFailed("No.")}
    job, other = [await farm.ended((await farm.start(Selection(("rig-0",), None))).id) for _ in range(2)]
    assert await farm.jobs.retried(job.id) is None
    COMMAND_SEED.set(b"again")
    assert await farm.jobs.retried(job.id) is None
    second = await farm.ended((await again(farm, job.id)).id)
    farm.registry.remove(farm.fingerprint("rig-0"))
    await farm.jobs.close()
    farm.jobs = farm.opened()
    assert await farm.jobs.retried(job.id) == second
    with pytest.raises(Conflict) as raised:
        await farm.jobs.retried(other.id)
    assert raised.value.code == "IDEMPOTENCY_KEY_REUSED"


async def test_rigs_removed_while_a_retry_is_prepared_are_left_out(farm: Farm) -> None:
    farm.fails = {name: OperationFailed("No.") for name in ("rig-0", "rig-1")}
    job = await farm.ended((await farm.start()).id)
    retry = await farm.jobs.retry(job.id)

    async def start() -> JobView:
        chosen = Selection(retry.peers, None)
        return await farm.jobs.start(OWNER, "stop", chosen, farm.act, order=Order(), retry=retry)

    farm.registry.remove(farm.fingerprint("rig-0"))
    assert (await farm.ended((await start()).id)).total == 1
    farm.registry.remove(farm.fingerprint("rig-1"))
    with pytest.raises(Conflict, match="all been removed") as raised:
        await start()
    assert raised.value.code == "NOTHING_TO_RETRY"


async def test_what_a_retry_has_done_or_is_at_is_not_tried_once_more(farm: Farm) -> None:
    names = ("rig-0", "rig-1", "rig-2")
    farm.fails = {name: OperationFailed("No.") for name in names}
    job = await farm.ended((await farm.start(Selection(names, None))).id)
    farm.fails, farm.hangs = {"rig-1": RequestTimedOut("It did not answer.")}, {"rig-2"}
    second = await again(farm, job.id)
    async with asyncio.timeout(30):
        while (await farm.jobs.get(second.id)).counts.failed < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    farm.fails = {}
    third = await farm.ended((await again(farm, job.id)).id)
    assert (third.total, farm.asked[-1]) == (1, "rig-1")
    assert farm.seeds["rig-1"] == seed_of_job(second.id), "it may have heard the second"
    with pytest.raises(Conflict, match="that is done, or under way") as raised:
        await again(farm, job.id)
    assert raised.value.code == "NOTHING_TO_RETRY"


async def test_a_job_that_a_fault_of_ours_cuts_off_has_ended_and_the_jobs_can_be_closed(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_through = farm.jobs._go_through

    async def broken(job: Job) -> None:
        monkeypatch.setattr(farm.jobs, "_go_through", go_through)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(farm.jobs, "_go_through", broken)
    job = await farm.ended((await farm.start()).id)
    assert (job.state, job.counts.interrupted) == (JobState.INTERRUPTED, 6)
    assert {peer.error.code for peer in await farm.jobs.peers(job.id) if peer.error} == {"INTERNAL_ERROR"}
    assert (await farm.ended((await again(farm, job.id)).id)).counts.done == 6


async def test_an_order_that_is_too_long_is_not_kept_and_that_is_said(farm: Farm) -> None:
    farm.fails = {"rig-0": OperationFailed("No.")}
    whole = await farm.ended((await farm.start(order=Order("x" * (MAX_ORDER_BYTES - 11)))).id)
    assert (await farm.jobs.retry(whole.id)).peers
    long = await farm.ended((await farm.start(order=Order("x" * (MAX_ORDER_BYTES - 10)))).id)
    assert long.order is None
    with pytest.raises(Conflict, match="longer than the 64 KiB") as raised:
        await farm.jobs.retry(long.id)
    assert raised.value.code == "ORDER_NOT_KEPT"


async def test_jobs_of_before_orders_were_kept_are_read_and_not_tried_again(farm: Farm) -> None:
    database = open_database(farm.folder / "jobs.db", _MIGRATIONS[:1], what="list of jobs")
    keys = farm.registry.find("rig-0").keys
    database.execute("INSERT INTO job VALUES ('old', 'stop', 'owner', x'00', 1, 2, 'done')")
    database.execute(
        "INSERT INTO job_peer VALUES ('old', 0, ?, ?, 'rig-0', 'failed', NULL, NULL, '', 0, 0, 1, 2)",
        (keys.fingerprint, keys.node_id),
    )
    database.close()
    old = await farm.jobs.get("old")
    assert (old.counts.failed, old.order, old.retry_of) == (1, None, "")
    with pytest.raises(Conflict, match="did not keep") as raised:
        await farm.jobs.retry("old")
    assert raised.value.code == "ORDER_NOT_KEPT"
    assert (await farm.ended((await farm.start()).id)).counts.done == 6
