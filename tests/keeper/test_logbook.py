"""The log on disk: bounded, and its offsets stay true through rotation and restarts."""

from __future__ import annotations

from pathlib import Path

from miner_ctrl.keeper.logbook import Logbook
from miner_ctrl.miners.log_file import LogFile, clean


def written(folder: Path, lines: int, *, segment_bytes: int = 1000, segments: int = 3) -> Logbook:
    book = Logbook(str(folder), segment_bytes=segment_bytes, segments=segments)
    for number in range(lines):
        book.write(b"line %d\r\n" % number)
    book.close()
    return book


def test_old_segments_go_and_every_segment_ends_with_a_line(tmp_path: Path) -> None:
    book = written(tmp_path, 1000)
    segments = sorted(tmp_path.iterdir())
    assert len(segments) == 3
    assert sum(path.stat().st_size for path in segments) < 3 * 1100
    assert all(path.read_bytes().endswith(b"\n") for path in segments)
    assert book.end == sum(len(b"line %d\r\n" % number) for number in range(1000))


def test_a_cursor_stays_true_when_segments_rotate(tmp_path: Path) -> None:
    log = LogFile(tmp_path)
    book = Logbook(str(tmp_path), segment_bytes=1000, segments=3)
    read: list[str] = []
    cursor = 0
    for number in range(1000):
        book.write(b"line %d\r\n" % number)
        if number % 50 == 0:
            part = log.after(cursor, ended=False)
            assert part.skipped == 0
            read += part.lines
            cursor = part.cursor
    read += log.after(cursor, ended=False).lines
    assert read == [f"line {number}" for number in range(1000)]


def test_a_reader_that_comes_too_late_is_told_what_it_missed(tmp_path: Path) -> None:
    written(tmp_path, 1000)
    part = LogFile(tmp_path).after(0, ended=False)
    first = int(part.lines[0].removeprefix("line "))
    assert part.skipped == sum(len(b"line %d\r\n" % number) for number in range(first))
    assert part.lines == [f"line {number}" for number in range(first, 1000)]


def test_the_next_keeper_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    end = written(tmp_path, 10).end
    again = written(tmp_path, 10)
    assert again.end == 2 * end
    assert LogFile(tmp_path).tail(3, ended=True).lines == ["line 7", "line 8", "line 9"]


def test_tail_across_segments_of_a_log_without_line_ends_and_of_none(tmp_path: Path) -> None:
    log = LogFile(tmp_path)
    assert log.tail(5, ended=True) == log.after(0, ended=True)
    written(tmp_path, 300)
    assert log.tail(200, ended=False).lines == [f"line {number}" for number in range(100, 300)]
    book = Logbook(str(tmp_path), segment_bytes=1000, segments=3)
    for _ in range(10):
        book.write(b"no end " * 20)
    book.close()
    assert log.tail(1, ended=False).lines == ["line 299"]
    assert log.tail(1, ended=True).lines[0].startswith("no end no end")


def test_a_line_longer_than_a_part_still_comes_whole_steps(tmp_path: Path) -> None:
    book = Logbook(str(tmp_path), segment_bytes=2**20, segments=2)
    book.write(b"y" * 300_000 + b"\nafter\n")
    book.close()
    part = LogFile(tmp_path).after(0, ended=False)
    assert [line[:5] for line in part.lines] == ["yyyyy", "after"]
    assert len(part.lines[0]) == 4096


def test_hostile_lines_keep_their_colours_and_nothing_else() -> None:
    assert clean(b"\x1b[1;32mgreen\x1b[0m plain\r\n") == "\x1b[1;32mgreen\x1b[0m plain"
    assert clean(b"\x1b]0;title\x07\x1b[2J\x1b[Hhome\x1b[31m") == "home\x1b[31m"
    assert clean("a\u202eb\x00\x9b2Jc".encode()) == "a b  2Jc"
    assert clean(b"\xff\xfe") == "\ufffd\ufffd"
    assert len(clean(b"z" * 100_000)) == 4096
