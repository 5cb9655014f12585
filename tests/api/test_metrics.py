"""``/metrics`` over HTTP, and what the API counts of itself."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.api.application import build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.metrics import RequestCounts
from miner_ctrl.metrics.families import REQUESTS
from miner_ctrl.model.callers import OWNER, AccessRole
from tests.api.in_memory import Client, World, until
from tests.api.test_application import assert_envelope
from tests.metrics.pages import parse_openmetrics, parse_text

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def page(client: Client) -> dict[tuple[str, ...], float]:
    answer = await client("GET", "/metrics", base="")
    assert answer.status == 200
    return {
        (one.name, *one.labels.values()): one.value
        for family in parse_text(answer.text.decode())
        for one in family.samples
    }


async def test_the_page_is_beside_the_base_path(client: Client) -> None:
    answer = await client("GET", "/metrics", base="")
    assert (answer.status, answer.headers["content-type"]) == (200, TEXT)
    assert int(answer.headers["content-length"]) == len(answer.text)
    assert (await page(client))["miner_ctrl_rig_hashrate_hps", "rig-alpha", "a1b2c3d4e5f60718", "rx/0"] == 1000.0


async def test_who_asks_for_openmetrics_gets_it(client: Client) -> None:
    answer = await client("GET", "/metrics", base="", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"] == OPENMETRICS
    assert [family.name for family in parse_openmetrics(answer.text.decode())].count(
        "miner_ctrl_rig_shares_accepted"
    ) == 1


async def test_head_says_how_long_the_page_is_and_sends_none(client: Client) -> None:
    answer = await client("HEAD", "/metrics", base="")
    assert (answer.status, answer.headers["content-type"], answer.text) == (200, TEXT, b"")
    assert int(answer.headers["content-length"]) > 1000


async def test_what_is_not_understood_is_refused(client: Client) -> None:
    assert_envelope(await client("GET", "/metrics?name=x", base=""), 400, "BAD_INPUT")
    refused = await client("POST", "/metrics", {}, base="")
    assert_envelope(refused, 405, "METHOD_NOT_ALLOWED")
    assert refused.headers["allow"] == "GET, HEAD"
    assert_envelope(await client("GET", "/metrics/", base=""), 404, "ROUTE_NOT_FOUND")


async def test_without_an_identity_there_are_metrics_of_this_node(socket_path: Path) -> None:
    world = World(identity=False)
    world.metrics.fleet = None
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=OWNER), socket_path)
    await door.open()
    found = await page(Client(socket_path))
    assert ("process_resident_memory_bytes",) in found
    await door.close()


async def test_who_does_not_say_who_asks_gets_nothing(world: World, socket_path: Path) -> None:
    counts = RequestCounts()
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), counts=counts), socket_path)
    await door.open()
    assert_envelope(await Client(socket_path)("GET", "/metrics", base=""), 401, "UNAUTHORIZED")
    assert_envelope(await Client(socket_path)("GET", "/metrics"), 401, "UNAUTHORIZED")
    assert counts.refused == {"unauthorized": 2}
    await door.close()


async def test_a_viewer_may_scrape(world: World, socket_path: Path) -> None:
    viewer = msgspec.structs.replace(OWNER, role=AccessRole.VIEWER)
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=viewer), socket_path)
    await door.open()
    assert (await Client(socket_path)("GET", "/metrics", base="")).status == 200
    await door.close()


async def test_requests_are_counted_by_route_and_nothing_a_caller_wrote_is_a_label(client: Client) -> None:
    await client("GET", "/peers/rig-alpha")
    await client("GET", "/peers/hunter2")
    await client("GET", "/hunter2/../etc")
    await client("PURGE", "/peers")
    await client("GET", "/remote/broken/stats")
    found = await page(client)
    requests = {tuple(labels): count for (name, *labels), count in found.items() if name == REQUESTS.name}
    assert requests == {
        ("GET", "/peers/{peer}", "2xx"): 1,
        ("GET", "/peers/{peer}", "4xx"): 1,
        ("GET", "unknown", "4xx"): 1,
        ("other", "/peers", "4xx"): 1,
        ("GET", "/remote/{peer}/stats", "5xx"): 1,
    }
    assert found["miner_ctrl_http_request_duration_seconds_count",] == 5
    assert not any("hunter2" in part.lower() for key in found for part in key)


async def test_what_never_became_a_request_is_counted_too(client: Client, world: World) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, str(client.path))
        await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n")
        assert (await loop.sock_recv(connection, 100)).startswith(b"HTTP/1.1 431")
    assert world.metrics.requests.refused == {"too_large": 1}


async def test_a_stream_is_counted_while_it_lasts_and_not_timed(client: Client, world: World) -> None:
    reader = await client.events("/events?topic=fleet")
    await reader.next()
    assert (await page(client))["miner_ctrl_http_streams",] == 1
    reader.close()
    await until(lambda: not world.metrics.requests.streams)
    counts = world.metrics.requests
    assert counts.answers["GET", "/events", "2xx"] == 1
    assert sum(counts.seconds.counts) == 1, "the page's own answer alone"


@pytest.mark.parametrize(("status", "reason"), [(401, "unauthorized"), (403, "forbidden"), (429, "rate_limited")])
def test_refusals_have_a_reason(status: int, reason: str) -> None:
    counts = RequestCounts()
    counts.answered("GET", "/x", status, 0.001)
    counts.answered("GET", "/x", 404, 0.001)
    assert counts.refused == {reason: 1}


async def test_ready_says_what_is_wrong_and_health_looks_at_nothing(client: Client, world: World) -> None:
    await client("POST", "/node/init", {"name": "x"})
    assert (await client("GET", "/ready")).data == {"status": "ready", "problems": []}
    wrong = ""
    world.metrics.problems_of += [lambda: wrong, lambda: "The audit log cannot be written."]
    wrong = "The history cannot be written: the disk is full."
    answer = await client("GET", "/ready")
    assert (answer.status, answer.data) == (
        200,
        {"status": "ready", "problems": [wrong, "The audit log cannot be written."]},
    ), "it controls all the same"
    assert (await client("GET", "/health")).data == {"status": "ok"}
