"""The feed at the open port: who may follow, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from miner_ctrl.api.port import PortRules
from miner_ctrl.api.session_cookie import PLAIN
from miner_ctrl.model.callers import AccessRole, Visit
from tests.api.in_memory import until
from tests.api.live.readers import Reader, reading_at
from tests.api.open_port import OpenPort, opened
from tests.api.overview import rig_row

PATH = "/api/v1/mining/ws/events"


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[OpenPort]:
    async with opened(tmp_path / "node", PortRules(needs_credentials=True)) as port:
        yield port


def url(port: OpenPort) -> str:
    return f"ws://{port.place}{PATH}"


def with_token(token: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def refused(port: OpenPort, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as error:
        async with reading_at(url(port), **options):
            pass
    assert b'"code"' in error.value.response.body
    return error.value.response.status_code


async def ended(reader: Reader) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await reader.until(lambda: False)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_a_token_follows_with_its_role(port: OpenPort) -> None:
    token = await port.token(AccessRole.VIEWER)
    async with reading_at(url(port), "fleet", **with_token(token)) as reader:
        await reader.all_of("fleet")
        assert reader.messages[0]["role"] == "viewer"
        port.world.overview.put(rig_row(hashrate=2.0))
        await reader.next("delta")


async def test_nobody_follows_without_credentials_or_with_wrong_ones(port: OpenPort) -> None:
    assert await refused(port) == 401
    assert await refused(port, **with_token("mct_wrong")) == 401


async def test_a_page_of_another_site_does_not_follow(tmp_path: Path) -> None:
    async with opened(tmp_path / "node") as port:
        async with reading_at(url(port), "fleet", origin=f"http://{port.place}") as reader:
            await reader.all_of("fleet")
        assert await refused(port, origin="http://evil.example") == 403
        assert await refused(port, additional_headers={"Host": "evil.example"}) in (400, 403)


async def test_a_token_that_is_revoked_follows_no_more(port: OpenPort) -> None:
    one, other = await port.token(AccessRole.ADMIN, "one"), await port.token(AccessRole.ADMIN, "other")
    async with (
        reading_at(url(port), "fleet", **with_token(one)) as first,
        reading_at(url(port), "fleet", **with_token(other)) as second,
    ):
        await first.all_of("fleet")
        await port.access.revoke_token("one")
        assert await ended(first) == 1008
        await second.say("ping")
        await second.next("pong")
    await until(lambda: not port.world.live._readers)


async def test_a_token_that_expires_follows_no_more(port: OpenPort) -> None:
    token = await port.token(AccessRole.VIEWER, lifetime_s=1.5)
    async with reading_at(url(port), "fleet", **with_token(token)) as reader:
        assert await ended(reader) == 1008


async def test_who_logs_out_follows_no_more(port: OpenPort) -> None:
    await port.login()
    session, _ = await port.access.log_in("alice", "correct horse battery", Visit(address="127.0.0.1"))
    options: dict[str, Any] = {"additional_headers": {"Cookie": f"{PLAIN}={session}"}, "origin": f"http://{port.place}"}
    async with reading_at(url(port), "fleet", **options) as reader:
        await reader.all_of("fleet")
        await port.access.log_out(session)
        assert await ended(reader) == 1008


async def test_a_token_that_is_revoked_ends_its_events_too(port: OpenPort) -> None:
    token = await port.token(AccessRole.VIEWER, "watcher")
    reader, writer = await port.connect()
    writer.write(
        f"GET /api/v1/mining/events?topics=totals HTTP/1.1\r\nHost: {port.place}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"event: hello")
    await port.access.revoke_token("watcher")
    assert b"ACCESS_ENDED" in await reader.readuntil(b"ACCESS_ENDED")
    writer.close()


async def test_a_reader_that_left_is_no_connection_any_more(port: OpenPort) -> None:
    token = await port.token(AccessRole.VIEWER)
    for _ in range(3):
        async with reading_at(url(port), "fleet", **with_token(token)):
            pass
    crowd = port.port._crowd
    assert crowd is not None
    await until(lambda: not crowd._here)
