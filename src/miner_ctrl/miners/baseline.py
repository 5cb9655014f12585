"""How fast a miner usually is, learned from itself. Pure.

A baseline is the median of what it hashed in one window of mining well. A faster window raises it at once; a slower
one lowers it by ``SLOWER_AT_MOST`` at most, so that a rig that gets slower and slower is not taken for a slow one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MOST_SAMPLES = 100
FEWEST_SAMPLES = 3
SLOWER_AT_MOST = 0.01


class Learning(msgspec.Struct, frozen=True):
    """A window under way: when it began, when a sample was last taken, and the samples."""

    since_s: float = 0.0
    taken_s: float = 0.0
    samples: tuple[float, ...] = ()


NOTHING_LEARNED = Learning()


def learn(
    learning: Learning, hashrate_hps: float | None, baseline_hps: float | None, learn_for_s: float, now_s: float
) -> tuple[Learning, float | None]:
    """Take one look into account; return the window as it is now, and the new baseline if that completed it.
    ``hashrate_hps`` is ``None`` while the miner does not mine well: then the window begins anew."""
    if hashrate_hps is None:
        return NOTHING_LEARNED, None
    if not learning.samples:
        return Learning(now_s, now_s, (hashrate_hps,)), None
    if now_s - learning.taken_s >= learn_for_s / MOST_SAMPLES:
        learning = Learning(learning.since_s, now_s, (*learning.samples, hashrate_hps))
    if now_s - learning.since_s < learn_for_s or len(learning.samples) < FEWEST_SAMPLES:
        return learning, None
    found = _median(learning.samples)
    if baseline_hps is not None:
        found = max(found, baseline_hps * (1 - SLOWER_AT_MOST))
    return NOTHING_LEARNED, found


def _median(samples: Sequence[float]) -> float:
    """As ``statistics.median``, which brings decimal numbers and fractions with it: memory that a rig keeps."""
    in_order = sorted(samples)
    middle = len(in_order) // 2
    return in_order[middle] if len(in_order) % 2 else (in_order[middle - 1] + in_order[middle]) / 2
