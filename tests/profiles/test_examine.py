"""What an editor is told about a config is what keeping it would say: all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound
from miner_ctrl.profiles import ProfileStore, validate
from miner_ctrl.profiles.findings import MAX_FINDINGS
from miner_ctrl.profiles.pools import number_of_pool
from miner_ctrl.profiles.validation import examine
from tests.profiles.half_written import MINER_TYPES, NAMES, configs

GOOD = {"pool": "pool.example:3333", "wallet": "4ABC"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ProfileStore]:
    store = ProfileStore(tmp_path / "profiles.db")
    store.open()
    store.create("taken", "xmrig", GOOD)
    yield store
    store.close()


def said(error: MinerCtrlError) -> tuple[str, str, str, object]:
    return error.code, error.message, error.suggestion, error.details.get("field")


@settings(max_examples=500, deadline=None)
@given(MINER_TYPES, configs())
def test_what_is_found_first_is_what_is_raised(miner_type: str, config: dict[str, Any]) -> None:
    errors, checked = examine(miner_type, config)
    raised: list[BadInput] = []
    try:
        assert checked == validate(miner_type, config) or errors
    except BadInput as error:
        raised.append(error)
    assert [said(error) for error in errors[:1]] == [said(error) for error in raised]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, MINER_TYPES, configs())
def test_what_has_no_errors_is_kept_and_nothing_else(
    store: ProfileStore, name: str, miner_type: str, config: dict[str, Any]
) -> None:
    errors = store.examine(name, miner_type, config).errors
    raised: list[MinerCtrlError] = []
    try:
        made = store.create(name, miner_type, config)
    except MinerCtrlError as error:
        raised.append(error)
    else:
        assert store.examine(name, miner_type, config).errors[0].code == "PROFILE_EXISTS"
        assert store.examine(name, miner_type, config, of=made.id).errors == ()
        assert store.change(made.id, name, miner_type, config) == made
        store.delete(made.id)
    assert [said(error) for error in errors[:1]] == [said(error) for error in raised]


def test_every_mistake_is_found_by_its_place() -> None:
    wrong = {
        "wallet": "-x",
        "thread": 2,
        "tls": "yes",
        "threads": 0,
        "failover": ["nowhere", {"pool": "b.example:1", "wallet": 5, "devices": [1]}, 7],
        "gpuPool": {"coin": "a b"},
        "gbPages": True,
        "hugePages": False,
        "randomxMode": "light",
    }
    places = [error.details["field"] for error in examine("xmrig", wrong).errors]
    assert set(places) == {
        "thread", "pool", "wallet", "tls", "threads", "failover[0].pool", "failover[1].wallet", "failover[1].devices",
        "failover[2]", "gpuPool.pool", "gpuPool.coin", "gbPages", "gpuPool",
    }  # fmt: skip
    assert places.count("gbPages") == 2
    assert [number_of_pool(str(place), wrong) for place in ("wallet", "failover[1].wallet", "gpuPool.coin", "tls")] == [
        0, 2, 4, 0,
    ]  # fmt: skip
    assert number_of_pool("threads", wrong) is None


def test_what_is_half_written_says_what_is_missing() -> None:
    errors = examine("", {}).errors
    assert [(error.details["field"], error.message) for error in errors] == [
        ("minerType", "minerType is missing."),
        ("pool", "pool is missing."),
        ("wallet", "wallet is missing."),
    ]


def test_a_flood_of_mistakes_is_cut_off() -> None:
    pools = [{f"field{at}-{number}": 1 for at in range(5000)} for number in range(8)]
    assert len(examine("xmrig", {**GOOD, "failover": pools}).errors) == MAX_FINDINGS


def test_an_edit_may_keep_its_name_and_is_of_a_profile_there_is(store: ProfileStore) -> None:
    assert [error.details["field"] for error in store.examine("taken", "xmrig", GOOD).errors] == ["name"]
    assert store.examine("taken", "xmrig", GOOD, of="taken").errors == ()
    store.create("other", "xmrig", GOOD)
    assert [error.code for error in store.examine("other", "xmrig", GOOD, of="taken").errors] == ["PROFILE_EXISTS"]
    with pytest.raises(NotFound):
        store.examine("taken", "xmrig", GOOD, of="nobody")
