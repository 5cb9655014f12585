"""A node's local API as the command line sees it: a real HTTP server on a real Unix socket, with answers put in."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

BASE = "/api/v1/mining"


AnyText = TypeVar("AnyText", str, bytes)


class Asked(NamedTuple):
    """One request that reached the node."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


Stream = Callable[[], Iterator[tuple[str, object]]]


class FakeNode:
    """Answers what ``answers`` says; everything else with the 404 of a node."""

    def __init__(self, socket_path: Path) -> None:
        self.answers: dict[tuple[str, str], tuple[int, object]] = {}
        self.streams: dict[str, Stream] = {}
        self.asked: list[Asked] = []
        self._cut: set[str] = set()
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                node.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 - the base's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        class Server(ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

        socket_path.parent.mkdir(parents=True, exist_ok=True)

        def make_server() -> ThreadingUnixStreamServer:
            return Server(str(socket_path), Handler)

        self._make_server = make_server
        self._socket_path = socket_path
        self.reopen()

    def reopen(self) -> None:
        """Listen (again)."""
        self._server = self._make_server()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def on(self, method: str, path: str, answer: object, status: int = 200) -> None:
        self.answers[method, path] = (status, answer)

    def fails(self, method: str, path: str, status: int, code: str, error: str, suggestion: str = "Do that.") -> None:
        self.on(method, path, {"error": error, "code": code, "suggestion": suggestion}, status)

    def stream(self, path: str, events: Stream) -> None:
        self.streams[path] = events

    def cut(self, path: str) -> None:
        """Close the connection half way through the answer to ``path``."""
        self._cut.add(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._socket_path.unlink(missing_ok=True)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        place = urlsplit(request.path)
        raw = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        asked = Asked(
            request.command,
            place.path.removeprefix(BASE),
            dict(parse_qsl(place.query)),
            json.loads(raw) if raw else None,
        )
        self.asked.append(asked)
        if asked.path in self._cut:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
            request.close_connection = True
            return
        followed = "follow" in asked.query or (request.command, asked.path) not in self.answers
        if asked.path in self.streams and followed:
            self._send_stream(request, self.streams[asked.path])
            return
        missing = (404, {"error": f"There is no route {asked.path}.", "code": "ROUTE_NOT_FOUND"})
        status, answer = self.answers.get((asked.method, asked.path), missing)
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _send_stream(self, request: BaseHTTPRequestHandler, events: Stream) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        try:
            for name, data in events():
                part = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
                request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            request.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "miner_ctrl", "--home", str(home), *arguments]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return {**kept, "TERM": "xterm-256color", **more}


def run(home: Path, *arguments: str, stdin: str = "") -> Ended:
    """Run a command with its output piped."""
    done = subprocess.run(
        command(home, *arguments),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def ended_after(process: subprocess.Popen[AnyText]) -> Iterator[subprocess.Popen[AnyText]]:
    """Yield ``process``, which a test that fails half way does not leave behind."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def run_on_terminal(home: Path, *arguments: str, columns: int = 80) -> Ended:
    """Run a command with its stdout on a pseudo-terminal ``columns`` wide."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(home, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(COLUMNS=str(columns)),
    )
    os.close(theirs)
    out = bytearray()
    try:
        while part := os.read(ours, 65536):
            out += part
    except OSError:
        pass  # Linux says EIO when the other end is closed
    os.close(ours)
    assert process.stderr is not None
    with process.stderr as stderr:
        err = stderr.read()
    return Ended(process.wait(60), out.decode().replace("\r\n", "\n"), err.decode())
