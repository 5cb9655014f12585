"""``/fleet`` and ``/alerts``: filtered, sorted, in parts, also for 10,000 rigs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from miner_ctrl.model.summaries import AlertKind, RigState, Severity
from tests.api.in_memory import RIG_ID, Client, World
from tests.api.overview import alert, rig_row

pytestmark = pytest.mark.usefixtures("door")


@pytest.fixture
def client(socket_path: Path, world: World) -> Client:
    for number in range(6):
        row = rig_row(f"{number:016x}", f"rig-{number}", hashrate=float(number))
        tags = ("shed",) if number % 2 else ()
        state = RigState.OFFLINE if number == 5 else RigState.MINING
        hashrate = {"gr": 100.0 - number} if number >= 3 else row.hashrate_hps
        world.overview.put(msgspec.structs.replace(row, tags=tags, state=state, hashrate_hps=hashrate))
    return Client(socket_path)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=name&limit=2", ["rig-0", "rig-1"]),
        ("sort=-name&limit=2&offset=1", ["rig-5", "rig-4"]),
        ("q=RIG-3", ["rig-3"]),
        ("tag=shed&sort=name", ["rig-1", "rig-3", "rig-5"]),
        ("tag=shed&state=mining&sort=name", ["rig-1", "rig-3"]),
        ("state=offline", ["rig-5"]),
        ("algorithm=gr&sort=-hashrate", ["rig-3", "rig-4", "rig-5"]),
        ("sort=-hashrate&limit=1", ["rig-alpha"]),
        ("sort=hashrate&algorithm=rx/0&limit=2", ["rig-0", "rig-1"]),
        ("state=trouble", []),
    ],
)
async def test_rigs_are_chosen_and_sorted(client: Client, query: str, names: list[str]) -> None:
    answer = await client("GET", f"/fleet?{query}")
    assert [row["name"] for row in answer.data] == names


async def test_the_total_is_that_of_what_was_chosen(client: Client) -> None:
    answer = await client("GET", "/fleet?tag=shed&limit=1")
    assert (len(answer.data), answer.headers["x-total-count"]) == (1, "3")


async def test_tags_are_counted_by_state(client: Client, world: World) -> None:
    row = rig_row("f" * 16, "hostile")
    world.overview.put(msgspec.structs.replace(row, tags=("<b>", "shed"), state=RigState.TROUBLE))
    answer = await client("GET", "/fleet/tags")
    none = {"mining": 0, "paused": 0, "idle": 0, "trouble": 0, "offline": 0}
    assert answer.data == [
        {"tag": "<b>", "rigs": 1, **none, "trouble": 1},
        {"tag": "shed", "rigs": 4, **none, "mining": 2, "trouble": 1, "offline": 1},
    ]


async def test_alerts_are_chosen(client: Client, world: World) -> None:
    world.overview.raise_alert(msgspec.structs.replace(alert("a2", "other", Severity.NOTICE), kind=AlertKind.CLOCK))
    for query, ids in (
        ("", ["a1", "a2"]), (f"rig={RIG_ID}", ["a1"]), ("severity=notice", ["a2"]), ("kind=clock", ["a2"]),
        ("sort=-id&limit=1", ["a2"]),
    ):  # fmt: skip
        answer = await client("GET", f"/alerts?{query}")
        assert [each["id"] for each in answer.data] == ids
    assert (await client("GET", "/alerts?severity=terrible")).status == 400


async def test_a_large_fleet_is_listed_whole(client: Client, world: World) -> None:
    for number in range(10_000):
        world.overview.put(rig_row(f"{number:016x}", f"rig-{number}"))
    answer = await client("GET", "/fleet")
    assert (len(answer.data), answer.headers["x-total-count"]) == (10_001, "10001")
    assert len((await client("GET", "/fleet?q=rig-999&limit=10")).data) == 10
