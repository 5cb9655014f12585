"""A viewer sees no hash of a profile: it covers passwords, which could be tried on a machine of their own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from miner_ctrl.api import veil
from miner_ctrl.api.port import PortRules
from miner_ctrl.api.veil import DIFFERENT_AT_MOST, HASH_FIELDS, veiled, veiled_text
from miner_ctrl.controller.deeds import DEEDS
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.miners import NodeInfo, ProfileRef
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profiles import ConfigValue
from tests.api.in_memory import BASE, RIG_ID, rig_view
from tests.api.live.readers import reading_at
from tests.api.open_port import OpenPort, opened
from tests.controller.test_deeds import client_of, noted
from tests.integration.inside import running

CONFIG: dict[str, ConfigValue] = {"pool": "a.example:1", "wallet": "w", "password": "hunter2"}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[OpenPort]:
    async with opened(tmp_path / "node", PortRules(needs_credentials=True)) as port:
        port.world.profiles.create("p", "xmrig", CONFIG)
        run(port, hash_of(port))
        yield port


def hash_of(port: OpenPort) -> str:
    return port.world.profiles.find("p").content_hash


def run(port: OpenPort, profile_hash: str) -> None:
    """Have the rig run and hold what has this hash."""
    view = rig_view()
    [miner] = view.miners
    port.world.fleet.change(replace(view, miners=(replace(miner, profile_hash=profile_hash),)))

    async def info(query: str) -> NodeInfo:
        refs = (ProfileRef(id="p", name="p", hash=profile_hash),)
        return NodeInfo(node_id=query, node_name="rig-alpha", version="0.1.0", profiles=refs)

    port.world.commands.info = info  # type: ignore[method-assign]


async def streamed(port: OpenPort, path: str, token: str) -> bytes:
    """Return the first event of a stream."""
    reader, writer = await port.connect()
    head = f"GET {BASE}{path} HTTP/1.1\r\nHost: {port.place}\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(head.encode())
    try:
        async with asyncio.timeout(20):
            await reader.readuntil(b"\r\n\r\n")
            said = b""
            while b'"profileHash"' not in said:
                said += await reader.readline()
            return said
    finally:
        writer.close()


async def live(port: OpenPort, token: str) -> dict[str, Any]:
    """Return the rig as its topic has it."""
    topic = f"peer:{RIG_ID}"
    options = {"additional_headers": {"Authorization": f"Bearer {token}"}}
    async with reading_at(f"ws://{port.place}{BASE}/ws/events", topic, **options) as reader:
        await reader.until(lambda: topic in reader.states)
        state: dict[str, Any] = reader.states[topic]
        return state


PATHS = (
    "/profiles",
    "/profiles/p",
    "/profiles/p/versions",
    "/remote/stats",
    f"/remote/{RIG_ID}/stats",
    f"/remote/{RIG_ID}/info",
)
STREAMS = ("/events", f"/events?topics=peer:{RIG_ID}")


async def test_no_answer_event_or_message_gives_a_viewer_the_hash_of_a_profile(port: OpenPort) -> None:
    viewer, operator = await port.token(AccessRole.VIEWER), await port.token(AccessRole.OPERATOR)
    secret = hash_of(port).encode()
    for path in PATHS:
        seen, whole = await port("GET", path, token=viewer), await port("GET", path, token=operator)
        assert (seen.status, whole.status) == (200, 200), path
        assert secret in whole.body, path
        assert secret not in seen.body, path
        assert len(seen.body) >= len(whole.body), f"{path}: nothing else is left out"
    for path in STREAMS:
        assert secret in await streamed(port, path, operator)
        assert secret not in await streamed(port, path, viewer)
    assert (await live(port, operator))["miners"][0]["profileHash"] == secret.decode()
    assert (await live(port, viewer))["miners"][0]["profileHash"] not in ("", secret.decode())


async def test_a_viewer_still_sees_whether_a_rig_runs_what_it_should(port: OpenPort) -> None:
    token = await port.token(AccessRole.VIEWER)

    async def sights() -> set[str]:
        profile = (await port("GET", "/profiles/p", token=token)).data["hash"]
        [version] = (await port("GET", "/profiles/p/versions", token=token)).data
        stats = (await port("GET", f"/remote/{RIG_ID}/stats", token=token)).data["miners"][0]["profileHash"]
        return {profile, version["hash"], stats, (await live(port, token))["miners"][0]["profileHash"]}

    assert len(await sights()) == 1, "the same content, the same value, wherever it is told"
    before = hash_of(port)
    port.world.profiles.change("p", "p", "xmrig", {**CONFIG, "password": "hunter3"}, if_hash="")
    assert len(await sights()) == 2, "another password is another content"
    run(port, hash_of(port))
    assert len(await sights()) == 1
    assert hash_of(port) != before


async def test_a_viewer_cannot_have_passwords_tried_here_either(port: OpenPort) -> None:
    viewer, operator = await port.token(AccessRole.VIEWER), await port.token(AccessRole.OPERATOR)
    guess = {"name": "q", "minerType": "xmrig", "config": CONFIG}
    assert (await port("POST", "/profiles/check", guess, token=operator)).data["hash"] == hash_of(port)
    checked = await port("POST", "/profiles/check", guess, token=viewer)
    assert (checked.data["ok"], checked.data["hash"]) == (True, "")
    for path in ("/profiles", "/profiles/p/versions"):
        assert (await port("GET", f"{path}?q={hash_of(port)[:6]}", token=viewer)).data == []
        assert (await port("GET", f"{path}?sort=hash", token=viewer)).code == "BAD_SORT"


async def test_a_viewers_tag_is_not_made_of_the_hash_alone(port: OpenPort) -> None:
    viewer, operator = await port.token(AccessRole.VIEWER), await port.token(AccessRole.OPERATOR)
    seen, whole = await port("GET", "/profiles/p", token=viewer), await port("GET", "/profiles/p", token=operator)
    assert seen.header("etag") != whole.header("etag")
    again = await port("GET", "/profiles/p", token=viewer, headers={"If-None-Match": seen.header("etag")})
    other = await port("GET", "/profiles/p", token=viewer, headers={"If-None-Match": whole.header("etag")})
    assert (again.status, other.status) == (304, 200)


def test_a_part_of_a_profiles_hash_is_another_too() -> None:
    for part in ("ab12", "AB12" * 15, "ab" * 32):
        seen = veiled(f'{{"order":{{"profileHash":"{part}"}}}}'.encode())
        assert f'"{part}"'.encode() not in seen, "an order has what was typed"
        assert seen == veiled(f'{{"order":{{"profileHash":"{part}"}}}}'.encode())
    for other in (b'{"profileHash":""}', b'{"profileHash":null}', b'{"hash":"ab12"}'):
        assert veiled(other) == other


async def test_the_journal_gives_a_viewer_no_hash_of_a_version_that_came_back(tmp_path: Path) -> None:
    async with running(tmp_path, "desk", Role.CONTROLLER):
        client = client_of(tmp_path)
        body = {"name": "p", "minerType": "xmrig", "config": CONFIG}
        first = (await client("POST", "/profiles", body)).data["hash"]
        await client("PUT", "/profiles/p", {**body, "config": {**CONFIG, "password": "hunter3"}})
        for said in (first, first[:8]):
            assert (await client("POST", "/profiles/p/revert", {"hash": said})).status == 200
        events = await noted(client, "settings", 4)
        assert events[-1]["text"] == "Make the profile p what it was in an earlier version."
        for path in ("/history/events", "/history/export?what=events&format=jsonl"):
            answer = await client("GET", path)
            assert answer.status == 200, answer.data
            assert b"an earlier version" in answer.text, path
            assert first[:8].encode() not in answer.text, path


def test_no_sentence_of_the_journal_has_a_hash_of_a_profile() -> None:
    for deed in DEEDS.values():
        assert not any(f"{{{field}}}" in deed.text for field in (*HASH_FIELDS, "if_hash"))


def test_few_hashes_in_many_fields_are_made_another_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    other = veil._other

    def noted_down(value: bytes) -> str:
        made.append(value)
        return other(value)

    monkeypatch.setattr(veil, "_other", noted_down)
    hashes = [secrets.token_hex(32) for _ in range(3)]
    rows = ",".join(f'{{"profileHash":"{hashes[number % 3]}"}}' for number in range(10_000))
    seen = veiled(f"[{rows}]".encode())
    assert sorted(made) == sorted(each.encode() for each in hashes)
    assert (len(set(seen.split(b","))), any(each.encode() in seen for each in hashes)) == (5, False)
    assert veiled_text(f"[{rows}]").encode() == seen
    for number in range(2 * DIFFERENT_AT_MOST):
        veiled(f'{{"profileHash":"{number:064x}"}}'.encode())
    assert veil._instead.cache_info().currsize == DIFFERENT_AT_MOST, "nothing grows without end"


def test_only_a_field_that_holds_a_hash_is_another() -> None:
    held = "ab" * 32
    for json in (b"{}", f'{{"sha256":"{held}"}}'.encode(), f'{{"hash":"{held[1:]}"}}'.encode(),
                 f'{{"text":"\\"hash\\":\\"{held}\\""}}'.encode()):  # fmt: skip
        assert veiled(json) == json
    other = veiled(f'[{{"hash":"{held}"}},{{"profileHash":"{held}"}}]'.encode())
    assert held.encode() not in other
    assert other == veiled(f'[{{"hash":"{held}"}},{{"profileHash":"{held}"}}]'.encode())
