"""XMRig's recorded answers, read; and answers no XMRig gives, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.loopback_http import Answer
from miner_ctrl.miners.xmrig_answers import parse_rpc, parse_summary
from miner_ctrl.model.miners import Hashrates, MinerState

RECORDED = Path(__file__).parent.parent / "recorded" / "xmrig-6.26.0"


def recorded(name: str) -> Answer:
    said = json.loads((RECORDED / f"{name}.json").read_text())
    return Answer(said["status"], said["body_raw"].encode())


def altered(**changes: Any) -> Answer:
    """The recorded answer of a mining XMRig with some fields replaced; ``connection__diff`` is one inside."""
    body = json.loads(recorded("mining-with-threads").body)
    for path, value in changes.items():
        *outer, field = path.split("__")
        inside = body
        for key in outer:
            inside = inside[key]
        inside[field] = value
    return Answer(200, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("name", "state", "s10"),
    [
        ("just-started", MinerState.STARTING, 0.0),
        ("preparing-dataset", MinerState.STARTING, 0.0),
        ("paused-while-preparing", MinerState.PAUSED, None),
        ("mining", MinerState.MINING, 14.15),
        ("mining-huge-pages", MinerState.MINING, 490.09),
        ("paused", MinerState.PAUSED, 0.0),
        ("resumed", MinerState.MINING, 0.94),
        ("never-connected", MinerState.STARTING, 0.0),
        ("disconnected-1s", MinerState.MINING, None),
        ("disconnected-12s", MinerState.MINING, 0.0),
        ("reconnected", MinerState.MINING, 13.22),
        ("every-share-rejected", MinerState.MINING, 32.77),
        ("stopped-by-rpc", MinerState.MINING, 0.0),
    ],
)
def test_every_state(name: str, state: MinerState, s10: float | None) -> None:
    reading = parse_summary(recorded(name))
    assert (reading.state, reading.hashrates_hps.s10) == (state, s10)
    assert reading.version == "6.26.0"


def test_all_fields_of_a_mining_one() -> None:
    reading = parse_summary(recorded("mining-with-threads"))
    assert reading.hashrates_hps == Hashrates(s10=14.15, s60=17.52, m15=None)
    assert reading.threads_hps == (14.15,)
    assert (reading.accepted, reading.rejected, reading.uptime_s) == (14, 0, 70)
    assert (reading.pool, reading.pool_ping_ms, reading.pool_failures) == ("127.0.0.1:18081", 114, 0)
    assert (reading.algorithm, reading.difficulty, reading.reason) == ("rx/0", 100.0, "")


def test_what_is_unknown_before_the_first_connection_is_not_zero() -> None:
    reading = parse_summary(recorded("never-connected"))
    assert (reading.pool, reading.algorithm, reading.difficulty, reading.pool_ping_ms) == ("", "", None, None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("never-connected", "not reached its pool"),
        ("disconnected-1s", "lost (failures so far: 1)"),
        ("disconnected-12s", "lost (failures so far: 1)"),
        ("every-share-rejected", "rejected every share so far (4)"),
        ("stopped-by-rpc", "not hashing"),
    ],
)
def test_trouble_has_a_reason(name: str, words: str) -> None:
    assert words in parse_summary(recorded(name)).reason


@pytest.mark.parametrize(
    "name",
    ["just-started", "preparing-dataset", "mining", "paused", "paused-while-preparing", "resumed", "reconnected"],
)
def test_what_is_well_has_none(name: str) -> None:
    assert parse_summary(recorded(name)).reason == ""


@pytest.mark.parametrize("name", ["no-token", "wrong-token"])
def test_a_refused_token_is_said(name: str) -> None:
    with pytest.raises(OperationFailed, match="token") as caught:
        parse_summary(recorded(name))
    assert caught.value.code == "MINER_TOKEN_REFUSED"
    assert caught.value.suggestion


def test_another_program_at_that_port_is_not_taken_for_a_miner() -> None:
    for name in ("not-found", "proxy-summary", "rpc-pause"):
        with pytest.raises(OperationFailed):
            parse_summary(recorded(name))


def test_rpc_answers() -> None:
    parse_rpc(recorded("rpc-pause"))
    with pytest.raises(OperationFailed, match="Method not found"):
        parse_rpc(recorded("rpc-unknown-method"))
    with pytest.raises(OperationFailed, match="415"):
        parse_rpc(recorded("rpc-other-content-type"))
    with pytest.raises(OperationFailed):
        parse_rpc(recorded("mining"))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "proxy"},
        {"version": None},
        {"version": 6},
        {"uptime": -1},
        {"uptime": 2**60},
        {"paused": "no"},
        {"hashrate": None},
        {"hashrate__total": []},
        {"hashrate__total": [1.0, 2.0]},
        {"hashrate__total": [-1.0, None, None]},
        {"hashrate__total": ["fast", None, None]},
        {"hashrate__total": [float("nan"), None, None]},
        {"hashrate__total": [float("inf"), None, None]},
        {"hashrate__total": [1.0] * 100},
        {"hashrate__threads": [[1.0, None, None]] * 1025},
        {"hashrate__threads": [1.0]},
        {"connection": []},
        {"connection__accepted": 1.5},
        {"connection__rejected": True},
        {"connection__pool": ["a"]},
        {"connection__ping": 10**30},
    ],
)
def test_fields_of_another_kind_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(OperationFailed):
        parse_summary(altered(**changes))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"\x00" * 1000,
        b"[" * 1_000_000,
        b'{"x":' * 100_000,
        b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"1" * 1_000_000,
        b'{"kind":"miner","version":"\xff","hashrate":{"total":[1,1,1]},"connection":{}}',
        b'{"kind":"miner","version":"\\ud800","hashrate":{"total":[1,1,1]},"connection":{}}',
        b'{"kind":"miner","version":"1","hashrate":{"total":[1e999,1,1]},"connection":{}}',
        b"<html>hello</html>",
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(OperationFailed):
        parse_summary(Answer(200, body))
    with pytest.raises(OperationFailed):
        parse_rpc(Answer(200, body))


def test_text_of_strangers_is_one_short_printable_line() -> None:
    evil = "pool\x1b[2J\x07\r\n\u202egnp.exe" + "a" * 10_000
    reading = parse_summary(altered(connection__pool=evil, algo=evil, version=evil))
    for text in (reading.pool, reading.algorithm, reading.version):
        assert len(text) <= 255
        assert text.isprintable()
    with pytest.raises(OperationFailed) as caught:
        parse_rpc(Answer(200, json.dumps({"error": {"message": evil}}).encode()))
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_nullable_fields_may_all_be_null() -> None:
    reading = parse_summary(
        altered(
            algo=None, connection__ip=None, connection__pool=None, hashrate__highest=None, hashrate__total=[None] * 3
        )
    )
    assert reading.hashrates_hps == Hashrates()


def test_a_moment_without_a_pool_is_normal_at_the_start() -> None:
    body = json.loads(recorded("never-connected").body)
    for uptime, trouble in ((4, False), (5, True)):
        reading = parse_summary(Answer(200, json.dumps({**body, "uptime": uptime}).encode()))
        assert bool(reading.reason) is trouble


def test_the_largest_difficulty_a_pool_can_set_is_read() -> None:
    assert parse_summary(altered(connection__diff=2**64 - 1)).difficulty == pytest.approx(2.0**64)
