"""Kinds of addresses, recognised by how they are written, with their checksums. Pure; nothing is asked of anybody.

Pools take user names too, so what is not recognised means nothing, and what looks wrong is a warning and no more.
Prefixes are those of the coins' own sources: Monero's and Wownero's ``cryptonote_config.h`` (as in XMRig's
``WalletAddress``), Zephyr's, ``chainparams.cpp`` of Bitcoin and its descendants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from miner_ctrl.profiles import encodings

Coins = frozenset[str]
EVM = frozenset({"ethereum", "ethereum-classic", "ethereumpow"})

COINS: Mapping[str, str] = {
    name: coin
    for coin, names in {
        "bitcoin": "btc",
        "dogecoin": "doge",
        "ergo": "erg",
        "ethereum": "eth",
        "ethereum-classic": "etc ethereumclassic",
        "ethereumpow": "ethw",
        "kaspa": "kas",
        "litecoin": "ltc",
        "monero": "xmr",
        "raptoreum": "rtm",
        "ravencoin": "rvn",
        "wownero": "wow",
        "zcash": "zec",
        "zephyr": "zeph",
    }.items()
    for name in (coin, *names.split())
}
"""What a profile may call a coin, in lower case → the coin, of those whose addresses are recognised."""


class WalletSight(NamedTuple):
    """An address, recognised. ``kind`` is for people; ``coins`` may be paid there; ``wrong`` is a clause that says why
    nobody can be, or empty."""

    kind: str
    coins: Coins
    wrong: str = ""


class _Tag(NamedTuple):
    kind: str
    coin: str
    payload: int = 64
    real: bool = True


_TAGS: Mapping[int, _Tag] = {
    18: _Tag("a Monero address", "monero"),
    19: _Tag("an integrated Monero address", "monero", 72),
    42: _Tag("a Monero subaddress", "monero"),
    53: _Tag("a Monero address of the test network", "monero", real=False),
    54: _Tag("an integrated Monero address of the test network", "monero", 72, real=False),
    63: _Tag("a Monero subaddress of the test network", "monero", real=False),
    24: _Tag("a Monero address of the stage network", "monero", real=False),
    25: _Tag("an integrated Monero address of the stage network", "monero", 72, real=False),
    36: _Tag("a Monero subaddress of the stage network", "monero", real=False),
    4146: _Tag("a Wownero address", "wownero"),
    6810: _Tag("an integrated Wownero address", "wownero", 72),
    12208: _Tag("a Wownero subaddress", "wownero"),
    0x6241D18C0: _Tag("a Zephyr address", "zephyr"),
    0xC4F7D18C0: _Tag("an integrated Zephyr address", "zephyr", 72),
    0x8DD58C0: _Tag("a Zephyr subaddress", "zephyr"),
}
_VERSIONS: Mapping[bytes, WalletSight] = {
    b"\x00": WalletSight("a Bitcoin address", frozenset({"bitcoin"})),
    b"\x05": WalletSight("a Bitcoin address (P2SH)", frozenset({"bitcoin", "litecoin"})),
    b"\x30": WalletSight("a Litecoin address", frozenset({"litecoin"})),
    b"\x32": WalletSight("a Litecoin address (P2SH)", frozenset({"litecoin"})),
    b"\x1e": WalletSight("a Dogecoin address", frozenset({"dogecoin"})),
    b"\x16": WalletSight("a Dogecoin address (P2SH)", frozenset({"dogecoin"})),
    b"\x3c": WalletSight(
        "an address that begins with R, as Ravencoin's and Raptoreum's do", frozenset({"ravencoin", "raptoreum"})
    ),
    b"\x7a": WalletSight("a Ravencoin address (P2SH)", frozenset({"ravencoin"})),
    b"\x1c\xb8": WalletSight("a transparent address of Zcash's kind", frozenset({"zcash"})),
    b"\x1c\xbd": WalletSight("a transparent address of Zcash's kind (P2SH)", frozenset({"zcash"})),
}
_SEGWIT: Mapping[str, WalletSight] = {
    "bc": WalletSight("a Bitcoin address", frozenset({"bitcoin"})),
    "ltc": WalletSight("a Litecoin address", frozenset({"litecoin"})),
    "tb": WalletSight("a Bitcoin address of the test network", frozenset({"bitcoin"}), "it is of the test network"),
}

_AFTER_ADDRESS = re.compile(r"[./+,=@]")
_TICKER = re.compile(r"([A-Z][A-Z0-9]{1,9}):(.+)")
_CRYPTONOTE = re.compile(r"(?:[48][0-9A-Za-z]|W[ow]|WW|ZEPH)[0-9A-Za-z]{60,138}")
_HEX = re.compile(r"0x([0-9a-fA-F]{36,44})")
_WITH_PREFIX = re.compile(r"(bc|ltc|tb)1[a-z0-9]{8,87}", re.IGNORECASE)
_KASPA = re.compile(r"(kaspa(?:test|dev|sim)?):[a-z0-9]{40,80}")
_BASE58 = re.compile(r"[13LMDARrt][0-9A-Za-z]{24,34}")
_ERGO = re.compile(r"9[0-9A-Za-z]{50}")
_CHECKSUM = "its checksum does not fit: a character is missing, or another one"


def address_of(wallet: str) -> str:
    """Return the address in what a pool takes as the wallet: without a worker's name, a difficulty or a mail address
    behind it, and without the coin's sign (``DOGE:…``) before it."""
    address = _AFTER_ADDRESS.split(wallet)[0]
    match = _TICKER.fullmatch(address)
    return match[2] if match else address


def recognise(wallet: str) -> WalletSight | None:
    """Return what kind of address is in ``wallet``; ``None`` if it looks like none of those that are known."""
    address = address_of(wallet)
    if match := _HEX.fullmatch(address):
        return _ethereum(match[1])
    if match := _WITH_PREFIX.fullmatch(address):
        return _segwit(address, _SEGWIT[match[1].lower()])
    if match := _KASPA.fullmatch(address):
        return _kaspa(address, match[1])
    if _ERGO.fullmatch(address):
        sight = WalletSight("an Ergo address", frozenset({"ergo"}))
        return sight if encodings.ergo_check(address) else sight._replace(wrong=_CHECKSUM)
    if _CRYPTONOTE.fullmatch(address):
        return _cryptonote(address)
    return _base58(address) if _BASE58.fullmatch(address) else None


def _ethereum(digits: str) -> WalletSight:
    sight = WalletSight("an address of Ethereum's kind (0x…)", EVM)
    if len(digits) != 40:
        return sight._replace(wrong=f"it has {len(digits)} hex digits behind 0x, and an address has 40")
    mixed = digits not in (digits.lower(), digits.upper())
    return sight._replace(wrong=_CHECKSUM) if mixed and not encodings.has_eip55_case(digits) else sight


def _segwit(address: str, sight: WalletSight) -> WalletSight:
    return sight if encodings.segwit(address) else sight._replace(wrong=_CHECKSUM)


def _kaspa(address: str, prefix: str) -> WalletSight:
    sight = WalletSight("a Kaspa address", frozenset({"kaspa"}))
    if encodings.kaspa(address) is None:
        return sight._replace(wrong=_CHECKSUM)
    return sight if prefix == "kaspa" else sight._replace(wrong="it is of a test network")


def _cryptonote(address: str) -> WalletSight:
    coin = "wownero" if address[0] == "W" else "zephyr" if address[0] == "Z" else "monero"
    sight = WalletSight(f"a {coin.capitalize()} address", frozenset({coin}))
    strange = next((char for char in address if char not in encodings.BASE58), "")
    if strange:
        return sight._replace(wrong=f"it has the character {strange}, which is in no such address")
    if coin == "monero" and len(address) not in (95, 106):
        return sight._replace(wrong=f"it has {len(address)} characters, and an address has 95 (or 106, integrated)")
    decoded = encodings.cryptonote(address)
    if decoded is None:
        return sight._replace(wrong=_CHECKSUM)
    tag = _TAGS.get(decoded[0])
    if tag is None or len(decoded[1]) != tag.payload:
        return sight._replace(wrong="it is of another coin or network", coins=frozenset())
    wrong = "" if tag.real else "it is of a network for tests"
    return WalletSight(tag.kind, frozenset({tag.coin}), wrong)


def _base58(address: str) -> WalletSight | None:
    data = encodings.base58_check(address)
    if data is not None:
        return _VERSIONS.get(data[:-20]) if len(data) > 20 else None
    guess = {"1": b"\x00", "3": b"\x05", "L": b"\x30", "M": b"\x32", "D": b"\x1e", "A": b"\x16", "R": b"\x3c"}
    guess |= {"r": b"\x7a", "t": b"\x1c\xb8"}
    if len(address) not in (33, 34, 35) or not any(map(str.isdigit, address)):
        return None  # it may be anybody's name
    return _VERSIONS[guess[address[0]]]._replace(wrong=_CHECKSUM)
