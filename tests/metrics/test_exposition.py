"""The two formats, read back by the parsers of others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.metrics.exposition import END, Exposition, accepted, head, histogram, label_text, number, sample
from miner_ctrl.metrics.families import FAMILIES, Family, Kind
from tests.metrics.pages import parse_openmetrics, parse_text

COUNTER = Family("a_shares_total", Kind.COUNTER, "What\nit \\ is.", ("peer", "id"))
SECONDS = Family("a_seconds", Kind.HISTOGRAM, "How long.")
INFO = Family("a_info", Kind.INFO, "Who.", ("version",))
TEXT, OPENMETRICS = Exposition.TEXT, Exposition.OPENMETRICS


@given(peer=st.text(), value=st.integers(0, 2**60) | st.floats(allow_nan=False))
def test_whatever_a_label_says_it_is_read_back_and_ends_where_it_should(peer: str, value: float) -> None:
    line = sample(COUNTER.name, label_text(COUNTER.labels, (peer, 'x="1"} 7')), value)
    assert line.count("\n") == 1
    for parse, form, end in ((parse_text, TEXT, ""), (parse_openmetrics, OPENMETRICS, END)):
        if form is OPENMETRICS and value < 0:  # a counter of ours never is, and OpenMetrics refuses it
            continue
        [family] = parse(head(COUNTER, form) + line + end)
        [read] = family.samples
        readable = peer.encode("utf-8", "replace").decode()
        assert (read.name, read.labels, float(read.value)) == (
            COUNTER.name,
            {"peer": readable, "id": 'x="1"} 7'},
            float(value),
        )
        assert (family.type, family.name) == ("counter", "a_shares")


def test_half_a_surrogate_pair_does_not_break_the_page() -> None:
    assert sample("a", label_text(("b",), ("\ud800",)), 1).encode() == b'a{b="?"} 1\n'


def test_a_histogram_is_cumulative_in_both_formats() -> None:
    lines = histogram(SECONDS, (0.1, 1.0), (3, 2, 1), 4.5)
    for parse, form, end in ((parse_text, TEXT, ""), (parse_openmetrics, OPENMETRICS, END)):
        [family] = parse(head(SECONDS, form) + lines + end)
        assert [(one.name, one.labels.get("le"), one.value) for one in family.samples] == [
            ("a_seconds_bucket", "0.1", 3),
            ("a_seconds_bucket", "1.0", 5),
            ("a_seconds_bucket", "+Inf", 6),
            ("a_seconds_sum", None, 4.5),
            ("a_seconds_count", None, 6),
        ]


def test_an_info_is_a_gauge_where_there_is_no_such_kind() -> None:
    line = sample(INFO.name, label_text(INFO.labels, ("1.2",)), 1)
    [family] = parse_text(head(INFO, TEXT) + line)
    assert (family.type, family.name) == ("gauge", "a_info")
    [family] = parse_openmetrics(head(INFO, OPENMETRICS) + line + END)
    assert (family.type, family.name) == ("info", "a")


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (2**60, "1152921504606846976"), (0.1, "0.1"), (1e16, "1e+16"), (math.inf, "+Inf"), (-math.inf, "-Inf")],
)
def test_numbers_are_whole_where_they_are(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        # as Prometheus 2.42 and 3 ask
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPENMETRICS,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2",
            OPENMETRICS,
        ),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.5", TEXT),
        ("application/openmetrics-text;q=0.0,text/plain", TEXT),
        ('application/openmetrics-text; version="1.0.0" ; q=0.9', OPENMETRICS),
        (";;;=,=;q,application/vnd.google.protobuf;proto=x", TEXT),
    ],
)
def test_the_format_is_the_one_asked_for(accept: str, form: Exposition) -> None:
    assert accepted(accept) is form


def test_every_metric_is_named_as_prometheus_wants_it() -> None:
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.name.startswith(("miner_ctrl_", "process_")), family
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family
        assert family.name.endswith("_info") == (family.kind is Kind.INFO), family
        assert family.help.endswith("."), family
