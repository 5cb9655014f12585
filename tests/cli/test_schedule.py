"""``schedule`` and ``remote schedule``: rules in, the week drawn, one letter an hour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.cli.schedule import week_lines
from miner_ctrl.model.rig import Schedule
from miner_ctrl.model.week import parse_rules
from tests.cli.fake_node import FakeNode, run

OFFICE = {"days": [0, 1, 2, 3, 4], "startMinute": 480, "endMinute": 1080, "do": "pause"}
VIEW: dict[str, Any] = {
    "rules": [OFFICE],
    "otherwise": "profile:night",
    "now": "pause",
    "until": "2026-11-25T18:00:00Z",
    "localTime": "wed 15:40",
    "problem": "",
}
EMPTY: dict[str, Any] = {"rules": [], "otherwise": "run", "now": "run", "until": None, "localTime": "", "problem": ""}


def bodies(node: FakeNode, method: str) -> list[Any]:
    return [asked.body for asked in node.asked if asked.method == method]


def test_the_week_is_a_letter_an_hour() -> None:
    made = parse_rules(["mon-fri 08:00-18:00 pause", "sat 00:00-24:00 profile:weekend", "sun 22:30-06:00 profile:x"])
    lines = week_lines(made)
    assert lines[0] == "     " + " ".join(f"{hour:02}" for hour in range(24))
    letters = ["".join(line[5:].split()) for line in lines[1:8]]
    assert letters == ["AAAAAA..pppppppppp......", *["........pppppppppp......"] * 4, "B" * 24, "." * 22 + "*A"]
    assert lines[8:] == [
        "     . run   p pause   A profile:x   B profile:weekend",
        "     * changes within the hour",
    ]
    assert max(map(len, lines)) <= 80


def test_a_week_of_many_profiles_stays_within_its_columns() -> None:
    rules = [
        f"{day} {hour:02}:00-{hour + 1:02}:00 profile:p{day}{hour}" for day in ("mon", "tue") for hour in range(24)
    ]
    lines = week_lines(parse_rules(rules))
    assert max(map(len, lines)) <= 80
    assert "?" in lines[2], "there are only so many letters"


def test_show_draws_the_week_and_says_what_holds(node: FakeNode, home: Path) -> None:
    node.on("GET", "/schedule", VIEW)
    ended = run(home, "schedule", "show")
    assert ended.code == 0
    assert "mon  A  A  A  A  A  A  A  A  p  p" in ended.out
    assert "\n  mon-fri 08:00-18:00 pause\n  otherwise profile:night\n" in ended.out
    assert "Now (wed 15:40 there): pause, and changes " in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    node.on("GET", "/schedule", {**VIEW, "until": None, "problem": "This rig has no profile night."})
    ended = run(home, "schedule", "show")
    assert "pause, and never changes." in ended.out
    assert ended.err == "This rig has no profile night.\n"
    assert json.loads(run(home, "schedule", "show", "--json").out)["until"] is None
    node.on("GET", "/schedule", EMPTY)
    assert "There is no schedule" in run(home, "schedule", "show").out


def test_set_and_add_take_rules_quoted_or_not(node: FakeNode, home: Path) -> None:
    node.on("GET", "/schedule", VIEW)
    node.on("PUT", "/schedule", VIEW)
    node.on("GET", "/profiles/night", {"name": "night"})
    assert run(home, "schedule", "set", "mon-fri 08:00-18:00 pause", "otherwise profile:night").code == 0
    assert run(home, "schedule", "set", "mon-fri", "08:00-18:00", "pause", "otherwise", "profile:night").code == 0
    ended = run(home, "schedule", "add", "sat 00:00-24:00 profile:weekend")
    assert (ended.code, ended.err) == (0, "This node has no profile weekend yet: miner-ctrl profile create weekend …\n")
    first, second, third = bodies(node, "PUT")
    assert first == second == {"rules": [OFFICE], "otherwise": "profile:night"}
    saturday = {"days": [5], "startMinute": 0, "endMinute": 1440, "do": "profile:weekend"}
    assert third == {"rules": [OFFICE, saturday], "otherwise": "profile:night"}


def test_clear_removes_it(node: FakeNode, home: Path) -> None:
    node.on("DELETE", "/schedule", EMPTY)
    assert run(home, "schedule", "clear").out == "There is no schedule any more.\n"


@pytest.mark.parametrize("verb", ["set", "add"])
def test_a_bad_rule_is_named_before_any_node_is_asked(home: Path, verb: str) -> None:
    ended = run(home, "schedule", verb, "mon-fry 08:00-18:00 pause")
    assert ended.code == 2
    assert ended.err.startswith("Error: 'fry' is no day: days are mon, tue")
    assert "Write rules like 'mon-fri 08:00-18:00 pause'" in ended.err
    assert not home.exists()


def test_from_afar_to_several_at_once(node: FakeNode, home: Path, tmp_path: Path) -> None:
    for peer in ("a", "b"):
        node.on("POST", f"/remote/{peer}/schedule", {"status": "stored"})
    node.fails("POST", "/remote/c/schedule", 504, "PEER_UNREACHABLE", "c does not answer.")
    rule = ("--rule", "mon-fri 08:00-18:00 pause", "--rule", "otherwise profile:night")
    ended = run(home, "remote", "schedule", "a", "c", "b", *rule)
    assert (ended.code, ended.out) == (3, "a has the schedule.\nb has the schedule.\n")
    assert "c does not answer." in ended.err
    text, as_json = tmp_path / "week.txt", tmp_path / "week.json"
    text.write_text("# the office\nmon-fri 08:00-18:00 pause  # quiet\n\notherwise profile:night\n")
    as_json.write_text(json.dumps(VIEW))
    for file in (text, as_json):
        assert run(home, "remote", "schedule", "a", "--file", str(file)).code == 0
    assert run(home, "remote", "schedule", "a", "--clear").out == "a has no schedule any more.\n"
    sent = [body for body in bodies(node, "POST") if body is not None]
    assert sent == [{"rules": [OFFICE], "otherwise": "profile:night"}] * 5 + [{}]


def test_from_afar_it_is_shown(node: FakeNode, home: Path) -> None:
    node.on("GET", "/remote/rig-a/schedule", VIEW)
    node.on("GET", "/remote/rig-b/schedule", EMPTY)
    ended = run(home, "remote", "schedule", "rig-a", "rig-b", "--show")
    assert ended.code == 0
    assert ended.out.startswith("rig-a:\n     00 01")
    assert "rig-b:\nThere is no schedule" in ended.out
    assert run(home, "remote", "schedule", "rig-a", "rig-b").out == ended.out


@pytest.mark.parametrize("words", [("--clear", "--show"), ("--rule", "otherwise run", "--clear")])
def test_one_thing_at_a_time(home: Path, words: tuple[str, ...]) -> None:
    ended = run(home, "remote", "schedule", "rig-a", *words)
    assert (ended.code, "Give one of --rule, --file, --clear and --show" in ended.err) == (2, True)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "mon 08:00",
        "{",
        '{"rules": 3}',
        '{"rules": [{"days": []}]}',
        '{"rules": ' + "[" * 5000,
        '{"otherwise": "x"}',
    ],
)
def test_a_file_that_is_no_schedule_is_refused(node: FakeNode, home: Path, tmp_path: Path, content: str) -> None:
    file = tmp_path / "week"
    file.write_text(content)
    ended = run(home, "remote", "schedule", "rig-a", "--file", str(file))
    assert ended.code == 2, ended
    assert ended.err.count("\n") == 1
    assert bodies(node, "POST") == []


@pytest.mark.parametrize("name", ["no-such-file", "."])
def test_a_file_that_cannot_be_read_is_named(home: Path, tmp_path: Path, name: str) -> None:
    ended = run(home, "remote", "schedule", "rig-a", "--file", str(tmp_path / name))
    assert (ended.code, "cannot be read" in ended.err) == (2, True), ended


def test_no_schedule_is_drawn_too() -> None:
    assert week_lines(Schedule())[-1] == "     . run"
