"""``remote status --watch``: the fleet as it changes, and a node that comes and goes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from miner_ctrl.cli.local_api import Event
from miner_ctrl.cli.watch import FleetView
from miner_ctrl.config import Home
from tests.cli.fake_node import FakeNode, command, ended_after, environment, run


def rig(name: str, hashrate: float, **changed: Any) -> dict[str, Any]:
    one = {"name": "xmrig-1", "state": "mining", "hashrate": hashrate, "algorithm": "rx/0"}
    known = {"nodeId": name, "nodeName": name, "connected": True, "ageS": 1.0, "error": "", "miners": [one]}
    return {**known, **changed}


def read_until(stream: IO[str], text: str, within_s: float = 30.0) -> str:
    """Read lines until one has ``text``; a watchdog closes the test's wait, not the stream."""
    found: list[str] = []
    done = threading.Event()

    def read() -> None:
        for line in stream:
            found.append(line)
            if text in line:
                done.set()
                return

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(within_s), f"{text!r} never came; there was: {found}"
    return "".join(found)


@pytest.fixture
def change() -> Iterator[threading.Event]:
    happened = threading.Event()
    yield happened
    happened.set()


def test_in_a_pipe_each_change_is_a_block_and_a_restarted_node_is_found_again(home: Path) -> None:
    first_over, second_over, changed = threading.Event(), threading.Event(), threading.Event()

    def before() -> Iterator[tuple[str, object]]:
        yield "snapshot", {"a": rig("rig-a", 1000.0)}
        changed.wait(60)
        yield "rig", rig("rig-a", 2000.0)
        first_over.wait(60)

    def after() -> Iterator[tuple[str, object]]:
        yield "snapshot", {"a": rig("rig-a", 3000.0)}
        second_over.wait(60)

    socket_path = Home.resolve(str(home)).socket
    node = FakeNode(socket_path)
    node.stream("/events", before)
    with ended_after(
        subprocess.Popen(
            command(home, "remote", "status", "--watch"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "1.00 kH/s" in read_until(process.stdout, "1 rig, 1 connected")
        changed.set()
        assert "2.00 kH/s" in read_until(process.stdout, "1 rig, 1 connected")
        node.close()
        first_over.set()
        read_until(process.stderr, "goes on as soon as it runs again")
        node = FakeNode(socket_path)
        node.stream("/events", after)
        assert "3.00 kH/s" in read_until(process.stdout, "1 rig, 1 connected")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    second_over.set()
    node.close()


def test_as_json_each_change_is_a_line_in_the_shape_of_the_fleet(
    node: FakeNode, home: Path, change: threading.Event
) -> None:
    def events() -> Iterator[tuple[str, object]]:
        yield "snapshot", {"rig-a": rig("rig-a", 1.0), "rig-b": rig("rig-b", 2.0)}
        change.wait(60)
        yield "removed", {"id": "rig-b"}
        threading.Event().wait(60)

    node.stream("/events", events)
    with ended_after(
        subprocess.Popen(
            command(home, "--json", "remote", "status", "--watch"), stdout=subprocess.PIPE, env=environment(), text=True
        )
    ) as process:
        assert process.stdout is not None
        assert set(json.loads(process.stdout.readline())) == {"rig-a", "rig-b"}
        change.set()
        assert set(json.loads(process.stdout.readline())) == {"rig-a"}
        process.send_signal(signal.SIGINT)


def test_on_a_terminal_the_table_is_drawn_again_in_place(node: FakeNode, home: Path, change: threading.Event) -> None:
    def events() -> Iterator[tuple[str, object]]:
        yield "snapshot", {"rig-a": rig("rig-a", 1000.0)}
        change.wait(60)
        yield "rig", rig("rig-a", 2000.0)
        threading.Event().wait(60)

    node.stream("/events", events)
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        command(home, "remote", "status", "--watch"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment(COLUMNS="80", LINES="24"),
    )
    os.close(theirs)
    with ended_after(started) as process:
        out = ""
        deadline = time.monotonic() + 30
        while "2.00 kH/s" not in out:
            assert time.monotonic() < deadline, out
            out += os.read(ours, 65536).decode()
            if "1.00 kH/s" in out:
                change.set()
        assert "\x1b[1A" in out or "\x1b[2K" in out
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    os.close(ours)


def test_watching_a_peer_that_is_not_there_ends(node: FakeNode, home: Path) -> None:
    node.fails("GET", "/peers/nobody", 404, "PEER_NOT_FOUND", "There is no peer nobody.")
    ended = run(home, "remote", "status", "nobody", "--watch")
    assert ended.code == 1
    assert "There is no peer nobody." in ended.err


def test_a_node_that_cannot_stream_ends_the_watch_with_its_reason(node: FakeNode, home: Path) -> None:
    node.fails("GET", "/events", 409, "NO_IDENTITY", "This node has no identity yet.")
    ended = run(home, "remote", "status", "--watch")
    assert ended.code == 1
    assert "no identity" in ended.err


def test_ages_go_on_between_changes() -> None:
    now = [100.0]
    view = FleetView(clock=lambda: now[0])
    view.apply(Event("snapshot", json.dumps({"rig-a": rig("rig-a", 1.0), "rig-b": rig("rig-b", 1.0, ageS=None)})))
    now[0] = 107.0
    assert view.rigs()["rig-a"]["ageS"] == 8.0
    assert view.rigs()["rig-b"]["ageS"] is None


def test_only_the_rig_asked_for_is_shown() -> None:
    view = FleetView()
    view.only = "rig-b"
    view.apply(Event("snapshot", json.dumps({"rig-a": rig("rig-a", 1.0), "rig-b": rig("rig-b", 1.0)})))
    assert set(view.rigs()) == {"rig-b"}
