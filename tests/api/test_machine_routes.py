"""``/info``, ``/doctor``, ``/miners/{type}/install``, ``/update``: this machine, with or without an identity."""

from __future__ import annotations

import pytest

from miner_ctrl.model.installs import InstallOrder
from tests.api.in_memory import Client, World


async def test_info_has_the_fields_that_the_first_clients_know(client: Client) -> None:
    answer = await client("GET", "/info")
    assert answer.status == 200
    assert {
        "os",
        "architecture",
        "available_cpu_cores",
        "total_system_ram_gb",
        "timestamp",
        "installed_miners_info",
        "version",
    } <= set(answer.data)
    (miner,) = answer.data["installed_miners_info"]
    assert {"is_installed", "version", "path", "miner_binary", "config_path"} <= set(miner)


async def test_doctor_is_the_same_and_its_findings(client: Client) -> None:
    info, diagnosis = (await client("GET", "/info")).data, (await client("POST", "/doctor", {})).data
    assert {key: diagnosis[key] for key in info} == info
    assert diagnosis["findings"] == [{"id": "huge-pages", "severity": "warning", "title": "No huge pages are reserved"}]
    assert (await client("GET", "/doctor")).status == 405


async def test_an_order_reaches_the_rig_as_it_was_given(client: Client, world: World) -> None:
    order = {"url": "https://pool.example/xmrig-6.26.0.tar.gz", "sha256": "ab" * 32}
    answer = await client("POST", "/miners/xmrig/install", order)
    assert (answer.status, answer.data["status"]) == (200, "installed")
    assert world.installs.calls == [("install", "xmrig", InstallOrder(url=order["url"], sha256=order["sha256"]))]
    assert (await client("DELETE", "/miners/xmrig/uninstall")).data["status"] == "uninstalled"
    assert (await client("POST", "/update", {})).data["updates_available"]["xmrig"]["available"] == "6.26.0"


@pytest.mark.parametrize(
    "body",
    [
        {"files": "/x"},
        {"file": ""},
        {"file": "x" * 3000},
        {"url": ["https://x"]},
        {"url": "https://x", "sha256": "ab"},
        {"url": "https://x", "sha256": "g" * 64},
        {"url": "https://x", "sha256": "ab" * 32 + "\n"},
        {"system": "yes"},
        {"file": "/x", "version": "../6"},
        {"file": "/x", "version": "-1"},
    ],
)
async def test_orders_that_cannot_be_meant_are_refused(client: Client, world: World, body: dict[str, object]) -> None:
    answer = await client("POST", "/miners/xmrig/install", body)
    assert (answer.status, answer.data["code"]) == (400, "BAD_INPUT")
    assert world.installs.calls == []


@pytest.mark.parametrize("miner_type", ["XMRIG", "x" * 40, "..", "a%20b", "-x"])
async def test_what_is_no_type_is_not_looked_for(client: Client, world: World, miner_type: str) -> None:
    for method, path in (("POST", "install"), ("DELETE", "uninstall")):
        answer = await client(method, f"/miners/{miner_type}/{path}", {"system": True} if method == "POST" else None)
        assert answer.status == 404
    assert world.installs.calls == []
