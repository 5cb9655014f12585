"""When a schedule asks for something else: every zone, both changes of the clock, against a look at every minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.model.rig import Schedule, ScheduleRule
from miner_ctrl.model.week import parse_rules
from miner_ctrl.worker.schedule import asked_at, next_edge
from tests.model.test_week import RULES

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns",
         "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll"]  # fmt: skip
"""Changes of an hour, of half an hour (Lord Howe), of two (Troll), around Ramadan, and a day that never was (Apia)."""


def wall(zone: str) -> Callable[[float], datetime]:
    info = ZoneInfo(zone)
    return lambda unix_s: datetime.fromtimestamp(unix_s, info).replace(tzinfo=None)


def unix(zone: str, text: str, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def utc(unix_s: float | None) -> str:
    assert unix_s is not None
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def edges(schedule: Schedule, zone: str, start: str, days: float) -> list[tuple[str, str]]:
    """Return every edge in ``days`` from a local time on, in UTC, and what is asked for from then on."""
    at: float | None = unix(zone, start)
    assert at is not None
    end, found = at + days * 86400, []
    while at is not None and (at := next_edge(schedule, at, wall(zone))) is not None and at < end:
        found.append((utc(at)[5:16], asked_at(schedule, at, wall(zone))))
    return found


def test_edges_are_at_the_rules_ends_in_local_time() -> None:
    office = parse_rules(["mon-fri 08:00-18:00 pause"])
    assert edges(office, "Europe/Berlin", "2026-11-26 12:00", 3) == [
        ("11-26 17:00", "run"),
        ("11-27 07:00", "pause"),
        ("11-27 17:00", "run"),
    ]


def test_a_rule_that_only_repeats_what_holds_makes_no_edge() -> None:
    made = parse_rules(["daily 00:00-24:00 pause", "mon 08:00-09:00 pause"])
    assert next_edge(made, unix("UTC", "2026-01-01 00:00"), wall("UTC")) is None
    assert next_edge(Schedule(), 0, wall("UTC")) is None


@pytest.mark.parametrize("rules", [["otherwise run"], ["otherwise pause", "mon 08:00-09:00 pause"]])
def test_a_schedule_that_always_asks_for_the_same_costs_no_look_at_the_clock(rules: list[str]) -> None:
    """A rig without a schedule asks for its edges since 1970 when its agent starts; that took a second."""

    def stopped(_unix_s: float) -> datetime:
        raise AssertionError("nobody needs to know the time")

    assert next_edge(parse_rules(rules), 0, stopped, within_s=60 * 365 * 86400) is None


def test_the_hour_that_is_skipped_in_spring() -> None:
    """In Berlin 02:00 becomes 03:00 on 2026-03-29, at 01:00 UTC."""
    starts_in_gap = parse_rules(["sun 02:30-05:00 pause"])
    assert edges(starts_in_gap, "Europe/Berlin", "2026-03-29 00:00", 1) == [
        ("03-29 01:00", "pause"),
        ("03-29 03:00", "run"),
    ]
    only_in_gap = parse_rules(["sun 02:10-02:50 pause"])
    assert edges(only_in_gap, "Europe/Berlin", "2026-03-29 00:00", 1) == []
    found = next_edge(only_in_gap, unix("Europe/Berlin", "2026-03-29 00:00"), wall("Europe/Berlin"))
    assert utc(found) == "2026-04-05 00:10:00", "a week later it is there again"


def test_the_hour_that_comes_twice_in_autumn() -> None:
    """In Berlin 03:00 becomes 02:00 on 2026-10-25, at 01:00 UTC: what the clock on the wall shows is kept twice."""
    made = parse_rules(["sun 02:15-02:45 pause"])
    assert edges(made, "Europe/Berlin", "2026-10-25 00:00", 1) == [
        ("10-25 00:15", "pause"),
        ("10-25 00:45", "run"),
        ("10-25 01:15", "pause"),
        ("10-25 01:45", "run"),
    ]
    over_it = parse_rules(["sun 02:30-03:30 pause"])
    assert edges(over_it, "Europe/Berlin", "2026-10-25 00:00", 1) == [
        ("10-25 00:30", "pause"),
        ("10-25 01:00", "run"),
        ("10-25 01:30", "pause"),
        ("10-25 02:30", "run"),
    ]


def test_leap_days_and_the_turn_of_the_year_are_days_like_others() -> None:
    made = parse_rules(["tue 00:00-24:00 pause"])
    assert edges(made, "UTC", "2028-02-28 12:00", 3) == [("02-29 00:00", "pause"), ("03-01 00:00", "run")]
    assert edges(made, "UTC", "2030-12-31 12:00", 2) == [("01-01 00:00", "run")]


def test_a_day_that_never_was() -> None:
    """Samoa went from Thursday, 2011-12-29, to Saturday."""
    made = parse_rules(["fri 00:00-24:00 pause"])
    assert edges(made, "Pacific/Apia", "2011-12-29 12:00", 2) == []


def test_another_zone_is_another_time() -> None:
    made, now = parse_rules(["daily 08:00-18:00 pause"]), unix("Europe/Berlin", "2026-11-25 12:00")
    assert asked_at(made, now, wall("Europe/Berlin")) == "pause"
    assert asked_at(made, now, wall("America/New_York")) == "run"


@settings(deadline=None, max_examples=120)
@given(
    rules=st.lists(RULES, min_size=1, max_size=4),
    otherwise=st.sampled_from(["run", "pause"]),
    zone=st.sampled_from(ZONES),
    start=st.one_of(
        st.integers(1_262_304_000, 2_082_758_400),
        st.sampled_from([1_774_745_000, 1_792_890_000, 1_793_500_000, 1_775_310_000, 1_325_239_000]),
    ),
)
def test_no_minute_is_missed_and_none_made_up(rules: list[ScheduleRule], otherwise: str, zone: str, start: int) -> None:
    schedule, clock = Schedule(rules=tuple(rules), otherwise=otherwise), wall(zone)
    start -= start % 60
    found = next_edge(schedule, start, clock)
    now = asked_at(schedule, start, clock)
    looked_until = start + timedelta(days=2).total_seconds() if found is None else min(found, start + 2 * 86400)
    minute = start + 60
    while minute < looked_until:
        assert asked_at(schedule, minute, clock) == now, utc(minute)
        minute += 60
    if found is not None:
        assert asked_at(schedule, found, clock) != now
        assert asked_at(schedule, found - 1, clock) == now
        assert found % 60 == 0, "no zone has seconds in these years"


@pytest.mark.parametrize("second", [0.0, 0.4, 59.999])
def test_an_edge_lies_after_the_moment_asked_about(second: float) -> None:
    made = parse_rules(["daily 08:00-18:00 pause"])
    before = unix("UTC", "2026-11-25 07:59") + second
    assert utc(next_edge(made, before, wall("UTC"))) == "2026-11-25 08:00:00"
    assert utc(next_edge(made, unix("UTC", "2026-11-25 08:00") + second, wall("UTC"))) == "2026-11-25 18:00:00"
