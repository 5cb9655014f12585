"""Several pools: what one leaves out is the first one's, and mistakes are named by their place."""

from __future__ import annotations

import pytest

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import PoolConfig
from miner_ctrl.profiles import validate

FIRST = {
    "pool": "stratum+ssl://first.example:443",
    "wallet": "48ab.{rig}",
    "password": "secret",
    "rigId": "{rig}",
    "algo": "rx/0",
    "keepalive": False,
}
CERTIFICATE = "ab" * 32


def failover(*pools: object, **first: object) -> tuple[PoolConfig, ...]:
    return validate("xmrig", {**FIRST, **first, "failover": list(pools)}).failover


def test_text_has_everything_else_of_the_first_pool() -> None:
    [pool] = failover("second.example:443")
    assert pool == PoolConfig(
        pool="second.example:443",
        wallet="48ab.{rig}",
        password="secret",
        rig_id="{rig}",
        algo="rx/0",
        tls=True,
        keepalive=False,
    )


def test_what_a_pool_gives_is_its_own() -> None:
    [pool] = failover({"pool": "second.example:3333", "wallet": "49cd", "password": "", "tls": False})
    assert (pool.wallet, pool.password, pool.tls, pool.rig_id) == ("49cd", "", False, "{rig}")


def test_algorithm_and_coin_go_together() -> None:
    [pool] = failover({"pool": "second.example:1", "coin": "wownero"})
    assert (pool.algo, pool.coin) == ("", "wownero")


def test_a_url_says_what_it_says_in_every_place() -> None:
    [daemon, stratum] = failover("daemon+http://node.example:18081", "stratum+tcp://second.example:3333")
    assert (daemon.daemon, daemon.tls) == (True, False)
    assert (stratum.daemon, stratum.tls) == (False, True)
    [stratum] = failover("stratum+tcp://p.example:1", pool="daemon+http://node.example:18081")
    assert (stratum.daemon, stratum.tls) == (False, False)


def test_the_order_stays() -> None:
    names = [f"pool{number}.example:1" for number in range(8)]
    assert [pool.pool for pool in failover(*names)] == names


def test_a_pinned_certificate_is_that_of_its_host() -> None:
    same, other, open_ = failover(
        "first.example:444",
        {"pool": "other.example:443", "tlsFingerprint": "cd" * 32},
        {"pool": "third.example:3333", "tls": False},
        tlsFingerprint=CERTIFICATE,
    )
    assert [pool.tls_fingerprint for pool in (same, other, open_)] == [CERTIFICATE, "cd" * 32, ""]
    with pytest.raises(BadInput) as caught:
        failover("other.example:443", tlsFingerprint=CERTIFICATE)
    assert caught.value.details == {"field": "failover[0].tlsFingerprint"}


def test_the_gpus_pool_is_whole_too() -> None:
    checked = validate("xmrig", {**FIRST, "cuda": True, "gpuPool": {"pool": "gpu.example:1", "algo": "kawpow"}})
    assert checked.gpu_pool is not None
    assert (checked.gpu_pool.wallet, checked.gpu_pool.algo, checked.gpu_pool.tls) == ("48ab.{rig}", "kawpow", True)
    assert checked.pools[-1] == checked.gpu_pool


@pytest.mark.parametrize(
    ("pool", "field"),
    [
        (None, "failover[1]"),
        (5, "failover[1]"),
        (["a:1"], "failover[1]"),
        ("", "failover[1].pool"),
        ("nowhere", "failover[1].pool"),
        ({}, "failover[1].pool"),
        ({"pool": "a:1", "wallet": "-x"}, "failover[1].wallet"),
        ({"pool": "a:1", "wallet": "{rig}"}, "failover[1].wallet"),
        ({"pool": "a:1", "password": "a b"}, "failover[1].password"),
        ({"pool": "a:1", "tls": 1}, "failover[1].tls"),
        ({"pool": "a:1", "tls": False, "tlsFingerprint": CERTIFICATE}, "failover[1].tlsFingerprint"),
        ({"pool": "stratum+tcp://a:1", "daemon": True}, "failover[1].daemon"),
        ("good.example:1", "failover[1]"),
        ("first.example:443", "failover[1]"),
    ],
)
def test_a_mistake_is_named_by_its_place(pool: object, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        failover("good.example:1", pool)
    assert caught.value.details == {"field": field}
    assert caught.value.message.startswith(field)
    assert caught.value.suggestion


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("walet", "Did you mean wallet?"),
        ("threads", "threads is for the whole profile"),
        ("zzz", "The fields are pool"),
    ],
)
def test_an_unknown_field_of_a_pool_is_named(key: str, suggestion: str) -> None:
    with pytest.raises(BadInput) as caught:
        failover({"pool": "a:1", key: 1})
    assert caught.value.code == "UNKNOWN_FIELD"
    assert caught.value.message == f"A pool (failover[0]) has no field {key!r}."
    assert caught.value.suggestion.startswith(suggestion)
