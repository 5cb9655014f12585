"""Addresses by the vectors that their coins publish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.profiles.keccak import keccak_256
from miner_ctrl.profiles.wallets import COINS, address_of, recognise

MONERO = "44hBFjQxAJ84oGpVdhh6ThGPmYttsAGeESyVKGCcCs3Pa9M44XaZHi63gzqp14tYtgUEbMzmAPrKQJSkYUc25hVwCKnTYVn"
INTEGRATED = (
    "4LL9oSLmtpccfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2bYXZKKQePHES9khPK"
)

REAL = [
    # Monero: the project's donation address; its documentation of integrated addresses; Zephyr's test network's fund.
    ("888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H", "monero"),
    (MONERO, "monero"),
    (INTEGRATED, "monero"),
    # Wownero's donation address (its README); Zephyr's cryptonote_config.h, GOVERNANCE_WALLET_ADDRESS.
    ("Wo3MWeKwtA918DU4c69hVSNgejdWFCRCuWjShRY66mJkU2Hv58eygJWDJS1MNa2Ge5M1WjUkGHuLqHkweDxwZZU42d16v94mP", "wownero"),
    (
        "ZEPHYR2jZrZXenfKejCcCmEkRzUYwXjgWfJF4yzdCznKQ8yQ3g3PsWUbZjzfzHbeTPMgXVmEuDKQUB9rPkgtVwyWRh9knU4EpfJ57",
        "zephyr",
    ),
    # EIP-55, "Test Cases": all capitals, all small, mixed.
    ("0x52908400098527886E0F7030069857D2E4169EE7", "ethereum-classic"),
    ("0xde709f2102306220921060314715629080e2fb77", "ethereum-classic"),
    ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "ethereum-classic"),
    ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", "ethereum-classic"),
    ("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "ethereum-classic"),
    ("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", "ethereum-classic"),
    # BIP-173 and BIP-350, "Test vectors".
    ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bitcoin"),
    ("bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", "bitcoin"),
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "bitcoin"),
    # Bitcoin's wiki, "Address"; the address of the first block's coinbase.
    ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "bitcoin"),
    ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bitcoin"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin"),
    # The program of BIP-173 with Litecoin's prefix.
    ("ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "litecoin"),
    # Ravencoin's chainparams.cpp, burn addresses.
    ("RXBurnXXXXXXXXXXXXXXXXXXXXXXWUo9FV", "ravencoin"),
    ("RXissueAssetXXXXXXXXXXXXXXXXXhhZGt", "ravencoin"),
    # Kaspa's rusty-kaspa, the addresses of its tests; Ergo's ErgoAddressEncoder, "for mainnet".
    ("kaspa:qpauqsvk7yf9unexwmxsnmg547mhyga37csh0kj53q6xxgl24ydxjsgzthw5j", "kaspa"),
    ("9fRAWhdxEsTcdb8PhGNrZfwqa65zfkuYHAMmkQLcic1gdLSV5vA", "ergo"),
    # Zcash's chainparams.cpp, the first of the founders' reward addresses.
    ("t3Vz22vK5z2LcKEdg16Yv4FFneEL1zg9ojd", "zcash"),
]
NOT_REAL = [
    # BIP-173 and BIP-350, "invalid": checksum, Bech32 where Bech32m is asked for, and the other way round, both cases.
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kV8F3T4",
    # of networks for tests
    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    "kaspatest:qqz22l98sf8jun72rwh5rqe2tm8lhwtdxdmynrz4ypwak427qed5juktjt7ju",
    # hex digits
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        ("abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_keccak_by_its_known_answers(text: str, data: str) -> None:
    """The values that the Keccak team publishes (ShortMsgKAT_256) and Ethereum's yellow paper uses."""
    assert keccak_256(text.encode()).hex() == data


@pytest.mark.parametrize(("wallet", "coin"), REAL)
def test_a_real_address_is_recognised_and_every_change_of_it_is_seen(wallet: str, coin: str) -> None:
    sight = recognise(wallet)
    assert sight is not None
    assert coin in sight.coins
    assert (sight.wrong, coin in COINS.values()) == ("", True)
    for behind in (".rig-1", "+5000", "/me@mail.example", ".{rig}", "=1"):
        assert recognise(wallet + behind) == sight
    lower = wallet.lower() == wallet or wallet.upper() == wallet
    if wallet[:2] == "0x" and lower:
        return  # without capitals there is no checksum
    for at in range(10, len(wallet)):
        other = "a" if wallet[at] not in "aA" else "c"
        changed = wallet[:at] + (other.upper() if wallet.isupper() else other) + wallet[at + 1 :]
        found = recognise(changed)
        assert found is None or found.wrong, changed
    assert recognise(INTEGRATED).kind == "an integrated Monero address"  # type: ignore[union-attr]


@pytest.mark.parametrize("wallet", NOT_REAL)
def test_what_nobody_can_be_paid_at_is_seen(wallet: str) -> None:
    sight = recognise(wallet)
    assert sight is not None
    assert sight.wrong


@pytest.mark.parametrize(
    ("wallet", "wrong"),
    [
        (MONERO[:-1], "it has 94 characters, and an address has 95 (or 106, integrated)"),
        (MONERO + "a", "it has 96 characters, and an address has 95 (or 106, integrated)"),
        (MONERO[:50] + "0" + MONERO[51:], "it has the character 0, which is in no such address"),
        ("0x" + "a" * 41, "it has 41 hex digits behind 0x, and an address has 40"),
    ],
)
def test_what_is_wrong_with_it_is_said(wallet: str, wrong: str) -> None:
    sight = recognise(wallet)
    assert sight is not None
    assert sight.wrong == wrong


@pytest.mark.parametrize("wallet", ["", "me", "user.worker_2", "me@mail.example", "1710454080", "krxXXXX.rig", "48ab"])
def test_a_user_name_means_nothing(wallet: str) -> None:
    assert recognise(wallet) is None


def test_the_address_in_what_a_pool_takes() -> None:
    assert address_of(f"{MONERO}+1000.rig/me@mail.example") == MONERO
    assert address_of("DOGE:D6QUZViFSiEWkeAkGdYyPPoJszQ9RZBX29.rig") == "D6QUZViFSiEWkeAkGdYyPPoJszQ9RZBX29"
    assert address_of("kaspa:qq.rig") == "kaspa:qq"


@given(st.text(max_size=255))
def test_no_text_is_too_strange(text: str) -> None:
    recognise(text)


@given(st.from_regex(r"\A(?:[48]|Wo|ZEPH|bc1|kaspa:|0x|9|[13LMDR])[A-Za-z0-9]{20,140}\Z"))
def test_what_is_made_up_is_never_a_real_address(text: str) -> None:
    sight = recognise(text)
    assert sight is None or sight.wrong or text.startswith("0x")
