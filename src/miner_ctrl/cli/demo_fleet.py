"""The demo's nodes: processes with homes of their own in a temporary directory, paired by a join token."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.config import DEFAULT_API, Home
from miner_ctrl.errors import MinerCtrlError, OperationFailed

CONTROLLER = "control-center"
RIGS = ("rig-alpha", "rig-beta", "rig-gamma")
PROFILE = "demo"
ANY_LOOPBACK_PORT = "127.0.0.1:0"
READY_WITHIN_S = 60.0
ENDED_WITHIN_S = 10.0
_POLL_S = 0.05


class DemoFleet:
    """A controller and three rigs. ``start`` builds them up, ``stop`` takes down whatever there is by then.

    ``say`` gets a short line for every step.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._base: Path | None = None
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def controller(self) -> LocalApi:
        """The controller's API."""
        return self._api(CONTROLLER)

    @property
    def page(self) -> str:
        """Where the controller's page is, and its API."""
        return str(self.controller.get("/node/info").data["apiAddresses"][0])

    def start(self, miner_type: str, pool: str, wallet: str) -> None:
        """Start the nodes, pair them and start a miner on each rig.

        Raises:
            OperationFailed: a node did not come up; the sentence has its last words.
            MinerCtrlError: whatever the controller answered that went wrong.
        """
        self._base = Path(tempfile.mkdtemp(prefix="miner-ctrl-demo-")).resolve()
        self._say(f"Starting {CONTROLLER} and {len(RIGS)} rigs in {self._base}")
        self._run(CONTROLLER, "node", "init", "--name", CONTROLLER, "--role", "controller")
        self._spawn(
            CONTROLLER, "node", "serve", "--listen", ANY_LOOPBACK_PORT, "--no-init", "--api", f"127.0.0.1:{_api_port()}"
        )
        address = self._wait_for("the controller to listen", self._address)
        invite = self.controller.post("/invites", {"for": "rig", "uses": len(RIGS), "address": [address]}).data
        self._say(f"{CONTROLLER} listens at {address}; the rigs join with its token")
        for rig in RIGS:
            self._spawn(
                rig, "node", "join", "-", "--name", rig, "--serve", "--listen", ANY_LOOPBACK_PORT, "--no-api",
                token=invite["token"],
            )  # fmt: skip
        self._wait_for("the rigs to join", self._all_joined)
        self._say(f"All rigs are connected; each starts a {miner_type} miner")
        config = {"pool": pool, "wallet": wallet}
        self.controller.post("/profiles", {"name": PROFILE, "minerType": miner_type, "config": config})
        for rig in RIGS:
            self.controller.post(f"/remote/{rig}/start", {"profileId": PROFILE})

    def stop(self) -> None:
        """Stop the miners and the nodes, and delete everything they wrote."""
        if self._base is None:
            return
        self._say("Stopping the demo")
        if CONTROLLER in self._nodes:
            for rig in RIGS:
                self._stop_miners(rig)
        for node in self._nodes.values():
            node.terminate()
        _end([psutil.Process(node.pid) for node in self._nodes.values() if node.poll() is None])
        for node in self._nodes.values():
            node.wait()
        leftover = _processes_within(self._base)
        for process in leftover:
            _signal(process.terminate)
        _end(leftover)
        shutil.rmtree(self._base, ignore_errors=True)

    def _stop_miners(self, rig: str) -> None:
        try:
            LocalApi(self._home(CONTROLLER).socket, timeout_s=ENDED_WITHIN_S).post(f"/remote/{rig}/stop")
        except (MinerCtrlError, OSError):
            return  # it never ran, or its node is gone: what is left of it is ended by its process ID below

    def _home(self, name: str) -> Home:
        assert self._base is not None  # noqa: S101 - only after start
        return Home.resolve(str(self._base / name))

    def _api(self, name: str) -> LocalApi:
        return LocalApi(self._home(name).socket)

    def _command(self, name: str, *arguments: str) -> list[str]:
        assert self._base is not None  # noqa: S101 - only after start
        return [sys.executable, "-m", "miner_ctrl", "--home", str(self._base / name), *arguments]

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own program
            self._command(name, *arguments), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode:
            raise _no_start(name, done.stderr)

    def _spawn(self, name: str, *arguments: str, token: str = "") -> None:
        """Start a node in a session of its own: Ctrl-C is for the demo, which then ends the nodes in order."""
        assert self._base is not None  # noqa: S101 - only after start
        with (self._base / f"{name}.log").open("wb") as log:
            node = subprocess.Popen(  # noqa: S603 - our own program
                self._command(name, *arguments),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._nodes[name] = node
        assert node.stdin is not None  # noqa: S101 - asked for above
        try:
            with node.stdin as stdin:
                stdin.write(f"{token}\n".encode())
        except BrokenPipeError:
            pass  # it ended at once: `_wait_for` tells why

    def _wait_for(self, what: str, check: Callable[[], str]) -> str:
        """Return the first text that is not empty of ``check``, as long as all nodes live."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            found = check()
            if found:
                return found
            for name, node in self._nodes.items():
                if node.poll() is not None:
                    assert self._base is not None  # noqa: S101 - only after start
                    raise _no_start(name, (self._base / f"{name}.log").read_bytes())
            if time.monotonic() > deadline:
                raise OperationFailed(
                    f"Waited {READY_WITHIN_S:.0f} s for {what}.", suggestion="Try again when the machine is less busy."
                )
            time.sleep(_POLL_S)

    def _address(self) -> str:
        api = self._api(CONTROLLER)
        if not api.answers():
            return ""
        addresses = api.get("/node/info").data.get("addresses") or [""]
        return str(addresses[0])

    def _all_joined(self) -> str:
        connected = [peer["name"] for peer in self.controller.get("/peers").data if peer["connected"]]
        return "all" if set(RIGS) <= set(connected) else ""


def _api_port() -> int:
    """Return the usual port for the API if it is free, else 0: any that is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((DEFAULT_API.host or "", DEFAULT_API.port))
        except OSError:
            return 0
    return DEFAULT_API.port


def _no_start(name: str, output: bytes) -> OperationFailed:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return OperationFailed(
        f"{name} did not start: {shown(lines[-1] if lines else 'it said nothing.', 500)}",
        suggestion="Try again; `miner-ctrl node serve` by hand shows more.",
    )


def _processes_within(base: Path) -> list[psutil.Process]:
    """Return the processes that run in ``base`` or name it in their command line: keepers and miners outlive a node."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        places = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(base) in place for place in places):
            found.append(process)
    return found


def _end(processes: list[psutil.Process]) -> None:
    """Wait for the processes, and kill those that do not end in time."""
    _, alive = psutil.wait_procs(processes, timeout=ENDED_WITHIN_S)
    for process in alive:
        _signal(process.kill)
    psutil.wait_procs(alive, timeout=ENDED_WITHIN_S)


def _signal(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return
