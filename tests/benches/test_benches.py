"""The benches run and report every figure. What the figures are is no test."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from benches.figures import Figure, Group, Spread, Target, Verdict, number, table
from benches.running import GROUPS, ON_REQUEST
from tests.house.tree import ROOT

EXPECTED = {
    "link": {"ping, round trip", "ping over raw echo", "get_stats, round trip", "get_stats, 64 at once"},
    "handshakes": {"handshakes, 64 dialers"},
    "fleet": {"sweep of 32 rigs", "state of 32 from memory"},
    "live": {"snapshot of 32 rigs", "rig to reader, one change", "snapshot of 500 rigs"},
    "memory": {"a connection, listener", "a connection, dialler"},
    "processes": {"miner-ctrl --help", "remote status", "worker, resident (RSS)", "keeper, resident (RSS)"},
    "deploys": {"  unpacked and switched to", "  links cut", "  a rig, more memory (RSS)"},
    "metrics": {"page of 32 rigs", "page of 500 rigs", "  longest without a turn, CPU"},
    "everything": {
        "snapshot of 32 rigs",
        "rig to reader, one change",
        "a rig's day in 200 points",
        "a scrape",
        "the loop is late by",
        "controller's CPU",
    },
    "access": {"asked under wrong tokens", "asked under slow heads", "asked under connections"},
    "audit": {"entries written, in bursts", "entries checked", "an entry on the disk", "a request (raw: no log)"},
    "crypto": {"seal 300 bytes", "open 300 bytes", "sign", "verify", "handshake, both sides"},
}


@pytest.fixture(scope="module")
def quick() -> dict[str, Any]:
    return _quick()


def _quick(*groups: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benches", "--quick", "--json", *groups]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_history_is_measured_on_request() -> None:
    names = {figure["name"] for figure in _quick("history")["figures"]}
    assert {"rows of 200 rigs written, a s", "24 h of a rig in 200 points", "  p95 while it is written"} <= names
    assert "bands of 32 rigs, 24 h" in names


def test_every_group_is_expected() -> None:
    assert set(EXPECTED) == set(GROUPS) - ON_REQUEST


@pytest.mark.parametrize("group", EXPECTED)
def test_the_quick_form_reports_every_figure(quick: dict[str, Any], group: str) -> None:
    rows = [row for row in quick["figures"] if row["group"] == group]
    assert EXPECTED[group] <= {row["name"] for row in rows}
    assert all("p50" in row["ours"] for row in rows)


def test_the_machine_is_described(quick: dict[str, Any]) -> None:
    assert quick["machine"]["cores"] >= 1
    assert quick["machine"]["python"]


def test_a_figure_is_met_missed_or_better_than_hoped() -> None:
    assert Target(20).verdict(20) is Verdict.MET
    assert Target(20).verdict(20.1) is Verdict.MISSED
    assert Target(60, reach=44).verdict(44) is Verdict.REACHED
    assert Target(1300, reach=2000, at_least=True).verdict(1299) is Verdict.MISSED
    assert Target(1300, reach=2000, at_least=True).verdict(2000) is Verdict.REACHED


def test_a_spread_has_a_percentile_only_of_enough_samples() -> None:
    assert Spread.of([3, 1, 2]) == Spread(2)
    assert Spread.of(range(1, 101)) == Spread(50.5, 99)


def test_the_table_fits_80_columns() -> None:
    wide = Figure("controller, resident (RSS)", "MiB", Spread(1234.5, 99_999), Spread(88_888, 88_888), Target(25_000))
    lines = table([Group("x", "Title", [wide], (0.1, 0.2))]).splitlines()
    assert max(map(len, lines)) <= 80
    assert "MISSED" not in lines[-1]
    assert "met" in lines[-1]
    assert [number(value) for value in (None, 1.234, 12.34, 1234.5)] == ["", "1.23", "12.3", "1,234"]
