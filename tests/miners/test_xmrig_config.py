"""XMRig's configuration file: every field of a profile has its place in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.xmrig_config import xmrig_config
from miner_ctrl.model.profiles import MinerConfig, PoolConfig

API = MinerApi(port=4321, token="the-token")


def made(**fields: Any) -> dict[str, Any]:
    config = MinerConfig(**{"pool": "pool.example:3333", "wallet": "address", **fields})
    settings: dict[str, Any] = msgspec.json.decode(xmrig_config(config, rig_name="rig-alpha", api=API))
    return settings


def test_the_local_api_is_for_this_machine_and_this_token_only() -> None:
    assert made()["http"] == {
        "enabled": True, "host": "127.0.0.1", "port": 4321, "access-token": "the-token", "restricted": False,
    }  # fmt: skip


def test_the_file_is_ours_and_the_process_stays_in_our_hands() -> None:
    settings = made()
    assert [settings[key] for key in ("autosave", "watch", "background", "syslog", "log-file")] == [
        False, False, False, False, None,
    ]  # fmt: skip
    assert settings["colors"] is True


def test_the_pool() -> None:
    texts = {"wallet": "address", "password": "secret", "rig_id": "r", "algo": "rx/0", "coin": "monero"}
    [pool] = made(**texts, tls=True, nicehash=True, daemon=True, keepalive=False)["pools"]
    assert pool == {
        "url": "pool.example:3333", "user": "address", "pass": "secret", "rig-id": "r", "algo": "rx/0",
        "coin": "monero", "tls": True, "tls-fingerprint": None, "nicehash": True, "daemon": True, "keepalive": False,
        "socks5": None, "enabled": True,
    }  # fmt: skip


def test_what_is_not_given_is_left_to_xmrig() -> None:
    settings = made()
    [pool] = settings["pools"]
    assert (pool["rig-id"], pool["algo"], pool["coin"]) == (None, None, None)
    assert "*" not in settings["cpu"]


def test_the_rigs_name_is_filled_in() -> None:
    [pool] = made(wallet="address.{rig}", password="{rig}:x", rig_id="farm-{rig}")["pools"]
    assert (pool["user"], pool["pass"], pool["rig-id"]) == ("address.rig-alpha", "rig-alpha:x", "farm-rig-alpha")


def test_numbers_and_modes() -> None:
    settings = made(threads=3, randomx_mode="light", donate_level=5)
    assert settings["cpu"]["*"]["threads"] == 3
    assert settings["randomx"]["mode"] == "light"
    assert settings["donate-level"] == 5


@pytest.mark.parametrize("huge_pages", [True, False])
def test_without_huge_pages_the_machine_stays_as_it_is(huge_pages: bool) -> None:
    settings = made(huge_pages=huge_pages)
    assert settings["cpu"]["huge-pages"] is huge_pages
    assert (settings["randomx"]["wrmsr"], settings["randomx"]["rdmsr"]) == (huge_pages, huge_pages)


def test_pools_for_failover_come_after_the_first_one_and_all_go_through_the_proxy() -> None:
    pools = made(
        tls_fingerprint="ab" * 32,
        proxy="127.0.0.1:9050",
        failover=(
            PoolConfig(pool="b.example:1", wallet="b.{rig}", password="p2", tls=True),
            PoolConfig(pool="c.example:2", wallet="c", algo="rx/wow"),
        ),
    )["pools"]
    assert [(pool["url"], pool["user"], pool["tls"], pool["algo"]) for pool in pools] == [
        ("pool.example:3333", "address", False, None),
        ("b.example:1", "b.rig-alpha", True, None),
        ("c.example:2", "c", False, "rx/wow"),
    ]
    assert pools[0]["tls-fingerprint"] == "ab" * 32
    assert {pool["socks5"] for pool in pools} == {"127.0.0.1:9050"}


def test_threads_on_chosen_cpus() -> None:
    assert made(cpu_affinity=(0, 2, 4))["cpu"]["*"] == [0, 2, 4]
    assert made(cpu_affinity=(0, 2, 4), threads=2)["cpu"]["*"] == [0, 2]
    with pytest.raises(BadInput, match="threads"):
        made(cpu_affinity=(0, 2), threads=3)


def test_the_share_of_the_cpu_and_its_priority() -> None:
    cpu = made(max_threads_hint=50, cpu_priority=0)["cpu"]
    assert (cpu["max-threads-hint"], cpu["priority"], cpu["enabled"]) == (50, 0, True)


def test_gpus() -> None:
    settings = made(cpu=False, opencl=True, cuda=True, devices=(0, 2))
    assert settings["cpu"]["enabled"] is False
    assert settings["opencl"] == settings["cuda"] == {"enabled": True, "devices-hint": "0,2"}
    assert made(devices=(1,))["cuda"] == {"enabled": False}
    with pytest.raises(BadInput, match="nothing would mine"):
        made(cpu=False)
    with pytest.raises(BadInput, match="gpuPool"):
        made(gpu_pool=PoolConfig(pool="g.example:1"))


def test_pauses_of_its_own_and_1_gb_pages() -> None:
    settings = made(pause_on_battery=True, pause_on_activity=90, gb_pages=True)
    assert (settings["pause-on-battery"], settings["pause-on-active"]) == (True, 90)
    assert settings["randomx"]["1gb-pages"] is True
    assert made()["pause-on-active"] is False
    with pytest.raises(BadInput, match="gbPages"):
        made(gb_pages=True, huge_pages=False)


def test_a_real_xmrig_understands_every_field(xmrig_program: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    config = MinerConfig(
        pool="pool.example:3333", wallet="address", password="p", rig_id="r", coin="monero", tls=True,
        tls_fingerprint="ab" * 32, keepalive=False, nicehash=True, proxy="127.0.0.1:9050",
        failover=(PoolConfig(pool="b.example:1", wallet="b", algo="rx/wow"),), threads=2, cpu_affinity=(0, 1),
        cpu_priority=1, max_threads_hint=50, huge_pages=True, gb_pages=True, randomx_mode="light", donate_level=7,
        opencl=True, cuda=True, devices=(0,), pause_on_battery=True, pause_on_activity=60,
        extra_args=("--retries=9", "--no-dmi", "--asm=none"),
    )  # fmt: skip
    file.write_bytes(xmrig_config(config, rig_name="rig", api=API))
    run = subprocess.run(
        [xmrig_program, f"--config={file}", f"--data-dir={tmp_path}", "--no-color", "--dry-run"],
        capture_output=True, text=True, timeout=60, check=False, env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0
    said = {line[3:16].strip(): line[16:] for line in run.stdout.splitlines() if line.startswith(" * ")}
    assert said["1GB PAGES"].strip() != "disabled"
    assert "7%" in said["DONATE"]
    assert "none" in said["ASSEMBLY"]
    assert "pool.example:3333" in said["POOL #1"]
    assert "b.example:1" in said["POOL #2"]


def test_a_real_xmrig_understands_it(xmrig_program: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    config = MinerConfig(
        pool="pool.example:3333", wallet="address", threads=3, huge_pages=False, donate_level=7, tls=True
    )
    file.write_bytes(xmrig_config(config, rig_name="rig", api=API))
    run = subprocess.run(
        [xmrig_program, f"--config={file}", f"--data-dir={tmp_path}", "--no-color", "--dry-run"],
        capture_output=True, text=True, timeout=60, check=False, env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0
    said = {line.split()[1]: line for line in run.stdout.splitlines() if line.startswith(" * ")}
    assert "disabled" in next(line for line in run.stdout.splitlines() if "HUGE PAGES" in line)
    assert "7%" in said["DONATE"]
    assert "pool.example:3333" in said["POOL"]
