"""A controller and a worker as processes of their own, as ``miner-ctrl`` starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.config import Home

READY_WITHIN_S = 60.0
ENDED_WITHIN_S = 20.0
RIG = "rig-bench"


def program() -> list[str]:
    """Return the installed command, or the module where there is none."""
    script = Path(sys.executable).with_name("miner-ctrl")
    return [str(script)] if script.exists() else [sys.executable, "-m", "miner_ctrl"]


class RealNodes:
    """A controller and a worker that has joined it and runs one miner. ``env`` is added to their environment."""

    def __init__(self, base: Path, env: Mapping[str, str] | None = None) -> None:
        self._base = base
        self._env = {**os.environ, **(env or {})}
        self.controller_api = LocalApi(Home.resolve(str(base / "controller")).socket)
        self.worker_api = LocalApi(Home.resolve(str(base / "worker")).socket)
        """Nothing asks the worker locally before a figure does: that loads its HTTP stack."""
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, miner_type: str, config: Mapping[str, object]) -> None:
        """Start and pair them; return once the controller has the miner's stats."""
        self.controller = self._spawn("controller", "node", "init", "--name", "controller", "--role", "controller")
        self.controller.wait()
        self.controller = self._spawn("controller", "node", "serve", "--listen", "127.0.0.1:0", "--no-api", "--no-init")
        self._wait(self.controller_api.answers)
        self._wait(lambda: self.controller_api.get("/node/info").data.get("addresses"))
        [address, *_] = self.controller_api.get("/node/info").data["addresses"]
        token = self.controller_api.post("/invites", {"for": "rig", "address": [address]}).data["token"]
        self._spawn("worker", "node", "join", "-", "--name", RIG, token=token).wait()
        self.serve_worker()
        self.controller_api.post(f"/remote/{RIG}/start", {"minerType": miner_type, "config": config})
        self._wait(lambda: any(rig["miners"] for rig in self._rigs()))

    def serve_worker(self) -> None:
        """Start the worker; return once it is connected."""
        self.worker = self._spawn("worker", "node", "serve", "--listen", "127.0.0.1:0", "--no-api", "--no-init")
        self._wait(lambda: any(rig["connected"] for rig in self._rigs()))

    def kill_worker(self) -> None:
        """End the worker as a crash does; its miner goes on. Returns once the controller has noticed."""
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait()
        self._wait(lambda: not any(rig["connected"] for rig in self._rigs()))

    def stop(self) -> None:
        """Stop the miner and both nodes."""
        try:
            if any(rig["connected"] for rig in self._rigs()):
                self.controller_api.post(f"/remote/{RIG}/stop")
        finally:
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                process.wait(ENDED_WITHIN_S)

    def worker_process(self) -> psutil.Process:
        """Return the worker."""
        return psutil.Process(self.worker.pid)

    def controller_process(self) -> psutil.Process:
        """Return the controller."""
        return psutil.Process(self.controller.pid)

    def keeper(self) -> psutil.Process:
        """Return the keeper of the simulated miner."""
        base = str(self._base)
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if "keeper" in line and base in line:
                return process
        raise LookupError("the miner has no keeper")

    def _rigs(self) -> list[dict[str, Any]]:
        return list(self.controller_api.get("/remote/stats").data.values())

    def _spawn(self, home: str, *arguments: str, token: str = "") -> subprocess.Popen[bytes]:
        with (self._base / f"{home}.log").open("ab") as log:
            process = subprocess.Popen(
                [*program(), "--home", str(self._base / home), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._env,
            )
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(f"{token}\n".encode())
        self._processes.append(process)
        return process

    def _wait(self, holds: Any) -> None:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not holds():
            if time.monotonic() > deadline_s:
                logs = "\n".join(path.read_text() for path in self._base.glob("*.log"))
                raise TimeoutError(f"the nodes did not come up:\n{logs}")
            time.sleep(0.05)


SIMULATED = {"pool": "pool.invalid:3333", "wallet": "nobody"}


@contextmanager
def real_nodes(
    base: Path,
    miner_type: str = "simulated",
    config: Mapping[str, object] = SIMULATED,
    env: Mapping[str, str] | None = None,
) -> Iterator[RealNodes]:
    """Run them, the simulated miner unless told otherwise."""
    nodes = RealNodes(base, env)
    try:
        nodes.start(miner_type, config)
        yield nodes
    finally:
        nodes.stop()
