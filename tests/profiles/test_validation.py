from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.profiles import validate

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
        daemon=True,
        nicehash=True,
        keepalive=False,
        hugePages=False,
        randomxMode="light",
        donateLevel=0,
        seed=7,
    )
    assert validate("xmrig", everything) == MinerConfig(
        pool=POOL,
        wallet=WALLET,
        password="d=1000",
        rig_id="{rig}",
        algo="rx/0",
        coin="monero",
        threads=4,
        tls=True,
        daemon=True,
        nicehash=True,
        keepalive=False,
        huge_pages=False,
        randomx_mode="light",
        donate_level=0,
        seed=7,
    )
    assert set(everything) == set(MinerConfig.__struct_encode_fields__)


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
HOSTILE_TEXT = ["-o evil:1", "--config=/etc/passwd", *(f"a{char}b" for char in CONTROLS), "a" * 256]

FLAGS = ("tls", "daemon", "nicehash", "keepalive", "hugePages")

REFUSED: list[tuple[str, object]] = [
    *(
        (field, value)
        for field in ("pool", "wallet", "password", "rigId", "algo", "coin", "randomxMode")
        for value in [*HOSTILE_TEXT, None, 1, True, ["x"], {"x": 1}]
    ),
    *(
        (field, value)
        for field in ("tls", "daemon", "nicehash", "keepalive", "hugePages")
        for value in (1, "true", None)
    ),
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
