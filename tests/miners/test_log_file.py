"""What a reader of a log gets: whole, clean, bounded lines, once each."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.keeper.logbook import Logbook
from miner_ctrl.miners.log_file import MAX_LINE_CHARS, LogFile, clean


@given(
    st.binary(max_size=3000)
    | st.lists(st.sampled_from([b"\x1b[1;32m", b"\x1b[", b"m", b"\x1b", b"x" * 500])).map(b"".join)
)
def test_the_only_control_character_left_begins_a_colour(raw: bytes) -> None:
    line = clean(raw)
    assert len(line) <= MAX_LINE_CHARS
    for piece in line.split("\x1b")[1:]:
        parameters, colour, _ = piece.removeprefix("[").partition("m")
        assert piece.startswith("[")
        assert colour
        assert set(parameters) <= set("0123456789;")
    assert all(char.isprintable() for char in line.replace("\x1b", ""))


@pytest.mark.parametrize("cut_at", range(12))
def test_a_colour_is_cut_off_whole_or_not_at_all(cut_at: int) -> None:
    line = clean(b"x" * (MAX_LINE_CHARS - cut_at) + b"\x1b[1;31mred\x1b[0m")
    assert "\x1b" not in line.replace("\x1b[1;31m", "").replace("\x1b[0m", "")


@pytest.mark.parametrize("cursor", [10, 11, 10**6, 2**53])
def test_a_cursor_beyond_the_end_is_the_end(tmp_path: Path, cursor: int) -> None:
    (tmp_path / "log-0000000000000000").write_bytes(b"0123456\r\n\n")
    part = LogFile(tmp_path).after(cursor, ended=False)
    assert (part.lines, part.cursor, part.skipped) == ([], 10, 0)


@pytest.mark.parametrize("seed", range(10))
def test_who_reads_along_misses_and_doubles_nothing_that_was_kept(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    book = Logbook(str(tmp_path), segment_bytes=2000, segments=3)
    log = LogFile(tmp_path)
    sent, read, skipped, cursor = 0, [], 0, 0
    for _ in range(300):
        for _ in range(dice.choice([0, 1, 5, 200])):
            book.write(b"%09d\n" % sent)
            sent += 1
        if dice.random() < 0.5:
            part = log.after(cursor, ended=False)
            assert cursor + part.skipped + 10 * len(part.lines) == part.cursor
            assert part.lines == [f"{(cursor + part.skipped) // 10 + number:09d}" for number in range(len(part.lines))]
            read += part.lines
            skipped += part.skipped
            cursor = part.cursor
    read += log.after(cursor, ended=True).lines
    assert 10 * len(read) + skipped == 10 * sent
