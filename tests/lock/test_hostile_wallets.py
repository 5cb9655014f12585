"""A locked rig and everything that is tried to have it mine to somebody else: each refused, whoever asks."""

from __future__ import annotations

from typing import Any

import pytest

from miner_ctrl.errors import BadInput, Refused
from miner_ctrl.lock.rules import LOCKED, check_allowed, check_lock
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from miner_ctrl.model.rig import Lock
from miner_ctrl.profiles import validate

OURS = "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"
THEIRS = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
PAYMENT_ID = "f8b3d7b6a1c24e59"

LOCK = check_lock(
    Lock(
        wallets=(OURS, "alice@mail.example", "acct.exchange"),
        pools=("pool.example:3333", "*.farm.example", "10.0.0.5:4444", "[2001:db8::1]:3333", "proxy:127.0.0.1:9050"),
    )
)
GOOD: dict[str, Any] = {"wallet": OURS, "pool": "pool.example:3333"}

HOSTILE: dict[str, dict[str, Any]] = {
    "another wallet": {"wallet": THEIRS},
    "no wallet": {"wallet": ""},
    "the wallet in another case": {"wallet": OURS.swapcase()},
    "the wallet cut short": {"wallet": OURS[:-1]},
    "the wallet with more behind it": {"wallet": f"{OURS}A"},
    "a look-alike letter": {"wallet": OURS.replace("a", "\u0430", 1)},
    "a zero for an O": {"wallet": OURS.replace("o", "0", 1)},
    "a full-width digit": {"wallet": f"\uff14{OURS[1:]}"},
    "a zero-width space": {"wallet": f"{OURS}\u200b"},
    "an accent on its own": {"wallet": f"{OURS}\u0301"},
    "percent form of the same": {"wallet": f"%34{OURS[1:]}"},
    "a space before it": {"wallet": f" {OURS}"},
    "a line break and another wallet": {"wallet": f"{OURS}\n{THEIRS}"},
    "a zero byte and another wallet": {"wallet": f"{OURS}\0{THEIRS}"},
    "another wallet before it": {"wallet": f"{THEIRS}.{OURS}"},
    "another wallet as the worker": {"wallet": f"{OURS}.{THEIRS}"},
    "another wallet as the second worker": {"wallet": f"{OURS}.rig/{THEIRS}"},
    "a payment ID as the worker": {"wallet": f"{OURS}.{PAYMENT_ID}"},
    "a long payment ID": {"wallet": f"{OURS}.{PAYMENT_ID * 4}"},
    "two workers": {"wallet": f"{OURS}.a.b"},
    "two wallets with a comma": {"wallet": f"{OURS},{THEIRS}"},
    "two wallets with an equals sign": {"wallet": f"{OURS}=50,{THEIRS}=50"},
    "a share for another wallet": {"wallet": f"{OURS}+{THEIRS}"},
    "an e-mail address of somebody else": {"wallet": "mallory@mail.example"},
    "an e-mail address as the worker": {"wallet": f"{OURS}/mallory@mail.example"},
    "an e-mail address behind ours": {"wallet": f"{OURS}@mail.example"},
    "our e-mail address with a suffix": {"wallet": "alice@mail.example.evil"} | {"pool": "evil.example:1"},
    "a coin before another wallet": {"wallet": f"XMR:{THEIRS}"},
    "a coin before our wallet": {"wallet": f"LTC:{OURS}"},
    "an account's prefix alone": {"wallet": "acct"},
    "another account of the same exchange": {"wallet": "acct.other"},
    "another wallet at the second pool": {"failover": (PoolConfig(pool="pool.example:3333", wallet=THEIRS),)},
    "no wallet at the second pool": {"failover": (PoolConfig(pool="pool.example:3333"),)},
    "another wallet for the GPUs": {"gpu_pool": PoolConfig(pool="pool.example:3333", wallet=THEIRS)},
    "another pool for the GPUs": {"gpu_pool": PoolConfig(pool="evil.example:3333", wallet=OURS)},
    "another second pool": {"failover": (PoolConfig(pool="evil.example:3333", wallet=OURS),)},
    "another wallet at a daemon": {"daemon": True, "wallet": THEIRS, "pool": "10.0.0.5:4444"},
    "another daemon": {"daemon": True, "pool": "10.0.0.6:4444"},
    "another pool": {"pool": "evil.example:3333"},
    "another port": {"pool": "pool.example:3334"},
    "no port": {"pool": "pool.example"},
    "port zero": {"pool": "pool.example:0"},
    "a port that overflows": {"pool": "pool.example:68869"},
    "the pool as a user name": {"pool": "pool.example:3333@evil.example:3333"},
    "the pool as a password": {"pool": "u:pool.example@evil.example:3333"},
    "the pool as a path": {"pool": "evil.example:3333/pool.example:3333"},
    "the pool as a fragment": {"pool": "evil.example#pool.example:3333"},
    "the pool as a query": {"pool": "evil.example?pool.example:3333"},
    "a scheme": {"pool": "stratum+tcp://pool.example:3333"},
    "a backslash": {"pool": "evil.example\\pool.example:3333"},
    "a name that ends like the pool": {"pool": "evilpool.example:3333"},
    "a name that begins like the pool": {"pool": "pool.example.evil:3333"},
    "a name that ends like the domain": {"pool": "evilfarm.example:1"},
    "the domain itself": {"pool": "farm.example:1"},
    "a label that is none": {"pool": ".farm.example:1"},
    "two dots": {"pool": "x..farm.example:1"},
    "two dots at the end": {"pool": "pool.example..:3333"},
    "a name with a look-alike letter": {"pool": "p\u043eol.example:3333"},
    "a full-width dot": {"pool": "pool\uff0eexample:3333"},
    "an ideographic dot": {"pool": "pool\u3002example:3333"},
    "percent form of the pool": {"pool": "pool%2eexample:3333"},
    "a space behind the name": {"pool": "pool.example :3333"},
    "a zero byte in the name": {"pool": "pool.example\0.evil:3333"},
    "an address as a number": {"pool": "167772165:4444"},
    "an address in hexadecimal": {"pool": "0x0a000005:4444"},
    "an address with a short form": {"pool": "10.5:4444"},
    "an address with zeros before it": {"pool": "010.0.0.5:4444"},
    "an address as IPv6": {"pool": "[::ffff:10.0.0.5]:4444"},
    "an IPv6 address with a zone": {"pool": "[2001:db8::1%evil]:3333"},
    "an IPv6 address without brackets": {"pool": "2001:db8::1:3333"},
    "a name in brackets": {"pool": "[pool.example]:3333"},
    "a proxy that is not allowed": {"proxy": "10.6.6.6:1080"},
    "a pool's place as the proxy": {"proxy": "pool.example:3333"},
    "the proxy's place as the pool": {"pool": "127.0.0.1:9050"},
    "the proxy as a user name": {"proxy": "127.0.0.1:9050@evil.example:1"},
    "another wallet as the rig's id": {"rig_id": THEIRS},
    "a payment ID as the rig's id": {"rig_id": f"rig-{PAYMENT_ID}"},
    "another wallet as the rig's id at the second pool": {
        "failover": (PoolConfig(pool="pool.example:3333", wallet=OURS, rig_id=THEIRS),)
    },
    "another wallet as an option in the password": {"password": f"c=LTC,doge={THEIRS}"},
    "a payment ID as an option in the password": {"password": f"c=XMR;pid={PAYMENT_ID}"},
    "another wallet in the password for the GPUs": {
        "gpu_pool": PoolConfig(pool="pool.example:3333", wallet=OURS, password=f"mc=A,wallet={THEIRS}")
    },
    "everything for the miner's developers": {"donate_level": 99},
    "twice the usual for the miner's developers": {"donate_level": 2},
    "a pool as an extra argument": {"extra_args": ("--url=evil.example:3333",)},
    "a pool's URL as an extra argument": {"extra_args": ("--pool=stratum+tcp://evil",)},
    "a wallet as an extra argument": {"extra_args": (f"--user={THEIRS}",)},
}


@pytest.mark.parametrize("trick", HOSTILE.values(), ids=HOSTILE)
def test_a_trick_is_refused_and_the_refusal_tells_nothing(trick: dict[str, Any]) -> None:
    config = MinerConfig(**{**GOOD, **trick})
    with pytest.raises(Refused) as refused:
        check_allowed(LOCK, config)
    said = f"{refused.value.message} {refused.value.suggestion} {refused.value.details}"
    assert refused.value.code == LOCKED
    assert refused.value.suggestion
    assert said.isprintable()
    asked = {text for pool in config.pools for text in (pool.wallet, pool.pool)} | {config.proxy}
    for allowed in (OURS, "alice@mail.example", "acct.exchange", "farm.example", "10.0.0.5", "9050"):
        assert allowed not in said or any(allowed in text for text in asked), "it tells what would be allowed"


ALLOWED: dict[str, dict[str, Any]] = {
    "as it is": {},
    "with a worker": {"wallet": f"{OURS}.rig-7"},
    "with the rig's name": {"wallet": f"{OURS}.{{rig}}"},
    "with a difficulty": {"wallet": f"{OURS}+250000"},
    "with worker and difficulty": {"wallet": f"{OURS}.rig_7+250000"},
    "with a slash": {"wallet": f"{OURS}/rig7"},
    "an account with a dot": {"wallet": "acct.exchange.rig7"},
    "an e-mail address": {"wallet": "alice@mail.example.rig7"},
    "the pool in capitals": {"pool": "POOL.Example:3333"},
    "the pool with its last dot": {"pool": "pool.example.:3333"},
    "within the domain": {"pool": "eu.farm.example:17777"},
    "deep within the domain": {"pool": "a.eu.farm.example.:443"},
    "an address": {"pool": "10.0.0.5:4444"},
    "an IPv6 address written out": {"pool": "[2001:0DB8:0:0::1]:3333"},
    "an allowed proxy": {"proxy": "127.0.0.1:9050"},
    "a rig's id": {"rig_id": "{rig}_cpu-7"},
    "a secret password": {"password": "0123456789abcdef0123456789abcdef"},
    "a password in base64": {"password": "QUJDREVGR0hJSktMTU5PUFFSU1RVVg=="},
    "options in the password": {"password": "c=BTC,d=250000,m=party.mine-42"},
    "the usual for the miner's developers": {"donate_level": 1},
    "nothing for the miner's developers": {"donate_level": 0},
    "two pools": {"failover": (PoolConfig(pool="eu.farm.example:1", wallet=OURS),)},
    "a harmless extra argument": {"extra_args": ("--randomx-wrmsr=-1", "--no-color", "--cpu-affinity=0xFF")},
}


@pytest.mark.parametrize("config", ALLOWED.values(), ids=ALLOWED)
def test_what_the_owner_means_is_allowed(config: dict[str, Any]) -> None:
    check_allowed(LOCK, MinerConfig(**{**GOOD, **config}))


def test_an_empty_lock_allows_nothing() -> None:
    for lock in (Lock(), Lock(wallets=(OURS,)), Lock(pools=("pool.example",))):
        with pytest.raises(Refused):
            check_allowed(check_lock(lock), MinerConfig(**GOOD))


def test_a_simulated_miner_has_no_way_around() -> None:
    with pytest.raises(Refused):
        check_allowed(LOCK, validate("simulated", {"pool": "pool.example:3333"}))


BAD_ENTRIES = {
    "any name": Lock(pools=("*",)),
    "any name of a top domain": Lock(pools=("*.example",)),
    "a star within": Lock(pools=("pool.*.example",)),
    "a star before an address": Lock(pools=("*.0.0.5",)),
    "a URL": Lock(pools=("stratum+tcp://pool.example:3333",)),
    "a user name": Lock(pools=("me@pool.example",)),
    "an address in hexadecimal": Lock(pools=("0x7f000001:3333",)),
    "port zero": Lock(pools=("pool.example:0",)),
    "a proxy without a port": Lock(pools=("proxy:127.0.0.1",)),
    "an empty pool": Lock(pools=("",)),
    "an empty wallet": Lock(wallets=("",)),
    "a wallet with a space": Lock(wallets=("a b",)),
    "a wallet that begins as an option": Lock(wallets=("-w",)),
    "a key of small order": Lock(keys=(b"\1" + bytes(31),)),
    "a key of zeros": Lock(keys=(bytes(32),)),
}


@pytest.mark.parametrize("lock", BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_an_entry_that_is_none_is_refused(lock: Lock) -> None:
    with pytest.raises(BadInput) as bad:
        check_lock(lock)
    assert bad.value.suggestion
