"""``demo``: it shows three rigs at work, and however it ends nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.cli.fake_node import command, ended_after, environment


@contextmanager
def demo(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo with a temporary directory of its own, which it must leave empty, and without processes."""
    place = Path(tempfile.mkdtemp(prefix="mc-"))  # not in tmp_path, which is too long for the nodes' sockets
    with ended_after(
        subprocess.Popen(
            command(tmp_path / "unused", "demo", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(TMPDIR=str(place)),
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


def test_three_rigs_are_shown_and_gone_after_its_time(tmp_path: Path) -> None:
    with demo(tmp_path, "--for", "2s") as process:
        said = read_until(process, "3 rigs, 3 connected")
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


def test_ended_half_way_it_leaves_nothing_either(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        read_until(process, "join with its token")
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(60) == 143
