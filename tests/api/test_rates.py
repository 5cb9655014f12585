"""Token buckets: so many at once, so many for long, so many buckets."""

from __future__ import annotations

import pytest

from miner_ctrl.api.rates import Rate, Rates
from miner_ctrl.errors import RateLimited

RATE = Rate(burst=5, per_s=2)


def taken(rates: Rates, key: str) -> int:
    """Return how many are let through at once."""
    for number in range(100):
        try:
            rates.take(key, RATE)
        except RateLimited:
            return number
    raise AssertionError("without end")


def test_a_bucket_empties_and_fills_again() -> None:
    now = [0.0]
    rates = Rates(lambda: now[0])
    assert taken(rates, "a") == 5
    assert taken(rates, "b") == 5
    now[0] += 1
    assert taken(rates, "a") == 2
    now[0] += 1000
    assert taken(rates, "a") == 5
    with pytest.raises(RateLimited) as refused:
        rates.take("a", RATE)
    assert refused.value.details == {"retryAfterS": 1}


def test_buckets_do_not_grow_without_end() -> None:
    rates = Rates(lambda: 0.0, max_buckets=10)
    for number in range(100):
        rates.take(str(number), RATE)
    assert len(rates._buckets) == 10
