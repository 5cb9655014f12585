"""What is wrong with the rig itself, as sentences that do not flap. Pure: values in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MAX_PROBLEMS, MinerState, MinerStats
from miner_ctrl.model.rig import RigSettings

SURE_AFTER = 2
"""Readings in a row that a fault has to show in, and that it has to be gone from; a full disk shows at once."""
ROOM_AGAIN = 1.25
"""So many times the reserve has to be free until the disk counts as well again."""
PAGES_MISSED = 0.95
"""A miner that got less than this share of its huge pages has too few: what is missing is spread thin."""
_MB = 1024 * 1024


class Sight(NamedTuple):
    """What was seen of the rig at one moment. ``gpu_problems`` are the sentences of its GPUs' drivers; ``has_aes`` is
    ``None`` where it is not known."""

    machine: MachineStats
    data_dir: str
    read_only: bool = False
    gpu_problems: tuple[str, ...] = ()
    miners: Sequence[MinerStats] = ()
    has_aes: bool | None = None


class Level(Enum):
    """Where a value stands: over its limit, below the point where all is well again, or in between."""

    BAD = 1
    BETWEEN = 2
    WELL = 3


class _Seen(NamedTuple):
    """One rule at one moment: by name, so that it is known again; its ``sentence`` where it is not well."""

    key: str
    level: Level
    sentence: str = ""
    sure_after: int = SURE_AFTER


class _Standing:
    __slots__ = ("on", "row", "sentence")

    def __init__(self) -> None:
        self.on = False
        self.row = 0
        self.sentence = ""


class Problems:
    """Remembers which problems there are. A problem begins after ``SURE_AFTER`` bad sights in a row and ends after as
    many good ones; a value between its two limits changes nothing."""

    def __init__(self, settings: RigSettings) -> None:
        self._settings = settings
        self._standing: dict[str, _Standing] = {}
        self.begun: tuple[str, ...] = ()
        """Those that the last sight was the first of."""

    def see(self, sight: Sight) -> tuple[str, ...]:
        """Return the problems there are after ``sight``."""
        seen = {each.key: each for each in _all(sight, self._settings)}
        for key in self._standing.keys() - seen.keys():
            seen[key] = _Seen(key, Level.WELL)
        before = {key for key, each in self._standing.items() if each.on}
        for each in seen.values():
            self._take(each)
        self.begun = tuple(each.sentence for key, each in self._standing.items() if each.on and key not in before)
        return tuple(each.sentence for each in self._standing.values() if each.on)[:MAX_PROBLEMS]

    def _take(self, seen: _Seen) -> None:
        if seen.level is Level.WELL and seen.key not in self._standing:
            return
        standing = self._standing.setdefault(seen.key, _Standing())
        if seen.sentence and (seen.level is Level.BAD or standing.on):
            standing.sentence = seen.sentence
        turning = seen.level is (Level.WELL if standing.on else Level.BAD)
        standing.row = standing.row + 1 if turning else 0
        if turning and standing.row >= seen.sure_after:
            standing.on, standing.row = not standing.on, 0
        if not standing.on and standing.row == 0:
            del self._standing[seen.key]


def _all(sight: Sight, settings: RigSettings) -> Iterator[_Seen]:
    yield from _disk(sight, settings)
    yield from _temperatures(sight.machine, settings)
    for sentence in sight.gpu_problems:
        yield _Seen(f"gpu {sentence}", Level.BAD, sentence)
    for miner in sight.miners:
        yield from _huge_pages(miner)
    yield from _aes(sight)


def _disk(sight: Sight, settings: RigSettings) -> Iterator[_Seen]:
    if sight.read_only:
        yield _Seen(
            "read-only",
            Level.BAD,
            f"The file system that holds {sight.data_dir} takes no writes: logs and state cannot be kept; "
            "see what `dmesg` says of its disk.",
            sure_after=1,
        )
    free = sight.machine.disk_free_bytes
    if free is None:
        return
    level = _level(-free, -settings.disk_reserve_bytes, -settings.disk_reserve_bytes * ROOM_AGAIN)
    yield _Seen(
        "disk",
        level,
        f"The disk that holds {sight.data_dir} has {free // _MB} MB left: logs and state cannot be kept; free some.",
        sure_after=1,
    )


def _temperatures(machine: MachineStats, settings: RigSettings) -> Iterator[_Seen]:
    watchdog = settings.watchdog
    limit, now = watchdog.cpu_limit_c, machine.cpu_temperature_c
    if limit is not None and now is not None:
        sentence = f"The CPU has {now:.0f} °C, its limit is {limit:.0f} °C: see to its cooler and the air around it."
        yield _Seen("cpu-temperature", _level(now, limit, limit - watchdog.cool_by_c), sentence)
    limit = watchdog.gpu_limit_c
    for gpu in machine.gpus if limit is not None else ():
        now = gpu.temperature_c
        if now is None or limit is None:
            continue
        named = f" ({gpu.name})" if gpu.name else ""
        sentence = f"GPU {gpu.index}{named} has {now:.0f} °C, its limit is {limit:.0f} °C: see to its fans."
        yield _Seen(f"gpu-temperature {gpu.index}", _level(now, limit, limit - watchdog.cool_by_c), sentence)


def _huge_pages(miner: MinerStats) -> Iterator[_Seen]:
    pages = miner.huge_pages
    if pages is None or miner.state is not MinerState.MINING or not pages.wanted:
        return
    bad = pages.got < pages.wanted * PAGES_MISSED
    yield _Seen(
        f"huge-pages {miner.name}",
        Level.BAD if bad else Level.WELL,
        f"{miner.name} got {pages.got} of the {pages.wanted} huge pages it wants, and is slower for it; "
        "`miner-ctrl doctor` says how to reserve them.",
    )


def _aes(sight: Sight) -> Iterator[_Seen]:
    if sight.has_aes is not False:
        return
    for miner in sight.miners:
        if miner.state is MinerState.MINING and miner.algorithm.startswith(("rx/", "cn/", "gr")):
            yield _Seen(
                "aes",
                Level.BAD,
                f"This CPU has no AES instructions: {miner.algorithm} runs at a fraction of its speed here. "
                "In a virtual machine, have its host pass the CPU through.",
            )
            return


def _level(value: float, limit: float, well: float) -> Level:
    """Return where ``value`` stands; ``well`` is at or below ``limit``."""
    if value > limit:
        return Level.BAD
    return Level.WELL if value <= well else Level.BETWEEN
