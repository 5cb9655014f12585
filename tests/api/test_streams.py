"""Streams: what they send, how they end, and what a slow or vanished reader leaves behind."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.api.application import build_app
from miner_ctrl.api.events import _fleet_events
from miner_ctrl.api.http_protocol import HttpProtocol
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.remote import _followed
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.api.streams import Event, Stream, send_stream
from miner_ctrl.errors import Unreachable
from miner_ctrl.model.callers import LOOPBACK
from miner_ctrl.protocol.messages import Logs
from tests.api.in_memory import RIG_ID, Client, World, rig_view, until
from tests.api.own_machine import MINER

DEPLOY = "/remote/rig-alpha/deploy"
FOLLOW = f"/remote/rig-alpha/logs/{MINER}?follow=true"


async def test_follow_logs_until_they_end(client: Client, world: World) -> None:
    reader = await client.events(FOLLOW + "&lines=2")
    assert reader.status == 200
    assert b"content-type: text/event-stream" in reader.head
    assert await reader.next() == ("lines", {"lines": ["line 0", "line 1"], "skipped": 0})
    world.commands.feed.put_nowait(Logs(lines=("a", "b\nc"), skipped=7))
    assert await reader.next() == ("lines", {"lines": ["a", "b\nc"], "skipped": 7})
    world.commands.feed.put_nowait(None)
    assert await reader.next() == ("end", {"reason": "There is no more."})
    assert await reader.next() is None
    assert world.commands.followers == 0


async def test_a_late_error_is_the_last_event(client: Client, world: World) -> None:
    reader = await client.events(FOLLOW)
    await reader.next()
    world.commands.feed.put_nowait(Unreachable("The rig is gone.", suggestion="Wait."))
    last = {"error": "The rig is gone.", "code": "PEER_UNREACHABLE", "suggestion": "Wait.", "status": 504}
    assert await reader.next() == ("end", last)
    assert await reader.next() is None


async def test_an_early_error_has_its_status(client: Client) -> None:
    reader = await client.events("/remote/gone/logs/x?follow=true")
    assert reader.status == 504


async def test_a_bug_in_a_stream_cuts_the_connection(client: Client, world: World) -> None:
    reader = await client.events(FOLLOW)
    await reader.next()
    world.commands.feed.put_nowait(RuntimeError("a bug"))
    with pytest.raises(asyncio.IncompleteReadError):
        await reader.next()
    await until(lambda: world.commands.followers == 0)


async def test_a_reader_that_leaves_is_let_go(client: Client, world: World) -> None:
    logs, fleet = await client.events(FOLLOW), await client.events("/events?topic=fleet")
    await logs.next()
    await fleet.next()
    assert (world.commands.followers, len(world.fleet.watchers)) == (1, 1)
    logs.close()
    fleet.close()
    await until(lambda: world.commands.followers == 0 and not world.fleet.watchers)


async def test_fleet_snapshot_then_changes(client: Client, world: World) -> None:
    reader = await client.events("/events?topic=fleet")
    name, snapshot = await reader.next() or ("", {})
    assert (name, list(snapshot)) == ("snapshot", [RIG_ID])
    assert snapshot[RIG_ID]["nodeName"] == "rig-alpha"
    world.fleet.change(rig_view(hashrate=2.0))
    name, rig = await reader.next() or ("", {})
    assert (name, rig["miners"][0]["hashrate"]) == ("rig", 2.0)
    world.fleet.remove(RIG_ID)
    assert await reader.next() == ("removed", {"id": RIG_ID})
    reader.close()


async def test_a_waiting_change_is_replaced_by_the_next_of_that_rig(world: World) -> None:
    events = _fleet_events(world.fleet)
    assert (await anext(events)).name == "snapshot"
    world.fleet.change(rig_view("b" * 16, hashrate=0))
    for hashrate in range(1000):
        world.fleet.change(rig_view(hashrate=float(hashrate)))
    world.fleet.change(rig_view("b" * 16, hashrate=7))
    first, second = await anext(events), await anext(events)
    assert (first.data, second.data) == (rig_view("b" * 16, hashrate=7), rig_view(hashrate=999.0))
    await events.aclose()
    assert not world.fleet.watchers


async def test_a_slow_reader_gets_fewer_events_and_the_last_state(client: Client, world: World) -> None:
    reader = await client.events("/events?topic=fleet", limit=1024)
    await reader.next()
    changes = 20_000
    for hashrate in range(changes):
        world.fleet.change(rig_view(hashrate=float(hashrate)))
        if hashrate % 10 == 0:
            await asyncio.sleep(0)
    received = 0
    while True:
        _, rig = await reader.next() or ("", {})
        received += 1
        if rig["miners"][0]["hashrate"] == changes - 1:
            break
    assert received < changes / 2
    reader.close()


def is_stalled(connection: object) -> bool:
    return isinstance(connection, HttpProtocol) and connection.flow.write_paused


async def test_close_ends_streams_at_once_and_properly(world: World, socket_path: Path) -> None:
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=LOOPBACK), socket_path)
    await door.open()
    client = Client(socket_path)
    logs, fleet = await client.events(FOLLOW), await client.events("/events")
    await logs.next()
    await fleet.next()
    stalled = await client.events("/events", limit=1024)
    stalled.reader._transport.pause_reading()  # type: ignore[attr-defined]
    big = [rig_view(f"{number:016x}") for number in range(3000)]
    for rig in big:
        world.fleet.change(rig)
    await until(lambda: any(is_stalled(connection) for connection in door.warm().state.connections))
    async with asyncio.timeout(30):
        await door.warm().close(within_s=300)
    await door.close()
    assert await logs.next() == ("end", {"reason": "This node is stopping."})
    assert await logs.next() is None
    while (event := await fleet.next()) is not None:
        last = event
    assert last == ("end", {"reason": "This node is stopping."})
    assert (world.commands.followers, world.fleet.watchers) == (0, [])


async def test_close_does_not_wait_for_a_hanging_request(
    world: World, socket_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=LOOPBACK), socket_path)
    await door.open()
    request = asyncio.create_task(Client(socket_path)("GET", "/remote/hang/stats"))
    await world.commands.hanging.wait()
    async with asyncio.timeout(10):
        await door.close()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        await request
    assert not caplog.records


async def test_a_source_is_closed_even_between_two_events() -> None:
    closed = False

    async def events() -> AsyncGenerator[Event, None]:
        nonlocal closed
        try:
            while True:
                yield Event("one", 1)
        finally:
            closed = True

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        del message

    source = events()
    await send_stream(Stream(source), {"method": "GET"}, receive, send)
    assert closed


async def test_a_followed_log_is_let_go_with_its_stream(world: World) -> None:
    followed = _followed(world.commands, "rig-alpha", MINER, 1)
    await anext(followed)
    assert world.commands.followers == 1
    await followed.aclose()
    assert world.commands.followers == 0


async def test_an_error_a_moment_later_still_has_its_status() -> None:
    sent: list[Any] = []

    async def events() -> AsyncGenerator[Event, None]:
        await asyncio.sleep(0.05)
        if not sent:
            raise Unreachable("The rig is gone.")
        yield Event("too late", 1)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(Unreachable):
        await send_stream(Stream(events()), {"method": "GET"}, receive, send)
    assert sent == []


async def test_silence_is_filled_with_comments() -> None:
    never = asyncio.Event()
    sent: list[dict[str, Any]] = []
    enough = asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        yield Event("one", 1)
        await never.wait()

    async def receive() -> Any:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 4:
            enough.set()

    async with asyncio.timeout(30):
        await send_stream(Stream(events()), {"method": "GET"}, receive, send, keepalive_s=0.01)
    assert sent[1]["body"] == b"event: one\ndata: 1\n\n"
    assert sent[2]["body"] == sent[3]["body"] == b": still here\n\n"


async def test_a_deploy_tells_how_far_it_is_and_then_what_it_did(client: Client, world: World) -> None:
    reader = await client.events(DEPLOY, post={"minerType": "xmrig", "version": "6.22.2", "progress": True})
    assert reader.status == 200
    assert await reader.next() == ("progress", {"state": "sending", "sentBytes": 500, "totalBytes": 1000})
    name, done = await reader.next() or ("", {})
    assert (name, done["status"], done["version"]) == ("done", "installed", "6.22.2")
    assert await reader.next() == ("end", {"reason": "There is no more."})
    assert world.commands.calls[-1] == ("deploy program", "xmrig", "6.22.2", None, False)


async def test_a_deploy_that_fails_late_ends_with_its_error(client: Client, world: World) -> None:
    world.deploys.goes_on.clear()
    reader = await client.events(DEPLOY, post={"sha256": "ab", "progress": True})
    await reader.next()
    world.deploys.fails = Unreachable("The rig is gone.", suggestion="Wait.")
    world.deploys.goes_on.set()
    name, end = await reader.next() or ("", {})
    assert (name, end["error"], end["status"]) == ("end", "The rig is gone.", 504)


async def test_a_deploy_stops_when_its_reader_leaves(client: Client, world: World) -> None:
    world.deploys.goes_on.clear()
    reader = await client.events(DEPLOY, post={"minerType": "xmrig", "progress": True})
    await reader.next()
    assert world.deploys.cut_off == 0
    reader.close()
    await until(lambda: world.deploys.cut_off == 1)


async def test_a_deploy_without_progress_is_answered_at_its_end(client: Client) -> None:
    answer = await client("POST", DEPLOY, {"minerType": "xmrig"})
    assert (answer.status, answer.data["status"]) == (200, "installed")


async def test_bundles_are_listed(client: Client) -> None:
    [bundle] = (await client("GET", "/bundles")).data
    assert (bundle["minerType"], bundle["sizeBytes"]) == ("xmrig", 1000)
