"""The watchdog's policy: what was seen of a miner goes in, what to do about it comes out. No clock, no process.

The ladder (``WatchdogSettings``): a trouble is answered by a restart, after a pause that doubles; after so many
restarts within the window it gives up and says so. Heat is answered by a pause until it is cooler, which counts as one
rung. A miner that is meant to be paused, or pauses itself, is never in trouble; a pool that is away is not its fault.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from miner_ctrl.miners.baseline import NOTHING_LEARNED, Learning, learn
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.rig import WatchdogSettings

PREPARES_WITHIN_S = 300.0
"""A hashrate of nothing is a dataset being prepared before it is a hashrate that is too low."""
LONGEST_LOOK_S = 60.0
"""After a longer gap between two looks (the machine slept) the time in between counts for nothing."""


class Cause(StrEnum):
    """What a miner's trouble is."""

    EXITED = "exited"
    SILENT = "silent"
    SLOW = "slow"
    NO_SHARES = "no shares"
    HOT = "hot"

    @property
    def dead(self) -> bool:
        """Whether the miner earns nothing at all meanwhile."""
        return self in (Cause.EXITED, Cause.SILENT)


class Action(StrEnum):
    """What to do now."""

    NOTHING = "nothing"
    RESTART = "restart"
    COOL = "cool"
    """Have it stop hashing: it is too hot."""
    GO_ON = "go on"
    """It is cooler: have it hash again."""
    GIVE_UP = "give up"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a miner. ``key`` names what its hashrate is learned for, ``baseline_hps`` is what was learned.
    ``down`` is why it is down; ``hot`` is which temperature is too high, both one sentence; ``cool``: every temperature
    is well under its limit. ``pool_away`` and ``pool_there`` are both false where that is not known."""

    state: MinerState
    wanted_paused: bool = False
    down: str = ""
    hot: str = ""
    cool: bool = True
    key: str = ""
    baseline_hps: float | None = None
    hashrate_hps: float | None = None
    difficulty: float | None = None
    accepted: int = 0
    pool_away: bool = False
    pool_there: bool = False

    @property
    def hashes(self) -> bool:
        """Whether it is meant to find shares, and can."""
        return self.state is MinerState.MINING and not self.wanted_paused and not self.pool_away


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy remembers of a miner. Times are seconds of one monotonic clock.

    ``rungs``: when it was restarted (or paused for heat) within the window. ``shares_due``: how many shares should have
    been accepted since ``no_share_since_s``.
    """

    rungs: tuple[float, ...] = ()
    restarts: int = 0
    gave_up: Cause | None = None
    reason: str = ""
    due_s: float | None = None
    """When the next restart is due."""
    cause: Cause | None = None
    hot: bool = False
    looked_s: float | None = None
    silent_since_s: float | None = None
    slow_since_s: float | None = None
    idle_since_s: float | None = None
    """Since when it does not hash, though its pool is there: a dataset that never comes, a GPU that is not found."""
    no_share_since_s: float | None = None
    shares_due: float = 0.0
    accepted: int = 0
    key: str = ""
    learning: Learning = NOTHING_LEARNED


class Verdict(msgspec.Struct, frozen=True):
    """What to do, and what to remember. ``baseline_hps``: a hashrate that was just learned for the key seen."""

    memory: Memory
    action: Action = Action.NOTHING
    baseline_hps: float | None = None


def judge(settings: WatchdogSettings, memory: Memory, seen: Seen, now_s: float) -> Verdict:
    """Return what to do about a miner that was just looked at."""
    if not settings.enabled:
        return Verdict(Memory())
    memory, learned = _followed(settings, memory, seen, now_s)
    if memory.hot:
        return _while_hot(memory, seen, learned)
    if seen.wanted_paused or seen.state in (MinerState.PAUSED, MinerState.STOPPING):
        return Verdict(msgspec.structs.replace(memory, due_s=None, cause=None), baseline_hps=learned)
    if seen.hot and seen.state in (MinerState.MINING, MinerState.STARTING) and memory.gave_up is not Cause.HOT:
        return _cooled_down(settings, memory, seen, now_s)
    trouble = _trouble(settings, memory, seen, now_s)
    if trouble is None:
        return Verdict(msgspec.structs.replace(memory, due_s=None, cause=None), baseline_hps=learned)
    return _climbed(settings, memory, *trouble, now_s)


def attempt_failed(settings: WatchdogSettings, memory: Memory, why: str, now_s: float) -> Verdict:
    """Return what follows when a restart did not work: the next one later, or the end of the ladder."""
    return _first_told(settings, memory, Cause.EXITED, why, now_s)


def postponed(settings: WatchdogSettings, memory: Memory, why: str, now_s: float) -> Verdict:
    """Return what follows when a restart could not even be tried, for lack of disk: it counts for nothing, and is tried
    again until there is room."""
    undone = msgspec.structs.replace(memory, rungs=memory.rungs[:-1], restarts=max(0, memory.restarts - 1))
    due_s = now_s + settings.backoff_last_s
    return Verdict(msgspec.structs.replace(undone, cause=Cause.EXITED, reason=why, due_s=due_s))


def reset(memory: Memory) -> Memory:
    """Return what is left after a command: the ladder begins anew, what is being learned goes on."""
    return Memory(key=memory.key, learning=memory.learning, accepted=memory.accepted, looked_s=memory.looked_s)


def share_expected_every_s(seen: Seen) -> float | None:
    """Return after how many seconds the next share is to be expected."""
    if not seen.hashes or not seen.hashrate_hps or not seen.difficulty:
        return None
    return seen.difficulty / seen.hashrate_hps


# --- what is seen, kept in mind -------------------------------------------------------------------------


def _followed(settings: WatchdogSettings, memory: Memory, seen: Seen, now_s: float) -> tuple[Memory, float | None]:
    """Return the memory with this look in it, and the hashrate that it completed learning."""
    passed_s = 0.0 if memory.looked_s is None else now_s - memory.looked_s
    slept = not 0 <= passed_s <= LONGEST_LOOK_S
    if memory.key != seen.key or slept:
        memory = msgspec.structs.replace(memory, learning=NOTHING_LEARNED, slow_since_s=None, no_share_since_s=None)
    silent_since_s = None
    if seen.state is MinerState.UNRESPONSIVE:
        silent_since_s = now_s if memory.silent_since_s is None or slept else memory.silent_since_s
    slow_since_s = None
    if _is_slow(settings, seen):
        slow_since_s = now_s if memory.slow_since_s is None else memory.slow_since_s
    idle_since_s = None
    if seen.state is MinerState.STARTING and seen.pool_there and not seen.wanted_paused and settings.low_share:
        idle_since_s = now_s if memory.idle_since_s is None or slept else memory.idle_since_s
    runs = seen.state in (MinerState.MINING, MinerState.PAUSED)  # one that never comes to it has no good hour
    counts = seen.hashes and seen.accepted == memory.accepted and memory.no_share_since_s is not None
    every_s = share_expected_every_s(seen)
    well = seen.hashes and bool(seen.hashrate_hps) and slow_since_s is None and not memory.hot
    learning, learned = learn(
        memory.learning, seen.hashrate_hps if well else None, seen.baseline_hps, settings.learn_for_s, now_s
    )
    return msgspec.structs.replace(
        memory,
        rungs=tuple(rung for rung in memory.rungs if not runs or now_s - rung < settings.restarts_within_s),
        looked_s=now_s,
        silent_since_s=silent_since_s,
        slow_since_s=slow_since_s,
        idle_since_s=idle_since_s,
        no_share_since_s=memory.no_share_since_s if counts else now_s if seen.hashes else None,
        shares_due=memory.shares_due + (passed_s / every_s if every_s else 0.0) if counts else 0.0,
        accepted=seen.accepted,
        key=seen.key,
        learning=learning,
    ), learned


def _is_slow(settings: WatchdogSettings, seen: Seen) -> bool:
    if not seen.hashes or seen.baseline_hps is None or seen.hashrate_hps is None:
        return False
    return seen.hashrate_hps < settings.low_share * seen.baseline_hps


def _trouble(settings: WatchdogSettings, memory: Memory, seen: Seen, now_s: float) -> tuple[Cause, str] | None:
    if not seen.state.alive:
        return Cause.EXITED, seen.down
    if memory.silent_since_s is not None and now_s - memory.silent_since_s >= settings.silent_for_s:
        return Cause.SILENT, seen.down
    idle_s = 0.0 if memory.idle_since_s is None else now_s - memory.idle_since_s
    if idle_s >= max(settings.learn_for_s, PREPARES_WITHIN_S):
        return Cause.SLOW, f"It has not hashed for {_duration(idle_s)}, though it is connected to its pool."
    if memory.slow_since_s is not None:
        patience_s = settings.low_for_s if seen.hashrate_hps else max(settings.low_for_s, PREPARES_WITHIN_S)
        if now_s - memory.slow_since_s >= patience_s:
            return Cause.SLOW, (
                f"Its hashrate of {seen.hashrate_hps or 0:.4g} H/s has been under {settings.low_share:.0%} of its usual"
                f" {seen.baseline_hps or 0:.4g} H/s for {_duration(now_s - memory.slow_since_s)}."
            )
    since_s = memory.no_share_since_s
    long = since_s is not None and now_s - since_s >= settings.no_share_at_least_s
    if settings.no_share_factor and long and memory.shares_due >= settings.no_share_factor:
        return Cause.NO_SHARES, (
            f"No share was accepted for {_duration(now_s - (since_s or 0))}, in which {memory.shares_due:.0f} were to"
            " be expected."
        )
    return None


# --- the ladder -----------------------------------------------------------------------------------------


def _first_told(settings: WatchdogSettings, memory: Memory, cause: Cause, why: str, now_s: float) -> Verdict:
    """Return when a trouble that has just begun is acted upon, if at all."""
    tried = len(memory.rungs)
    told = msgspec.structs.replace(memory, cause=cause, reason=why)
    if tried >= settings.restarts_at_most:
        return Verdict(msgspec.structs.replace(told, gave_up=cause, due_s=None), Action.GIVE_UP)
    pause_s = min(settings.backoff_first_s * 2.0 ** min(tried, 60), settings.backoff_last_s)
    return Verdict(msgspec.structs.replace(told, due_s=now_s + pause_s))


def _climbed(settings: WatchdogSettings, memory: Memory, cause: Cause, why: str, now_s: float) -> Verdict:
    if memory.gave_up is not None and (memory.gave_up.dead or not cause.dead):
        return Verdict(memory)
    if memory.due_s is None or (cause is not memory.cause and cause is Cause.EXITED):
        return _first_told(settings, memory, cause, why, now_s)
    if now_s < memory.due_s:
        return Verdict(memory)
    return Verdict(_restarted(memory, now_s), Action.RESTART)


def _restarted(memory: Memory, now_s: float) -> Memory:
    return msgspec.structs.replace(
        memory,
        rungs=(*memory.rungs, now_s),
        restarts=memory.restarts + 1,
        due_s=None,
        silent_since_s=None,
        slow_since_s=None,
        idle_since_s=None,
        no_share_since_s=None,
        shares_due=0.0,
        learning=NOTHING_LEARNED,
    )


def _cooled_down(settings: WatchdogSettings, memory: Memory, seen: Seen, now_s: float) -> Verdict:
    """Have it pause; after too many times, for good."""
    gave_up = len(memory.rungs) >= settings.restarts_at_most
    hot = msgspec.structs.replace(
        memory,
        hot=True,
        rungs=memory.rungs if gave_up else (*memory.rungs, now_s),
        gave_up=Cause.HOT if gave_up else memory.gave_up,
        cause=Cause.HOT,
        reason=seen.hot,
        due_s=None,
    )
    return Verdict(hot, Action.COOL)


def _while_hot(memory: Memory, seen: Seen, learned: float | None) -> Verdict:
    if not seen.cool or memory.gave_up is Cause.HOT:
        return Verdict(memory)
    cooler = msgspec.structs.replace(memory, hot=False, cause=None)
    return Verdict(cooler, Action.NOTHING if seen.wanted_paused else Action.GO_ON, learned)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
