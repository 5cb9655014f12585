"""Fingerprints for people: words and hex, both ways."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from miner_ctrl.errors import BadInput
from miner_ctrl.identity.fingerprints import parse_fingerprint, words_of

FINGERPRINT = bytes(range(100, 132))


def test_words_are_those_of_bip_39() -> None:
    # The first 8 of BIP-39's 12 words for 16 bytes of entropy stand for its first 88 bits.
    entropy = FINGERPRINT[:16]
    assert words_of(FINGERPRINT) == " ".join(Mnemonic("english").to_mnemonic(entropy).split()[:8])


@given(st.binary(min_size=32, max_size=32))
def test_both_forms_find_the_fingerprint_they_came_from(fingerprint: bytes) -> None:
    whole = parse_fingerprint(fingerprint.hex())
    assert whole.is_whole
    assert whole.matches(fingerprint)
    words = parse_fingerprint(words_of(fingerprint))
    assert not words.is_whole
    assert words.matches(fingerprint)
    assert words.prefix == fingerprint[:11]


@given(st.integers(0, 87))
def test_words_tell_all_88_bits_apart(bit: int) -> None:
    other = (int.from_bytes(FINGERPRINT, "big") ^ 1 << 255 - bit).to_bytes(32, "big")
    assert not parse_fingerprint(words_of(FINGERPRINT)).matches(other)
    assert not parse_fingerprint(FINGERPRINT.hex()).matches(other)


@pytest.mark.parametrize(
    "text",
    [
        FINGERPRINT.hex().upper(),
        f"  {FINGERPRINT.hex(':')}\n",
        words_of(FINGERPRINT).upper(),
        words_of(FINGERPRINT).replace(" ", "-"),
        words_of(FINGERPRINT).replace(" ", "  \n"),
    ],
)
def test_people_type_it_in_many_ways(text: str) -> None:
    assert parse_fingerprint(text).matches(FINGERPRINT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        FINGERPRINT.hex()[:-1],
        FINGERPRINT.hex() + "00",
        FINGERPRINT.hex()[:16],
        words_of(FINGERPRINT).rpartition(" ")[0],
        words_of(FINGERPRINT) + " abandon",
        "abandon " * 7 + "abandonn",
        "zz" * 32,
        "\x00" * 64,
        "\N{FULLWIDTH DIGIT ZERO}" * 64,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_fingerprint(text)
    assert caught.value.code == "BAD_FINGERPRINT"


def test_a_fingerprint_of_another_length_never_matches() -> None:
    assert not parse_fingerprint(words_of(FINGERPRINT)).matches(FINGERPRINT[:11])


def test_the_word_list_is_read_only_when_words_are_wanted() -> None:
    program = "import sys, miner_ctrl.identity.keys, miner_ctrl.session; sys.exit('mnemonic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
