"""Starting real keepers, and talking to them, in tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

KEEPER = Path(__file__).parents[2] / "src" / "miner_ctrl" / "keeper" / "__main__.py"
DEADLINE_S = 30.0


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def python(code: str) -> list[str]:
    """Return the command of a miner written in Python."""
    return [sys.executable, "-I", "-S", "-u", "-c", code]


class Kept:
    """A miner in a keeper, both real, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket_path = folder / "door"
        self.report: dict[str, Any] = {}

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        segment_bytes: int = 1024 * 1024,
        segments: int = 4,
        limit: Callable[[], None] | None = None,
    ) -> Kept:
        """Start the keeper; it and the miner go on when this returns. ``limit`` runs in the keeper's process."""
        plan = {
            "argv": list(argv),
            "env": dict(env or {}),
            "log_segment_bytes": segment_bytes,
            "log_segments": segments,
        }
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-E", str(KEEPER), str(self.folder), str(self.socket_path)],
            input=json.dumps(plan).encode(),
            capture_output=True,
            timeout=DEADLINE_S,
            check=True,
            preexec_fn=limit,
        )
        self.report = json.loads(done.stdout)
        return self

    @property
    def state(self) -> dict[str, Any]:
        """What the keeper left on disk."""
        facts: dict[str, Any] = json.loads((self.folder / "state.json").read_bytes())
        return facts

    @property
    def pid(self) -> int:
        return int(self.state["pid"])

    @property
    def keeper_pid(self) -> int:
        return int(self.state["keeperPid"])

    def has_ended(self) -> bool:
        return "endedMs" in self.state

    def until_ended(self) -> dict[str, Any]:
        """Wait until the miner has ended and its keeper has gone too; return what is on disk."""
        until(self.has_ended, "the miner's end on disk")
        until(lambda: not lives(self.keeper_pid), "the keeper's end")
        return self.state

    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("log-*"))

    def log(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.segments())

    @contextlib.contextmanager
    def door(self) -> Iterator[socket.socket]:
        """Connect to the keeper."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.connect(str(self.socket_path))
            yield connection

    def ask(self, wish: Mapping[str, object]) -> dict[str, Any]:
        """Say one thing to the keeper and return its first answer."""
        with self.door() as connection:
            connection.sendall(json.dumps(wish).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
                return answer

    def clean_up(self) -> None:
        """End what still runs."""
        if not (self.folder / "state.json").exists():
            return
        facts = self.state
        for pid, start in ((facts["keeperPid"], facts["keeperStart"]), (facts["pid"], facts["start"])):
            if lives(pid) and started(pid) == start:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                until(partial(_dead, pid), "the end of a killed process")


def _dead(pid: int) -> bool:
    return not lives(pid)


def started(pid: int) -> int:
    """Return when a process started, in clock ticks since boot."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
