from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from miner_ctrl.profiles import validate
from miner_ctrl.profiles.fields import BY_NAME, FIELDS, Field

WALLET = "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"
POOL = "pool.example:3333"


def config(**fields: object) -> dict[str, object]:
    return {"pool": POOL, "wallet": WALLET, **fields}


def test_every_field_arrives_typed() -> None:
    everything = config(
        password="d=1000",
        rigId="{rig}",
        algo="rx/0",
        coin="monero",
        threads=4,
        tls=True,
        tlsFingerprint="AB" * 32,
        daemon=True,
        nicehash=True,
        keepalive=False,
        failover=["pool.example:4444"],
        gpuPool={"pool": "gpu.example:1", "tlsFingerprint": "", "coin": "ravencoin"},
        proxy="socks5://127.0.0.1:9050",
        cpu=True,
        cpuAffinity="8,0-3",
        cpuPriority=0,
        maxThreadsHint=50,
        hugePages=True,
        gbPages=True,
        randomxMode="fast",
        donateLevel=0,
        opencl=True,
        cuda=True,
        devices=[2, 0],
        intensity=20,
        pauseOnBattery=True,
        pauseOnActivity=True,
        extraArgs=["--cpu-no-yield", "--randomx-init", "2"],
        seed=7,
    )
    first = PoolConfig(
        pool=POOL,
        wallet=WALLET,
        password="d=1000",
        rig_id="{rig}",
        algo="rx/0",
        coin="monero",
        tls=True,
        tls_fingerprint="ab" * 32,
        daemon=True,
        nicehash=True,
        keepalive=False,
    )
    gpu = replace(first, pool="gpu.example:1", tls_fingerprint="", coin="ravencoin", algo="")
    checked = validate("xmrig", everything)
    assert checked == MinerConfig(
        **msgspec.structs.asdict(first),
        failover=(replace(first, pool="pool.example:4444"),),
        gpu_pool=gpu,
        proxy="127.0.0.1:9050",
        threads=4,
        cpu_affinity=(0, 1, 2, 3, 8),
        cpu_priority=0,
        max_threads_hint=50,
        gb_pages=True,
        randomx_mode="fast",
        donate_level=0,
        opencl=True,
        cuda=True,
        devices=(0, 2),
        intensity=20.0,
        pause_on_battery=True,
        pause_on_activity=60,
        extra_args=("--cpu-no-yield", "--randomx-init", "2"),
        seed=7,
    )
    assert checked.pools == (first, replace(first, pool="pool.example:4444"), gpu)
    assert set(everything) == set(MinerConfig.__struct_encode_fields__) == set(BY_NAME)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_explained_and_its_default_passes(field: Field) -> None:
    assert field.meaning.endswith(".")
    assert field.takes
    defaults = config(opencl=True) if field.name in ("gpuPool", "devices", "intensity") else config()
    if field.name not in ("pool", "wallet"):
        assert validate("xmrig", {**defaults, field.name: field.default}) == validate("xmrig", defaults)


def test_what_is_left_out_has_its_default() -> None:
    assert validate("xmrig", config()) == MinerConfig(pool=POOL, wallet=WALLET)


@pytest.mark.parametrize(
    ("pool", "expected", "tls", "daemon"),
    [
        ("pool.example:3333", POOL, False, False),
        ("Pool.Example:3333", POOL, False, False),
        ("127.0.0.1:1", "127.0.0.1:1", False, False),
        ("[::1]:18081", "[::1]:18081", False, False),
        ("stratum+tcp://pool.example:3333", POOL, False, False),
        ("stratum+tcp://pool.example:3333/", POOL, False, False),
        ("stratum+ssl://pool.example:3333", POOL, True, False),
        ("stratum+tls://pool.example:3333", POOL, True, False),
        ("daemon+http://127.0.0.1:18081", "127.0.0.1:18081", False, True),
        ("daemon+https://127.0.0.1:18081", "127.0.0.1:18081", True, True),
    ],
)
def test_forms_of_a_pool(pool: str, expected: str, tls: bool, daemon: bool) -> None:
    checked = validate("xmrig", config(pool=pool))
    assert (checked.pool, checked.tls, checked.daemon) == (expected, tls, daemon)


def test_tls_that_was_asked_for_is_not_lost() -> None:
    assert validate("xmrig", config(pool="stratum+tcp://pool.example:3333", tls=True)).tls


@pytest.mark.parametrize(
    "wallet",
    [WALLET, WALLET + ".{rig}", WALLET + "+5000.{rig}/me@example.com", "kaspa:qqabc.rig-1", "user.worker_2", "a"],
)
def test_wallets(wallet: str) -> None:
    assert validate("xmrig", config(wallet=wallet)).wallet == wallet


CONTROLS = ["\x00", "\n", "\r", "\x1b[2J", "\x7f", "\u202e", "\u2028"]
HOSTILE_TEXT: list[object] = [
    *("-o evil:1", "--config=/etc/passwd", "a" * 256),
    *(f"a{char}b" for char in CONTROLS),
    *(None, 1, True, ["x"], {"x": 1}),
]

FLAGS = ("tls", "daemon", "nicehash", "keepalive", "cpu", "hugePages", "gbPages", "opencl", "cuda", "pauseOnBattery")
NO_FLAGS: list[object] = [0, 1, 0.0, "true", None, []]
BAD_NUMBERS: list[object] = [
    *(None, 1, "", "-1", "a", "3-1", "0,", "0,0", "0-99999", "1 2", {}),
    *([True], [-1], [1.0], ["0"], [0, 0], [10**30]),
]

REFUSED: list[tuple[str, object]] = [
    *(
        (field, value)
        for field in ("pool", "wallet", "password", "rigId", "algo", "coin", "randomxMode", "tlsFingerprint", "proxy")
        for value in HOSTILE_TEXT
    ),
    *((field, value) for field in FLAGS for value in NO_FLAGS),
    *((field, True) for field in ("threads", "cpuPriority", "maxThreadsHint", "donateLevel", "intensity", "seed")),
    *((field, value) for field in ("cpuAffinity", "devices") for value in BAD_NUMBERS),
    ("cpuAffinity", [1024]),
    ("devices", [256]),
    ("devices", "0-64"),
    *(("cpuPriority", value) for value in (-1, 6, "2", 1.0)),
    *(("maxThreadsHint", value) for value in (0, 101, "50")),
    *(("intensity", value) for value in (0, -1, 1e308, float("nan"), float("inf"), "20", 10**400)),
    *(("pauseOnActivity", value) for value in (0, -1, 86_401, 1.5, "true")),
    *(("extraArgs", value) for value in ("--x", {"a": 1}, None, ["-x"] * 33)),
    *(("failover", value) for value in (None, "pool.example:1", {"pool": "a:1"}, ["pool.example:1"] * 9)),
    *(("proxy", value) for value in ("127.0.0.1", "http://127.0.0.1:1", "user:pw@127.0.0.1:1", "a:0")),
    *(("tlsFingerprint", value) for value in ("ab", "zz" * 32, "ab" * 33, "ab:" * 32)),
    *(("threads", value) for value in (0, -1, 1025, 2.0, "2", True, 10**400)),
    *(("donateLevel", value) for value in (-1, 100, None, "1", False)),
    *(("seed", value) for value in (-1, 2**53 + 1, 1.5, "7")),
    *(
        ("pool", value)
        for value in (
            "",
            "pool.example",
            ":3333",
            "pool.example:0",
            "pool.example:99999",
            "pool.example:3333:1",
            "http://pool.example:3333",
            "stratum+tcp://",
            "stratum+tcp://user:pw@pool.example:3333",
            "stratum+tcp://pool.example:3333/path",
            "stratum+tcp://pool.example:3333?x",
            "stratum+tcp://stratum+tcp://pool.example:3333",
            "-pool.example:3333",
            "pool example:3333",
            "$(reboot):3333",
            "::1:3333:",
            " pool.example:3333",
            "pool.example:3333\u2028",
            "stratum+tcp://{rig}.example:3333",
            "ftp://etc/passwd",
        )
    ),
    *(
        ("wallet", value)
        for value in ("a b", "a;b", "a'b", 'a"b', "a$b", "a\\b", "a`b", "é", "{rig}", "{rig}.x", "a{", "a.{x}")
    ),
    *(("password", value) for value in ("a b", "é", "-x")),
    *(("rigId", value) for value in ("a b", "a/b", "{", "{rig", "-{rig}", "x" * 64)),
    *(("algo", value) for value in ("rx 0", "rx;0", "/rx")),
    *(("coin", value) for value in ("monero/", "x" * 17)),
    *(("randomxMode", value) for value in ("", "FAST", "turbo")),
]


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_what_a_field_cannot_be_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(BadInput) as caught:
        validate("xmrig", config(**{field: value}))
    error = caught.value
    assert error.details == {"field": field}
    assert error.message.startswith(field)
    assert error.message.isprintable()
    assert len(error.message) < 300
    assert error.suggestion


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("rig-id", "Did you mean rigId?"),
        ("rig_id", "Did you mean rigId?"),
        ("wallett", "Did you mean wallet?"),
        ("Threads", "Did you mean threads?"),
        ("huge-pages", "Did you mean hugePages?"),
        ("", "The fields are pool, "),
        ("zzz", "The fields are pool, "),
        ("failover2", "Did you mean failover?"),
        ("\x1b[2J" * 1000, "The fields are pool, "),
        ("__class__", "The fields are pool, "),
    ],
)
def test_an_unknown_field_is_named_and_the_nearest_suggested(key: str, suggestion: str) -> None:
    with pytest.raises(BadInput, match="A profile has no field") as caught:
        validate("xmrig", {**config(), key: 1})
    assert caught.value.code == "UNKNOWN_FIELD"
    assert caught.value.suggestion.startswith(suggestion)
    assert caught.value.message.isprintable()


def test_pool_and_wallet_are_needed_except_in_a_simulation() -> None:
    with pytest.raises(BadInput, match="pool is missing"):
        validate("xmrig", {"wallet": WALLET})
    for wallet in ({}, {"wallet": ""}):
        with pytest.raises(BadInput, match="wallet is missing"):
            validate("xmrig", {"pool": POOL, **wallet})
        assert validate("simulated", {"pool": POOL, **wallet}).wallet == ""


@pytest.mark.parametrize("miner_type", ["", "-x", "../sh", "XMRig", "x" * 33, "xm rig", "xmrig\n"])
def test_miner_types(miner_type: str) -> None:
    with pytest.raises(BadInput, match="minerType"):
        validate(miner_type, config())


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from(MinerConfig.__struct_encode_fields__) | st.text(max_size=12),
        VALUES | st.sampled_from([POOL, WALLET, "auto", "{rig}"]),
        max_size=6,
    )
)
def test_only_bad_input_comes_out_and_what_passes_is_safe(fields: dict[str, object]) -> None:
    try:
        checked = validate("simulated", fields)
    except BadInput:
        return
    for value in (getattr(checked, name) for name in MinerConfig.__struct_fields__):
        if isinstance(value, str):
            assert value.isascii()
            assert value.isprintable()
            assert not value.startswith("-")
            assert " " not in value


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"threads": 3, "cpuAffinity": "0-1"}, "threads"),
        ({"gbPages": True, "hugePages": False}, "gbPages"),
        ({"gbPages": True, "randomxMode": "light"}, "gbPages"),
        ({"devices": [0]}, "devices"),
        ({"intensity": 1}, "intensity"),
        ({"gpuPool": "gpu.example:1"}, "gpuPool"),
        ({"cpu": False}, "cpu"),
        ({"cpu": False, "cuda": True, "threads": 2}, "threads"),
        ({"cpu": False, "cuda": True, "cpuAffinity": [1]}, "cpuAffinity"),
        ({"cpu": False, "opencl": True, "cpuPriority": 0}, "cpuPriority"),
        ({"cpu": False, "opencl": True, "gpuPool": "gpu.example:1"}, "gpuPool"),
        ({"tlsFingerprint": "ab" * 32}, "tlsFingerprint"),
        ({"pool": "stratum+ssl://pool.example:1", "tls": False}, "tls"),
        ({"pool": "stratum+tcp://pool.example:1", "daemon": True}, "daemon"),
        ({"pool": "daemon+http://pool.example:1", "daemon": False}, "daemon"),
    ],
)
def test_what_cannot_go_together_is_refused(fields: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        validate("xmrig", config(**fields))
    assert caught.value.details == {"field": field}
    assert caught.value.message.startswith(field)
    assert caught.value.suggestion


def test_what_goes_together_is_taken() -> None:
    for fields in (
        {"threads": 2, "cpuAffinity": "0-1"},
        {"cpu": False, "cuda": True, "devices": "0"},
        {"opencl": True, "gpuPool": "gpu.example:1", "threads": 2},
    ):
        validate("xmrig", config(**fields))


def test_miners_that_have_gpus_alone_need_no_switch_for_them() -> None:
    assert validate("tt-miner", config(devices=[1], intensity=20, cpu=False)).devices == (1,)


def test_a_password_is_not_in_its_error() -> None:
    with pytest.raises(BadInput) as caught:
        validate("xmrig", config(password="hunter 2"))
    assert "hunter" not in f"{caught.value.message} {caught.value.suggestion} {caught.value.details}"
    with pytest.raises(BadInput) as caught:
        validate("xmrig", config(pool="stratum+tcp://me:hunter2@pool.example:1"))
    assert "hunter" not in caught.value.message
