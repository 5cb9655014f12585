"""Guessing is slowed, the owner is not kept out, and nothing of it grows without end."""

from __future__ import annotations

import pytest

from miner_ctrl.access.attempts import (
    FREE_BY_ADDRESS,
    FREE_BY_NAME,
    LONGEST_WAIT_S,
    MAX_KEPT,
    MAX_KNOWN,
    Attempts,
    address_block,
)
from miner_ctrl.errors import RateLimited

OWNER, STRANGER = "192.168.1.2", "203.0.113.9"


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def wait_s(attempts: Attempts, address: str, name: str | None = None) -> int:
    try:
        attempts.check(address, name)
    except RateLimited as refused:
        seconds = refused.details["retryAfterS"]
        assert isinstance(seconds, int)
        return seconds
    return 0


def test_the_wait_doubles_and_is_capped() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    waits = []
    for number in range(20):
        attempts.failed(f"10.0.0.{number}", "alice")
        waits.append(wait_s(attempts, "10.0.1.1", "alice"))
        clock.s += LONGEST_WAIT_S
    assert waits[: FREE_BY_NAME - 1] == [0] * (FREE_BY_NAME - 1)
    assert waits[FREE_BY_NAME - 1 : FREE_BY_NAME + 4] == [2, 3, 5, 9, 17]
    assert set(waits[-8:]) == {int(LONGEST_WAIT_S) + 1}


def test_one_address_is_slowed_whatever_names_it_tries() -> None:
    attempts = Attempts(Clock())
    for number in range(FREE_BY_ADDRESS):
        assert wait_s(attempts, STRANGER, f"name-{number}") == 0
        attempts.failed(STRANGER, f"name-{number}")
    assert wait_s(attempts, STRANGER, "another") > 0
    assert wait_s(attempts, STRANGER) > 0
    assert wait_s(attempts, OWNER, "another") == 0


def test_a_stranger_does_not_keep_the_owner_out() -> None:
    attempts = Attempts(Clock())
    attempts.succeeded(OWNER, "Alice")
    for number in range(1000):
        attempts.failed(f"10.{number % 250}.0.1", "alice")
    assert wait_s(attempts, STRANGER, "alice") > 0
    assert wait_s(attempts, OWNER, "alice") == 0
    for _ in range(FREE_BY_NAME):
        attempts.failed(OWNER, "alice")
    assert wait_s(attempts, OWNER, "alice") > 0, "it is counted for itself there"
    attempts.succeeded(OWNER, "alice")
    assert wait_s(attempts, OWNER, "alice") == 0


def test_failures_are_forgotten_after_an_hour() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(FREE_BY_NAME - 1):
        attempts.failed(STRANGER, "alice")
    clock.s += 3600
    attempts.failed(STRANGER, "alice")
    assert wait_s(attempts, STRANGER, "alice") == 0


def test_a_flood_from_everywhere_takes_no_more_memory() -> None:
    attempts = Attempts(Clock())
    for number in range(3 * MAX_KEPT):
        attempts.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"name-{number}")
        attempts.succeeded(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"name-{number}")
        attempts.failed(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"other-{number}")
    assert len(attempts._failures) <= MAX_KEPT
    assert len(attempts._known) <= MAX_KNOWN


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.168.1.5", "192.168.1.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address: str, block: str) -> None:
    assert address_block(address) == block
