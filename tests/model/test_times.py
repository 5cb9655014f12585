"""Times as people ask for them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput
from miner_ctrl.model.times import MAX_MS, asked_ms, time_text

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1790000000000", NOW_MS),
        ("now", NOW_MS),
        ("24h", NOW_MS - 86_400_000),
        ("-24h", NOW_MS - 86_400_000),
        ("1h30m", NOW_MS - 5_400_000),
        ("1.5h", NOW_MS - 5_400_000),
        ("24h0m0s", NOW_MS - 86_400_000),
        ("500ms", NOW_MS - 500),
        ("2w", NOW_MS - 14 * 86_400_000),
        ("99999d", 0),
        ("2026-09-21T14:13:20Z", NOW_MS),
        ("2026-09-21T16:13:20+02:00", NOW_MS),
        ("2026-09-21T16:13:20 02:00", NOW_MS),
        ("2026-09-21T14:13:20", NOW_MS),
        ("1970-01-02", 86_400_000),
    ],
)
def test_each_form_is_taken(text: str, expected: int) -> None:
    assert asked_ms(text, NOW_MS) == expected


@settings(deadline=None)
@given(st.text(max_size=64))
def test_anything_is_a_time_or_refused_in_one_sentence(text: str) -> None:
    try:
        found = asked_ms(text, NOW_MS)
    except BadInput as error:
        refused = error
    else:
        assert 0 <= found <= MAX_MS
        return
    assert refused.code == "BAD_TIME"
    assert refused.message.isprintable()


@given(st.integers(0, 2**42))
def test_what_the_api_shows_is_what_it_takes(at_ms: int) -> None:
    assert asked_ms(time_text(at_ms), NOW_MS) == at_ms // 1000 * 1000
