"""Whole processes: how long a command takes, what a resident node holds and uses."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from benches.figures import Figure, Spread, Target
from benches.real_nodes import RealNodes, program, real_nodes
from benches.scale import Scale

MIB = 2**20


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of the command line and of a resident worker and controller."""
    with real_nodes(home) as nodes:
        bare = [sys.executable, "-c", "pass"]
        shown = [*program(), "--help"]
        status = [*program(), "--home", str(home / "controller"), "remote", "status"]
        figures = [
            _timed("miner-ctrl --help", shown, bare, scale.runs, Target(100)),
            _timed("remote status", status, bare, scale.runs, Target(150)),
        ]
        return [*figures, *_resident(nodes, scale.watched_s)]


def _timed(name: str, command: list[str], bare: list[str], runs: int, target: Target) -> Figure:
    """Return the whole process's time, in turns with that of an interpreter that does nothing."""
    ours, raw = [], []
    _run(command)
    for _ in range(runs):
        ours.append(_run(command))
        raw.append(_run(bare))
    return Figure(name, "ms", Spread.of(ours), Spread.of(raw), target)


def _run(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def _resident(nodes: RealNodes, watched_s: float) -> list[Figure]:
    worker, controller, keeper = nodes.worker_process(), nodes.controller_process(), nodes.keeper()
    bare_rss, bare_pss = _bare_memory()
    before = [_cpu_s(process) for process in (worker, controller, keeper)]
    time.sleep(watched_s)
    used = [
        (_cpu_s(process) - began) * 3600 / watched_s
        for process, began in zip((worker, controller, keeper), before, strict=True)
    ]
    memory = {process: process.memory_full_info() for process in (worker, controller, keeper)}
    nodes.worker_api.get("/node/info")
    asked = worker.memory_full_info()
    return [
        Figure(
            "worker, resident (RSS)",
            "MiB",
            Spread(memory[worker].rss / MIB),
            Spread(bare_rss),
            Target(50e6 / MIB, reach=40e6 / MIB),
        ),
        Figure("  its share (PSS)", "MiB", Spread(memory[worker].pss / MIB), Spread(bare_pss)),
        Figure("  CPU in an hour", "s", Spread(used[0])),
        Figure("worker asked locally (RSS)", "MiB", Spread(asked.rss / MIB), Spread(bare_rss)),
        Figure("  its share (PSS)", "MiB", Spread(asked.pss / MIB), Spread(bare_pss)),
        Figure("keeper, resident (RSS)", "MiB", Spread(memory[keeper].rss / MIB), Spread(bare_rss)),
        Figure("  its share (PSS)", "MiB", Spread(memory[keeper].pss / MIB), Spread(bare_pss)),
        Figure("  CPU in an hour", "s", Spread(used[2])),
        Figure("controller, resident (RSS)", "MiB", Spread(memory[controller].rss / MIB), Spread(bare_rss)),
        Figure("  its share (PSS)", "MiB", Spread(memory[controller].pss / MIB), Spread(bare_pss)),
        Figure("  CPU in an hour", "s", Spread(used[1])),
    ]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _bare_memory() -> tuple[float, float]:
    """Return RSS and PSS of an interpreter that has imported nothing, in MiB."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bare:
        time.sleep(0.5)
        memory = psutil.Process(bare.pid).memory_full_info()
        bare.communicate(b"\n")
    return memory.rss / MIB, memory.pss / MIB
