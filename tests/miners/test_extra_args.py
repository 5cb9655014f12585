"""Extra arguments: an allow-list by whole names, and for XMRig nothing of them reaches the command line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.extra_args import parse_extra_args
from miner_ctrl.miners.xmrig_config import xmrig_config
from miner_ctrl.miners.xmrig_options import OPTIONS
from miner_ctrl.model.profiles import MinerConfig

ALLOWED = {"--retries": True, "--quiet": False, "-i": True}


def made(*arguments: str) -> dict[str, Any]:
    config = MinerConfig(pool="pool.example:3333", wallet="address", extra_args=arguments)
    settings: dict[str, Any] = msgspec.json.decode(
        xmrig_config(config, rig_name="rig", api=MinerApi(port=4321, token="the-token"))
    )
    return settings


def test_both_ways_to_give_a_value() -> None:
    parsed = parse_extra_args(["--retries=3", "--retries", "4", "--quiet", "-i", "-1"], ALLOWED, miner_type="m")
    assert [(each.name, each.value) for each in parsed] == [
        ("--retries", "3"), ("--retries", "4"), ("--quiet", None), ("-i", "-1"),
    ]  # fmt: skip
    assert [each.as_given for each in parsed] == [("--retries=3",), ("--retries", "4"), ("--quiet",), ("-i", "-1")]


@pytest.mark.parametrize(
    "given",
    [
        ["--retrie=3"], ["--RETRIES=3"], ["-retries=3"], ["--retries"], ["--retries="], ["--retries=--url"],
        ["--retries", "--url=x"], ["--retries=/etc/passwd"], ["--retries=a b"], ["--retries=1\n2"],
        ["--retries=http://x"], ["--retries=" + "9" * 500], ["--quiet=1"], ["--quiet", "x"], ["-i18"], ["-qi"], [""],
        ["--"], ["-"], ["pool.example:1"], ["--retries=~x"], ["--retries=$(id)"], ["--\x1b[2J"],
    ],
)  # fmt: skip
def test_everything_else_is_refused(given: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        parse_extra_args(given, ALLOWED, miner_type="some-miner")
    assert caught.value.code == "BAD_EXTRA_ARGUMENT"
    assert caught.value.details == {"field": "extraArgs"}
    assert caught.value.message.isprintable()
    assert caught.value.suggestion


def test_xmrigs_become_its_configuration() -> None:
    settings = made(
        "--retries=9", "--cpu-no-yield", "--asm=none", "--cpu-memory-pool", "-1", "--huge-pages-jit", "--no-dmi",
        "--print-time=7", "--randomx-init=2", "--argon2-impl=AVX2", "--verbose",
    )  # fmt: skip
    assert (settings["retries"], settings["print-time"], settings["dmi"], settings["verbose"]) == (9, 7, False, 1)
    cpu = settings["cpu"]
    assert (cpu["yield"], cpu["asm"], cpu["memory-pool"], cpu["huge-pages-jit"], cpu["argon2-impl"]) == (
        False, False, True, True, "AVX2",
    )  # fmt: skip
    assert settings["randomx"]["init"] == 2


@pytest.mark.parametrize(
    "name",
    [
        "url", "user", "pass", "userpass", "proxy", "rig-id", "tls", "tls-fingerprint", "daemon", "self-select",
        "submit-to-origin", "donate-level", "donate-over-proxy", "user-agent", "api-worker-id", "api-id", "http-host",
        "http-port", "http-access-token", "http-no-restricted", "tls-gen", "tls-cert", "tls-cert-key", "tls-dhparam",
        "syslog", "log-file", "config", "background", "bench", "stress", "submit", "verify", "export-topology",
        "dry-run", "algo", "coin", "nicehash", "keepalive", "threads", "no-cpu", "data-dir", "opencl-loader",
        "cuda-loader", "spend-secret-key", "daemon-zmq-port",
    ],
)  # fmt: skip
def test_what_touches_pools_api_files_or_background_cannot_be_had(name: str) -> None:
    assert f"--{name}" not in OPTIONS
    for argument in (f"--{name}", f"--{name}=1", f"--{name[:-1]}"):
        with pytest.raises(BadInput):
            made(argument)


def test_none_of_them_reaches_what_supervision_needs() -> None:
    flags = {name: name for name, option in OPTIONS.items() if not option.takes_value}
    values = {
        "--asm": "ryzen", "--argon2-impl": "AVX2", "--cpu-memory-pool": "1", "--cuda-bfactor-hint": "1",
        "--cuda-bsleep-hint": "1", "--dns-ttl": "1", "--print-time": "1", "--randomx-init": "1", "--retries": "1",
        "--retry-pause": "1",
    }  # fmt: skip
    assert flags.keys() | values.keys() == OPTIONS.keys()
    plain, all_of_them = made(), made(*flags, *(f"{name}={value}" for name, value in values.items()))
    for key in ("pools", "http", "autosave", "watch", "background", "log-file", "syslog", "donate-level"):
        assert all_of_them[key] == plain[key]
