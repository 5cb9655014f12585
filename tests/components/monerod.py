"""A real chain to mine on: Debian's monerod on a private chain of its own (``--regtest --offline``).

``python -m tests.components.monerod`` prints the path of the program to start.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.components.packages import alone, check_works, unpack

WALLET = (Path(__file__).parent / "regtest-wallet-address.txt").read_text().strip()
"""A valid main-network address; on the private chain nobody needs its key."""
READY_WITHIN_S = 60.0


def obtain() -> Path:
    """Return the path of an executable monerod.

    Raises:
        CannotHave: there is none, and none can be fetched.
    """
    installed = shutil.which("monerod")
    if installed:
        return Path(installed)
    with alone("monerod") as folder:
        program = folder / "monerod"
        if not program.exists():
            unpack(["monero"], folder, with_depends=True)
            libraries = sorted({str(path.parent) for path in folder.rglob("*.so*")})
            program.write_text(
                f'#!/bin/sh\nLD_LIBRARY_PATH="{":".join(libraries)}" exec "{folder}/usr/bin/monerod" "$@"\n'
            )
            program.chmod(0o755)
        check_works(program, "Monero ")
        return program


class Chain:
    """A running monerod with a chain of its own. ``address`` is ``HOST:PORT`` of its RPC; a hash finds a
    block once in ``difficulty`` times."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        inside: tuple[str, ...] = (),
        difficulty: int = 25,
    ) -> None:
        self._program = program
        self._difficulty = difficulty
        self._folder = folder
        self._host = host
        self._inside = inside
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"{self._host}:{self.port}"

    def start(self) -> None:
        """Start the daemon and wait until it answers. ``inside`` is a command prefix (``ip netns exec NAME``)."""
        self.port, zmq_port, p2p_port = free_ports(3)
        options = {
            "fixed-difficulty": str(self._difficulty),
            "data-dir": str(self._folder),
            "rpc-bind-ip": self._host,
            "rpc-bind-port": str(self.port),
            "p2p-bind-ip": "127.0.0.1",
            "p2p-bind-port": str(p2p_port),
            "zmq-rpc-bind-port": str(zmq_port),
            "log-level": "0",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        flags = ["--regtest", "--offline", "--non-interactive", "--confirm-external-bind", "--disable-dns-checkpoints"]
        with (self._folder / "stdout.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._inside, str(self._program), *flags, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                said = (self._folder / "stdout.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"monerod did not come up: {said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the daemon."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(30)

    def height(self) -> int:
        """Return the number of blocks."""
        return int(self._call("get_block_count")["count"])

    def _answers(self) -> bool:
        try:
            self.height()
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        return True

    def _call(self, method: str) -> dict[str, Any]:
        body = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method})
        if self._inside:
            url = f"http://{self.address}/json_rpc"
            command = [*self._inside, "python3", "-c", _POST, url, body]
            answer = subprocess.run(command, capture_output=True, timeout=10, check=False).stdout
        else:
            connection = http.client.HTTPConnection(self._host, self.port, timeout=5)
            try:
                connection.request("POST", "/json_rpc", body, {"Content-Type": "application/json"})
                answer = connection.getresponse().read()
            finally:
                connection.close()
        result: dict[str, Any] = json.loads(answer)["result"]
        return result


_POST = (
    "import sys, urllib.request as u;"
    "print(u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), {'Content-Type': 'application/json'}), timeout=5)"
    ".read().decode())"
)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


if __name__ == "__main__":
    print(obtain())
