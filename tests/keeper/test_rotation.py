"""The log on disk by its bytes: every offset names the byte it always named."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from miner_ctrl.keeper.logbook import Logbook

SEGMENT_BYTES = 1000


def logbook(folder: Path, segments: int = 3) -> Logbook:
    return Logbook(str(folder), segment_bytes=SEGMENT_BYTES, segments=segments)


def segments(folder: Path) -> dict[int, bytes]:
    """Return the segments by the absolute offset that their names tell."""
    return {int(path.name.removeprefix("log-")): path.read_bytes() for path in sorted(folder.glob("log-*"))}


@pytest.mark.parametrize("seed", range(20))
def test_every_offset_names_the_byte_it_always_named(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    whole = b"".join(b"%06d %s\n" % (number, b"x" * dice.randrange(80)) for number in range(300))
    log = logbook(tmp_path)
    sent = 0
    while sent < len(whole):
        size = dice.choice([1, 7, 60, 400, 900])
        log.write(whole[sent : sent + size])
        sent += size
        if dice.random() < 0.05:
            log.close()
            log = logbook(tmp_path)
    log.close()

    assert log.end == len(whole)
    kept = segments(tmp_path)
    assert 1 < len(kept) <= 3
    for start, data in kept.items():
        assert whole[start : start + len(data)] == data
        assert start == 0 or whole[start - 1 : start] == b"\n", "a segment begins with a line"
    assert max(kept) + len(kept[max(kept)]) == len(whole)


def test_the_log_stays_bounded_without_a_single_line_end(tmp_path: Path) -> None:
    log = logbook(tmp_path)
    for _ in range(200):
        log.write(b"x" * 300)
    log.close()
    kept = segments(tmp_path)
    assert sum(map(len, kept.values())) < 3 * (2 * SEGMENT_BYTES + 300)
    assert log.end == 200 * 300


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    logbook(tmp_path).write(b"line\n")
    [path] = tmp_path.glob("log-*")
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_that_are_no_segments_are_left_alone(tmp_path: Path) -> None:
    for name in ("log-1", "log-000000000000000x", "log-", "log-0000000000000009.bak"):
        (tmp_path / name).write_bytes(b"mine")
    log = logbook(tmp_path, segments=1)
    for _ in range(5):
        log.write(b"y" * 1200 + b"\n")
    log.close()
    assert all((tmp_path / name).read_bytes() == b"mine" for name in ("log-1", "log-", "log-0000000000000009.bak"))
