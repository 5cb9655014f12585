from __future__ import annotations

from typing import Any

import pytest

from miner_ctrl.profiles import validate
from miner_ctrl.profiles.advice import advice, sights_of
from miner_ctrl.profiles.known_pools import KNOWN_POOLS, is_near, known_pool
from miner_ctrl.profiles.wallets import COINS

MONERO = "44hBFjQxAJ84oGpVdhh6ThGPmYttsAGeESyVKGCcCs3Pa9M44XaZHi63gzqp14tYtgUEbMzmAPrKQJSkYUc25hVwCKnTYVn"
BITCOIN = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
RAVENCOIN = "RXBurnXXXXXXXXXXXXXXXXXXXXXXWUo9FV"


def test_every_pool_is_one_that_a_profile_can_have_and_is_known_by_each_of_its_hosts() -> None:
    assert len({pool.id for pool in KNOWN_POOLS}) == len(KNOWN_POOLS) >= 15
    for pool in KNOWN_POOLS:
        assert pool.site.startswith("https://")
        assert pool.offers
        for offer in pool.offers:
            assert offer.coin == "" or COINS[offer.coin] == offer.coin
            assert offer.ports
            for host in offer.hosts:
                for port in offer.ports:
                    config = validate(
                        "xmrig", {"pool": f"{host.host}:{port.port}", "wallet": "w", "algo": offer.algorithm}
                    )
                    sight = known_pool(config.pool)
                    assert sight is not None
                    assert sight.pool is pool
                    assert offer in sight.offers


@pytest.mark.parametrize(
    ("address", "pool", "coin"),
    [
        ("gulf.moneroocean.stream:20128", "moneroocean", "monero"),
        ("de.moneroocean.stream:10004", "moneroocean", ""),
        ("xmr-eu1.nanopool.org:10343", "nanopool", "monero"),
        ("pool.hashvault.pro:443", "hashvault", ""),
        ("randomx.rplant.xyz:17101", "rplant", "zephyr"),
        ("127.0.0.1:3333", "p2pool", "monero"),
        ("[::1]:3333", "p2pool", "monero"),
        ("localhost:3333", "p2pool", "monero"),
    ],
)
def test_a_pool_is_known_by_its_host(address: str, pool: str, coin: str) -> None:
    sight = known_pool(address)
    assert sight is not None
    assert (sight.pool.id, sight.coin) == (pool, coin)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:4444", "notmoneroocean.stream:1", "moneroocean.stream.evil.example:1", "a:1", "10.0.0.1:3333"],
)
def test_others_are_not(address: str) -> None:
    assert known_pool(address) is None


def test_what_is_near() -> None:
    assert all(map(is_near, ["127.0.0.1", "10.1.2.3", "fd00::1", "localhost", "rig", "node.lan"]))
    assert not any(map(is_near, ["8.8.8.8", "pool.example", "2606:4700::1"]))


def told(miner_type: str = "xmrig", **config: Any) -> dict[str, tuple[str, bool, str]]:
    """Return what is said: code → field, whether it is a warning, suggestion."""
    return {
        each.code: (each.field, each.warning, each.suggestion)
        for each in advice(miner_type, validate(miner_type, config))
    }


def test_a_sound_config_gets_no_advice() -> None:
    assert told(pool="gulf.moneroocean.stream:20128", tls=True, wallet=f"{MONERO}.rig") == {}
    assert told(pool="127.0.0.1:3333", wallet="me") == {}
    assert told("simulated", pool="nowhere.example:1", donateLevel=5) == {}


def test_a_port_for_tls_and_one_without() -> None:
    given = told(pool="gulf.moneroocean.stream:20128", wallet=MONERO)
    assert given == {"PORT_WITH_TLS": ("tls", True, "Set tls=true, or take another port: 10001, 10128.")}
    given = told(pool="gulf.moneroocean.stream:10128", tls=True, wallet=MONERO)
    assert given == {"PORT_WITHOUT_TLS": ("tls", True, "Set tls=false, or take another port: 20128.")}
    given = told(pool="gulf.moneroocean.stream:10128", wallet=MONERO)
    assert given["POOL_NOT_ENCRYPTED"] == (
        "tls", False, "Set tls=true if the pool has a port for it: MoneroOcean takes it on port 20128.",
    )  # fmt: skip
    assert told(pool="de.monero.herominers.com:1111", tls=True, wallet=MONERO) == {}


def test_a_pool_that_is_misspelled_and_one_that_nobody_knows() -> None:
    given = told(pool="gulf.moneroocaen.stream:10128", wallet=MONERO, tls=True)
    assert given == {"POOL_MISSPELLED": ("pool", True, "Did you mean gulf.moneroocean.stream?")}
    assert told(pool="pool.example:1", wallet=MONERO, tls=True)["POOL_UNKNOWN"][:2] == ("pool", False)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"pool": "gulf.moneroocean.stream:20128", "wallet": MONERO[:-1] + "o"}, "WALLET_WRONG"),
        ({"pool": "gulf.moneroocean.stream:20128", "wallet": BITCOIN}, "WALLET_OF_ANOTHER_COIN"),
        ({"pool": "gulf.moneroocean.stream:20128", "wallet": "me"}, "WALLET_NOT_RECOGNISED"),
        ({"pool": "pool.example:1", "coin": "RVN", "wallet": BITCOIN}, "WALLET_OF_ANOTHER_COIN"),
        ({"pool": "rx.unmineable.com:443", "wallet": BITCOIN}, "WALLET_WITHOUT_COIN"),
    ],
)
def test_a_wallet_that_may_not_be_paid(fields: dict[str, Any], code: str) -> None:
    assert told(tls=True, **fields)[code][:2] == ("wallet", True)


@pytest.mark.parametrize(
    "fields",
    [
        {"pool": "rvn.2miners.com:16060", "wallet": BITCOIN},
        {"pool": "rvn.2miners.com:16060", "wallet": RAVENCOIN},
        {"pool": "rx.unmineable.com:443", "wallet": f"BTC:{BITCOIN}.rig"},
        {"pool": "xmr.kryptex.network:8029", "wallet": "krxACCOUNT.rig"},
        {"pool": "xmr-eu1.nanopool.org:10343", "wallet": "me"},
        {"pool": "pool.hashvault.pro:443", "wallet": MONERO},
        {"pool": "gulf.moneroocean.stream:20128", "wallet": MONERO, "algo": "kawpow"},
        {"pool": "pool.example:1", "coin": "quai", "wallet": BITCOIN},
    ],
)
def test_a_wallet_that_may_well_be(fields: dict[str, Any]) -> None:
    assert {code for code in told(tls=True, **fields) if code.startswith("WALLET")} == set()


def test_advice_names_the_pool_it_is_for_and_the_pools_are_recognised() -> None:
    config = {
        "pool": "gulf.moneroocean.stream:20128",
        "tls": True,
        "wallet": MONERO,
        "failover": [{"pool": "pool.supportxmr.com:443", "wallet": BITCOIN}],
        "opencl": True,
        "gpuPool": {"pool": "stratum.ravenminer.com:13838", "coin": "ravencoin"},
    }
    fields = {each.field for each in advice("xmrig", validate("xmrig", config))}
    assert fields == {"failover[0].wallet", "gpuPool.wallet"}
    sights = sights_of(validate("xmrig", config))
    assert [(sight.pool, sight.place, sight.known, sight.coin, sight.wallet) for sight in sights] == [
        (0, "", "moneroocean", "monero", "a Monero address"),
        (1, "failover[0]", "supportxmr", "monero", "a Bitcoin address"),
        (2, "gpuPool", "ravenminer", "ravencoin", "a Monero address"),
    ]


def test_donations_and_a_node_without_a_coin() -> None:
    assert told(pool="127.0.0.1:3333", wallet="w", donateLevel=5)["DONATES_MORE"][:2] == ("donateLevel", False)
    assert told(pool="127.0.0.1:3333", wallet="w", donateLevel=0)["DONATES_ANYWAY"][:2] == ("donateLevel", False)
    assert told(pool="daemon+http://10.0.0.1:18081", wallet=MONERO)["DAEMON_NEEDS_COIN"][:2] == ("coin", True)
