"""Mutates valid inputs at random, the same way for the same seed, and keeps what breaks a target."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz.targets import Target

MAX_INPUT_BYTES = 4096
_EDGES = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xc0",
    b"\xc1",
    b"\x81",
    b"\x91",
    b"\xdb\xff\xff\xff\xff",
    b"\xdd\x7f\xff\xff\xff",
)


class Finding(Exception):
    """A target raised what it must not. ``data`` is the input, ``runs`` counts how many it took."""

    def __init__(self, target: Target, data: bytes, runs: int) -> None:
        super().__init__(f"{target.name}: undocumented exception after {runs} inputs")
        self.target = target
        self.data = data
        self.runs = runs


def fuzz(target: Target, *, seconds: float, seed: int, clock: Callable[[], float] = time.monotonic) -> int:
    """Run ``target`` for a time and return how many inputs it took.

    The n-th input depends on ``seed`` and n alone.

    Raises:
        Finding: an undocumented exception came out, which is its cause.
    """
    random = Random(f"{target.name} {seed}")
    until = clock() + seconds
    runs = 0
    for data in target.seeds:
        runs += 1
        _run(target, data, runs)
    while clock() < until:
        for _ in range(16):
            runs += 1
            _run(target, mutate(random, target.seeds), runs)
    return runs


def mutate(random: Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return one of ``seeds`` after a few random changes, or now and then plain noise."""
    if random.random() < 0.02:
        return random.randbytes(random.randrange(300))
    data = bytearray(random.choice(seeds))
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        change = random.choice(_CHANGES)
        change(random, data, random.randrange(len(data) + 1), seeds)
    return bytes(data[:MAX_INPUT_BYTES])


def save(finding: Finding, directory: Path) -> Path:
    """Write a finding's input to a file of its own and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{finding.target.name}-{finding.runs}.bin"
    path.write_bytes(finding.data)
    return path


def _run(target: Target, data: bytes, runs: int) -> None:
    try:
        target.run(data)
    except Exception as error:  # whatever it is, it is the finding
        raise Finding(target, data, runs) from error


def _flip_bit(random: Random, data: bytearray, at: int, seeds: tuple[bytes, ...]) -> None:
    if at < len(data):
        data[at] ^= 1 << random.randrange(8)


def _set_byte(random: Random, data: bytearray, at: int, seeds: tuple[bytes, ...]) -> None:
    data[at : at + 1] = random.choice((random.randbytes(1), *_EDGES))


def _insert(random: Random, data: bytearray, at: int, seeds: tuple[bytes, ...]) -> None:
    data[at:at] = random.choice(_EDGES) * random.choice((1, 2, 17, 1100))


def _delete(random: Random, data: bytearray, at: int, seeds: tuple[bytes, ...]) -> None:
    del data[at : at + random.randrange(1, 33)]


def _repeat(random: Random, data: bytearray, at: int, seeds: tuple[bytes, ...]) -> None:
    data[at:at] = data[at : at + random.randrange(1, 65)]


def _splice(random: Random, data: bytearray, at: int, seeds: tuple[bytes, ...]) -> None:
    other = random.choice(seeds)
    start = random.randrange(len(other) + 1)
    data[at:] = other[start:]


_CHANGES = (_flip_bit, _flip_bit, _set_byte, _set_byte, _insert, _delete, _repeat, _splice)
