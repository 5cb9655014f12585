"""Journals of rigs, made up for tests of the history."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from miner_ctrl.history import HistoryPart
from miner_ctrl.model.history import JournalEntry, MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import MinerState

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

JOURNAL, OTHER_JOURNAL = "a" * 32, "b" * 32
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
NOW_MS = 20_000 * DAY_MS + 7 * HOUR_MS + 1_234
"""The present of a test that needs one."""


def entry(seq: int, *, start_ms: int = NOW_MS - HOUR_MS) -> JournalEntry:
    """An event for each third number, else a sample of two miners; one a second from ``start_ms`` on."""
    at_ms = start_ms + 1_000 * seq
    if seq % 3 == 0:
        return JournalEntry(seq, RigEvent(at_ms=at_ms, kind="started", miner="m-1", by="owner", text=f"no. {seq}"))
    miners = tuple(
        MinerSample(name, MinerState.MINING, "rx/0", 100.0 + seq, seq, 1, 60.0, 90.5) for name in ("m-1", "m-2")
    )
    return JournalEntry(seq, Sample(at_ms, miners, 55.0, 200.0))


def part_of(entries: tuple[JournalEntry, ...], *, journal: str = JOURNAL, offset_ms: int = 0) -> HistoryPart:
    """All that a rig has told up to the last of ``entries``."""
    last = entries[-1].seq if entries else 0
    return HistoryPart(journal=journal, entries=entries, first=1, last=last, more=False, offset_ms=offset_ms)


def samples_of(
    start_ms: int, every_ms: int, count: int, *, miner: str = "m-1", algorithm: str = "rx/0", hashrate: float = 100.0
) -> tuple[JournalEntry, ...]:
    """``count`` samples of one miner that finds a share in each."""
    return tuple(
        JournalEntry(
            number + 1,
            Sample(
                start_ms + number * every_ms,
                (MinerSample(miner, MinerState.MINING, algorithm, hashrate, number, 0, 60.0, 90.0),),
                55.0,
                200.0,
            ),
        )
        for number in range(count)
    )


_readings = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=64) | st.floats(0, 1e6)
_counters = st.integers(0, 5_000)


@st.composite
def journals(draw: st.DrawFn, *, start_ms: int, most: int = 30) -> tuple[JournalEntry, ...]:
    """A journal with holes, restarts of miners, several algorithms, readings that cannot be."""
    at_ms = start_ms
    entries = []
    for seq in range(1, draw(st.integers(1, most)) + 1):
        at_ms += draw(st.sampled_from((0, 1_000, 9_990, 10_000, 10_010, 70_000, 4_000_000)))
        names = draw(st.lists(st.sampled_from(("m-1", "m-2", "m-3")), unique=True))
        miners = tuple(
            MinerSample(
                name, draw(st.sampled_from(MinerState)), draw(st.sampled_from(("rx/0", "kawpow", ""))), draw(_readings),
                draw(_counters), draw(_counters), draw(_readings), draw(_readings),
            )
            for name in names
        )  # fmt: skip
        entries.append(JournalEntry(seq, Sample(at_ms, miners, draw(_readings), draw(_readings))))
    return tuple(entries)
