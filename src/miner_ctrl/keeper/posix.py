"""The keeper on Linux and other Unixes: a pseudo-terminal for the miner, a Unix socket for the agent.

The agent's lines: ``{"do": "status"}``, ``{"do": "watch"}`` and ``unwatch`` (be told of log growth, or no more),
``{"do": "stop", "graceS": S}``, ``{"do": "input", "text": T}`` (one printable line, typed at the miner's terminal).
The keeper's: the facts of ``state.json`` with ``logEnd`` and ``takes`` (the wishes that not every keeper knows) added,
after ``status``, at each change, and at the end.

Of two keepers that are started for one folder, the second gives way (``keeper.lock``): a miner never runs twice.

A door that was cleared away (runtime directories are, at logouts) is made anew on SIGHUP.

If the keeper itself is killed, its end of the terminal closes and the kernel hangs up on the miner: an unowned miner
does not go on unseen (one that ignores the hang-up is ended by the agent, which finds its pid in ``state.json``).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
from typing import Any

from miner_ctrl.keeper.logbook import Logbook
from miner_ctrl.keeper.state import State

assert sys.platform != "win32"  # noqa: S101 - tells type checkers, too, where this module is for

ROWS, COLUMNS = 50, 1000
READ_BYTES = 65536
MAX_LINE_BYTES = 4096
MAX_CLIENTS = 16
MAX_GRACE_S = 600.0
MAX_INPUT_CHARS = 256
LAST_READS = 64
DEFAULT_GRACE_S = 10.0
STATE_RETRY_S = 10.0
LOCK_FILE = "keeper.lock"
LOCK_WITHIN_S = 5.0


def keep(folder: str, socket_path: str) -> int:
    """Start the miner of the plan on stdin, tell stdout how that went, and keep it in a process of its own."""
    _close_inherited_files()
    plan = json.loads(sys.stdin.buffer.read())
    if not _is_the_only_one(folder):
        sys.stdout.buffer.write(b'{"error": "another keeper has this miner"}\n')
        return 0
    if _nobody_listens(1):  # the agent has ended meanwhile: its next one must not find what nobody told it of
        return 0
    report_read, report_write = os.pipe()
    if os.fork():
        os.close(report_write)
        with os.fdopen(report_read, "rb") as report:
            sys.stdout.buffer.write(report.read() or b'{"error": "the keeper ended at once"}\n')
        return 0
    os.setsid()
    os.close(report_read)
    os.chdir(folder)
    os.umask(0o077)
    _detach_standard_files()
    Keeper(plan, folder, socket_path).run(report_write)
    os._exit(0)


def _close_inherited_files() -> None:
    """Close whatever the agent left open: it is none of the miner's business."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(int(name))


def _is_the_only_one(folder: str) -> bool:
    """Take the folder's lock, which the keeper holds until it ends; one that is just ending is waited for."""
    descriptor = os.open(os.path.join(folder, LOCK_FILE), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline_s = time.monotonic() + LOCK_WITHIN_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(0.02)
        else:
            return True


def _nobody_listens(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _detach_standard_files() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.to_send = b""
        self.watches = False


class Keeper:
    """One miner: its terminal, its log, its end."""

    def __init__(self, plan: dict[str, Any], folder: str, socket_path: str) -> None:
        self._argv = [str(word) for word in plan["argv"]]
        self._env = {str(key): str(value) for key, value in plan["env"].items()}
        self._log = Logbook(folder, segment_bytes=int(plan["log_segment_bytes"]), segments=int(plan["log_segments"]))
        self._state = State(folder)
        self._folder = folder
        self._socket_path = socket_path
        self._poll = select.poll()
        self._clients: dict[int, _Client] = {}
        self._listener: socket.socket | None = None
        self._terminal = -1
        self._pid = 0
        self._asked = False
        self._kill_at = 0.0

    def run(self, report: int) -> None:
        """Start the miner and stay until it has ended and its end is on the disk."""
        try:
            self._listener = self._listen()
            wake = _wake_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            self._start()
            try:
                self._state.started(self._pid)
            except OSError:
                os.killpg(self._pid, signal.SIGKILL)
                raise
        except OSError as error:
            os.write(report, json.dumps({"error": str(error)}).encode() + b"\n")
            self._unlink_socket()
            return
        os.write(report, json.dumps({"pid": self._pid}).encode() + b"\n")
        os.close(report)
        for descriptor in (self._listener.fileno(), self._terminal, wake):
            self._poll.register(descriptor, select.POLLIN)
        status = self._serve(wake)
        self._finish(status)

    # --- the miner --------------------------------------------------------------------------------------

    def _start(self) -> None:
        failed_read, failed_write = os.pipe()  # closed by a successful exec
        self._pid, self._terminal = os.forkpty()
        if self._pid == 0:
            try:
                for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):  # what is ignored here
                    signal.signal(number, signal.SIG_DFL)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
                os.execve(self._argv[0], self._argv, self._env)
            except OSError as error:
                os.write(failed_write, struct.pack("i", error.errno or 0))
            os._exit(127)
        os.close(failed_write)
        with os.fdopen(failed_read, "rb") as failed:
            errno = failed.read()
        if errno:
            os.waitpid(self._pid, 0)
            [code] = struct.unpack("i", errno)
            raise OSError(code, f"{self._argv[0]}: {os.strerror(code)}")
        os.set_blocking(self._terminal, False)

    def _serve(self, wake: int) -> int:
        """Carry the miner's output and the agent's wishes until the miner has ended; return its wait status."""
        while True:
            for descriptor, _ in self._poll.poll(self._timeout_ms()):
                if descriptor == self._terminal:
                    self._read_terminal()
                elif descriptor == wake:
                    self._signalled(os.read(wake, 512))
                elif descriptor in self._clients:
                    self._exchange(self._clients[descriptor])
                else:
                    self._accept()
            if self._kill_at and time.monotonic() >= self._kill_at:
                self._kill_at = 0.0
                self._signal(signal.SIGKILL)
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                self._signal(signal.SIGKILL)  # what it left behind in its group, which is its own until it is reaped
                self._read_last_words()
                return os.waitpid(self._pid, 0)[1]

    def _signalled(self, numbers: bytes) -> None:
        """Signals came: a miner's end is found by ``waitid``; being told to end means the miner too. A hang-up comes
        from an agent that does not find the door: runtime directories are cleared at logouts."""
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop(DEFAULT_GRACE_S)
        if signal.SIGHUP in numbers and not os.path.exists(self._socket_path):
            self._open_another_door()

    def _timeout_ms(self) -> float | None:
        return max(0.0, (self._kill_at - time.monotonic()) * 1000) if self._kill_at else None

    def _read_terminal(self) -> bool:
        """Move what the miner has written to the log; whether there was any."""
        try:
            data = os.read(self._terminal, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody has the other end open any more
            data = b""
        if not data:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._terminal)
            return False
        lost_before = self._log.lost_bytes
        self._log.write(data)
        self._tell(watchers_only=lost_before > 0 or not self._log.lost_bytes)
        return True

    def _read_last_words(self) -> None:
        """Read what the terminal still holds; a process that left the miner's group may write to it for ever."""
        for _ in range(LAST_READS):
            if not self._read_terminal():
                break

    def _stop(self, grace_s: float) -> None:
        """End the miner; asked again, it may only be given less time."""
        kill_at = time.monotonic() + grace_s
        if not self._asked:
            self._asked = True
            self._kill_at = kill_at
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # one that was stopped (SIGSTOP) would not hear the other
        elif self._kill_at:
            self._kill_at = min(self._kill_at, kill_at)

    def _type(self, text: Any) -> None:
        """Type one line at the miner's terminal; one that reads nothing loses it."""
        if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) <= MAX_INPUT_CHARS:
            raise ValueError("not a line")
        with contextlib.suppress(OSError):
            os.write(self._terminal, text.encode() + b"\n")

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)

    def _finish(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        exit_code, number = (code, None) if code >= 0 else (None, -code)
        self._log.close()
        self._state.facts["logLostBytes"] = self._log.lost_bytes
        while not self._state.ended(exit_code=exit_code, signal=number, asked=self._asked):
            if not os.path.isdir(self._folder):  # it was removed: nobody wants to know any more
                break
            self._tell(watchers_only=False)
            time.sleep(STATE_RETRY_S)
        self._tell(watchers_only=False)
        self._unlink_socket()

    # --- the agent --------------------------------------------------------------------------------------

    def _listen(self) -> socket.socket:
        self._unlink_socket()
        listener = socket.socket(socket.AF_UNIX)
        umask = os.umask(0o177)
        listener.bind(self._socket_path)
        os.umask(umask)
        listener.listen(MAX_CLIENTS)
        listener.setblocking(False)
        return listener

    def _open_another_door(self) -> None:
        assert self._listener is not None  # noqa: S101 - there is one from the start
        with contextlib.suppress(OSError):  # no directory there: the agent makes one and asks again
            listener = self._listen()
            self._poll.register(listener.fileno(), select.POLLIN)
            self._poll.unregister(self._listener.fileno())
            self._listener.close()
            self._listener = listener

    def _unlink_socket(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._socket_path)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - who calls this polls the listener
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection)
        self._poll.register(connection.fileno(), select.POLLIN)

    def _exchange(self, client: _Client) -> None:
        """Take what a client says and send what waits for it."""
        try:
            with contextlib.suppress(BlockingIOError):
                data = client.connection.recv(MAX_LINE_BYTES)
                client.received += data
                if not data or len(client.received) > MAX_LINE_BYTES:
                    raise ConnectionError
                *lines, client.received = client.received.split(b"\n")
                for line in lines:
                    self._obey(client, json.loads(line))
            self._flush(client)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self._hang_up(client)

    def _obey(self, client: _Client, wish: dict[str, Any]) -> None:
        match wish.get("do"):
            case "status":
                client.to_send = self._line()
            case "watch" | "unwatch":
                client.watches = wish["do"] == "watch"
                client.to_send = self._line()
            case "stop":
                grace_s = float(wish.get("graceS", DEFAULT_GRACE_S))
                if not 0 <= grace_s <= MAX_GRACE_S:
                    raise ValueError("no such grace")
                self._stop(grace_s)
                client.to_send = self._line()
            case "input":
                self._type(wish["text"])
                client.to_send = self._line()
            case _:
                raise ValueError("no such wish")

    def _tell(self, *, watchers_only: bool) -> None:
        """Have the newest facts sent to clients; one that is slow gets fewer of them, never more to remember."""
        for client in list(self._clients.values()):
            if client.watches or not watchers_only:
                partial = client.to_send.partition(b"\n")[0] if client.to_send[:1] not in (b"", b"{") else b""
                client.to_send = (partial + b"\n" if partial else b"") + self._line()
                try:
                    self._flush(client)
                except OSError:
                    self._hang_up(client)

    def _flush(self, client: _Client) -> None:
        if client.to_send:
            with contextlib.suppress(BlockingIOError):
                client.to_send = client.to_send[client.connection.send(client.to_send) :]
        events = select.POLLIN | (select.POLLOUT if client.to_send else 0)
        self._poll.modify(client.connection.fileno(), events)

    def _hang_up(self, client: _Client) -> None:
        descriptor = client.connection.fileno()
        self._poll.unregister(descriptor)
        del self._clients[descriptor]
        client.connection.close()

    def _line(self) -> bytes:
        facts = {"logEnd": self._log.end, "logLostBytes": self._log.lost_bytes, "takes": ["input"]}
        return json.dumps({**self._state.facts, **facts}).encode() + b"\n"


def _wake_on(*numbers: int) -> int:
    """Have these signals write their number to a pipe; return the end to read."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return wake_read
