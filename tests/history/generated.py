"""What a fleet could have told in some days: the same for the same numbers, with everything that makes history hard.

Rigs that are off for hours, journals that begin anew or have holes, clocks that are wrong and put right, counters that
fall with a restarted miner, miners that change the algorithm, values that are missing, parts that are told twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from miner_ctrl.history import HistoryPart
from miner_ctrl.model.history import JournalEntry, MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import MinerState

ALGORITHMS = ("rx/0", "kawpow", "etchash", "")
KINDS = ("started", "stopped", "crashed", "watchdog", "settings", "refused")
TEXTS = ("", "by hand", "Žluťoučký kůň 🐎", "a\ttab and a \x1b[31mcolour", "nul \0 within", "'; DROP TABLE source; --")
ENTRIES_A_PART = 120


class Rig:
    """One rig's journal so far. ``miners`` are named by their number."""

    def __init__(self, number: int, miners: int, *, began_ms: int) -> None:
        self.random = Random(number)
        self.fingerprint = number.to_bytes(4, "big") * 8
        self.every_ms = (10_000, 10_000, 30_000, 60_000)[number % 4]
        self.offset_ms = (0, 0, 3_600_000, -90_000)[number // 4 % 4]
        self.now_ms = began_ms + self.random.randrange(self.every_ms)
        self.journals = 0
        self.journal, self.first, self.seq = "", 1, 0
        self.names = [f"miner-{index}" for index in range(miners)]
        self.algorithms = [ALGORITHMS[(number + index) % 3] for index in range(miners)]
        self.counters = [[0, 0] for _ in range(miners)]
        self._new_journal()

    def part(self) -> HistoryPart:
        """Return what it has to tell next."""
        random, chance = self.random, self.random.random()
        if chance < 0.02:
            self._new_journal()
        elif chance < 0.04:  # it forgot some before they were fetched
            self.seq += random.randrange(1, 50)
            self.first = self.seq + 1
        if random.random() < 0.05:
            self.now_ms += random.randrange(3 * self.every_ms, 6 * 3_600_000)
        if random.random() < 0.02:
            self.offset_ms = random.choice((0, -90_000, 3_600_000, 12_345))
        entries = tuple(self._entry() for _ in range(ENTRIES_A_PART))
        return HistoryPart(
            journal=self.journal,
            entries=entries,
            first=self.first,
            last=self.seq,
            more=False,
            offset_ms=self.offset_ms,
        )

    def _new_journal(self) -> None:
        self.journals += 1
        self.journal, self.first, self.seq = f"{self.fingerprint.hex()[:16]}{self.journals:016d}", 1, 0

    def _entry(self) -> JournalEntry:
        random = self.random
        self.seq += 1
        at_ms = self.now_ms - self.offset_ms
        if random.random() < 0.02:
            return JournalEntry(
                self.seq,
                RigEvent(
                    at_ms=at_ms,
                    kind=random.choice(KINDS),
                    miner=random.choice(self.names),
                    by=random.choice(("owner", "watchdog", "")),
                    text=random.choice(TEXTS),
                ),
            )
        self.now_ms += self.every_ms + (random.randrange(-300, 300) if random.random() < 0.3 else 0)
        return JournalEntry(
            self.seq,
            Sample(at_ms, tuple(map(self._miner, range(len(self.names)))), self._some(40, 90), self._some(100, 900)),
        )

    def _miner(self, index: int) -> MinerSample:
        random, counters = self.random, self.counters[index]
        if random.random() < 0.001:
            counters[:] = [0, 0]
        if random.random() < 0.001:
            self.algorithms[index] = random.choice(ALGORITHMS)
        state = MinerState.MINING
        if random.random() < 0.05:
            state = random.choice(list(MinerState))
        counters[0] += random.random() < 0.3
        counters[1] += random.random() < 0.01
        hashrate = random.uniform(900.0, 1100.0) if state is MinerState.MINING and random.random() > 0.02 else None
        return MinerSample(
            self.names[index], state, self.algorithms[index], hashrate, counters[0], counters[1], self._some(40, 80),
            self._some(80, 200),
        )  # fmt: skip

    def _some(self, least: float, most: float) -> float | None:
        return round(self.random.uniform(least, most), 1) if self.random.random() > 0.03 else None


def told(samples: int, *, rigs: int = 16, miners: int = 4, began_ms: int) -> Iterator[tuple[Rig, HistoryPart]]:
    """Yield parts of ``rigs`` rigs in turn until they hold ``samples`` samples of miners or more."""
    fleet = [Rig(number, miners, began_ms=began_ms) for number in range(rigs)]
    turn = Random(1)
    count = 0
    while count < samples:
        for rig in fleet:
            part = rig.part()
            count += miners * sum(isinstance(entry.what, Sample) for entry in part.entries)
            yield rig, part
            if turn.random() < 0.05:
                yield rig, part
