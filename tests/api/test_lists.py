"""``?limit=&offset=&sort=&q=`` over HTTP, with the total in a header."""

from __future__ import annotations

import pytest

from miner_ctrl.model.views import FailureView
from tests.api.in_memory import Client, World, peer_view


@pytest.fixture
def many(world: World) -> World:
    names = ["rig-b", "Rig-a", "rig-d", "rig-c"]
    world.pairing.known = {
        f"{number:016x}": peer_view(
            f"{number:016x}",
            name,
            ping_ms=None if number == 0 else 10.0 - number,
            tags=("garage",) if number < 2 else (),
            last_failure=FailureView(reason="attic", at="now"),
        )
        for number, name in enumerate(names)
    }
    return world


@pytest.mark.parametrize(
    ("query", "names", "total"),
    [
        ("", ["rig-b", "Rig-a", "rig-d", "rig-c"], 4),
        ("?sort=name", ["Rig-a", "rig-b", "rig-c", "rig-d"], 4),
        ("?sort=-name", ["rig-d", "rig-c", "rig-b", "Rig-a"], 4),
        ("?sort=pingMs", ["rig-c", "rig-d", "Rig-a", "rig-b"], 4),
        ("?sort=-pingMs", ["Rig-a", "rig-d", "rig-c", "rig-b"], 4),
        ("?sort=name&limit=2&offset=1", ["rig-b", "rig-c"], 4),
        ("?offset=9", [], 4),
        ("?q=RIG-A", ["Rig-a"], 1),
        ("?q=garage&sort=name&limit=1", ["Rig-a"], 2),
        ("?q=nowhere", [], 0),
    ],
)
async def test_parts_of_a_list(client: Client, many: World, query: str, names: list[str], total: int) -> None:
    answer = await client("GET", f"/peers{query}")
    assert ([peer["name"] for peer in answer.data], answer.headers["x-total-count"]) == (names, str(total))


async def test_sorting_by_what_is_no_field_names_those_there_are(client: Client) -> None:
    answer = await client("GET", "/peers?sort=publickey")
    assert answer.data["code"] == "BAD_SORT"
    assert "publicKey" in answer.data["suggestion"]
    assert "lastFailure" not in answer.data["suggestion"]
