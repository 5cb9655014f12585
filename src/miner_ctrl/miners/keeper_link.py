"""The agent's end of a keeper: starting one, hearing from it, telling it to stop."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from miner_ctrl.errors import OperationFailed, Unreachable
from miner_ctrl.miners.contract import LaunchPlan
from miner_ctrl.storage.disk import disk_trouble

KEEPER = Path(__file__).parent.parent / "keeper" / "__main__.py"
LOG_SEGMENT_BYTES = 1024 * 1024
LOG_SEGMENTS = 4
_ERRNO = re.compile(r"\[Errno (\d{1,5})\]")
_START_WITHIN_S = 20.0
_ANSWER_WITHIN_S = 5.0
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "TZ", "SYSTEMROOT", "DISPLAY", "CUDA_PATH")
"""The agent's environment that a miner gets; the rest, tokens of other programs among it, is none of its business."""


class KeeperFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What a keeper says, and leaves in ``state.json``. ``start``: clock ticks since boot; ``*_ms``: Unix time;
    ``takes``: the wishes it knows that older keepers do not."""

    keeper_pid: int
    pid: int
    started_ms: int
    start: int = 0
    keeper_start: int = 0
    ended_ms: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    asked: bool = False
    log_end: int = 0
    log_lost_bytes: int = 0
    takes: tuple[str, ...] = ()


async def start_keeper(plan: LaunchPlan, folder: Path, socket: Path) -> None:
    """Start a keeper, and the miner in it.

    Raises:
        OperationFailed: the miner's program could not be started; says why.
    """
    environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    environment.setdefault("TERM", "xterm-256color")
    order = {
        "argv": plan.argv,
        "env": {**environment, **plan.env},
        "log_segment_bytes": LOG_SEGMENT_BYTES,
        "log_segments": LOG_SEGMENTS,
    }
    command = [sys.executable, "-I", "-S", "-E", str(KEEPER), str(folder), str(socket)]
    try:
        done = await asyncio.to_thread(_run, command, msgspec.json.encode(order))
    except subprocess.TimeoutExpired:
        raise OperationFailed(
            "The miner's keeper did not start in time.", suggestion="Is the machine overloaded?"
        ) from None
    try:
        report = msgspec.json.decode(done.stdout, type=dict[str, int | str])
    except msgspec.DecodeError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        report = {"error": f"the keeper failed: {last[0] if last else 'without a word'}"}
    if "error" in report:
        number = _ERRNO.match(str(report["error"]))
        trouble = disk_trouble(int(number[1])) if number else None
        if trouble is not None:
            raise trouble
        raise OperationFailed(
            f"The miner's program could not be started: {report['error']}.",
            suggestion="See that the program is there, is executable and fits this machine.",
            code="MINER_NOT_STARTED",
        )


def _run(command: list[str], order: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own interpreter and keeper
        command, input=order, capture_output=True, timeout=_START_WITHIN_S, start_new_session=True, check=False
    )


class KeeperLink:
    """A connection to a living keeper. ``on_facts`` gets each of its words, ``on_gone`` its end."""

    def __init__(self, socket: Path, *, on_facts: Callable[[KeeperFacts], None], on_gone: Callable[[], None]) -> None:
        self._socket = socket
        self._on_facts = on_facts
        self._on_gone = on_gone
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect; the first facts have come when this returns.

        Raises:
            Unreachable: no keeper answers there.
        """
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                reader, self._writer = await _connect(self._socket)
                self._tell({"do": "status"})
                self._heard(await reader.readuntil(b"\n"))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.DecodeError) as error:
            await self.close()
            raise Unreachable(f"The miner's keeper does not answer: {error}.") from None
        self._listening = asyncio.get_running_loop().create_task(self._listen(reader), name="keeper")

    async def close(self) -> None:
        """Hang up. Keeper and miner go on."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def stop(self, grace_s: float) -> None:
        """Have the miner ended: SIGTERM, and SIGKILL after ``grace_s``."""
        self._tell({"do": "stop", "graceS": grace_s})

    def watch(self, *, log: bool) -> None:
        """Be told, or no more, when the log has grown."""
        self._tell({"do": "watch" if log else "unwatch"})

    def type(self, line: str) -> None:
        """Have a line typed at the miner's terminal. A keeper that does not take it (``takes``) would hang up."""
        self._tell({"do": "input", "text": line})

    def _tell(self, wish: dict[str, object]) -> None:
        if self._writer is not None:
            self._writer.write(msgspec.json.encode(wish) + b"\n")

    def _heard(self, line: bytes) -> None:
        self._on_facts(msgspec.json.decode(line, type=KeeperFacts))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._heard(line)
        except (OSError, ValueError, msgspec.DecodeError):
            pass
        self._listening = None
        self._on_gone()


if sys.platform == "win32":  # untested

    async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        door = await asyncio.to_thread(path.read_text, encoding="ascii")
        port, _, token = door.partition(" ")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(token.encode() + b"\n")
        return reader, writer

else:

    async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(path))
