"""Real nodes for tests: each a home of its own, its commands run through the command line, its node a process."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.cli.run import run
from miner_ctrl.config import HOME_VARIABLE, Home
from miner_ctrl.errors import MinerCtrlError

T = TypeVar("T")

SOON_S = 60.0
"""For what takes moments on an idle machine."""
WITHOUT_A_PROCESS = {("node", "init"), ("node", "join")}
"""Commands that begin most tests: each starts a node of its own for as long as it takes, and as a process it would also
load all that a node is, for a second of a CPU. ``cli/test_real_nodes.py`` and the two hosts run them as processes."""
SAYS_NOTHING_TO_THEM = {"PATH", "MINER_CTRL_XMRIG"}
"""Variables that are for miners."""
_SERVES = re.compile(rb"Serving at (\S+?)(?:, |\. Stop with )")


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Follower:
    """A command that goes on, and the lines it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str, *, after: int = 0, within_s: float = SOON_S) -> str:
        """Return the first line that holds ``text``, the first ``after`` lines apart."""
        return wait_for(
            f"a line with {text!r}", lambda: next((line for line in self.lines[after:] if text in line), None), within_s
        )

    def end(self) -> int:
        """Interrupt it as Ctrl-C does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        self._reader.join(10)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))


class NodeProcess:
    """One node: its home, its commands, and its process while it serves.

    ``inside`` is a command prefix (``ip netns exec NAME``) for everything it runs; ``env`` is added to the
    environment of the node and of its commands.
    """

    def __init__(self, home: Path, *, inside: Sequence[str] = (), env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.places = Home.resolve(str(home))
        self.api = LocalApi(self.places.socket)
        self.address = ""
        self.api_words: tuple[str, ...] = ("--no-api",)
        self.process: subprocess.Popen[bytes] | None = None
        self.log_file = home.with_name(f"{home.name}.log")
        self._inside = tuple(inside)
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._usual_surroundings = not inside and set(env or {}) <= SAYS_NOTHING_TO_THEM

    # --- commands ---------------------------------------------------------------------------------------

    def cli(self, *words: str, stdin: str = "", within_s: float = 120.0) -> Result:
        """Run a command of this node's to its end."""
        if self._usual_surroundings and words[:2] in WITHOUT_A_PROCESS and _may_redirect():
            return _in_this_process(["--home", str(self.home), *words], stdin)
        done = subprocess.run(
            self._command(*words),
            input=stdin, capture_output=True, text=True, timeout=within_s, env=self._env, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def done(self, *words: str, stdin: str = "") -> str:
        """Run a command that must succeed, and return what it printed."""
        result = self.cli(*words, stdin=stdin)
        assert result.code == 0, f"{words}: {result}"
        return result.out

    def answer(self, *words: str, stdin: str = "") -> Any:
        """Run a command that must succeed with ``--json``, and return what it answered."""
        return json.loads(self.done(*words, "--json", stdin=stdin))

    @contextmanager
    def following(self, *words: str) -> Iterator[Follower]:
        """Run a command that goes on until the block ends."""
        process = subprocess.Popen(
            self._command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._env
        )
        follower = Follower(process)
        try:
            yield follower
        finally:
            follower.end()

    def _command(self, *words: str) -> list[str]:
        return [*self._inside, sys.executable, "-m", "miner_ctrl", "--home", str(self.home), *words]

    # --- the node ---------------------------------------------------------------------------------------

    def serve(self, listen: str = "", *words: str) -> None:
        """Run the node and wait until it serves; again where it served before, unless told otherwise."""
        self._run(
            self._command(
                "node", "serve", "--listen", listen or self.address or "127.0.0.1:0", *self.api_words, *words
            ),
            {},
        )

    def serve_as_a_unit(self) -> None:
        """Run the node by what its own systemd unit says, and wait until it serves where it served before."""
        unit = self.done("service", "print", "--listen", self.address, *self.api_words, "--for", "systemd")
        said = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
        [(name, home)] = (word.split("=", 1) for word in shlex.split(said["Environment"]))
        self._run([*self._inside, *shlex.split(said["ExecStart"])], {name: home})

    def _run(self, command: list[str], env: dict[str, str]) -> None:
        assert self.process is None, "it serves already"
        before = len(self._logged())
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**self._env, **env}
            )
        self.address = wait_for(f"{self.home.name} to serve", lambda: self._serves_at(before))

    def _serves_at(self, before: int) -> str | None:
        """Return where it says that it serves. It is not asked: a rig loads what answers when somebody does."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        said = _SERVES.search(self._logged()[before:])
        return said[1].decode() if said else None

    def kill(self) -> None:
        """End the node as a crash does (SIGKILL); its miners go on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(SOON_S)
        self.process = None

    def stop(self) -> None:
        """End the node in order (SIGTERM); its miners go on."""
        assert self.process is not None
        process, self.process = self.process, None
        process.terminate()
        try:
            code = process.wait(SOON_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{self.home.name} did not stop: {self.log()}") from None
        assert code == 0, self.log()

    def log(self) -> str:
        """Return what the node has logged in all its lives."""
        return self._logged().decode(errors="replace")

    def _logged(self) -> bytes:
        return self.log_file.read_bytes() if self.log_file.exists() else b""

    def ask(self, path: str) -> Any:
        """Return what the running node answers to ``GET path``, or ``None`` while it does not."""
        try:
            return self.api.get(path).data
        except (MinerCtrlError, OSError):
            return None

    # --- peers ------------------------------------------------------------------------------------------

    def invite(self, *words: str) -> str:
        """Return a new join token that names the place where this node serves."""
        if self.process is not None and not words and not self._inside:  # asked as the command asks
            return str(self.api.post("/invites", {"address": [self.address]}).data["token"])
        return str(self.answer("peer", "invite", "--address", self.address, *words)["token"])

    def join(self, controller: NodeProcess, name: str) -> None:
        """Join a controller that serves, with a fresh token of its."""
        self.done("node", "join", "-", "--name", name, stdin=controller.invite())

    def is_connected(self, peer: str) -> bool:
        """Return whether the running node has a session with ``peer``, which it knows by that name."""
        return bool((self.ask(f"/peers/{peer}") or {}).get("connected"))

    def wait_until_connected(self, peer: str, within_s: float = SOON_S) -> float:
        """Wait for a session with ``peer`` and return how long that took, in seconds."""
        began_s = time.monotonic()
        wait_for(f"{self.home.name} to be connected to {peer}", lambda: self.is_connected(peer), within_s)
        return time.monotonic() - began_s

    # --- miners -----------------------------------------------------------------------------------------

    def rig(self, name: str) -> Any:
        """Return what this controller sees of a rig, as ``remote status`` answers it; while it serves, without the
        cost of a command."""
        if self.process is None:
            return self.answer("remote", "status", name)
        seen = self.api.get(f"/remote/{name}/stats").data
        assert not seen.get("error"), seen
        return seen

    def processes(self) -> list[psutil.Process]:
        """Return every living process that belongs to this home: node, keepers, miners."""
        marks = (str(self.home) + "/", str(self.home))
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "status", "environ"]):
            words = process.info["cmdline"] or []
            named = (process.info["environ"] or {}).get(HOME_VARIABLE, "")
            places = [*words, *(word.partition("=")[2] for word in words), process.info["cwd"] or "", named]
            ours = any(place == marks[1] or place.startswith(marks[0]) for place in places)
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def end(self) -> None:
        """End the node, its miners and their keepers; nothing of the home lives afterwards."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(SOON_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_for(f"nothing of {self.home.name} to live", lambda: not self.processes())


def wait_for(what: str, look: Callable[[], T | None], within_s: float = SOON_S, every_s: float = 0.05) -> T:
    """Return what ``look`` finds once it is something."""
    deadline_s = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline_s, f"waited {within_s:g} s in vain for {what}"
        time.sleep(every_s)
    return found


def _may_redirect() -> bool:
    return threading.current_thread() is threading.main_thread()


def _in_this_process(arguments: Sequence[str], stdin: str) -> Result:
    """Run a command line as ``main`` does, with streams of its own."""
    out, err = io.StringIO(), io.StringIO()
    reads, writes = os.pipe()
    with os.fdopen(writes, "w") as text:
        text.write(stdin)
    before = sys.stdin
    with os.fdopen(reads) as given, redirect_stdout(out), redirect_stderr(err):
        sys.stdin = given
        try:
            code = run(arguments)
        finally:
            sys.stdin = before
    return Result(code, out.getvalue(), err.getvalue())


def is_running(pid: int) -> bool:
    """Return whether a process of that number lives."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
