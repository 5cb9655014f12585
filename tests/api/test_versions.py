"""``ETag``, ``If-Match``, ``If-None-Match``: nobody overwrites what they have not seen."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from miner_ctrl.model.nodes import Grant
from miner_ctrl.model.rig import Schedule, ScheduleState
from miner_ctrl.model.views import CommandView
from tests.api.in_memory import RIG_ID, Answer, Client, World
from tests.api.own_machine import MINER

PROFILE = {"name": "p", "minerType": "xmrig", "config": {"pool": "a:1"}}
OTHER = {"name": "p", "minerType": "xmrig", "config": {"pool": "b:2"}}
EDITED = [
    ("/peers/rig-alpha", "PATCH", {"tags": ["cellar"]}),
    ("/profiles/p", "PUT", OTHER),
    ("/schedule", "PUT", {"otherwise": "pause"}),
    ("/lock", "PUT", {"wallets": ["w"], "pools": ["p.example"]}),
]
"""Where it is read, and a change of it."""
STALE = '"000000000000000000000000"'


@pytest.fixture
async def made(client: Client) -> Client:
    await client("POST", "/profiles", PROFILE)
    return client


def refused(answer: Answer) -> bool:
    return (answer.status, answer.data["code"]) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize(("path", "method", "change"), EDITED)
async def test_of_two_editors_the_second_is_told(made: Client, path: str, method: str, change: object) -> None:
    seen = (await made("GET", path)).headers["etag"]
    first = await made(method, path, change, headers={"If-Match": seen})
    assert first.status == 200, first.text
    second = await made(method, path, change, headers={"If-Match": seen})
    assert refused(second)
    now = (await made("GET", path)).headers["etag"]
    assert now != seen
    assert first.headers["etag"] == second.headers["etag"] == second.data["details"]["etag"] == now
    assert (await made(method, path, change, headers={"If-Match": now})).status == 200


@pytest.mark.parametrize(
    "path", ["/peers/rig-alpha", "/profiles/p", "/schedule", "/lock", "/remote/rig-alpha/schedule"]
)
async def test_what_the_caller_has_is_not_sent_again(made: Client, path: str) -> None:
    seen = (await made("GET", path)).headers["etag"]
    for sent in (seen, f"W/{seen}", f'{STALE}, {seen}, "x"', "*"):
        answer = await made("GET", path, headers={"If-None-Match": sent})
        assert (answer.status, answer.text, answer.headers["etag"]) == (304, b"", seen), sent
    answer = await made("GET", path, headers={"If-None-Match": STALE})
    assert (answer.status, answer.headers["etag"]) == (200, seen)


async def test_a_list_of_tags_and_a_star_match_and_a_weak_tag_does_not(made: Client) -> None:
    seen = (await made("GET", "/profiles/p")).headers["etag"]
    for sent in (f"{STALE},{seen}", f'"a" , {seen}', "*"):
        answer = await made("PUT", "/profiles/p", PROFILE, headers={"If-Match": sent})
        assert answer.status == 200, sent
    assert refused(await made("PUT", "/profiles/p", PROFILE, headers={"If-Match": f"W/{seen}"}))


@pytest.mark.parametrize("sent", ["0123", '"open', "", ",", "W/", '"a" "b"', "*, *"])
async def test_a_header_that_is_no_list_of_tags_is_bad_input(made: Client, sent: str) -> None:
    for method, path, name in (("PUT", "/profiles/p", "If-Match"), ("GET", "/profiles/p", "If-None-Match")):
        answer = await made(method, path, PROFILE if method == "PUT" else None, headers={name: sent})
        assert (answer.status, answer.data["code"]) == (400, "BAD_ETAG"), (sent, method)


async def test_blanks_and_commas_take_no_time(made: Client) -> None:
    """Each of them has many ways to be matched: tried one after the other, they would take years."""
    for sent in ('"a"' + " ," * 1500 + " x", '"a",' + " " * 3500 + "x", ' ,\t"b"' * 500 + " W/"):
        assert (await made("GET", "/profiles/p", headers={"If-None-Match": sent})).data["code"] == "BAD_ETAG"
        assert (await made("DELETE", "/profiles/p", headers={"If-Match": sent})).data["code"] == "BAD_ETAG"


@pytest.mark.parametrize("path", ["/peers/rig-alpha", "/profiles/p", "/schedule", "/lock"])
async def test_what_has_changed_is_not_deleted(made: Client, world: World, path: str) -> None:
    before = (await made("GET", path)).headers["etag"]
    assert refused(await made("DELETE", path, headers={"If-Match": STALE}))
    assert (await made("GET", path)).headers["etag"] == before
    assert (await made("DELETE", path, headers={"If-Match": before})).status == 200


async def test_a_rigs_schedule_and_a_reverted_profile_have_their_tags(made: Client, world: World) -> None:
    seen = (await made("GET", "/remote/rig-alpha/schedule")).headers["etag"]
    order = {"otherwise": "pause"}
    assert refused(await made("POST", "/remote/rig-alpha/schedule", order, headers={"If-Match": STALE}))
    assert world.commands.calls == []
    assert (await made("POST", "/remote/rig-alpha/schedule", order, headers={"If-Match": seen})).status == 200
    assert refused(await made("POST", "/profiles/p/revert", {"hash": "0000"}, headers={"If-Match": STALE}))


async def test_a_peers_tag_is_of_what_can_be_edited(client: Client, world: World) -> None:
    [held] = world.pairing.known.values()

    async def tag_with(**changes: object) -> str:
        world.pairing.known[held.id] = replace(held, **changes)
        return (await client("GET", f"/peers/{RIG_ID}")).headers["etag"]

    seen = await tag_with()
    assert await tag_with(ping_ms=5.0, connected=False, state="offline", score=3) == seen
    assert await tag_with(address="10.9.8.7") == seen, "it comes from another host: nobody edited that"
    edits = {"name": "other", "dial_address": "10.9.8.7:9091", "tags": ("cellar",), "grants": (Grant.OBSERVE,)}
    others = {await tag_with(**{name: value}) for name, value in edits.items()}
    assert len({*others, seen}) == 5


async def test_of_many_editors_at_once_one_gets_through(made: Client) -> None:
    seen = (await made("GET", "/lock")).headers["etag"]
    answers = await asyncio.gather(
        *(
            made("PUT", "/lock", {"wallets": [f"w{number}"], "pools": ["p"]}, headers={"If-Match": seen})
            for number in range(8)
        )
    )
    assert sorted(answer.status for answer in answers) == [200, *[412] * 7]


async def test_editors_who_call_a_rig_by_different_names_take_turns(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Schedule()

    async def schedule(query: str) -> ScheduleState:
        await asyncio.sleep(0.01)  # the rig is asked: others go on meanwhile
        return ScheduleState(schedule=kept, now="run", local_time="mon 01:02")

    async def deploy(query: str, schedule: Schedule) -> CommandView:
        nonlocal kept
        await asyncio.sleep(0.01)
        kept = schedule
        return CommandView(status="set")

    monkeypatch.setattr(world.commands, "schedule", schedule)
    monkeypatch.setattr(world.commands, "deploy_schedule", deploy)
    seen = (await client("GET", "/remote/rig-alpha/schedule")).headers["etag"]
    answers = await asyncio.gather(
        *(
            client("POST", f"/remote/{name}/schedule", {"otherwise": "pause"}, headers={"If-Match": seen})
            for name in ("rig-alpha", RIG_ID) * 3
        )
    )
    assert sorted(answer.status for answer in answers) == [200, *[412] * 5]


async def test_old_clients_edit_without_a_tag(made: Client) -> None:
    assert (await made("PUT", "/profiles/p", OTHER)).status == 200
    assert (await made("DELETE", f"/miners/{MINER}", headers={"If-Match": STALE})).status == 200, "has no tag"
