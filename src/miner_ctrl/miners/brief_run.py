"""Running a miner's program for a moment: to hear its version, or what it thinks of a configuration."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from miner_ctrl.model.text import one_line

MAX_OUTPUT_BYTES = 64 * 1024
MAX_WORDS_CHARS = 500
HANGS_UP_WITHIN_S = 1.0
"""How long after a kill the output is waited for: a process that has left the group keeps it open as long as it likes.
"""

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "SYSTEMROOT")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TIMESTAMP = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\]\s*")


class BriefRun(NamedTuple):
    """How it ended and what it wrote, standard output and error together. ``code`` is ``None`` when it had to be
    killed: out of time, or endless output."""

    code: int | None
    output: str


def run_briefly(argv: Sequence[str], *, within_s: float, cwd: Path, env: Mapping[str, str]) -> BriefRun:
    """Run ``argv`` to its end, at most ``within_s`` seconds and ``MAX_OUTPUT_BYTES``. Blocks.

    Raises:
        OSError: it cannot be started.
    """
    passed_on = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    process = subprocess.Popen(  # noqa: S603 - a program that this machine's owner installed, arguments of ours
        argv,
        cwd=cwd,
        env={**passed_on, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    killed = threading.Event()

    def kill() -> None:
        if process.returncode is None:
            killed.set()
            _kill_all_of(process)

    timer = threading.Timer(within_s, kill)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        output = _read(process.stdout, time.monotonic() + within_s + HANGS_UP_WITHIN_S)
        if len(output) == MAX_OUTPUT_BYTES:
            kill()
        code = process.wait()
    finally:
        timer.cancel()
        process.stdout.close()  # type: ignore[union-attr]
    return BriefRun(None if killed.is_set() else code, output.decode("utf-8", "replace"))


def spoken_lines(output: str) -> list[str]:
    """Return a program's lines as plain text: no colours, control characters, time stamps or empty lines."""
    lines = (one_line(_ESCAPE.sub("", line), MAX_WORDS_CHARS) for line in output.splitlines())
    return [words for line in lines if (words := _TIMESTAMP.sub("", line).strip())]


def without_secrets(words: str, secrets: Iterable[str]) -> str:
    """Return ``words`` with every secret that stands in it replaced by an ellipsis."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", words)
    return words


if sys.platform == "win32":  # untested

    def _read(pipe: IO[bytes], _until_s: float) -> bytes:
        return pipe.read(MAX_OUTPUT_BYTES)

else:

    def _read(pipe: IO[bytes], until_s: float) -> bytes:
        """Return what comes until the pipe is closed, at most ``MAX_OUTPUT_BYTES``, and until then (monotonic)."""
        output = b""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while len(output) < MAX_OUTPUT_BYTES and selector.select(max(0.0, until_s - time.monotonic())):
                piece = os.read(pipe.fileno(), MAX_OUTPUT_BYTES - len(output))
                if not piece:
                    break
                output += piece
        return output


def _kill_all_of(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and what it started, which would keep the pipe open."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
