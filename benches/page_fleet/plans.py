"""What each rig of the fleet is: its name, tags and hardware, what is wrong with it, and what it did in the last day.

Everything follows from the rig's number: two fleets of one size are the same.
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import NamedTuple

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip
_PLACES = ("cellar", "garage", "attic", "office", "container")


class Mood(StrEnum):
    """What is the matter with a rig now."""

    WELL = "well"
    HOT = "hot"
    SLOW = "slow"
    REJECTED = "rejected"
    CRASHED = "crashed"
    GAVE_UP = "gave_up"
    HUNG = "hung"
    NO_SHARES = "no_shares"
    PAUSED = "paused"
    IDLE = "idle"
    DRIFTED = "drifted"
    """It runs another version of its profile."""
    DISK = "disk"
    CLOCK = "clock"
    SILENT = "silent"
    REFUSED = "refused"
    OFFLINE = "offline"
    NEVER = "never"
    """It was never seen."""


_FIRST = (
    Mood.WELL, Mood.WELL, Mood.HOT, Mood.WELL, Mood.CRASHED, Mood.WELL, Mood.OFFLINE, Mood.PAUSED, Mood.WELL,
    Mood.SLOW, Mood.WELL, Mood.REJECTED, Mood.WELL, Mood.NO_SHARES, Mood.WELL, Mood.DRIFTED, Mood.IDLE, Mood.NEVER,
    Mood.GAVE_UP, Mood.WELL, Mood.HUNG, Mood.DISK, Mood.SILENT, Mood.REFUSED, Mood.CLOCK,
)  # fmt: skip
"""The first rigs show everything there is."""
_MOODS = {
    Mood.WELL: 800, Mood.HOT: 25, Mood.SLOW: 20, Mood.REJECTED: 12, Mood.CRASHED: 14, Mood.GAVE_UP: 5, Mood.HUNG: 5,
    Mood.NO_SHARES: 6, Mood.PAUSED: 25, Mood.IDLE: 12, Mood.DRIFTED: 10, Mood.DISK: 5, Mood.CLOCK: 4, Mood.SILENT: 4,
    Mood.REFUSED: 3, Mood.OFFLINE: 45, Mood.NEVER: 5,
}  # fmt: skip
_WEIGHED = ([*_MOODS], [*_MOODS.values()])


class Machine(NamedTuple):
    """A kind of rig; ``hashes`` are algorithm, hashrate in H/s and power in W of each of its miners."""

    tags: tuple[str, ...]
    cpu: str
    cores: int
    ram_gib: int
    gpu: str
    gpus: int
    hashes: tuple[tuple[str, str, float, float], ...]


_MACHINES = (
    Machine(("cpu",), "AMD Ryzen 9 7950X 16-Core Processor", 16, 32, "", 0, (("xmrig", "rx/0", 21_500.0, 140.0),)),
    Machine(("cpu",), "AMD Ryzen 9 5950X 16-Core Processor", 16, 32, "", 0, (("xmrig", "rx/0", 15_900.0, 120.0),)),
    Machine(("cpu", "epyc"), "AMD EPYC 7763 64-Core Processor", 64, 256, "", 0, (("xmrig", "rx/0", 46_000.0, 280.0),)),
    Machine(
        ("gpu",), "Intel(R) Core(TM) i5-10400F", 6, 16, "NVIDIA GeForce RTX 3070", 6,
        (("t-rex", "kawpow", 6 * 31.5e6, 6 * 135.0),),
    ),
    Machine(
        ("gpu",), "Intel(R) Celeron(R) G5905", 2, 8, "AMD Radeon RX 6700 XT", 8,
        (("lolminer", "autolykos2", 8 * 108e6, 8 * 95.0),),
    ),
    Machine(
        ("gpu", "cpu"), "AMD Ryzen 7 5800X 8-Core Processor", 8, 32, "NVIDIA GeForce RTX 4090", 2,
        (("xmrig", "rx/0", 8_900.0, 88.0), ("t-rex", "kawpow", 2 * 64e6, 2 * 330.0)),
    ),
    Machine(("small",), "ARM Cortex-A76", 4, 8, "", 0, (("xmrig", "rx/0", 690.0, 9.0),)),
)  # fmt: skip
_OFTEN = (30, 22, 8, 18, 12, 6, 4)


class Outage(NamedTuple):
    """A time in which a rig did not mine: it was ``offline``, ``crashed`` or ``paused``."""

    kind: str
    since_ms: int
    until_ms: int


class Plan(NamedTuple):
    """One rig."""

    number: int
    name: str
    tags: tuple[str, ...]
    address: str
    mood: Mood
    machine: Machine
    factor: float
    """Its hashrate, of what its machine usually has."""
    since_ms: int
    """Since when it is in its mood."""
    outages: tuple[Outage, ...]
    """The oldest first; the last may go on."""
    seen_ms: int | None
    """When it was last seen, if it is not there now."""

    @property
    def connected(self) -> bool:
        """Whether there is a session with it."""
        return self.mood not in (Mood.OFFLINE, Mood.NEVER)


def plan_of(number: int, now_ms: int) -> Plan:
    """Return what rig ``number`` is."""
    dice = random.Random(number * 7919 + 11)
    mood = _FIRST[number] if number < len(_FIRST) else dice.choices(*_WEIGHED)[0]
    machine = _MACHINES[number % len(_MACHINES)] if number < 21 else dice.choices(_MACHINES, _OFTEN)[0]
    place = _PLACES[number % len(_PLACES)] if number < 21 else dice.choice(_PLACES)
    ago_ms = _long_ago(dice, mood)
    tags = (place, *machine.tags, *((f"rack-{number // 40}",) if number >= 40 else ()))
    return Plan(
        number=number,
        name=_name(number, place, machine),
        tags=tags if number % 17 else (),
        address=f"10.{number // 62_500 + 1}.{number // 250 % 250}.{number % 250 + 2}:9091" if number % 3 == 0 else "",
        mood=mood,
        machine=machine,
        factor=dice.uniform(0.93, 1.05),
        since_ms=now_ms - ago_ms,
        outages=_outages(dice, mood, now_ms, now_ms - ago_ms),
        seen_ms=None if mood is Mood.NEVER else now_ms - ago_ms,
    )


def _name(number: int, place: str, machine: Machine) -> str:
    if number < len(_GREEK):
        return f"rig-{_GREEK[number]}"
    if number % 97 == 0:
        return f"the-one-in-the-{place}-behind-the-old-heating-pipes-{number:06d}".ljust(63, "x")[:63]
    return f"{place}-{machine.tags[0]}-{number:05d}"


def _long_ago(dice: random.Random, mood: Mood) -> int:
    if mood is Mood.OFFLINE:
        return dice.choice((2 * MINUTE_MS, 40 * MINUTE_MS, 5 * HOUR_MS, 19 * HOUR_MS, 3 * DAY_MS, 40 * DAY_MS))
    return dice.choice((4 * MINUTE_MS, 25 * MINUTE_MS, 41 * MINUTE_MS, 2 * HOUR_MS, 9 * HOUR_MS))


def _outages(dice: random.Random, mood: Mood, now_ms: int, since_ms: int) -> tuple[Outage, ...]:
    if mood is Mood.NEVER:
        return (Outage("offline", 0, now_ms),)
    latest_ms = since_ms - 30 * MINUTE_MS
    found: list[Outage] = []
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 3))):
        begin_ms = now_ms - dice.randint(2 * HOUR_MS, DAY_MS)
        end_ms = begin_ms + dice.choice((3, 12, 45, 130)) * MINUTE_MS
        if end_ms < latest_ms and all(end_ms < each.since_ms or begin_ms > each.until_ms for each in found):
            found.append(Outage(dice.choice(("offline", "crashed", "crashed", "paused")), begin_ms, end_ms))
    last = {
        Mood.OFFLINE: "offline", Mood.CRASHED: "crashed", Mood.GAVE_UP: "crashed", Mood.HUNG: "crashed",
        Mood.PAUSED: "paused",
    }.get(mood)  # fmt: skip
    if last:
        found = [each for each in found if each.until_ms < since_ms]
        found.append(Outage(last, since_ms, now_ms + DAY_MS))
    return tuple(sorted(found, key=lambda each: each.since_ms))
