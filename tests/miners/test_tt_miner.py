"""TT-Miner's answers and its command line; started and asked it is in the contract suite, with a stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from miner_ctrl.errors import BadInput, NotFound, OperationFailed
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.tt_miner import TtMinerAdapter
from miner_ctrl.miners.tt_miner_answers import parse_stat1
from miner_ctrl.model.miners import DeviceStats, MinerState, MinerStats
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from tests.miners.test_xmrig import script

RECORDED = Path(__file__).parent.parent / "recorded" / "tt-miner-2.2.1" / "getstat1.json"


def answer(**changes: Any) -> bytes:
    """The recorded answer with some of its nine texts replaced: ``_1="7"``."""
    said = json.loads(RECORDED.read_text())
    for name, text in changes.items():
        said["result"][int(name[1:])] = text
    return json.dumps(said).encode()


def test_the_recorded_answer() -> None:
    reading = parse_stat1(RECORDED.read_bytes())
    assert (reading.state, reading.version) == (MinerState.MINING, "2.2.1")
    assert reading.hashrates_hps.s10 == 4235681.0, "plain H/s, where ethminer says kH/s"
    assert (reading.accepted, reading.rejected, reading.invalid, reading.uptime_s) == (1, 0, 0, 0)
    assert reading.pool == "mtp.hk.nicehash.com:3374"
    assert reading.devices == (
        DeviceStats(index=0, kind="cuda", hashrate_hps=2077789.0, temperature_c=71.0, fan_percent=79.0),
        DeviceStats(index=1, kind="cuda", hashrate_hps=2157892.0, temperature_c=59.0, fan_percent=68.0),
    )


@pytest.mark.parametrize("name", ["TT-Miner/2024.3.2", "TT-Miner 2024.3.2", "TT-Miner - Version: 2024.3.2"])
def test_newer_names(name: str) -> None:
    assert parse_stat1(answer(_0=name)).version == "2024.3.2"


def test_uptime_is_in_minutes() -> None:
    assert parse_stat1(answer(_1="125")).uptime_s == 7500


def test_a_hashrate_of_0_before_the_first_share_is_a_start() -> None:
    reading = parse_stat1(answer(_2="0;0;0", _3="0;0"))
    assert (reading.state, reading.hashrates_hps.s10) == (MinerState.STARTING, 0.0)
    assert parse_stat1(answer(_2="0;3;0", _3="0;0")).state is MinerState.MINING


def test_off_is_not_0() -> None:
    reading = parse_stat1(answer(_2="off;0;0", _3="off;2157892", _7="off"))
    assert reading.hashrates_hps.s10 is None
    assert [device.hashrate_hps for device in reading.devices] == [None, 2157892.0]
    assert reading.pool == ""


@pytest.mark.parametrize("heat", ["", "0;0", "71", "71;79;59", "off;off;off;off", "x;y;z;w"])
def test_temperatures_that_are_missing_are_unknown(heat: str) -> None:
    devices = parse_stat1(answer(_6=heat)).devices
    assert len(devices) == 2
    assert devices[1].temperature_c in (None, 59.0)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"null", b"{", b'{"result":"x"}', b'{"result":[]}', b'{"result":["TT-Miner/2"]}',
        b'{"result":[1,2,3,4,5,6,7,8,9]}', b"\xff\xfe", b"[" * 5000, answer(_0="ethminer-0.19"),
        b'{"result":["TT-Miner/2.2.1","0","0","0","0","0","0"]}', b'{"error":{"code":-5},"id":0}',
    ],
)  # fmt: skip
def test_what_is_no_answer_of_its_is_refused(body: bytes) -> None:
    with pytest.raises(OperationFailed) as caught:
        parse_stat1(body)
    assert caught.value.message.isprintable()
    assert caught.value.suggestion


@pytest.mark.parametrize("number", ["1e999", "-5", "9" * 18, "9" * 400, "NaN", "1;2;3;" * 5000])
def test_hostile_numbers_stay_bounded(number: str) -> None:
    reading = parse_stat1(answer(_1=number, _2=f"{number};{number};{number}", _3=number, _6=number, _8=number))
    assert len(reading.devices) <= 64
    told = MinerStats(
        name="m", type="tt-miner", state=reading.state, devices=reading.devices, hashrate_hps=reading.hashrates_hps.s10,
        accepted=reading.accepted, rejected=reading.rejected, invalid=reading.invalid, uptime_s=reading.uptime_s,
    )  # fmt: skip
    sent = msgspec.msgpack.encode(told)
    assert msgspec.msgpack.decode(sent, type=MinerStats) == told, "whoever hears of it would refuse the whole rig"


# --- the command line -----------------------------------------------------------------------------------


@pytest.fixture
def adapter(tmp_path: Path) -> TtMinerAdapter:
    program = script(tmp_path / "TT-Miner", "echo 'TT-Miner - Version: 2024.3.2'", "exit 1")
    return TtMinerAdapter(environ={"MINER_CTRL_TT_MINER": str(program)})


def arguments(adapter: TtMinerAdapter, tmp_path: Path, **fields: Any) -> list[str]:
    config = MinerConfig(**{"pool": "p.example:3333", "wallet": "0xab.{rig}", "algo": "KAWPOW", **fields})
    plan = adapter.plan(config, folder=tmp_path, rig_name="rig-7", api=MinerApi(port=4068, token="token"))
    assert plan.files == {}
    return list(plan.argv[1:])


def test_one_pool(adapter: TtMinerAdapter, tmp_path: Path) -> None:
    assert arguments(adapter, tmp_path) == [
        "-a", "KAWPOW", "-o", "p.example:3333", "-u", "0xab.rig-7", "-p", "x", "-b", "127.0.0.1:4068",
    ]  # fmt: skip


def test_everything_else(adapter: TtMinerAdapter, tmp_path: Path) -> None:
    made = arguments(
        adapter, tmp_path, tls=True, coin="RVN", rig_id="w", devices=(0, 2), intensity=18.0, cpu_priority=0,
        extra_args=("-luck", "-PRT=4"),
    )  # fmt: skip
    assert made == [
        "-a", "KAWPOW", "-coin", "RVN", "-o", "stratum+ssl://p.example:3333", "-u", "0xab.rig-7", "-w", "w", "-p", "x",
        "-d", "0,2", "-i", "18", "-PP", "1", "-b", "127.0.0.1:4068", "-luck", "-PRT", "4",
    ]  # fmt: skip


def test_several_pools(adapter: TtMinerAdapter, tmp_path: Path) -> None:
    made = arguments(adapter, tmp_path, failover=(PoolConfig(pool="b.example:1", wallet="0xcd", tls=True),))
    assert made[2:6] == [
        "-P", "stratum+tcp://0xab.rig-7:x@p.example:3333", "-P", "stratum+ssl://0xcd:x@b.example:1",
    ]  # fmt: skip


@pytest.mark.parametrize("wallet", ["0xab@evil.example:1", "0xab:y", "a/b", "a,b"])
def test_a_wallet_that_would_be_another_pool_is_refused(adapter: TtMinerAdapter, tmp_path: Path, wallet: str) -> None:
    with pytest.raises(BadInput, match="wallet"):
        arguments(adapter, tmp_path, failover=(PoolConfig(pool="b.example:1", wallet=wallet),))


def test_neither_algorithm_nor_coin_is_refused(adapter: TtMinerAdapter, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="algo"):
        arguments(adapter, tmp_path, algo="")


def test_what_is_not_there_is_said_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        arguments(TtMinerAdapter(environ={"PATH": str(tmp_path)}), tmp_path)
    assert "MINER_CTRL_TT_MINER" in caught.value.suggestion
