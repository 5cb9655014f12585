"""Configs as somebody types them: some right, some wrong, most of them both."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from miner_ctrl.profiles.fields import BY_NAME, POOL_FIELDS

RIGHT: dict[str, list[Any]] = {
    "pool": ["a.example:1", "stratum+ssl://b.example:443", "daemon+http://127.0.0.1:18081", "c.example:3333"],
    "wallet": ["4ABC", "4ABC.{rig}", "0x" + "ab" * 20],
    "password": ["x", "d=1000", "hunter2"],
    "rigId": ["{rig}", "r1", ""],
    "algo": ["rx/0", "kawpow", ""],
    "coin": ["monero", "RVN", ""],
    "tls": [True, False],
    "tlsFingerprint": ["ab" * 32, ""],
    "daemon": [True, False],
    "nicehash": [True, False],
    "keepalive": [True, False],
    "proxy": ["127.0.0.1:9050", ""],
    "cpu": [True, False],
    "threads": [1, 4, None],
    "cpuAffinity": ["0-3", [1, 2], []],
    "cpuPriority": [0, 5, None],
    "maxThreadsHint": [50, None],
    "hugePages": [True, False],
    "gbPages": [True, False],
    "randomxMode": ["auto", "light", "fast"],
    "donateLevel": [0, 1, 5],
    "opencl": [True, False],
    "cuda": [True, False],
    "devices": ["0,2", [1], []],
    "intensity": [20, 1.5, None],
    "pauseOnBattery": [True, False],
    "pauseOnActivity": [True, 60, None],
    "extraArgs": [["--cpu-no-yield"], []],
    "seed": [7, None],
}
WRONG: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "-x", "a b", "x" * 300, [], {}, ["x"], [None], {"pool": 1}]

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=12))
json_values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.dictionaries(st.text(max_size=6), scalars, max_size=3)
)


def value_of(name: str) -> st.SearchStrategy[Any]:
    """Return values of a field, mostly right ones."""
    if name == "failover":
        return st.one_of(st.lists(pool_values(), max_size=4), st.sampled_from(WRONG))
    if name == "gpuPool":
        return st.one_of(pool_values(), st.sampled_from(WRONG))
    right = st.sampled_from(RIGHT[name])
    return st.one_of(right, right, right, st.sampled_from(WRONG), json_values)


def pool_values() -> st.SearchStrategy[Any]:
    """Return pools other than the first."""
    some = st.lists(st.sampled_from([name for name in POOL_FIELDS if name != "pool"]), unique=True, max_size=3)
    fields = some.flatmap(lambda names: st.fixed_dictionaries({name: value_of(name) for name in ("pool", *names)}))
    return st.one_of(st.sampled_from(RIGHT["pool"]), fields, st.just({}), st.just({"thread": 1, "pool": "d.example:1"}))


def configs() -> st.SearchStrategy[dict[str, Any]]:
    """Return configs: most have a pool and a wallet, some have a field that is none."""
    names = st.lists(st.sampled_from([*BY_NAME, "pool", "wallet"]), unique=True, max_size=7)
    known = names.flatmap(lambda chosen: st.fixed_dictionaries({name: value_of(name) for name in chosen}))
    whole = st.fixed_dictionaries({"pool": value_of("pool"), "wallet": value_of("wallet")})
    strange = st.dictionaries(st.sampled_from(["thread", "Pool", "x" * 80]), scalars, max_size=1)
    return st.builds(
        lambda *parts: {key: value for part in parts for key, value in part.items()}, whole, known, strange
    )


MINER_TYPES = st.sampled_from(["xmrig", "simulated", "tt-miner", "lolminer", "unknown", "", "No Type"])
NAMES = st.sampled_from(["p", "taken", "TAKEN", "check", "pools", "", "a b", "0123456789abcdef", "x" * 64, "new"])
