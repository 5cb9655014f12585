"""The keeper on Windows: a pipe in place of the terminal, a loopback port in place of the socket. Untested.

SOCKET names a file in the node's own folder that gets ``PORT TOKEN``; a client's first line has to be that token.
Windows has no SIGTERM: a miner is asked to stop by Ctrl-Break, and ended after its grace.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

from miner_ctrl.keeper.logbook import Logbook
from miner_ctrl.keeper.state import State

assert sys.platform == "win32"  # noqa: S101 - tells type checkers, too, where this module is for

READ_BYTES = 65536
MAX_LINE_BYTES = 4096
DEFAULT_GRACE_S = 10.0


def keep(folder: str, socket_path: str) -> int:
    """Start the miner of the plan on stdin, tell stdout how that went, and stay until it has ended."""
    plan = json.loads(sys.stdin.buffer.read())
    os.chdir(folder)
    try:
        keeper = Keeper(plan, folder, socket_path)
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201 - the report to who started this process
        return 0
    print(json.dumps({"pid": keeper.pid}), flush=True)  # noqa: T201
    os.close(1)
    keeper.run()
    return 0


class Keeper:
    """One miner: its output, its log, its end."""

    def __init__(self, plan: dict[str, Any], folder: str, socket_path: str) -> None:
        self._log = Logbook(folder, segment_bytes=int(plan["log_segment_bytes"]), segments=int(plan["log_segments"]))
        self._state = State(folder)
        self._socket_path = socket_path
        self._token = secrets.token_hex(32)
        self._asked = False
        self._lock = threading.Lock()
        self._watchers: set[socket.socket] = set()
        self._miner = subprocess.Popen(  # noqa: S603 - the argument list was made by the agent's adapter
            plan["argv"],
            env=plan["env"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
        )
        self.pid = self._miner.pid
        self._state.started(self.pid)

    def run(self) -> None:
        """Carry output and wishes until the miner has ended."""
        listener = socket.create_server(("127.0.0.1", 0))
        with open(self._socket_path, "w", encoding="ascii") as door:
            door.write(f"{listener.getsockname()[1]} {self._token}")
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        assert self._miner.stdout is not None  # noqa: S101 - it was started with a pipe
        while data := os.read(self._miner.stdout.fileno(), READ_BYTES):
            with self._lock:
                self._log.write(data)
            self._tell()
        code = self._miner.wait()
        self._log.close()
        self._state.ended(exit_code=code, signal=None, asked=self._asked)
        self._tell()
        with contextlib.suppress(OSError):
            os.unlink(self._socket_path)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError), connection, connection.makefile("rb") as lines:
            if not hmac.compare_digest(lines.readline(MAX_LINE_BYTES).strip(), self._token.encode()):
                return
            try:
                while line := lines.readline(MAX_LINE_BYTES):
                    self._obey(connection, json.loads(line))
            finally:
                self._watchers.discard(connection)

    def _obey(self, connection: socket.socket, wish: dict[str, Any]) -> None:
        match wish.get("do"):
            case "watch":
                self._watchers.add(connection)
            case "unwatch":
                self._watchers.discard(connection)
            case "stop":
                self._stop(float(wish.get("graceS", DEFAULT_GRACE_S)))
            case "status":
                pass
            case _:
                raise ValueError("no such wish")
        connection.sendall(self._line())

    def _stop(self, grace_s: float) -> None:
        self._asked = True
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.CTRL_BREAK_EVENT)
        timer = threading.Timer(grace_s, self._miner.kill)
        timer.daemon = True
        timer.start()

    def _tell(self) -> None:
        for connection in tuple(self._watchers):
            with contextlib.suppress(OSError):
                connection.sendall(self._line())

    def _line(self) -> bytes:
        return json.dumps({**self._state.facts, "logEnd": self._log.end}).encode() + b"\n"
