"""How addresses are written, each with its checksum: Base58 of two kinds, Bech32, and Kaspa's. Pure.

- Base58Check: BIP-13 and Bitcoin's wiki; double SHA-256.
- CryptoNote's Base58: blocks of 8 bytes in 11 characters, Keccak-256 (CryptoNote Standard 007).
- Bech32 and Bech32m: BIP-173, BIP-350.
- Kaspa's: the checksum of Bitcoin Cash's "cashaddr".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from miner_ctrl.profiles.keccak import keccak_256

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_DIGITS = {char: value for value, char in enumerate(BASE58)}
_LETTERS = {char: value for value, char in enumerate(BECH32)}
_BLOCK_BYTES = {0: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}
_BECH32_SUM, _BECH32M_SUM = 1, 0x2BC830A3
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_KASPA_GENERATORS = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)


def base58(text: str) -> bytes | None:
    """Return what ``text`` says in Base58; ``None`` if it is none."""
    number = 0
    for char in text:
        if char not in _DIGITS:
            return None
        number = number * 58 + _DIGITS[char]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58_check(text: str) -> bytes | None:
    """Return version and payload; ``None`` if the checksum does not fit."""
    data = base58(text)
    if data is None or len(data) < 5:
        return None
    told = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4]
    return data[:-4] if told == data[-4:] else None


def ergo_check(text: str) -> bytes | None:
    """Return the prefix and payload of an Ergo address; ``None`` if the checksum (BLAKE2b-256) does not fit."""
    data = base58(text)
    if data is None or len(data) < 5:
        return None
    return data[:-4] if hashlib.blake2b(data[:-4], digest_size=32).digest()[:4] == data[-4:] else None


def cryptonote(text: str) -> tuple[int, bytes] | None:
    """Return tag and payload; ``None`` if it is not CryptoNote's Base58 or the checksum does not fit."""
    data = b""
    for start in range(0, len(text), 11):
        block = text[start : start + 11]
        size = _BLOCK_BYTES.get(len(block))
        if size is None or any(char not in _DIGITS for char in block):
            return None
        number = 0
        for char in block:
            number = number * 58 + _DIGITS[char]
        if number >> (8 * size):
            return None
        data += number.to_bytes(size, "big")
    if len(data) < 5 or keccak_256(data[:-4])[:4] != data[-4:]:
        return None
    tag = shift = 0
    for at, byte in enumerate(data[:9]):
        tag |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return tag, data[at + 1 : -4]
    return None


def segwit(text: str) -> tuple[str, int, bytes] | None:
    """Return prefix, version and program of a SegWit address; ``None`` if it is none or the checksum does not fit."""
    if text not in (text.lower(), text.upper()):
        return None
    prefix, _, rest = text.lower().rpartition("1")
    values = [_LETTERS.get(char, -1) for char in rest]
    if not prefix or len(values) < 8 or len(text) > 90 or -1 in values:
        return None
    told = _polymod([*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix), *values])
    version, program = values[0], _bytes_of(values[1:-6])
    if told != (_BECH32M_SUM if version else _BECH32_SUM) or program is None or version > 16:
        return None
    if not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        return None
    return prefix, version, program


def kaspa(text: str) -> tuple[str, int] | None:
    """Return prefix and version of a Kaspa address; ``None`` if it is none or the checksum does not fit."""
    prefix, _, rest = text.partition(":")
    values = [_LETTERS.get(char, -1) for char in rest]
    if not prefix or len(values) < 9 or -1 in values:
        return None
    checksum = 1
    for value in (*(ord(char) & 31 for char in prefix), 0, *values):
        top = checksum >> 35
        checksum = ((checksum & 0x07FFFFFFFF) << 5) ^ value
        for bit, generator in enumerate(_KASPA_GENERATORS):
            checksum ^= generator if top >> bit & 1 else 0
    payload = _bytes_of(values[:-8])
    return None if checksum != 1 or not payload else (prefix, payload[0])


def has_eip55_case(digits: str) -> bool:
    """Whether the capitals of an Ethereum address (its 40 hex digits) are those that EIP-55 asks for."""
    told = keccak_256(digits.lower().encode()).hex()
    return all(not char.isalpha() or char.isupper() == (told[at] >= "8") for at, char in enumerate(digits))


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum


def _bytes_of(values: list[int]) -> bytes | None:
    """Return groups of 5 bits as bytes; ``None`` if what is left over is not zeros, or a whole group."""
    number, bits = 0, 5 * len(values)
    for value in values:
        number = number << 5 | value
    left = bits % 8
    if left >= 5 or number & ((1 << left) - 1):
        return None
    return (number >> left).to_bytes(bits // 8, "big")
