"""``miner-ctrl history``: how long what is kept, shown and changed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.fake_node import FakeNode, run

KEPT = {"samplesHours": 24.0, "minutesDays": 30.0, "hoursDays": 730.0, "eventsDays": 730.5}


def test_times_are_shown_and_only_those_given_are_changed(node: FakeNode, home: Path) -> None:
    node.on("GET", "/history/settings", KEPT)
    node.on("PUT", "/history/settings", {**KEPT, "samplesHours": 48.0})
    shown = run(home, "history", "settings").out
    assert [line.split() for line in shown.splitlines()] == [
        ["Samples", "24", "hours"], ["Minutes", "30", "days"], ["Hours", "730", "days"], ["Events", "730.5", "days"],
    ]  # fmt: skip
    assert node.asked[-1].method == "GET"
    changed = run(home, "history", "settings", "--samples-hours", "48")
    assert changed.out.split()[:3] == ["Samples", "48", "hours"]
    assert (node.asked[-1].method, node.asked[-1].body) == ("PUT", {**KEPT, "samplesHours": 48.0})


def test_the_status_says_what_it_takes_and_what_is_wrong(node: FakeNode, home: Path) -> None:
    status = {"enabled": True, "database": "sqlite", "bytes": 3 * 2**20, "problem": "The disk \x1b[31mis full."}
    node.on("GET", "/history/status", status)
    shown = run(home, "history", "status").out
    assert "3.0 MiB" in shown
    assert "is full." in shown
    assert "\x1b" not in shown
