"""``Idempotency-Key``: a request that is sent again is carried out once."""

from __future__ import annotations

import asyncio
import json

import pytest

from miner_ctrl.api.repeats import KEPT_AT_MOST, KEPT_FOR_S, Answer, Repeats
from miner_ctrl.errors import Conflict, OperationFailed, Unreachable
from miner_ctrl.model.repeats import COMMAND_SEED
from tests.api.in_memory import GOOD_TOKEN, Client, World, until

KEY = {"Idempotency-Key": "7f6a"}
PROFILE = {"name": "p", "minerType": "xmrig", "config": {"pool": "a:1"}}


async def test_the_first_answer_is_given_again(client: Client, world: World) -> None:
    first = await client("POST", "/remote/rig-alpha/stop", {"minerName": "x"}, headers=KEY)
    again = await client("POST", "/remote/rig-alpha/stop", {"minerName": "x"}, headers=KEY)
    assert (again.status, again.text) == (first.status, first.text) == (200, first.text)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert world.commands.calls == [("stop", "x")]


async def test_a_creation_is_answered_201_again_and_there_is_one(client: Client) -> None:
    first = await client("POST", "/profiles", PROFILE, headers=KEY)
    again = await client(
        "POST",
        "/profiles",
        raw=json.dumps(PROFILE, indent=3).encode(),
        headers={**KEY, "Content-Type": "application/json"},
    )
    assert (first.status, again.status, again.text) == (201, 201, first.text)
    assert len((await client("GET", "/profiles")).data) == 1
    assert (await client("POST", "/profiles", PROFILE)).status == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [("/remote/rig-alpha/stop", {"minerName": "y"}), ("/remote/rig-alpha/restart", {"minerName": "x"})],
)
async def test_another_request_under_the_same_key_is_refused(
    client: Client, world: World, path: str, body: object
) -> None:
    await client("POST", "/remote/rig-alpha/stop", {"minerName": "x"}, headers=KEY)
    answer = await client("POST", path, body, headers=KEY)
    assert (answer.status, answer.data["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert len(world.commands.calls) == 1


async def test_a_repeat_while_the_first_runs_is_told_to_wait(client: Client, world: World) -> None:
    world.deploys.goes_on.clear()
    order = {"minerType": "xmrig"}
    first = asyncio.create_task(client("POST", "/remote/rig-alpha/deploy", order, headers=KEY))
    await until(lambda: bool(world.commands.calls))
    again = await client("POST", "/remote/rig-alpha/deploy", order, headers=KEY)
    assert (again.status, again.data["code"], again.headers["retry-after"]) == (409, "STILL_RUNNING", "1")
    world.deploys.goes_on.set()
    assert (await first).status == 200
    assert (await client("POST", "/remote/rig-alpha/deploy", order, headers=KEY)).text == (await first).text
    assert len(world.commands.calls) == 1


async def test_what_came_to_nothing_may_be_tried_again_and_what_failed_on_the_rig_is_told_again(
    client: Client, world: World
) -> None:
    order, path = {"minerType": "xmrig"}, "/remote/rig-alpha/deploy"
    world.deploys.fails = Unreachable("The link is gone.")
    assert (await client("POST", path, order, headers=KEY)).status == 504
    world.deploys.fails = OperationFailed("It does not start.")
    failed = await client("POST", path, order, headers=KEY)
    world.deploys.fails = None
    again = await client("POST", path, order, headers=KEY)
    assert (again.status, again.text) == (failed.status, failed.text) == (502, failed.text)
    assert len(world.commands.calls) == 2


async def test_a_secret_is_given_once(client: Client, world: World) -> None:
    first = await client("POST", "/invites", {}, headers=KEY)
    assert first.data["token"] == GOOD_TOKEN
    again = await client("POST", "/invites", {}, headers=KEY)
    assert (again.status, again.data["code"]) == (409, "ANSWER_NOT_KEPT")
    assert GOOD_TOKEN.encode() not in again.text
    assert len(world.pairing.calls) == 1


async def test_a_job_is_begun_once(client: Client, world: World) -> None:
    order: dict[str, object] = {"filter": {}}
    first = await client("POST", "/remote/stop", order, headers=KEY)
    again = await client("POST", "/remote/stop", order, headers=KEY)
    assert (first.status, again.status, again.data["id"]) == (202, 202, first.data["id"])
    assert len((await client("GET", "/jobs")).data) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\xe4"])
async def test_what_cannot_be_a_key_is_bad_input(client: Client, world: World, key: str) -> None:
    answer = await client("POST", "/remote/rig-alpha/stop", {}, headers={"Idempotency-Key": key})
    assert (answer.status, answer.data["code"]) == (400, "BAD_IDEMPOTENCY_KEY")
    assert world.commands.calls == []


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


ANSWER = Answer(200, b"{}")


def carried_out(repeats: Repeats, name: bytes) -> bool:
    """Whether a request is carried out, and not answered as before."""
    with repeats.request(name, b"d") as request:
        if request.earlier is not None:
            return False
        assert COMMAND_SEED.get() == name
        request.answered(ANSWER)
    assert COMMAND_SEED.get() is None
    return True


def test_answers_are_forgotten_after_a_day() -> None:
    clock = Clock()
    repeats = Repeats(clock=clock)
    assert carried_out(repeats, b"1")
    clock.s = KEPT_FOR_S - 1
    assert not carried_out(repeats, b"1")
    clock.s = KEPT_FOR_S
    assert carried_out(repeats, b"1")


def test_there_are_at_most_so_many_and_the_oldest_go_first() -> None:
    repeats = Repeats(clock=Clock())
    with repeats.request(b"runs", b"d"):
        for number in range(KEPT_AT_MOST + 10):
            assert carried_out(repeats, b"%d" % number)
            assert len(repeats) <= KEPT_AT_MOST
        with pytest.raises(Conflict):
            carried_out(repeats, b"runs")
    assert not carried_out(repeats, b"%d" % (KEPT_AT_MOST + 9))
    assert carried_out(repeats, b"0")
