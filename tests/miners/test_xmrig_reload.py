"""Another configuration for a running XMRig: what goes without a restart, what does not; and how seldom it is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import Answer
from miner_ctrl.miners.xmrig import XmrigAdapter
from miner_ctrl.miners.xmrig_answers import parse_backends, parse_config, parse_put
from miner_ctrl.miners.xmrig_api import BackendReader
from miner_ctrl.miners.xmrig_config import xmrig_config
from miner_ctrl.miners.xmrig_reload import needs_restart
from miner_ctrl.model.miners import DeviceStats, HugePages
from miner_ctrl.model.profiles import MinerConfig
from tests.components.monerod import WALLET, Chain, free_ports
from tests.miners.test_adapter_contract import Case, mines
from tests.miners.test_xmrig_answers import recorded

API = MinerApi(port=1, token="t")


def settings(**fields: Any) -> dict[str, Any]:
    config = MinerConfig(**{"pool": "p.example:1", "wallet": "w", **fields})
    made: dict[str, Any] = msgspec.json.decode(xmrig_config(config, rig_name="rig", api=API))
    return made


# --- what it needs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"pool": "q.example:2"}, {"wallet": "v"}, {"threads": 3}, {"cpu_affinity": (0, 1)}, {"cpu_priority": 1},
        {"max_threads_hint": 50}, {"pause_on_battery": True}, {"pause_on_activity": 60}, {"algo": "rx/wow"},
        {"extra_args": ("--retries=9", "--print-time=5", "--asm=none")}, {"proxy": "127.0.0.1:9050"},
    ],
)  # fmt: skip
def test_these_go_without_a_restart(fields: dict[str, Any]) -> None:
    assert not needs_restart(settings(), settings(**fields))
    assert not needs_restart(settings(**fields), settings())


@pytest.mark.parametrize(
    "fields",
    [
        {"randomx_mode": "light"}, {"huge_pages": False}, {"gb_pages": True}, {"donate_level": 5}, {"opencl": True},
        {"cuda": True}, {"extra_args": ("--cpu-no-yield",)}, {"extra_args": ("--huge-pages-jit",)},
        {"extra_args": ("--no-dmi",)}, {"extra_args": ("--randomx-init=1",)},
    ],
)  # fmt: skip
def test_these_need_one(fields: dict[str, Any]) -> None:
    assert needs_restart(settings(), settings(**fields))
    assert needs_restart(settings(**fields), settings())


def test_a_recorded_configuration_is_understood() -> None:
    running = parse_config(recorded("config"))
    assert not needs_restart(
        running, {"donate-level": 0, "randomx": {"mode": "light", "wrmsr": False}, "cpu": {"huge-pages": False}}
    )


def test_a_refused_put_is_an_error() -> None:
    with pytest.raises(OperationFailed, match="does not accept"):
        parse_put(recorded("put-refused"))
    with pytest.raises(OperationFailed, match="token"):
        parse_put(recorded("wrong-token"))
    parse_put(Answer(204, b""))


# --- the real one ---------------------------------------------------------------------------------------


@pytest.fixture
def case(xmrig_program: Path, tmp_path: Path, chain: Chain) -> Any:
    folder = tmp_path / "instance-1"
    folder.mkdir()
    config = MinerConfig(
        pool=chain.address, wallet=WALLET, daemon=True, coin="monero", threads=1, huge_pages=False,
        randomx_mode="light",
    )  # fmt: skip
    case = Case(XmrigAdapter(environ={"MINER_CTRL_XMRIG": str(xmrig_program)}), config, folder)
    yield case
    case.kill()


async def test_what_a_restart_is_needed_for_changes_nothing(case: Case) -> None:
    case.start()
    await case.until(mines)
    before = (case.folder / "config.json").read_bytes()
    good = case.config
    for change in ({"randomx_mode": "fast"}, {"donate_level": 5}, {"gb_pages": True, "huge_pages": True}):
        case.config = msgspec.structs.replace(good, **change)
        assert await case.adapter.reload(case.plan()) is False
    assert (case.folder / "config.json").read_bytes() == before
    assert mines(await case.read())


async def test_a_pool_that_is_not_there_needs_one_too(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """XMRig goes on with the old pool's job and names the old pool as connected."""
    monkeypatch.setattr("miner_ctrl.miners.xmrig_reload.REACHES_POOL_WITHIN_S", 2.0)
    case.start()
    await case.until(mines)
    case.config = msgspec.structs.replace(case.config, pool=f"127.0.0.1:{free_ports(1)[0]}")
    assert await case.adapter.reload(case.plan()) is False


async def test_the_same_configuration_is_no_change_and_the_token_survives(case: Case) -> None:
    case.start()
    before = await case.until(lambda reading: reading.accepted > 0)
    assert await case.adapter.reload(case.plan()) is True
    after = await case.read()
    assert after.accepted >= before.accepted
    assert after.threads_hps
    saved = json.loads((case.folder / "config.json").read_text())
    assert saved["http"]["access-token"] == case.api.token
    assert (case.folder / "config.json").stat().st_mode & 0o777 == 0o600


async def test_huge_pages_and_msr_are_told(case: Case) -> None:
    case.start()
    reading = await case.until(mines)
    assert reading.huge_pages is not None
    assert reading.huge_pages.wanted > reading.huge_pages.got == 0
    assert reading.msr is False
    assert reading.devices == ()


# --- /2/backends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pages", "msr"),
    [
        ("mining", HugePages(0, 129), False),
        ("hugepages", HugePages(1170, 1170), False),
        ("cpu-disabled", HugePages(0, 130), None),
    ],
)
def test_recorded_backends(name: str, pages: HugePages, msr: bool | None) -> None:
    backends = parse_backends(recorded(f"backends-{name}"))
    assert (backends.huge_pages, backends.msr, backends.gpus, backends.devices) == (pages, msr, False, ())
    assert backends.threads_ready == (name != "cpu-disabled")


def test_gpus_as_xmrigs_source_has_them() -> None:
    thread = {
        "index": 1, "intensity": 1024, "hashrate": [12.5, None, None], "board": "", "name": "RTX 3060",
        "health": {"temperature": 58, "power": 110, "clock": 1900, "mem_clock": 7000, "fan_speed": [45, 47]},
    }  # fmt: skip
    body = [
        {"type": "cpu", "enabled": False},
        {"type": "opencl", "enabled": False, "platform": None},
        {"type": "cuda", "enabled": True, "hashrate": [12.5, None, None], "threads": [thread]},
    ]
    backends = parse_backends(Answer(200, json.dumps(body).encode()))
    assert backends.gpus
    assert backends.devices == (
        DeviceStats(
            index=1,
            name="RTX 3060",
            kind="cuda",
            hashrate_hps=12.5,
            temperature_c=58.0,
            fan_percent=47.0,
            power_w=110.0,
        ),
    )


@pytest.mark.parametrize(
    "body", [b"{}", b"[{}]", b"[1]", b"null", b"[" * 9000, b'[{"type":"cpu","threads":[{"hashrate":"x"}]}]']
)
def test_what_are_no_backends(body: bytes) -> None:
    with pytest.raises(OperationFailed):
        parse_backends(Answer(200, body))


@asynccontextmanager
async def answering(answers: dict[str, bytes]) -> AsyncIterator[tuple[MinerApi, list[str]]]:
    """A server that gives ``answers`` by path, and the list of what it was asked."""
    asked: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        asked.append(path)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answers[path]) + answers[path])
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield MinerApi(port=server.sockets[0].getsockname()[1], token="t"), asked


def summary(uptime_s: int) -> bytes:
    body = json.loads(recorded("mining-with-threads").body)
    return json.dumps({**body, "uptime": uptime_s}).encode()


async def test_backends_are_asked_for_as_seldom_as_they_change() -> None:
    answers = {"/1/summary": summary(70), "/2/backends": recorded("backends-mining").body}
    async with answering(answers) as (api, asked):
        reader = BackendReader()
        for uptime_s in range(70, 700, 10):
            answers["/1/summary"] = summary(uptime_s)
            assert (await reader.read(api)).huge_pages == HugePages(0, 129)
        assert asked.count("/2/backends") == 2
        answers["/1/summary"] = summary(5)  # restarted
        await reader.read(api)
        assert asked.count("/2/backends") == 3


async def test_backends_are_asked_for_each_time_while_they_change() -> None:
    answers = {"/1/summary": summary(70), "/2/backends": recorded("backends-just-started").body}
    async with answering(answers) as (api, asked):
        reader = BackendReader()
        for _ in range(3):
            await reader.read(api)
        assert asked.count("/2/backends") == 3
