"""``demo``: it shows three rigs at work, and however it ends nothing of it stays."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.cli.fake_node import command, ended_after, environment

BROWSER = f"""#!/bin/sh
exec {sys.executable} - "$0" "$1" <<EOF
import sys, urllib.request
from pathlib import Path
Path(sys.argv[1] + ".got").write_bytes(urllib.request.urlopen(sys.argv[2], timeout=60).read())
Path(sys.argv[1] + ".asked").write_text(sys.argv[2])
EOF
"""
"""A browser as a desktop would start it: it keeps what it was told to open."""


@contextmanager
def demo(
    tmp_path: Path, *arguments: str, stdout: int = subprocess.PIPE, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the demo with a temporary directory of its own, which it must leave empty, and without processes."""
    place = Path(tempfile.mkdtemp(prefix="mc-"))  # not in tmp_path, which is too long for the nodes' sockets
    with ended_after(
        subprocess.Popen(
            command(tmp_path / "unused", "demo", *arguments),
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment(TMPDIR=str(place), **more),
            text=True,
        )
    ) as process:
        yield process
        process.wait(60)
    place.rmdir()  # it is empty
    assert [one for one in psutil.process_iter(["cmdline"]) if str(place) in " ".join(one.info["cmdline"] or ())] == []
    assert not (tmp_path / "unused").exists()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    assert process.stderr is not None
    raise AssertionError(f"{text!r} never came: {said}{process.stderr.read()}")


def test_three_rigs_are_shown_and_gone_after_its_time(tmp_path: Path, built_page: Path) -> None:
    with demo(tmp_path, "--for", "2s") as process:
        said = read_until(process, "3 rigs, 3 connected")
        assert re.search(r"^The page: http://127\.0\.0\.1:\d+$", said, re.MULTILINE)
        assert all(rig in said for rig in ("rig-alpha", "rig-beta", "rig-gamma"))
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(60) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_while_it_mines_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with demo(tmp_path) as process:
        read_until(process, "3 rigs, 3 connected, ")
        process.send_signal(number)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(60) == code


@contextmanager
def watched_demo(tmp_path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Path, Callable[[], bytes]]]:
    """Run the demo on a terminal of a machine with a display; yield it, what its browser was asked for, and a function
    that reads what it draws next (nothing: it has ended)."""
    browser = tmp_path / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    ours, theirs = pty.openpty()
    more = {"DISPLAY": ":99", "BROWSER": f"{browser} %s &"}
    with demo(tmp_path, *arguments, stdout=theirs, **more) as process, os.fdopen(ours, "rb", buffering=0) as terminal:
        os.close(theirs)

        def drawn() -> bytes:
            with suppress(OSError):  # Linux says EIO when the other end is closed
                return terminal.read(4096)
            return b""

        yield process, browser.with_name("browser.asked"), drawn


def test_on_a_terminal_the_page_is_opened_where_it_is(tmp_path: Path, built_page: Path) -> None:
    said = b""
    with watched_demo(tmp_path) as (process, asked, drawn):
        while not asked.exists() or not asked.read_text():
            said += drawn()
        process.send_signal(signal.SIGINT)
        while part := drawn():
            said += part
        assert process.wait(60) == 0
    address = asked.read_text().strip()
    assert f"The page: {address}\r\n".encode() in said
    assert asked.with_name("browser.got").read_bytes() == (built_page / "index.html").read_bytes()


@pytest.mark.parametrize("arguments", [("--for", "2s"), ("--no-open",)])
def test_it_is_not_opened_for_who_does_not_want_it(
    tmp_path: Path, built_page: Path, arguments: tuple[str, ...]
) -> None:
    said, told = b"", False
    with watched_demo(tmp_path, *arguments) as (process, asked, drawn):
        while part := drawn():
            said += part
            if b"3 connected" in said and not told:
                told = True  # once: a second one would end its way out
                process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert b"The page: http://" in said
        assert not asked.exists()


def test_ended_half_way_it_leaves_nothing_either(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        read_until(process, "join with its token")
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(60) == 143
