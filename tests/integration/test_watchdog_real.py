"""What goes wrong with a real XMRig: noticed and named within 15 s, and the ladder climbed and stopped as written.

What the controller sees is taken from its memory: it is what the rig has pushed, and asks nobody anything.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from miner_ctrl.errors import BadInput
from tests.components.monerod import WALLET, Chain
from tests.components.stratum import rejecting_pool
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, is_running, wait_for
from tests.integration.test_rig_under_control import FOR_XMRIG

NAMED_WITHIN_S = 15.0
MINES_WITHIN_S = 180.0
"""Two nodes, a chain and a miner share what CPU there is."""
ON_A_POOL = (
    "--miner", "xmrig", "--wallet", WALLET, "--set", "algo=rx/0", "--set", "threads=1", "--set", "randomx-mode=light",
    "--set", "huge-pages=false",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="stops processes by signals")


class Watched:
    """A controller and the rig it watches, on which XMRig is."""

    def __init__(self, controller: NodeProcess, rig: NodeProcess) -> None:
        self.controller = controller
        self.rig = rig

    def start(self, pool: str, *words: str) -> None:
        self.controller.done("profile", "create", "p", "--pool", pool, *words)
        self.controller.done("remote", "start", "rig-alpha", "--profile", "p")

    def miner(self) -> dict[str, Any]:
        """Return what was pushed of the one miner last."""
        [rig] = (self.controller.ask("/remote/stats") or {"": {}}).values()
        miners: list[dict[str, Any]] = rig.get("miners") or [{}]
        return miners[0]

    def watch(self) -> dict[str, Any]:
        found: dict[str, Any] = self.miner().get("watch") or {}
        return found

    def wait_for(self, what: str, look: Callable[[dict[str, Any]], Any], within_s: float = MINES_WITHIN_S) -> Any:
        return wait_for(what, lambda: self.miner() if look(self.miner()) else None, within_s)

    def named(self, words: str) -> dict[str, Any]:
        """Wait until it is told that, within the time there is for it."""
        found: dict[str, Any] = self.wait_for(
            repr(words),
            lambda miner: words in str(miner.get("reason")) + str((miner.get("watch") or {}).get("lastReason")),
            NAMED_WITHIN_S,
        )
        return found

    def mines(self, *, but: int = 0) -> int:
        """Wait for a hashrate, of another process than ``but``; return the process's id."""
        miner = self.wait_for(
            "it to mine", lambda miner: (miner.get("hashrate") or 0) > 0 and miner.get("pid") not in (None, but)
        )
        return int(miner["pid"])


@pytest.fixture
def watched(make_node: MakeNode, xmrig_program: Path, request: pytest.FixtureRequest) -> Watched:
    """A pair of nodes; the rig's settings are the test's ``rig_toml`` mark."""
    controller, rig = make_node("desk"), make_node("rig", env={"MINER_CTRL_XMRIG": str(xmrig_program)})
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve()
    rig.join(controller, "rig-alpha")
    rig.places.rig_file.write_text(getattr(request, "param", ""))
    rig.serve()
    controller.wait_until_connected("rig-alpha")
    return Watched(controller, rig)


QUICK_LADDER = """
[watchdog]
restarts_at_most = 2
backoff_first_s = 1
silent_for_s = 5
"""


@pytest.mark.parametrize("watched", [QUICK_LADDER], indirect=True)
def test_killed_hung_killed_and_given_up(watched: Watched, chain: Chain) -> None:
    watched.start(chain.address, *FOR_XMRIG)
    first = watched.mines()
    os.kill(first, signal.SIGKILL)
    watched.named("It was killed by signal 9 (SIGKILL).")
    second = watched.mines(but=first)

    os.kill(second, signal.SIGSTOP)
    assert watched.named("The process is stopped (SIGSTOP)")["state"] == "unresponsive"
    third = watched.mines(but=second)
    assert not is_running(second)
    assert watched.watch()["restarts"] == 2

    os.kill(third, signal.SIGKILL)
    miner = watched.named("The watchdog has given up after 2 restarts: It was killed by signal 9 (SIGKILL).")
    assert (miner["state"], miner["watch"]["gaveUp"]) == ("crashed", True)
    said = watched.controller.done("remote", "status", "rig-alpha")
    assert "rig-alpha, xmrig-1: The watchdog has given up after 2 restarts" in said
    time.sleep(5)  # nothing may be started in this time
    assert len(watched.rig.processes()) == 1

    watched.controller.done("remote", "restart", "rig-alpha", "xmrig-1")
    watched.mines(but=third)
    assert watched.watch().get("gaveUp", False) is False


@pytest.mark.parametrize("pool", ["127.0.0.1:1", "no-such-host.invalid:3333"])
def test_a_pool_that_was_never_there_is_named_and_costs_no_restart(watched: Watched, pool: str) -> None:
    watched.start(pool, *ON_A_POOL)
    began_s = time.monotonic()
    reason = watched.named("It has not reached its pool since it was started.")["reason"]
    assert ("connection refused" if pool[0] == "1" else "DNS error") in reason
    assert time.monotonic() - began_s < NAMED_WITHIN_S
    assert watched.watch().get("restarts", 0) == 0


NO_PATIENCE = """
[watchdog]
backoff_first_s = 1
silent_for_s = 2
low_for_s = 2
learn_for_s = 5
no_share_at_least_s = 2
no_share_factor = 2
"""


@pytest.mark.parametrize("watched", [NO_PATIENCE], indirect=True)
def test_a_pool_that_dies_is_named_and_costs_no_restart(watched: Watched, chain: Chain) -> None:
    watched.start(chain.address, *FOR_XMRIG)
    pid = watched.mines()
    chain.stop()
    assert "connection refused" in watched.named("The connection to the pool is lost")["reason"]
    restarts = watched.watch().get("restarts", 0)
    time.sleep(15)  # nothing may be restarted in this time
    assert (watched.miner()["pid"], watched.watch().get("restarts", 0)) == (pid, restarts)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--wallet", "4ABC"), "Invalid wallet address."),
        (("--wallet", "4ABC", "--set", "coin=nonsense"), "Invalid algorithm."),
    ],
)
def test_a_config_that_cannot_work_is_named_in_the_miners_words(
    watched: Watched, chain: Chain, words: tuple[str, ...], complaint: str
) -> None:
    """XMRig takes both, also in its own check, and finds out when it begins."""
    watched.start(chain.address, *FOR_XMRIG, *words)
    miner = watched.named(complaint)
    assert miner["reason"].startswith("It has not reached its pool since it was started. It says: ")
    assert (miner.get("watch") or {}).get("restarts", 0) == 0


@pytest.mark.parametrize("wrong", [("--set", "pool=nowhere"), ("--set", "threads=0"), ("--set", "cpu-colour=red")])
def test_a_config_that_says_nonsense_is_never_started(watched: Watched, wrong: tuple[str, str]) -> None:
    made = watched.controller.cli("profile", "create", "p", "--pool", "127.0.0.1:1", *ON_A_POOL, *wrong)
    assert (made.code, made.err.count("Error: ")) == (2, 1), made
    order = {"minerType": "xmrig", "config": {"pool": "127.0.0.1:1", "wallet": "4A", wrong[1].partition("=")[0]: "no"}}
    with pytest.raises(BadInput):
        watched.controller.api.post("/remote/rig-alpha/start", order)
    assert len(watched.rig.processes()) == 1
    assert list(watched.rig.places.miners_data.iterdir()) == []


# --- a disk that is full --------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mount a small disk on a folder that is there; yields a file to fill it with."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(place)], check=True)
    try:
        yield place / "filler"
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(file: Path) -> None:
    with file.open("ab", buffering=0) as disk:
        try:
            while disk.write(b"x" * 4096):
                pass
        except OSError:
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
@pytest.mark.parametrize("where", ["data", "data/miners"])
def test_without_disk_a_start_is_refused_and_what_runs_goes_on(make_node: MakeNode, where: str) -> None:
    controller, rig = make_node("desk"), make_node("rig")
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve()
    with small_disk(rig.home / where) as filler:
        rig.join(controller, "rig-alpha")
        rig.serve()
        controller.wait_until_connected("rig-alpha")
        for name in ("first", "second"):
            words = ("--miner", "simulated", "--pool", "pool.example.com:3333", "--set", f"rig-id={name}")
            controller.done("profile", "create", name, *words)
        controller.done("remote", "start", "rig-alpha", "--profile", "first")
        watched = Watched(controller, rig)
        pid = watched.mines()
        fill(filler)
        refused = controller.cli("remote", "start", "rig-alpha", "--profile", "second")
        assert (refused.code, "disk is full" in refused.err) == (1, True), refused
        assert [one["name"] for one in controller.rig("rig-alpha")["miners"]] == ["simulated-1"]
        assert is_running(pid)
        filler.unlink()
        controller.done("remote", "start", "rig-alpha", "--profile", "second")
        controller.done("remote", "stop", "rig-alpha")
        rig.end()


# --- slow, and without shares, on a shortened clock -----------------------------------------------------

SHORT_CLOCK = """
sample_every_s = 2
[watchdog]
restarts_at_most = 1
backoff_first_s = 1
learn_for_s = 10
low_share = 0.3
low_for_s = 4
no_share_factor = 4
no_share_at_least_s = 5
"""


RIVALS = 8
"""Programs that take a CPU from a miner; each is a session of its own, among which a kernel may share fairly."""


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Leave a miner's hashing threads next to nothing of one CPU, which other programs use."""
    cpu = max(os.sched_getaffinity(0))
    command = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{cpu}])\nwhile True: pass"]
    busy = [subprocess.Popen(command, start_new_session=True) for _ in range(RIVALS)]
    try:
        threads = sorted(psutil.Process(pid).threads(), key=lambda thread: thread.user_time)
        hashing = [thread.id for thread in threads if thread.user_time > threads[-1].user_time / 2]
        for thread in hashing:
            os.sched_setaffinity(thread, [cpu])
            os.setpriority(os.PRIO_PROCESS, thread, 19)
        yield
    finally:
        for rival in busy:
            rival.kill()
            rival.wait()


@pytest.mark.alone
@pytest.mark.parametrize("watched", [SHORT_CLOCK.replace("no_share_factor = 4", "no_share_factor = 0")], indirect=True)
def test_a_miner_that_gets_slow_is_restarted(watched: Watched, chain: Chain) -> None:
    watched.start(chain.address, *FOR_XMRIG)
    pid = watched.mines()
    watched.wait_for("a baseline", lambda miner: (miner.get("watch") or {}).get("baselineHps"))
    with starved(pid):
        watched.wait_for(
            "a low hashrate", lambda miner: (miner.get("hashrate") or 0) < 0.3 * miner["watch"]["baselineHps"]
        )
        watched.named("has been under 30% of its usual")
        watched.wait_for("another process", lambda miner: miner.get("pid") not in (None, pid))
    assert watched.mines(but=pid)
    assert watched.watch()["restarts"] == 1


@pytest.mark.parametrize("watched", [SHORT_CLOCK.replace("low_share = 0.3", "low_share = 0")], indirect=True)
def test_a_miner_without_accepted_shares_is_restarted_and_then_given_up_but_mines_on(watched: Watched) -> None:
    with rejecting_pool(difficulty=50) as pool:
        watched.start(pool, *ON_A_POOL)
        pid = watched.mines()
        watched.wait_for("the rule", lambda miner: "No share was accepted for" in str(miner.get("watch")))
        again = watched.mines(but=pid)
        miner = watched.wait_for("the end of the ladder", lambda miner: (miner.get("watch") or {}).get("gaveUp"))
        assert miner["reason"].startswith("The watchdog has given up after 1 restart: No share was accepted for")
        assert (watched.mines(), miner["state"]) == (again, "mining")
        assert miner["watch"]["shareExpectedEveryS"] > 0


# --- the owner's settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[watchdog]\nlow_share = 1.5", "watchdog.low_share"),
        ("[watchdog]\nlow_shar = 0.5", "low_shar"),
        ("sample_every_s = 'often'", "sample_every_s"),
        ("[watchdog]\nreboot_command = ['reboot']", "absolute path"),
        ("[watchdog]\nbackoff_first_s = 10\nbackoff_last_s = 5", "backoff_last_s"),
        ("[watchdog", "is no TOML"),
    ],
)
def test_settings_that_cannot_be_stop_the_start_and_are_named(make_node: MakeNode, text: str, words: str) -> None:
    rig = make_node("rig")
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    rig.places.rig_file.write_text(text)
    refused = rig.cli("node", "serve", "--listen", "127.0.0.1:0", "--no-api")
    said = [line for line in refused.err.splitlines() if line.startswith("Error: ")]
    assert (refused.code, len(said)) == (2, 1), refused
    assert str(rig.places.rig_file) in said[0]
    assert words in said[0]
    assert "Traceback" not in refused.err
