"""Fingerprints as people see and type them: 64 hex characters, or 8 BIP-39 words for the first 88 bits."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from miner_ctrl.errors import BadInput

FINGERPRINT_BYTES = 32
WORDS = 8
_BITS_PER_WORD = 11
_WORDS_BYTES = WORDS * _BITS_PER_WORD // 8
_HEX = re.compile(r"[0-9a-f]{64}")


class FingerprintQuery(msgspec.Struct, frozen=True):
    """What somebody typed of a fingerprint: all 32 bytes, or the 11 that 8 words stand for."""

    prefix: bytes

    @property
    def is_whole(self) -> bool:
        """Whether the whole fingerprint was given, as unattended trust demands."""
        return len(self.prefix) == FINGERPRINT_BYTES

    def matches(self, fingerprint: bytes) -> bool:
        """Whether a fingerprint of 32 bytes is the one that was typed."""
        return len(fingerprint) == FINGERPRINT_BYTES and fingerprint.startswith(self.prefix)


def words_of(fingerprint: bytes) -> str:
    """Return the 8 words, separated by spaces, for a fingerprint's first 88 bits."""
    words, _ = _word_list()
    bits = int.from_bytes(fingerprint[:_WORDS_BYTES], "big")
    shifts = range((WORDS - 1) * _BITS_PER_WORD, -1, -_BITS_PER_WORD)
    return " ".join(words[(bits >> shift) % len(words)] for shift in shifts)


def parse_fingerprint(text: str) -> FingerprintQuery:
    """Return what ``text`` asks for: 64 hex characters (colons and spaces allowed) or 8 words (spaces or hyphens).

    Raises:
        BadInput: it is neither, or a word is not in the list.
    """
    lowered = text.strip().lower()
    compact = re.sub(r"[\s:]", "", lowered)
    if _HEX.fullmatch(compact):
        return FingerprintQuery(bytes.fromhex(compact))
    typed = re.split(r"[\s-]+", lowered)
    if len(typed) != WORDS:
        raise BadInput(
            f"A fingerprint has 64 hex characters or {WORDS} words, and this is neither.",
            suggestion="Copy it from the other node: miner-ctrl node info shows both forms.",
            code="BAD_FINGERPRINT",
        )
    _, numbers = _word_list()
    bits = 0
    for word in typed:
        if word not in numbers:
            raise BadInput(
                f"{word[:20]!r} is not a word of the list fingerprints are made of.",
                suggestion="Check the spelling against the other node's screen.",
                code="BAD_FINGERPRINT",
            )
        bits = bits << _BITS_PER_WORD | numbers[word]
    return FingerprintQuery(bits.to_bytes(_WORDS_BYTES, "big"))


@cache
def _word_list() -> tuple[list[str], dict[str, int]]:
    from mnemonic import Mnemonic  # noqa: PLC0415 - reads a word list from disk; most processes show no words

    words: list[str] = Mnemonic("english").wordlist
    return words, {word: number for number, word in enumerate(words)}
