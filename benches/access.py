"""What others notice while somebody floods the API's port: the time of one admin's question, in a quiet moment and
under each flood, in turns, in one run. The flood is another user of this machine's, where this is run by root: then it
meets every limit that the network does."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from benches.figures import Figure, Spread, Target
from benches.real_nodes import ENDED_WITHIN_S, READY_WITHIN_S, program
from benches.scale import Scale
from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.config import Home

NOBODY = 65534
AT_ONCE = 16
PART_OF_WINDOW = 1 / 10
ASKED_EVERY_S = 0.012
"""Slow enough for what one caller may ask."""
SETTLED_AFTER_S = 0.3
HEAD = b" /api/v1/mining/peers HTTP/1.1\r\nHost: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
TARGET = Target(10, reach=3)


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of each flood. Nothing here is async: the node is a process, and so are the floods."""
    seconds = scale.window_s * PART_OF_WINDOW
    with _served(home) as (port, token):
        admin = _Admin(port, token)
        admin.watch(seconds / 4)
        figures = []
        for name, flood in FLOODS.items():
            quiet = admin.watch(seconds / 2)
            with _flooding(flood, port):
                flooded = admin.watch(seconds)
            quiet += admin.watch(seconds / 2)
            figures.append(Figure(f"asked under {name}", "ms", Spread.of(flooded), Spread.of(quiet), TARGET))
    return figures


class _Admin:
    """Asks one thing after the other, on one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}

    def watch(self, seconds: float) -> list[float]:
        """Return the time of each question, in ms."""
        times: list[float] = []
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or len(times) < 3:
            began = time.perf_counter()
            self._connection.request("GET", "/api/v1/mining/peers", headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(ASKED_EVERY_S)
        return times


@contextmanager
def _served(home: Path) -> Iterator[tuple[int, str]]:
    command = [*program(), "--home", str(home)]
    made = subprocess.run([*command, "token", "create", "bench", "--role", "admin"], capture_output=True, check=True)
    subprocess.run([*command, "login", "set", "alice"], input=b"a long password\n", capture_output=True, check=True)
    words = ["node", "serve", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--api-auth"]
    with (home / "node.log").open("wb") as log:
        node = subprocess.Popen([*command, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield _port(LocalApi(Home.resolve(str(home)).socket)), made.stdout.decode().strip()
    finally:
        node.terminate()
        node.wait(ENDED_WITHIN_S)


def _port(api: LocalApi) -> int:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if api.answers() and (places := api.get("/node/info").data.get("apiAddresses")):
            return int(str(places[0]).rpartition(":")[2])
        time.sleep(0.05)
    raise TimeoutError("the node does not serve")


@contextmanager
def _flooding(flood: Callable[[int], None], port: int) -> Iterator[None]:
    process = multiprocessing.get_context("fork").Process(target=_flood, args=(flood, port))
    process.start()
    time.sleep(SETTLED_AFTER_S)
    try:
        yield
    finally:
        process.kill()
        process.join()


def _flood(flood: Callable[[int], None], port: int) -> None:
    if sys.platform != "win32" and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os.nice(10)  # it is measured what the node does, and not who gets this machine's other core
    threads = [threading.Thread(target=_for_ever, args=(flood, port), daemon=True) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _for_ever(flood: Callable[[int], None], port: int) -> None:
    while True:
        with suppress(OSError):
            flood(port)


def _connected(port: int) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(5)
    connection.connect(("127.0.0.1", port))
    return connection


def _repeated(request: bytes) -> Callable[[int], None]:
    def flood(port: int) -> None:
        with _connected(port) as connection:
            while True:
                connection.sendall(request)
                if not connection.recv(65536):
                    return

    return flood


def _once(data: bytes) -> Callable[[int], None]:
    def flood(port: int) -> None:
        with _connected(port) as connection:
            connection.sendall(data)
            while connection.recv(65536):
                pass

    return flood


def _connect(port: int) -> None:
    _connected(port).close()


def _post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    head = b"POST /api/v1/mining%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n%s\r\n"
    return head % (path, JSON, len(body), more) + body


FLOODS: Mapping[str, Callable[[int], None]] = {
    "wrong tokens": _repeated(b"GET" + HEAD + b"Authorization: Bearer mct_" + b"A" * 43 + b"\r\n\r\n"),
    "wrong passwords": _repeated(_post(b"/login", b'{"name":"alice","password":"wrong, wrong"}')),
    "other sites": _repeated(_post(b"/invites", b"{}", b"Origin: http://evil.example\r\n")),
    "long headers": _once(b"GET" + HEAD + b"X: " + b"a" * 64_000 + b"\r\n\r\n"),
    "large bodies": _once(_post(b"/login", b" " * 900_000)),
    "slow heads": _once(b"GET" + HEAD),
    "slow bodies": _once(_post(b"/login", b" " * 1000)[:-500]),
    "connections": _connect,
}
