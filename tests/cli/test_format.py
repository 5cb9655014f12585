"""How values read."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.cli.format import age, duration, hashrate, log_line, milliseconds, seconds_since, shown, since, until
from miner_ctrl.cli.tables import Column, Table, plain


def harmless(text: str) -> bool:
    """Whether ``text`` has no character that moves, hides or reorders anything."""
    return not any(unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" for char in text)


NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hps", "text"),
    [
        (None, "-"),
        (0, "0.00 H/s"),
        (999.4, "999 H/s"),
        (999.6, "1.00 kH/s"),
        (12_512.3, "12.5 kH/s"),
        (9.999, "10.0 H/s"),
        (45_230_000, "45.2 MH/s"),
        (999_999, "1.00 MH/s"),
        (1.5e12, "1.50 TH/s"),
        (5e21, "5000 EH/s"),
    ],
)
def test_hashrates_have_three_digits_and_the_right_unit(hps: float | None, text: str) -> None:
    assert hashrate(hps) == text


@given(st.floats(min_value=0.01, max_value=1e20))
def test_a_hashrate_reads_as_what_it_is(hps: float) -> None:
    number, unit = hashrate(hps).split()
    factor = dict(
        zip(("H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s"), (10.0 ** (3 * i) for i in range(7)), strict=True)
    )
    assert float(number) * factor[unit] == pytest.approx(hps, rel=0.006, abs=0.006)
    assert float(number) < 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "never"), (0.4, "now"), (12.9, "12 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (86_400, "1 day ago")],
)
def test_ages(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


def test_durations_and_round_trips() -> None:
    assert [duration(s) for s in (None, 0, 59, 3600, 5 * 86_400)] == ["-", "0 s", "59 s", "1 h", "5 days"]
    assert [milliseconds(ms) for ms in (None, 0.123, 9.94, 250.4)] == ["-", "0.1 ms", "9.9 ms", "250 ms"]


def test_moments() -> None:
    assert since((NOW - timedelta(seconds=12)).isoformat(), NOW) == "12 s ago"
    assert since(None) == since("") == "never"
    assert since("yesterday") == "never"
    assert seconds_since((NOW + timedelta(hours=1)).isoformat(), NOW) == 0.0
    assert until("2026-05-01T13:00:00Z", NOW) == "in 1 h"
    assert until((NOW + timedelta(seconds=3598)).isoformat(), NOW) == "in 1 h"
    assert until((NOW + timedelta(seconds=59)).isoformat(), NOW) == "in 59 s"
    assert until("2026-05-01T11:00:00Z", NOW) == "over"


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_text_of_others_is_one_harmless_line(text: str) -> None:
    assert harmless(shown(text))


@given(st.text(alphabet=st.sampled_from("\x1b[]0;1mKJH2\x07\x9b\x00\n\r\u202eab ")))
def test_of_a_log_line_only_colours_reach_a_terminal(line: str) -> None:
    assert harmless(log_line(line, colour=False))
    assert harmless(re.sub(r"\x1b\[[0-9;:]*m", "", log_line(line, colour=True)))


def test_a_plain_table_is_aligned_and_whole() -> None:
    table = Table((Column("A"), Column("B", right=True, drop=1)), [("x" * 90, "1"), ("y", "22")])
    lines = plain(table).splitlines()
    assert [line[92:] for line in lines] == [" B", " 1", "22"]
