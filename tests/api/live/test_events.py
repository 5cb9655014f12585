"""The feed as server-sent events: the same messages, for who has only an HTTP client."""

from __future__ import annotations

import pytest

from miner_ctrl.protocol.messages import Logs
from tests.api.in_memory import RIG_ID, Client, World, until
from tests.api.overview import rig_row
from tests.api.own_machine import MINER

pytestmark = pytest.mark.usefixtures("door")


@pytest.fixture
def client(socket_path: object) -> Client:
    return Client(socket_path)  # type: ignore[arg-type]


async def test_the_feeds_messages_with_their_types_as_names(client: Client, world: World) -> None:
    reader = await client.events("/events?topics=fleet,alerts")
    assert reader.status == 200
    name, hello = await reader.next() or ("", {})
    assert (name, hello["type"], hello["seq"]) == ("hello", "hello", 1)
    seen = {}
    for _ in range(2):
        name, message = await reader.next() or ("", {})
        assert name == "snapshot"
        seen[message["topic"]] = [row["id"] for row in message["rows"]]
    assert seen == {"fleet": [RIG_ID], "alerts": ["a1"]}
    world.overview.put(rig_row(hashrate=2.0))
    name, delta = await reader.next() or ("", {})
    assert (name, delta["seq"], delta["changed"]) == ("delta", 4, [{"id": RIG_ID, "hashrate": {"rx/0": 2.0}}])
    reader.close()
    await until(lambda: not world.live.followed and not world.live._readers)


async def test_an_event_has_its_number_as_its_id(client: Client) -> None:
    reader = await client.events("/events?topics=totals")
    assert (await reader._chunk() or b"").startswith(b'id: 1\nevent: hello\ndata: {"type":"hello"')
    reader.close()


async def test_a_log_and_how_many_lines_of_it(client: Client, world: World) -> None:
    reader = await client.events(f"/events?topics=log:rig-alpha/{MINER}&lines=1")
    await reader.next()
    name, said = await reader.next() or ("", {})
    assert (name, len(said["lines"])) == ("log", 1)
    world.commands.feed.put_nowait(Logs(lines=("more",)))
    name, said = await reader.next() or ("", {})
    assert said["lines"] == ["more"]
    reader.close()
    await until(lambda: world.commands.followers == 0)


@pytest.mark.parametrize(
    ("query", "status"),
    [("topics=gossip", 404), ("topics=peer:nobody", 404), ("topics=,", 400), (f"topics={'fleet,' * 65}", 400),
     ("topics=fleet&lines=501", 400), ("topic=gossip", 400)],
)  # fmt: skip
async def test_what_cannot_be_followed_is_said_with_its_status(
    client: Client, world: World, query: str, status: int
) -> None:
    reader = await client.events(f"/events?{query}")
    assert reader.status == status
    assert not world.live._readers


async def test_a_head_follows_nothing(client: Client, world: World) -> None:
    assert (await client("HEAD", "/events?topics=fleet")).status == 200
    assert not world.live._readers


async def test_the_end_of_an_access_ends_the_stream(client: Client, world: World) -> None:
    reader = await client.events("/events?topics=totals")
    await reader.next()
    world.live.end_readers(lambda caller: True)
    while (event := await reader.next()) is not None:
        last = event
    assert last == ("end", {"error": "This access has ended.", "code": "ACCESS_ENDED", "status": 403})
