"""Rules of a week: as people write them, and what they say for a minute of a day."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput
from miner_ctrl.model.rig import LAST_MS, Schedule, ScheduleRule, ScheduleState
from miner_ctrl.model.times import time_text
from miner_ctrl.model.week import MAX_RULES, asked_for, is_empty, parse_rules, rule_text

RULES = st.builds(
    ScheduleRule,
    days=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(lambda days: tuple(sorted(days))),
    start_minute=st.integers(0, 1439),
    end_minute=st.integers(0, 1440),
    do=st.sampled_from(["run", "pause", "profile:Weekend", "profile:b.2_x-"]),
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("mon-fri 08:00-18:00 pause", ((0, 1, 2, 3, 4), 480, 1080, "pause")),
        ("sat,sun 00:00-24:00 profile:weekend", ((5, 6), 0, 1440, "profile:weekend")),
        ("daily 22:00-06:00 run", ((0, 1, 2, 3, 4, 5, 6), 1320, 360, "run")),
        ("fri-mon 8:05-9:00 run", ((0, 4, 5, 6), 485, 540, "run")),
        ("Mon,Wednesday 08:00-09:00 PAUSE", ((0, 2), 480, 540, "pause")),
        ("mon-mon 00:00-00:00 profile:Night", ((0,), 0, 0, "profile:Night")),
    ],
)
def test_a_rule_as_people_write_it(text: str, rule: tuple[tuple[int, ...], int, int, str]) -> None:
    days, start, end, do = rule
    expected = Schedule(rules=(ScheduleRule(days=days, start_minute=start, end_minute=end, do=do),))
    assert parse_rules([text]) == expected
    assert parse_rules(text.split()) == expected, "quoted in a shell or not"


def test_rules_are_added_after_those_there_are() -> None:
    first = parse_rules(["mon 08:00-09:00 pause", "otherwise pause"])
    both = parse_rules(["tue 08:00-09:00 run"], first)
    assert [rule_text(rule) for rule in both.rules] == ["mon 08:00-09:00 pause", "tue 08:00-09:00 run"]
    assert both.otherwise == "pause"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rule"),
        ("mon 08:00-18:00", "not complete"),
        ("otherwise", "nothing"),
        ("moo 08:00-18:00 pause", "'moo' is no day"),
        ("mon- 08:00-18:00 pause", "'' is no day"),
        ("mon,, 08:00-18:00 pause", "'' is no day"),
        ("mon 08:00 pause", "'08:00' is no span"),
        ("mon 25:00-26:00 pause", "no span"),
        ("mon 08:60-09:00 pause", "no span"),
        ("mon 08:00-24:01 pause", "no span"),
        ("mon 24:00-24:00 pause", "no span"),
        ("mon \u06608:00-09:00 pause", "no span"),
        ("mon 08:00-18:00 stop", "'stop' is nothing to do"),
        ("mon 08:00-18:00 profile:", "nothing to do"),
        ("mon 08:00-18:00 profile:../x", "nothing to do"),
        ("otherwise profile:" + "x" * 64, "nothing to do"),
        ("mon 08:00-18:00 \x1b[2Jpause", "' [2jpause' is nothing to do"),
        ("mon 00:00-01:00 run " * (MAX_RULES + 1), "at most 100 rules"),
    ],
)
def test_what_is_wrong_is_named_with_an_example(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_rules([text])
    assert words in caught.value.message
    assert "\x1b" not in caught.value.message
    assert "mon-fri 08:00-18:00 pause" in caught.value.suggestion
    assert caught.value.code == "BAD_SCHEDULE"


@given(st.lists(RULES, max_size=5), st.sampled_from(["run", "pause", "profile:x"]))
def test_what_is_shown_can_be_given_again(rules: list[ScheduleRule], otherwise: str) -> None:
    made = Schedule(rules=tuple(rules), otherwise=otherwise)
    assert parse_rules([*map(rule_text, rules), f"otherwise {otherwise}"]) == made


def test_the_end_of_a_rule_is_not_part_of_it_and_midnight_is_crossed() -> None:
    night = parse_rules(["fri 22:00-06:00 pause"])
    asked = {(day, minute): asked_for(night, day, minute) for day in range(7) for minute in (0, 359, 360, 1319, 1320)}
    paused = {when for when, do in asked.items() if do == "pause"}
    assert paused == {(4, 1320), (5, 0), (5, 359)}


def test_sunday_night_goes_on_into_monday() -> None:
    assert asked_for(parse_rules(["sun 23:00-01:00 pause"]), 0, 59) == "pause"


def test_of_rules_that_overlap_the_last_counts() -> None:
    made = parse_rules(["daily 00:00-24:00 pause", "mon 08:00-09:00 run", "mon 08:30-08:40 profile:x"])
    assert [asked_for(made, 0, minute) for minute in (0, 480, 510, 520, 540)] == [
        "pause", "run", "profile:x", "run", "pause",
    ]  # fmt: skip


def test_the_same_time_twice_is_a_whole_day() -> None:
    made = parse_rules(["mon 08:00-08:00 pause"])
    hours = sum(asked_for(made, day, minute) == "pause" for day in range(7) for minute in range(1440))
    assert hours == 1440
    assert asked_for(made, 1, 479) == "pause"


def test_nothing_asked_for_is_no_schedule() -> None:
    assert is_empty(Schedule())
    assert not is_empty(Schedule(otherwise="pause"))
    assert not is_empty(parse_rules(["mon 00:00-01:00 run"]))


@pytest.mark.parametrize("until_ms", [-1, LAST_MS + 1, 2**60])
def test_a_rigs_schedule_does_not_end_at_a_time_that_cannot_be_shown(until_ms: int) -> None:
    said = msgspec.msgpack.encode({"schedule": {}, "now": "run", "untilMs": until_ms})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(said, type=ScheduleState)
    assert time_text(LAST_MS) == "9999-12-31T23:59:59Z"
