"""XMRig's configuration file: every field of a profile has its place in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.xmrig_config import xmrig_config
from miner_ctrl.model.profiles import MinerConfig

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
        "coin": "monero", "tls": True, "nicehash": True, "daemon": True, "keepalive": False, "enabled": True,
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
