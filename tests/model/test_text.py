from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import time_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("grüße 鉱山", "grüße 鉱山"),
        ("a\r\nb", "a  b"),
        ("\x1b[2Jgone", " [2Jgone"),
        ("evil\u202etxt.exe", "evil txt.exe"),
        ("zero\u200bwidth\ufeff", "zero width "),
        ("line\u2028para\u2029", "line para "),
        ("lone\ud800", "lone "),
    ],
)
def test_hostile_text_is_shown_on_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text(max_size=50), st.integers(0, 20))
def test_it_is_bounded_and_printable(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in shown)


def test_times_are_rfc_3339_in_utc() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert time_text(1_795_235_062_261) == "2026-11-21T04:24:22Z"
