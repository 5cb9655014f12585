"""A miner that mines nothing, and says so: for demonstrations and tests.

A program of its own, run by a bare interpreter (``python -I -S -E``): standard library only, nothing of ours. It speaks
XMRig's local API and writes XMRig's kind of log, with numbers made up from a seed. It opens no connection to anywhere;
version and user agent are ``simulated``. Time windows fill in ``WINDOW_FILLS_S``, so that nobody has to wait for them.

``simulated_program.py [--config=FILE] [--dry-run]``; FILE is ``config.json`` unless given. Ends with 0 on SIGTERM and
SIGINT, with 2 on a configuration it cannot use.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import sys
import time

TYPE_CHECKING = False  # the typing module would double the program's memory
if TYPE_CHECKING:
    from typing import Any

NAME = "simulated"
STARTS_HASHING_AFTER_S = 1.0
WINDOW_FILLS_S = (2.0, 60.0, 900.0)
SECONDS_A_SHARE = 3.0
SECONDS_A_JOB = 20.0
SPEED_LINE_EVERY_S = 15.0
REJECTED_SHARE = 0.01
DRIFT_PERIOD_S = 240.0
CATCHES_UP_S = 60.0
"""After a longer standstill the shares of that time are left out."""
MAX_REQUEST_BYTES = 16 * 1024
REQUEST_WITHIN_S = 1.0

GREY, RED, GREEN, MAGENTA, CYAN, WHITE, OFF = (
    f"\x1b[{code}m" for code in ("1;30", "1;31", "1;32", "1;35", "1;36", "1;37", "0")
)
TAGS = {"net": "44;1", "cpu": "46;1", "miner": "45;1", "config": "46;1", "signal": "43;1"}


def say(tag: str, words: str) -> None:
    """Write one line of log; a reader that went away is no reason to stop."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    line = f"[{stamp}{GREY}.{int(now * 1000) % 1000:03d}{OFF}] \x1b[{TAGS[tag]}m{WHITE} {tag:<8}{OFF} {words}{OFF}\n"
    with contextlib.suppress(OSError):
        os.write(1, line.encode())


class Chance:
    """Repeatable pseudo-random numbers (SplitMix64). Not for secrets."""

    def __init__(self, seed: int) -> None:
        self._state = seed % 2**64

    def uniform(self) -> float:
        """Return a number in (0, 1]."""
        self._state = (self._state + 0x9E3779B97F4A7C15) % 2**64
        z = self._state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return ((z ^ (z >> 31)) + 1) / 2**64

    def interval(self, mean_s: float) -> float:
        """Return the time to the next event of a Poisson process."""
        return -mean_s * math.log(self.uniform())


class BadConfig(Exception):
    """The configuration cannot be used; the text says why."""


def read_config(path: str) -> Config:
    """Return what the configuration file says; ``BadConfig`` when it cannot be used."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs a megabyte
            raw = file.read()
    except OSError as error:
        raise BadConfig(f"unable to open {path!r}: {error.strerror}") from None
    return Config(raw, path)


class Config:
    """What ``raw``, which stands in ``path``, says."""

    def __init__(self, raw: bytes, path: str) -> None:
        try:
            said = json.loads(raw)
            http = said["http"]
            self.port = self._whole(http["port"], "http.port", 1, 65535)
            self.token = str(http["access-token"])
            self.seed = self._whole(said["seed"], "seed", 0, 2**63)
            self.threads = self._whole(said["threads"], "threads", 1, 1024)
            self.pool = str(said["pool"])
            self.algo = str(said["algo"])
        except ValueError as error:
            raise BadConfig(f"{path} is not JSON: {error}") from None
        except (KeyError, TypeError) as error:
            raise BadConfig(f"{path} lacks a field, or has one of the wrong kind: {error}") from None
        host, _, port = self.pool.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise BadConfig("the pool must be HOST:PORT")

    @staticmethod
    def _whole(value: object, name: str, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadConfig(f"{name} must be a whole number from {least} to {most}")
        return value


class Simulation:
    """The numbers. ``advance`` moves them to a moment of the monotonic clock; everything else only reads."""

    def __init__(self, config: Config, now: float) -> None:
        self._config = config
        self._chance = Chance(config.seed)
        self._started = self._now = now
        self._base = 300 + 700 * self._chance.uniform()
        self._thread_bases = [self._new_thread() for _ in range(config.threads)]
        self._phase = 2 * math.pi * self._chance.uniform()
        self._next_job = now
        self._next_share = now + STARTS_HASHING_AFTER_S + self._chance.interval(SECONDS_A_SHARE)
        self._next_speed_line = now + SPEED_LINE_EVERY_S
        self._height = 1 + int(3_000_000 * self._chance.uniform())
        self.difficulty = int(sum(self._thread_bases) * SECONDS_A_SHARE)
        self.accepted = self.rejected = 0
        self.paused = False
        self.highest = 0.0

    @property
    def next_event(self) -> float:
        """When something will happen by itself; monotonic clock."""
        events = [self._next_job, self._next_speed_line]
        if not self.paused:
            events.append(self._next_share)
        return min(events)

    def advance(self, now: float) -> None:
        """Let everything happen that is due."""
        self._now = now
        if now >= self._next_job:
            self._new_job(now)
        self._next_share = max(self._next_share, now - CATCHES_UP_S)
        while not self.paused and now >= self._next_share:
            self._share()
        if now >= self._next_speed_line:
            self._next_speed_line = now + SPEED_LINE_EVERY_S
            self._speed_line()
        self.highest = max(self.highest, sum(rate or 0.0 for rate in self.rates()[0]))

    def pause(self, paused: bool) -> None:
        """Stop hashing, or go on."""
        if paused == self.paused:
            return
        self.paused = paused
        if paused:
            say("miner", f"{RED}paused")
        else:
            say("miner", f"{GREEN}resumed")
            self._next_share = self._now + self._chance.interval(SECONDS_A_SHARE)

    def reloaded(self) -> None:
        """Go on with the configuration as it is now: shares, uptime and a pause stay."""
        threads = self._config.threads
        added = [self._new_thread() for _ in range(threads - len(self._thread_bases))]
        self._thread_bases = [*self._thread_bases, *added][:threads]
        self._next_job = self._now

    def _new_thread(self) -> float:
        return self._base * (0.97 + 0.06 * self._chance.uniform())

    @property
    def uptime_s(self) -> float:
        """The age in seconds."""
        return self._now - self._started

    def rates(self) -> list[list[float | None]]:
        """Return each window's hashrates, thread by thread, in H/s: all 0.0 before hashing begins."""
        if self.uptime_s < STARTS_HASHING_AFTER_S:
            return [[0.0] * self._config.threads for _ in WINDOW_FILLS_S]
        return [self._window(fills_s) for fills_s in WINDOW_FILLS_S]

    def _window(self, fills_s: float) -> list[float | None]:
        if self.paused:
            return [0.0] * self._config.threads
        if self.uptime_s < STARTS_HASHING_AFTER_S + fills_s:
            return [None] * self._config.threads
        drift = 1 + 0.04 * math.sin(2 * math.pi * self.uptime_s / DRIFT_PERIOD_S + self._phase)
        return [round(base * drift, 2) for base in self._thread_bases]

    def _new_job(self, now: float) -> None:
        self._next_job = now + self._chance.interval(SECONDS_A_JOB)
        self._height += 1
        say(
            "net",
            f"{MAGENTA}new job{OFF} from {WHITE}{self._config.pool}{OFF} diff {WHITE}{self.difficulty}{OFF} "
            f"algo {WHITE}{self._config.algo}{OFF} height {WHITE}{self._height}{OFF} ({NAME})",
        )

    def _share(self) -> None:
        self._next_share += self._chance.interval(SECONDS_A_SHARE)
        took_ms = 20 + int(80 * self._chance.uniform())
        rejected = self._chance.uniform() < REJECTED_SHARE
        self.rejected += rejected
        self.accepted += not rejected
        word, why = (f"{RED}rejected", f' {RED}"Low difficulty share"{OFF}') if rejected else (f"{GREEN}accepted", "")
        counts = f"({self.accepted}/{self.rejected})"
        say("cpu", f"{word}{OFF} {counts} diff {WHITE}{self.difficulty}{OFF}{why} {GREY}({took_ms} ms)")

    def _speed_line(self) -> None:
        shown = ["n/a" if None in window else f"{sum(rate or 0.0 for rate in window):.2f}" for window in self.rates()]
        rates = f"{CYAN}{shown[0]}{OFF} {shown[1]} {shown[2]} {CYAN}H/s"
        say("miner", f"{WHITE}speed{OFF} 10s/60s/15m {rates}{OFF} max {CYAN}{self.highest:.2f} H/s")


def summary(config: Config, simulation: Simulation, *, with_threads: bool) -> dict[str, Any]:
    """Return the answer to ``/1/summary`` (with the threads' hashrates) or ``/2/summary``."""
    windows = simulation.rates()
    uptime_ms = int(simulation.uptime_s * 1000)
    hashrate: dict[str, Any] = {"total": [_total(window) for window in windows], "highest": simulation.highest or None}
    if with_threads:
        hashrate["threads"] = [list(rates) for rates in zip(*windows, strict=True)]
    return {
        "id": NAME,
        "worker_id": NAME,
        "uptime": uptime_ms // 1000,
        "restricted": False,
        "results": {
            "diff_current": simulation.difficulty,
            "shares_good": simulation.accepted,
            "shares_total": simulation.accepted + simulation.rejected,
        },
        "algo": config.algo,
        "connection": {
            "pool": config.pool,
            "ip": "127.0.0.1",
            "uptime": uptime_ms // 1000,
            "uptime_ms": uptime_ms,
            "ping": 25 if simulation.accepted else 0,
            "failures": 0,
            "algo": config.algo,
            "diff": simulation.difficulty,
            "accepted": simulation.accepted,
            "rejected": simulation.rejected,
        },
        "version": NAME,
        "kind": "miner",
        "ua": f"{NAME} (mines nothing)",
        "donate_level": 0,
        "paused": simulation.paused,
        "hashrate": hashrate,
    }


def _total(window: list[float | None]) -> float | None:
    return None if None in window else round(sum(rate or 0.0 for rate in window), 2)


def backends(config: Config, simulation: Simulation) -> list[dict[str, Any]]:
    """Return the answer to ``/2/backends``."""
    windows = simulation.rates()
    threads = [{"intensity": 1, "affinity": -1, "hashrate": list(rates)} for rates in zip(*windows, strict=True)]
    total = [_total(window) for window in windows]
    return [{"type": NAME, "enabled": True, "algo": config.algo, "hashrate": total, "threads": threads}]


def call(simulation: Simulation, content_type: str, body: bytes) -> tuple[int, object]:
    """Carry out a ``/json_rpc`` request; return HTTP status and answer."""
    if content_type != "application/json":
        return 415, {"status": 415, "error": "UNSUPPORTED_MEDIA_TYPE"}
    try:
        said = json.loads(body)
        method, number = said["method"], said.get("id")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 400, {"status": 400, "error": "BAD_REQUEST"}
    if method not in ("pause", "resume", "stop"):
        return 200, {"error": {"code": -32601, "message": "Method not found"}, "jsonrpc": "2.0", "id": number}
    simulation.pause(method != "resume")
    return 200, {"result": {"status": "OK"}, "jsonrpc": "2.0", "id": number}


def reload(config: Config, simulation: Simulation, body: bytes) -> tuple[int, object]:
    """Take over another configuration, which has to leave the local API where it is; return HTTP status and answer."""
    try:
        wanted = Config(body, "the request")
    except BadConfig as error:
        say("config", f"{RED}{error}")
        return 400, {"status": 400, "error": "BAD_REQUEST"}
    if (wanted.port, wanted.token) != (config.port, config.token):
        return 400, {"status": 400, "error": "BAD_REQUEST"}
    vars(config).update(vars(wanted))
    simulation.reloaded()
    say("config", "configuration taken over")
    return 200, {"status": 200}


def respond(config: Config, simulation: Simulation, request: Request) -> tuple[int, object]:
    """Return HTTP status and answer to a request."""
    if request.authorization != f"Bearer {config.token}":
        status, error = (403, "FORBIDDEN") if request.authorization else (401, "UNAUTHORIZED")
        return status, {"status": status, "error": error}
    if (request.method, request.path) == ("POST", "/json_rpc"):
        return call(simulation, request.content_type, request.body)
    if (request.method, request.path) == ("PUT", "/2/config"):
        return reload(config, simulation, request.body)
    if request.method == "GET" and request.path in ("/1/summary", "/2/summary"):
        return 200, summary(config, simulation, with_threads=request.path == "/1/summary")
    if (request.method, request.path) == ("GET", "/2/backends"):
        return 200, backends(config, simulation)
    return 404, {"status": 404, "error": "NOT_FOUND"}


class Request:
    """One request, read whole from ``connection``; ``OSError`` or ``ValueError`` when there is none."""

    def __init__(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more(connection, len(received))
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.authorization = headers.get("authorization", "")
        self.content_type = headers.get("content-type", "")
        length = int(headers.get("content-length", "0"))
        while len(body) < length:
            body += self._more(connection, len(body))
        self.body = body

    @staticmethod
    def _more(connection: socket.socket, have: int) -> bytes:
        chunk = connection.recv(4096)
        if not chunk or have > MAX_REQUEST_BYTES:
            raise ValueError("no whole request")
        return chunk


def serve(listener: socket.socket, config: Config, simulation: Simulation) -> None:
    """Answer one request; a client that misbehaves is dropped."""
    with contextlib.suppress(OSError, ValueError):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(REQUEST_WITHIN_S)
            status, answer = respond(config, simulation, Request(connection))
            body = json.dumps(answer).encode()
            head = f"HTTP/1.1 {status} {NAME}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)


def run(config: Config) -> None:
    """Simulate until a signal comes."""
    listener = socket.create_server(("127.0.0.1", config.port))
    listener.setblocking(False)
    say("miner", f"{RED}this miner is {NAME}: it mines nothing and connects to nowhere")
    simulation = Simulation(config, time.monotonic())
    while True:
        wait_s = max(0.0, simulation.next_event - time.monotonic())
        ready, _, _ = select.select([listener], [], [], wait_s)
        simulation.advance(time.monotonic())
        if ready:
            serve(listener, config, simulation)


def end(number: int, _frame: object) -> None:
    """End in good order, as XMRig does on these signals."""
    say("signal", f"{signal.Signals(number).name} received, exiting")
    raise SystemExit(0)


def main(arguments: list[str]) -> int:
    """Run as a program; return the exit status."""
    paths = [argument.removeprefix("--config=") for argument in arguments if argument.startswith("--config=")]
    try:
        config = read_config(paths[-1] if paths else "config.json")
    except BadConfig as error:
        say("config", f"{RED}{error}")
        return 2
    if "--dry-run" in arguments:
        say("config", "OK")
        return 0
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        run(config)
    except OSError as error:
        say("net", f"{RED}the local API cannot be served on port {config.port}: {error.strerror}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
