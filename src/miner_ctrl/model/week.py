"""A rig's week as people write and read it: rules in words, and what they say for a minute of a day.

``DAYS HH:MM-HH:MM DO`` or ``otherwise DO``. Days: ``mon``, ``mon-fri``, ``sat,sun``, ``daily``; do: ``run``, ``pause``
or ``profile:NAME``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from miner_ctrl.errors import BadInput
from miner_ctrl.model.rig import Schedule, ScheduleRule
from miner_ctrl.model.text import one_line

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 1440
MAX_RULES = 100
RUN, PAUSE, PROFILE = "run", "pause", "profile:"
EXAMPLE = "'mon-fri 08:00-18:00 pause', 'sat,sun 00:00-24:00 profile:weekend' or 'otherwise run'"
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY = frozenset({"daily", "every-day", "everyday"})
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DO = re.compile(r"run|pause|profile:[A-Za-z0-9._-]{1,63}")


def asked_for(schedule: Schedule, day: int, minute: int) -> str:
    """Return what ``schedule`` asks for at a minute of a day (0 is Monday): the last rule that holds then."""
    for rule in reversed(schedule.rules):
        if _holds(rule, day, minute):
            return rule.do
    return schedule.otherwise


def boundaries(schedule: Schedule) -> tuple[int, ...]:
    """Return the minutes of a day at which a rule may begin or end, in order."""
    found = {minute % MINUTES_A_DAY for rule in schedule.rules for minute in (rule.start_minute, rule.end_minute)}
    return tuple(sorted({0, *found}))


def is_empty(schedule: Schedule) -> bool:
    """Return whether it asks for nothing: there is no schedule then."""
    return not schedule.rules and schedule.otherwise == RUN


def profile_named(do: str) -> str | None:
    """Return the profile that ``do`` names, if it is one."""
    return do.removeprefix(PROFILE) if do.startswith(PROFILE) else None


def _holds(rule: ScheduleRule, day: int, minute: int) -> bool:
    if rule.end_minute > rule.start_minute:
        return day in rule.days and rule.start_minute <= minute < rule.end_minute
    began_today = day in rule.days and minute >= rule.start_minute
    return began_today or ((day - 1) % 7 in rule.days and minute < rule.end_minute)


def parse_rules(words: Sequence[str], present: Schedule | None = None) -> Schedule:
    """Return the schedule that ``words`` tell, after the rules of ``present``. A rule may be one word (quoted in a
    shell) or several.

    Raises:
        BadInput: says which word is wrong, and how a rule looks.
    """
    left = [word.lower() if not _is_profile(word) else word for part in words for word in part.split()]
    rules, otherwise = [*(present.rules if present else ())], present.otherwise if present else RUN
    if not left:
        raise _bad("There is no rule.")
    while left:
        if left[0] == "otherwise":
            if len(left) < 2:
                raise _bad("After 'otherwise' it says nothing.")
            otherwise = _do(left[1])
            left = left[2:]
            continue
        if len(left) < 3:
            raise _bad(f"The rule {_quoted(' '.join(left))} is not complete: it needs days, times and what to do.")
        rules.append(_rule(*left[:3]))
        left = left[3:]
    if len(rules) > MAX_RULES:
        raise _bad(f"A schedule has at most {MAX_RULES} rules, and this one {len(rules)}.")
    return Schedule(rules=tuple(rules), otherwise=otherwise)


def rule_text(rule: ScheduleRule) -> str:
    """Return a rule as ``parse_rules`` takes it."""
    return f"{_days_text(rule.days)} {minute_text(rule.start_minute)}-{minute_text(rule.end_minute)} {rule.do}"


def minute_text(minute: int) -> str:
    """Return a minute of the day as ``HH:MM``."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _rule(days: str, times: str, do: str) -> ScheduleRule:
    numbers = _days(days)
    first, dash, last = times.partition("-")
    start, end = _minute(first), _minute(last)
    if not dash or start is None or end is None or start == MINUTES_A_DAY:
        raise _bad(f"{_quoted(times)} is no span of time: it goes from HH:MM to HH:MM, up to 24:00.")
    return ScheduleRule(days=numbers, start_minute=start, end_minute=end, do=_do(do))


def _minute(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    minute = int(match[1]) * 60 + int(match[2])
    return minute if int(match[2]) < 60 and minute <= MINUTES_A_DAY else None


def _days(text: str) -> tuple[int, ...]:
    if text in _EVERY_DAY:
        return tuple(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _day(first)
        length = (_day(last) - start) % 7 if dash else 0
        found |= {(start + step) % 7 for step in range(length + 1)}
    return tuple(sorted(found))


def _day(text: str) -> int:
    if text in DAY_NAMES:
        return DAY_NAMES.index(text)
    if text in _FULL_NAMES:
        return _FULL_NAMES.index(text)
    raise _bad(f"{_quoted(text)} is no day: days are {', '.join(DAY_NAMES)}, or daily.")


def _days_text(days: Sequence[int]) -> str:
    held = sorted(set(days))
    if len(held) == 7:
        return "daily"
    runs: list[list[int]] = []
    for day in held:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        f"{DAY_NAMES[run[0]]}-{DAY_NAMES[run[-1]]}" if len(run) > 2 else ",".join(DAY_NAMES[day] for day in run)
        for run in runs
    )


def _do(text: str) -> str:
    if not _DO.fullmatch(text):
        raise _bad(f"{_quoted(text)} is nothing to do: a rule says run, pause or profile:NAME.")
    return text


def _is_profile(word: str) -> bool:
    return word.startswith(PROFILE)


def _quoted(text: str) -> str:
    return repr(one_line(text, 80))


def _bad(message: str) -> BadInput:
    return BadInput(message, suggestion=f"Write rules like {EXAMPLE}.", code="BAD_SCHEDULE")
