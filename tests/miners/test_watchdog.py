"""The watchdog's policy, by values: what was seen and when, and what follows. No clock, no process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from miner_ctrl.miners.watchdog import Action, Cause, Memory, Seen, attempt_failed, judge, reset
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.rig import WatchdogSettings

S = WatchdogSettings(
    restarts_at_most=3, restarts_within_s=1000, backoff_first_s=5, backoff_last_s=15, silent_for_s=30, low_for_s=60,
    learn_for_s=100, no_share_factor=12, no_share_at_least_s=100,
)  # fmt: skip
MINING = Seen(state=MinerState.MINING, key="p rx/0", hashrate_hps=1000.0)
EXITED = Seen(state=MinerState.CRASHED, down="It was killed.", key="p rx/0")
SILENT = Seen(state=MinerState.UNRESPONSIVE, down="no answer", key="p rx/0")
SLOW = msgspec.structs.replace(MINING, baseline_hps=1000.0, hashrate_hps=400.0)
IDLE = Seen(state=MinerState.STARTING, key="p rx/0", hashrate_hps=0.0, pool_there=True)
HOT = msgspec.structs.replace(MINING, hot="The CPU is 99 °C hot, over the limit of 95 °C.", cool=False)
COOL = msgspec.structs.replace(MINING, state=MinerState.PAUSED)
WARM = msgspec.structs.replace(COOL, cool=False)


def like(seen: Seen, **changes: Any) -> Seen:
    return msgspec.structs.replace(seen, **changes)


def over(
    looks: Iterable[tuple[float, Seen]], settings: WatchdogSettings = S, memory: Memory | None = None
) -> tuple[list[tuple[float, Action]], Memory]:
    """Return what was done and when, and what is remembered at last."""
    memory = memory or Memory()
    done: list[tuple[float, Action]] = []
    for now_s, seen in looks:
        verdict = judge(settings, memory, seen, now_s)
        memory = verdict.memory
        if verdict.action is not Action.NOTHING:
            done.append((now_s, verdict.action))
    return done, memory


def every(step_s: float, until_s: float, seen: Seen, *, since_s: float = 0.0) -> list[tuple[float, Seen]]:
    return [(since_s + n * step_s, seen) for n in range(round((until_s - since_s) / step_s) + 1)]


def shares(seen: Seen, *, until_s: float, every_s: float) -> list[tuple[float, Seen]]:
    """Look every 10 s at a miner with a share every ``every_s``."""
    return [(now_s, like(seen, accepted=int(now_s / every_s))) for now_s, _ in every(10, until_s, seen)]


SCENARIOS = [
    ("mines well", every(10, 5000, like(MINING, baseline_hps=990.0)), []),
    ("exited: restarted after the first pause", every(1, 5, EXITED), [(5, Action.RESTART)]),
    ("came back by itself before the restart", [*every(1, 4, EXITED), (5, MINING), (6, MINING)], []),
    ("the pauses double, up to the last; then it is given up", every(1, 100, EXITED),
     [(5, Action.RESTART), (16, Action.RESTART), (32, Action.RESTART), (33, Action.GIVE_UP)]),
    ("silent for less than it may be", [*every(10, 29, SILENT), (29, SILENT), (30, MINING)], []),
    ("silent too long", every(5, 36, SILENT), [(35, Action.RESTART)]),
    ("silent, then answers, then silent", [*every(5, 25, SILENT), (26, MINING), *every(5, 56, SILENT, since_s=28)], []),
    ("silent, then it exits: the pause begins with that", [*every(10, 30, SILENT), *every(1, 40, EXITED, since_s=32)],
     [(37, Action.RESTART)]),
    ("slow for less than it may be", [*every(10, 50, SLOW), (60, like(SLOW, hashrate_hps=900.0)), (70, SLOW)], []),
    ("slow too long", every(5, 70, SLOW), [(65, Action.RESTART)]),
    ("half of what is usual is not slow", every(10, 500, like(SLOW, hashrate_hps=500.0)), []),
    ("slow, but nothing is known of how fast it should be", every(10, 500, like(SLOW, baseline_hps=None)), []),
    ("nothing at all: a dataset may take so long", every(10, 290, like(SLOW, hashrate_hps=0.0)), []),
    ("nothing at all for longer", every(5, 310, like(SLOW, hashrate_hps=0.0)), [(305, Action.RESTART)]),
    ("another algorithm: its clock begins anew",
     [*every(10, 50, SLOW), *every(10, 110, like(SLOW, key="p rx/wow"), since_s=60)], []),
    ("slow because the pool is away", every(10, 500, like(SLOW, hashrate_hps=0.0, pool_away=True)), []),
    ("no share for 12 times the time", every(10, 140, like(MINING, difficulty=10_000.0)), [(130, Action.RESTART)]),
    ("no share, but not for long enough yet", every(10, 90, like(MINING, difficulty=1000.0)), []),
    ("no share, but none was to be expected", every(10, 5000, like(MINING, difficulty=1e9)), []),
    ("no share, but nobody knows how hard they are", every(10, 5000, MINING), []),
    ("a share now and then", shares(like(MINING, difficulty=10_000.0), until_s=2000, every_s=90), []),
    ("no share: the pool is away", every(10, 5000, like(MINING, difficulty=10_000.0, pool_away=True)), []),
    ("no share: the machine slept", [(0, like(MINING, difficulty=10.0)), (9000, like(MINING, difficulty=1e9))],
     []),
    ("dead pool: never restarted", every(10, 9000, Seen(state=MinerState.STARTING, pool_away=True, key="p")), []),
    ("its first hashrate never comes: a ladder that ends", every(10, 9000, IDLE),
     [(310, Action.RESTART), (630, Action.RESTART), (960, Action.RESTART), (1270, Action.GIVE_UP)]),
    ("its first hashrate comes late", [*every(10, 290, IDLE), (300, MINING), *every(10, 590, IDLE, since_s=310)], []),
    ("starting for ever, where nobody knows of its pool", every(10, 9000, like(IDLE, pool_there=False)), []),
    ("meant to be paused", every(10, 900, like(MINING, state=MinerState.PAUSED, wanted_paused=True)), []),
    ("meant to be paused, and gone", every(10, 900, like(EXITED, wanted_paused=True)), []),
    ("meant to be paused, and silent", every(10, 900, like(SILENT, wanted_paused=True)), []),
    ("pauses itself: battery, activity", every(10, 900, like(SLOW, state=MinerState.PAUSED)), []),
    ("being stopped", every(10, 900, like(SILENT, state=MinerState.STOPPING)), []),
    ("too hot, then warm, then cool", [(0, HOT), (10, WARM), (20, WARM), (30, COOL), (40, MINING)],
     [(0, Action.COOL), (30, Action.GO_ON)]),
    ("too hot again and again: paused for good",
     [look for n in range(5) for look in ((n * 20.0, HOT), (n * 20.0 + 10, COOL))],
     [(0, Action.COOL), (10, Action.GO_ON), (20, Action.COOL), (30, Action.GO_ON), (40, Action.COOL),
      (50, Action.GO_ON), (60, Action.COOL)]),
    ("gone while it was too hot: started when it is cool", [(0, HOT), (10, like(EXITED, cool=False)), (20, EXITED)],
     [(0, Action.COOL), (20, Action.GO_ON)]),
    ("paused by a command while too hot", [(0, HOT), (10, like(WARM, wanted_paused=True)),
     (20, like(COOL, wanted_paused=True)), (30, like(COOL, wanted_paused=True))], [(0, Action.COOL)]),
]  # fmt: skip


@pytest.mark.parametrize(("looks", "expected"), [case[1:] for case in SCENARIOS], ids=[case[0] for case in SCENARIOS])
def test_what_follows(looks: list[tuple[float, Seen]], expected: list[tuple[float, Action]]) -> None:
    assert over(looks)[0] == expected


def test_the_reason_is_told_in_words() -> None:
    for looks, cause, words in (
        (every(1, 5, EXITED), Cause.EXITED, "It was killed."),
        (every(5, 35, SILENT), Cause.SILENT, "no answer"),
        (every(5, 65, SLOW), Cause.SLOW, "400 H/s has been under 50% of its usual 1000 H/s for 60 s"),
        (every(10, 130, like(MINING, difficulty=1e4)), Cause.NO_SHARES, "No share was accepted for 2 min, in which 12"),
    ):
        _, memory = over(looks)
        assert memory.cause is cause
        assert words in memory.reason


def test_restarts_that_are_long_ago_do_not_count() -> None:
    looks = [*every(1, 5, EXITED), *every(10, 1020, MINING, since_s=10), *every(1, 1030, EXITED, since_s=1025)]
    assert over(looks)[0] == [(5, Action.RESTART), (1030, Action.RESTART)]


def test_given_up_stays_given_up_until_a_command() -> None:
    done, memory = over(every(1, 100, EXITED))
    assert memory.gave_up is Cause.EXITED
    assert over(every(1, 5000, EXITED, since_s=101), memory=memory)[0] == []
    assert over(every(1, 5006, EXITED, since_s=5001), memory=reset(memory))[0] == [(5006, Action.RESTART)]
    assert reset(memory).restarts == 0
    assert len(done) == 4


def test_who_was_given_up_for_being_slow_is_restarted_when_it_exits() -> None:
    memory = Memory(gave_up=Cause.SLOW)
    assert over(every(5, 500, SLOW), memory=memory)[0] == []
    assert over(every(5, 5, EXITED), memory=memory)[0] == [(5, Action.RESTART)]


def test_a_restart_that_fails_counts_as_one() -> None:
    _, memory = over(every(1, 5, EXITED))
    for n in range(2):
        verdict = attempt_failed(S, memory, "no program", 6.0)
        assert verdict.action is Action.NOTHING
        memory = judge(S, verdict.memory, EXITED, 1000.0 + n).memory
    verdict = attempt_failed(S, msgspec.structs.replace(memory, rungs=(1.0, 2.0, 3.0)), "no program", 1003.0)
    assert (verdict.action, verdict.memory.reason) == (Action.GIVE_UP, "no program")


def test_without_restarts_it_is_given_up_at_once() -> None:
    done, memory = over([(0, EXITED), (1, EXITED)], msgspec.structs.replace(S, restarts_at_most=0))
    assert done == [(0, Action.GIVE_UP)]
    assert memory.restarts == 0


def test_switched_off_it_does_nothing() -> None:
    off = msgspec.structs.replace(S, enabled=False)
    for seen in (EXITED, SILENT, SLOW, HOT):
        assert over(every(10, 9000, seen), off)[0] == []


@pytest.mark.parametrize("rule", ["low_share", "no_share_factor"])
def test_a_rule_can_be_switched_off(rule: str) -> None:
    seen = SLOW if rule == "low_share" else like(MINING, difficulty=10.0)
    assert over(every(10, 5000, seen), msgspec.structs.replace(S, **{rule: 0.0}))[0] == []


# --- learning -------------------------------------------------------------------------------------------


def learned(looks: Iterable[tuple[float, Seen]]) -> list[float]:
    memory, found = Memory(), []
    for now_s, seen in looks:
        verdict = judge(S, memory, seen, now_s)
        memory = verdict.memory
        if verdict.baseline_hps is not None:
            found.append(verdict.baseline_hps)
    return found


def test_a_baseline_is_the_median_of_a_window_of_mining_well() -> None:
    looks = [(n * 10.0, like(MINING, hashrate_hps=5000.0 if n == 4 else 1000.0 + n)) for n in range(11)]
    assert learned(looks) == [1006.0]


@pytest.mark.parametrize(
    "interruption",
    [like(MINING, state=MinerState.PAUSED), like(MINING, state=MinerState.STARTING), SILENT,
     like(MINING, pool_away=True), like(MINING, hashrate_hps=0.0), like(MINING, key="p rx/wow")],
)  # fmt: skip
def test_a_window_that_is_interrupted_begins_anew(interruption: Seen) -> None:
    looks = [*every(10, 50, MINING), (60.0, interruption), *every(10, 160, MINING, since_s=70)]
    assert learned(looks) == []


def test_a_rig_that_gets_slower_is_not_taken_for_a_slow_one() -> None:
    [found] = learned(every(10, 100, like(MINING, hashrate_hps=700.0, baseline_hps=1000.0)))
    assert found == 990.0
    assert learned(every(10, 100, like(MINING, hashrate_hps=400.0, baseline_hps=1000.0))) == []
    assert learned(every(10, 100, like(MINING, hashrate_hps=1200.0, baseline_hps=1000.0))) == [1200.0]


# --- what always holds ----------------------------------------------------------------------------------

LOOKS = some.builds(
    Seen,
    state=some.sampled_from(MinerState),
    wanted_paused=some.booleans(),
    down=some.just("down"),
    hot=some.sampled_from(["", "", "", "The CPU is hot."]),
    cool=some.booleans(),
    key=some.sampled_from(["", "p rx/0", "p rx/wow"]),
    baseline_hps=some.none() | some.floats(0, 1e15),
    hashrate_hps=some.none() | some.floats(0, 1e15),
    difficulty=some.none() | some.floats(0, 1e15),
    accepted=some.integers(0, 5),
    pool_away=some.booleans(),
)
STEPS = some.lists(some.tuples(some.floats(-5, 200), LOOKS), max_size=60)


@given(STEPS, some.integers(0, 4))
def test_what_always_holds(steps: list[tuple[float, Seen]], at_most: int) -> None:
    settings = msgspec.structs.replace(S, restarts_at_most=at_most)
    memory, now_s, restarts = Memory(), 1000.0, list[float]()
    for step_s, seen in steps:
        now_s += step_s
        before, verdict = memory, judge(settings, memory, seen, now_s)
        memory, action = verdict.memory, verdict.action
        if action in (Action.RESTART, Action.GO_ON, Action.COOL):
            assert not seen.wanted_paused
        if action is Action.RESTART:
            assert seen.state not in (MinerState.PAUSED, MinerState.STOPPING)
            assert before.due_s is not None
            assert now_s >= before.due_s
            assert not before.hot
            restarts.append(now_s)
        if seen.pool_away and seen.state in (MinerState.MINING, MinerState.STARTING):
            assert action is not Action.RESTART
        if before.gave_up in (Cause.EXITED, Cause.SILENT):
            assert memory.gave_up is not None
            assert action in (Action.NOTHING, Action.COOL, Action.GO_ON)
        if step_s >= 0 and all(step >= 0 for step, _ in steps):
            assert sum(now_s - each < settings.restarts_within_s for each in restarts) <= at_most
        assert len(memory.learning.samples) <= 101
        assert msgspec.json.encode(memory)
