"""Described miners: recorded and documented answers read, arguments made, patterns and pointers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import BadInput, OperationFailed
from miner_ctrl.miners.contract import MinerApi, Reading
from miner_ctrl.miners.described import DescribedAdapter
from miner_ctrl.miners.described_answers import make_reading, numbers, parse_json, parse_text
from miner_ctrl.miners.description import Description
from miner_ctrl.miners.description_check import read_description
from miner_ctrl.miners.description_files import SHIPPED
from miner_ctrl.miners.log_lines import HOLES, read_lines, unit_times
from miner_ctrl.miners.patterns import LinePattern
from miner_ctrl.miners.pointers import Pointer
from miner_ctrl.miners.program import variable_of
from miner_ctrl.model.miners import DeviceStats, MinerState
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from tests.miners.stand_ins import LOG, LOG_DESCRIPTION, shipped_types
from tests.miners.test_xmrig import script

RECORDED = Path(__file__).parent.parent / "recorded"
CPUMINER = RECORDED / "cpuminer-opt-26.1"


def shipped(miner_type: str) -> Description:
    return read_description((SHIPPED / f"{miner_type}.toml").read_bytes(), name=miner_type)


def documented(miner_type: str) -> Reading:
    read = shipped(miner_type).read
    assert read.values is not None
    return make_reading(
        parse_json((RECORDED / "documented" / f"{miner_type}.json").read_bytes()), read.values, read.devices
    )


# --- cpuminer-opt: recorded bytes -----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["summary", "summary-nl", "summary-pipe", "GET-http"])
@pytest.mark.parametrize(("algorithm", "hashrate"), [("yescrypt", 875.11), ("sha256d", 25241997.15)])
def test_cpuminers_summary(algorithm: str, hashrate: float, form: str) -> None:
    raw = (CPUMINER / f"{algorithm}-{form}.txt").read_bytes()
    assert raw.endswith(b"|\0")
    values = shipped("cpuminer-opt").read.values
    assert values is not None
    reading = make_reading(parse_text(raw.partition(b"\0")[0]), values)
    assert (reading.state, reading.version, reading.algorithm) == (MinerState.MINING, "26.1", algorithm)
    assert (reading.hashrates_hps.s10, reading.accepted, reading.rejected, reading.uptime_s) == (hashrate, 0, 0, 13)
    assert reading.difficulty is None, "its difficulty is not in hashes a share"


@pytest.mark.parametrize(("algorithm", "hashrate"), [("yescrypt", 875.11), ("sha256d", 25_240_000.0)])
def test_cpuminers_threads_have_their_unit_in_the_key(algorithm: str, hashrate: float) -> None:
    said = parse_text((CPUMINER / f"{algorithm}-threads.txt").read_bytes().partition(b"\0")[0])
    threads = shipped("cpuminer-opt").read.threads
    assert threads is not None
    assert numbers([said], threads.hashrates) == pytest.approx((hashrate,))


def test_several_records_are_a_list() -> None:
    said = parse_text(b"CPU=0;kH/s=1.50|CPU=1;H/s=20.00|")
    assert [record["hashrate"] for record in said] == [1500.0, 20.0]


@pytest.mark.parametrize("name", ["yescrypt-help", "yescrypt-nosuch"])
def test_cpuminers_other_answers_are_no_summary(name: str) -> None:
    with pytest.raises(OperationFailed):
        parse_text((CPUMINER / f"{name}.txt").read_bytes().partition(b"\0")[0])


# --- the others: as documented --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("miner_type", "hashrate", "counts", "uptime_s"),
    [
        ("lolminer", 78.25e6, (12, 1, 2, 0), 61),
        ("t-rex", 108.25e6, (12, 1, 0, 3), 61),
        ("srbminer-multi", 3200.5, (12, 1, 0, 0), 61),
        ("gminer", 78.25e6, (12, 1, 0, 3), 61),
        ("rigel", 108.25e6, (12, 1, 0, 3), 61),
        ("bzminer", 78.25e6, (12, 1, 2, 0), 0),
        ("teamredminer", 30e6, (12, 1, 0, 3), 61),
    ],
)
def test_figures_in_the_right_unit(
    miner_type: str, hashrate: float, counts: tuple[int, int, int, int], uptime_s: int
) -> None:
    reading = documented(miner_type)
    assert reading.hashrates_hps.s10 == pytest.approx(hashrate)
    assert (reading.accepted, reading.rejected, reading.stale, reading.invalid) == counts
    assert (reading.state, reading.uptime_s) == (MinerState.MINING, uptime_s)


def test_devices() -> None:
    assert documented("lolminer").devices[1] == DeviceStats(
        index=1, name="AMD Radeon RX 6600", hashrate_hps=30e6, temperature_c=51.0, fan_percent=38.0, power_w=55.0
    )
    assert documented("rigel").devices[0] == DeviceStats(
        index=0, name="RTX 3060", hashrate_hps=48.25e6, temperature_c=58.0, fan_percent=45.0, power_w=110.0
    )
    assert documented("teamredminer").devices == (
        DeviceStats(index=0, hashrate_hps=30e6, temperature_c=51.0, fan_percent=38.0),
    )
    assert [len(documented(name).devices) for name in ("t-rex", "gminer", "bzminer", "srbminer-multi")] == [2, 2, 2, 1]


def test_an_older_form_of_an_answer_is_read_too() -> None:
    values = shipped("teamredminer").read.values
    assert values is not None
    reading = make_reading({"SUMMARY": [{"KHS 30s": 2.0, "Accepted": 4, "Elapsed": 9}]}, values)
    assert (reading.hashrates_hps.s10, reading.accepted, reading.uptime_s) == (2000.0, 4, 9)


# --- arguments ------------------------------------------------------------------------------------------


def plan_of(miner_type: str, tmp_path: Path, **fields: Any) -> tuple[list[str], dict[str, Any]]:
    """Return the arguments, and what the configuration file says."""
    program = script(tmp_path / "miner", f"echo '{miner_type} 1.2 cpuminer-opt 26.1 Team Red Miner version 3.4'")
    adapter = DescribedAdapter(shipped(miner_type), environ={variable_of(miner_type): str(program)})
    config = MinerConfig(**{"pool": "p.example:3333", "wallet": "wallet.{rig}", "algo": "etchash", **fields})
    plan = adapter.plan(config, folder=tmp_path, rig_name="rig-7", api=MinerApi(port=4068, token="t"))
    files = {name: msgspec.json.decode(content) for name, content in plan.files.items()}
    return list(plan.argv[1:]), files.get("config.json", {})


def test_lolminer(tmp_path: Path) -> None:
    made, _ = plan_of(
        "lolminer", tmp_path, tls=True, devices=(0, 2), extra_args=("--nocolor", "--keepfree", "8"),
        failover=(PoolConfig(pool="b.example:1", wallet="w2"),),
    )  # fmt: skip
    assert made == [
        "--algo", "etchash",
        "--pool", "p.example:3333", "--user", "wallet.rig-7", "--pass", "x", "--tls", "on",
        "--pool", "b.example:1", "--user", "w2", "--pass", "x", "--tls", "off",
        "--devices", "0,2", "--apihost", "127.0.0.1", "--apiport", "4068", "--nocolor", "--keepfree", "8",
    ]  # fmt: skip


def test_devices_as_arguments_of_their_own(tmp_path: Path) -> None:
    made, _ = plan_of("gminer", tmp_path, devices=(0, 2, 4))
    assert made[made.index("--devices") + 1 :][:4] == ["0", "2", "4", "--api"]


def test_schemes_and_switches(tmp_path: Path) -> None:
    made, _ = plan_of("t-rex", tmp_path, tls=True)
    assert made[made.index("--url") + 1] == "stratum+ssl://p.example:3333"
    assert "--disable-cpu" in plan_of("srbminer-multi", tmp_path, cpu=False)[0]
    assert "--disable-cpu" not in plan_of("srbminer-multi", tmp_path)[0]


def test_cpuminer_takes_what_is_secret_from_a_file(tmp_path: Path) -> None:
    made, file = plan_of(
        "cpuminer-opt", tmp_path, algo="yescrypt", password="secret-9d", threads=3, cpu_affinity=(0, 2)
    )
    assert made == ["--config", str(tmp_path / "config.json")]
    assert file == {
        "algo": "yescrypt", "url": "stratum+tcp://p.example:3333", "user": "wallet.rig-7", "pass": "secret-9d",
        "api-bind": "127.0.0.1:4068", "threads": "3", "cpu-affinity": "0x5",
    }  # fmt: skip


@pytest.mark.parametrize("miner_type", [name for name in shipped_types() if name != "cpuminer-opt"])
def test_what_it_needs_is_asked_for(tmp_path: Path, miner_type: str) -> None:
    with pytest.raises(BadInput, match="algo") as caught:
        plan_of(miner_type, tmp_path, algo="")
    assert caught.value.details["field"] == "algo"


@pytest.mark.parametrize("miner_type", shipped_types())
def test_no_shipped_one_lets_an_extra_argument_expose_or_redirect_it(miner_type: str) -> None:
    risky = ("api", "http", "pool", "url", "user", "wallet", "pass", "config", "log", "script", "background", "proxy")
    allowed = shipped(miner_type).extra_args
    harmless = ("--log_interval", "--back-to-main-pool-sec")
    assert [name for name in allowed if any(word in name for word in risky) and name not in harmless] == []


# --- logs, patterns, pointers ---------------------------------------------------------------------------


def test_the_newest_line_counts() -> None:
    patterns = [LinePattern(line, HOLES) for line in read_description(LOG_DESCRIPTION.encode(), name="log").read.lines]
    reading = read_lines(LOG, patterns)
    assert reading.hashrates_hps.s10 == 1310.0
    assert (reading.accepted, reading.rejected, reading.stale, reading.pool) == (12, 1, 2, "127.0.0.1:9")
    assert read_lines(LOG[:4], patterns).state is MinerState.STARTING
    assert read_lines([], patterns).hashrates_hps.s10 is None


def test_cpuminers_log_could_be_read_as_well() -> None:
    lines = (CPUMINER / "sha256d-benchmark.log.txt").read_text().splitlines()
    reading = read_lines(lines, [LinePattern("Total: {hashrate} {unit},", HOLES)])
    assert reading.hashrates_hps.s10 == 27_420_000.0


@pytest.mark.parametrize(
    ("unit", "times"),
    [("H/s", 1), ("kH/s", 1e3), ("MH/s", 1e6), ("Sol/s", 1), ("kSol/s", 1e3), ("G/s", 1), ("Mh/s", 1e6)],
)
def test_units(unit: str, times: float) -> None:
    assert unit_times(unit) == times


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/b", [1]),
        ("/l/1", [6]),
        ("/l/*", [5, 6]),
        ("/*/b", [1]),
        ("/a~1b", [2]),
        ("/l/9", []),
        ("/l/x", []),
        ("", None),
    ],
)
def test_pointers(pointer: str, found: list[Any] | None) -> None:
    document = {"a": {"b": 1}, "l": [5, 6], "a/b": 2}
    assert Pointer(pointer).find(document) == (found if found is not None else [document])


def test_hostile_answers_stay_bounded() -> None:
    values = shipped("t-rex").read.values
    devices = shipped("t-rex").read.devices
    assert values is not None
    reading = make_reading(
        json.loads(json.dumps({"hashrate": 5, "accepted_count": 10**300, "version": "x" * 5000 + "\x1b[2J",
                               "uptime": -3, "gpus": [{"name": "\u202e" * 900, "temperature": 1e300}] * 500})),
        values, devices,
    )  # fmt: skip
    assert (reading.accepted, reading.uptime_s) == (0, 0)
    assert len(reading.version) <= 255
    assert len(reading.devices) == 64
    assert reading.devices[0].temperature_c is None
    assert reading.devices[0].name.isprintable()
