"""What the agent costs a rig: real XMRig with and without it, in turns (RandomX in light mode, all threads).

XMRig lives through it all with its keeper; the agent is started and killed around it. Each window is a minute, and
XMRig's own one-minute hashrate is read at its end; a pair is one window with the agent and one without, the order
changing from pair to pair. The chain is so difficult that no block is found: a block would change the work in one
window and not in the other. The controller runs on the same machine, in both kinds of window.

A hashrate depends on the neighbours of a virtual machine too, from minute to minute. What the agent can take is time on
the CPUs that XMRig's threads are on, and that is counted to the nanosecond: the kernel's own count of XMRig's time.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from benches.figures import Figure, Spread, Target
from benches.real_nodes import RealNodes, real_nodes
from benches.scale import Scale
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import exchange
from tests.components import monerod, xmrig

MIB = 2**20
SETTLE_SHARE = 1 / 6
"""Of a window: how long the agent has run, or been gone, before it begins. XMRig's windows look back one minute."""
NEVER = 10**12
"""A difficulty at which nobody finds a block."""
FIRST_READING_WITHIN_S = 180.0
_STUDENT_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
"""Student's t for a two-sided 95 % interval, by degrees of freedom from 1."""


class Cost:
    """What was seen in the windows: hashrates with and without, the agent's CPU time and memory with."""

    def __init__(self) -> None:
        self.with_hps: list[float] = []
        self.without_hps: list[float] = []
        self.with_share: list[float] = []
        self.without_share: list[float] = []
        self.cpu_s = 0.0
        self.watched_s = 0.0
        self.rss: list[float] = []
        self.pss: list[float] = []


def lost_permille(ours: Sequence[float], bare: Sequence[float]) -> tuple[float, float, float]:
    """Return what is lost of ``bare``, in thousandths, and its 95 % interval from the pairs."""
    middle, half = interval([math.log(one / other) for one, other in zip(ours, bare, strict=True)])
    return tuple(1000 * (1 - math.exp(value)) for value in (middle, middle + half, middle - half))  # type: ignore[return-value]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half the width of its 95 % interval."""
    freedom = min(len(values) - 1, len(_STUDENT_95))
    return statistics.fmean(values), _STUDENT_95[freedom - 1] * statistics.stdev(values) / math.sqrt(len(values))


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures; needs XMRig and monerod, which the tests' components fetch."""
    folder = home / "chain"
    folder.mkdir()
    chain = monerod.Chain(monerod.obtain(), folder, difficulty=NEVER)
    chain.start()
    try:
        config = {
            "pool": chain.address,
            "wallet": monerod.WALLET,
            "daemon": True,
            "coin": "monero",
            "randomxMode": "light",
            "hugePages": False,
            "threads": psutil.cpu_count(),
        }
        with real_nodes(home, "xmrig", config, {"MINER_CTRL_XMRIG": str(xmrig.obtain())}) as nodes:
            cost = await _compare(nodes, home, scale)
    finally:
        chain.stop()
    lost, least, most = lost_permille(cost.with_hps, cost.without_hps)
    time_lost, time_least, time_most = lost_permille(cost.with_share, cost.without_share)
    return [
        Figure("XMRig's CPU time lost", "‰", Spread(time_lost), None, Target(1.0)),
        Figure("  95 % interval, from", "‰", Spread(time_least)),
        Figure("  to", "‰", Spread(time_most)),
        Figure("hashrate lost to the agent", "‰", Spread(lost), None, Target(1.0)),
        Figure("  95 % interval, from", "‰", Spread(least)),
        Figure("  to", "‰", Spread(most)),
        Figure("XMRig with the agent", "H/s", Spread(statistics.fmean(cost.with_hps))),
        Figure("XMRig without", "H/s", Spread(statistics.fmean(cost.without_hps))),
        Figure("agent, CPU in an hour", "s", Spread(cost.cpu_s * 3600 / cost.watched_s), None, Target(6.0)),
        Figure("agent, resident (RSS)", "MiB", Spread(max(cost.rss)), None, Target(50e6 / MIB, reach=40e6 / MIB)),
        Figure("  its share (PSS)", "MiB", Spread(max(cost.pss))),
    ]


async def _compare(nodes: RealNodes, home: Path, scale: Scale) -> Cost:
    cost = Cost()
    api, miner = _api_of(home), _pid_of(home)
    await _until_a_minute_is_known(api)
    with_agent = True
    for pair in range(scale.pairs):
        for wanted in (True, False) if pair % 2 == 0 else (False, True):
            if wanted and not with_agent:
                nodes.serve_worker()
            elif with_agent and not wanted:
                nodes.kill_worker()
            with_agent = wanted
            await asyncio.sleep(scale.window_s * SETTLE_SHARE)
            before_s, began_s = _on_cpu_s(miner), time.monotonic()
            if wanted:
                await _with_agent(nodes, api, scale, cost)
            else:
                await asyncio.sleep(scale.window_s)
                cost.without_hps.append(await _minute_hps(api))
            share = (_on_cpu_s(miner) - before_s) / (time.monotonic() - began_s)
            (cost.with_share if wanted else cost.without_share).append(share)
    if not with_agent:
        nodes.serve_worker()
    return cost


async def _with_agent(nodes: RealNodes, api: MinerApi, scale: Scale, cost: Cost) -> None:
    agent = nodes.worker_process()
    before_s, began_s = _on_cpu_s(agent.pid), time.monotonic()
    await asyncio.sleep(scale.window_s)
    cost.cpu_s += _on_cpu_s(agent.pid) - before_s
    cost.watched_s += time.monotonic() - began_s
    cost.with_hps.append(await _minute_hps(api))
    memory = agent.memory_full_info()
    cost.rss.append(memory.rss / MIB)
    cost.pss.append(memory.pss / MIB)


class _Hashrate(msgspec.Struct):
    total: tuple[float | None, float | None, float | None]


class _Summary(msgspec.Struct):
    hashrate: _Hashrate


class _Record(msgspec.Struct):
    api: MinerApi


class _State(msgspec.Struct):
    pid: int


def _api_of(home: Path) -> MinerApi:
    [path] = (home / "worker").rglob("xmrig-1/instance.json")
    return msgspec.json.decode(path.read_bytes(), type=_Record).api


def _pid_of(home: Path) -> int:
    [path] = (home / "worker").rglob("xmrig-1/state.json")
    return msgspec.json.decode(path.read_bytes(), type=_State).pid


async def _minute_hps(api: MinerApi) -> float:
    rate = await _known_minute_hps(api)
    if rate is None:
        raise RuntimeError("XMRig does not know its hashrate any more: it was started again")
    return rate


async def _known_minute_hps(api: MinerApi) -> float | None:
    answer = await exchange(api, "/2/summary")
    return msgspec.json.decode(answer.body, type=_Summary).hashrate.total[1]


async def _until_a_minute_is_known(api: MinerApi) -> None:
    deadline_s = time.monotonic() + FIRST_READING_WITHIN_S
    while not await _known_minute_hps(api):
        if time.monotonic() > deadline_s:
            raise TimeoutError("XMRig has not reached a hashrate")
        await asyncio.sleep(1.0)


def _on_cpu_s(pid: int) -> float:
    """Return how long all threads of a process have been on a CPU, to the nanosecond."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
