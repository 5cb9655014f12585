"""The other process: rigs that dial a controller, as many as a figure needs, and the raw echo's other end."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import uvloop

from benches.machine import own_memory_bytes, raise_descriptor_limit, take_core
from benches.nodes import CONTROLLER, endpoint_of, keys_of, registry_of
from benches.raw import RawClient, RawServer, raw_connect
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.miners import Miners
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.history import JournalEntry, MinerSample, Sample
from miner_ctrl.model.miners import Hashrates, MinerState, MinerStats
from miner_ctrl.model.nodes import ALL_GRANTS, Grant, Role
from miner_ctrl.protocol.messages import GetHistory, GetStats, History, SubscribeStats
from miner_ctrl.transport import Channel, Endpoint, Request, Timings
from miner_ctrl.worker.stats import StatsDesk

T = TypeVar("T")
DIAL_WITHIN_S = 60.0
DIALLERS = 64
EVERY_MS = 10_000
ENTRIES_OF_A_PART = 500
_TIMINGS = Timings(tick_s=1.0)
"""A rig's ticker runs five times a second; a thousand of them share this process, which no machine has to bear."""

THREE_MINERS = tuple(
    MinerStats(
        name=f"xmrig-{number}",
        type="xmrig",
        state=MinerState.MINING,
        sampled_at_ms=1_790_000_000_000,
        version="6.22.2",
        hashrate_hps=1234.5 + number,
        hashrates_hps=Hashrates(s10=1234.5 + number, s60=1230.1, m15=1200.0),
        accepted=123,
        rejected=1,
        uptime_s=3600,
        pool="pool.example.com:3333",
        pool_ping_ms=33,
        algorithm="rx/0",
        difficulty=480_045.0,
        profile_id="profile-1",
        profile_name="main",
        profile_hash="ab" * 32,
        pid=1234,
    )
    for number in (1, 2, 3)
)


class _ThreeMiners:
    """What ``StatsDesk`` asks of the miners: three that answer at once, so that the link is measured, not XMRig."""

    sampled_s = float("inf")

    def __init__(self) -> None:
        self.now = THREE_MINERS

    def names(self) -> tuple[str, ...]:
        return tuple(miner.name for miner in THREE_MINERS)

    def latest(self) -> tuple[MinerStats, ...]:
        return self.now

    async def sample(self) -> tuple[MinerStats, ...]:
        return self.now


class _Journal:
    """A rig's journal, one sample of its three miners every 10 s, made up when it is asked for. It begins with the
    rig; one that is asked for more than it has says nothing."""

    def __init__(self, number: int, began_ms: list[int]) -> None:
        self._id = f"{number:032x}"
        self._began_ms = began_ms

    def answer(self, request: Request) -> History:
        """Answer as a rig does."""
        question: GetHistory = request.payload
        now_ms = time.time_ns() // 1_000_000
        last = (now_ms - self._began_ms[0]) // EVERY_MS + 1
        after = question.after if question.journal == self._id else 0
        upto = min(last, after + ENTRIES_OF_A_PART)
        entries = tuple(
            JournalEntry(seq, Sample(self._began_ms[0] + (seq - 1) * EVERY_MS, _samples(seq), 61.5))
            for seq in range(after + 1, upto + 1)
        )
        return History(journal=self._id, entries=entries, first=1, last=last, more=upto < last, at_ms=now_ms)


def _samples(seq: int) -> tuple[MinerSample, ...]:
    return tuple(
        MinerSample(miner.name, miner.state, miner.algorithm, 1200.0 + seq % 60, seq // 3, 0, None, None)
        for miner in THREE_MINERS
    )


class Rigs:
    """``count`` rigs, each with keys, an endpoint and a stats desk of its own; they share one registry."""

    def __init__(self, count: int, registry: Path) -> None:
        self._began_ms = [time.time_ns() // 1_000_000]
        self._registry = registry_of([keys_of(CONTROLLER).public], registry, role=Role.CONTROLLER, grants=ALL_GRANTS)
        self._miners: list[_ThreeMiners] = []
        self._desks: list[StatsDesk] = []
        self._rigs = [self._rig(number) for number in range(count)]
        self._raw: list[RawClient] = []
        self._raw_server = RawServer()

    def _rig(self, number: int) -> Endpoint:
        keys, name = keys_of(number), f"rig-{number:04d}"
        rig = endpoint_of(keys, name, Role.WORKER, self._registry, _TIMINGS)
        miners = _ThreeMiners()
        desk = StatsDesk(
            cast("Miners", miners),
            node_id=keys.public.node_id,
            node_name=name,
            version="bench",
            clock=time.monotonic,
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
        rig.route(GetStats, desk.answer, needs=Grant.OBSERVE)
        rig.route(SubscribeStats, desk.subscribe, needs=Grant.OBSERVE)
        rig.route(GetHistory, _Journal(number, self._began_ms).answer, needs=Grant.OBSERVE)
        desk.start()
        self._miners.append(miners)
        self._desks.append(desk)
        return rig

    async def change(self, number: int, hashrate: float) -> float:
        """Have one rig's first miner hash at ``hashrate`` from now on; return the monotonic time of it."""
        first, *others = self._miners[number].now
        self._miners[number].now = (msgspec.structs.replace(first, hashrate_hps=hashrate), *others)
        self._desks[number].miners_changed()
        return time.monotonic()

    async def backdate(self, seconds: float) -> None:
        """Have every journal begin so much earlier."""
        self._began_ms[0] -= int(seconds * 1000)

    async def dial(self, port: int) -> float:
        """Let every rig dial the controller, one first and then 64 at once; return the seconds for each of the latter.

        An address without a good session in the last 24 hours may have 32 half-open handshakes: the first rig's
        session opens the way for the others, as it does for a farm behind one address.
        """
        address = Address("127.0.0.1", port)

        async def one(rig: Endpoint) -> Channel:
            return await rig.dial(address, check=lambda keys: None, timeout_s=DIAL_WITHIN_S)

        await one(self._rigs[0])
        return await _at_once(one, self._rigs[1:]) / max(1, len(self._rigs) - 1)

    async def dial_until_up(self, port: int) -> None:
        """As ``dial``, again and again where it fails, as rigs do: on a busy machine a handshake may take too long."""
        address = Address("127.0.0.1", port)

        async def one(rig: Endpoint) -> None:
            while not rig.channels():
                try:
                    await rig.dial(address, check=lambda keys: None, timeout_s=DIAL_WITHIN_S)
                except MinerCtrlError:
                    await asyncio.sleep(1.0)

        await one(self._rigs[0])
        await _at_once(one, self._rigs[1:])

    async def hang_up(self) -> None:
        """End every session."""
        for rig in self._rigs:
            for channel in rig.channels():
                await channel.close("measured")

    async def raw_listen(self) -> int:
        """Start the raw echo here and return its port."""
        return await self._raw_server.start()

    async def raw_dial(self, port: int, count: int) -> float:
        """Connect ``count`` times to the raw echo there, 64 at once; return the seconds for each."""

        async def one(_number: int) -> None:
            self._raw.append(await raw_connect(port))

        return await _at_once(one, range(count)) / count

    async def raw_hang_up(self) -> None:
        """End every raw connection."""
        for client in self._raw:
            client.hang_up()
        self._raw.clear()

    async def memory_bytes(self) -> int:
        """Return the memory of this process alone."""
        return own_memory_bytes()

    async def cpu_s(self) -> float:
        """Return the processor time of this process."""
        return time.process_time()

    async def settle(self) -> None:
        """Take what lives now out of later collections, as both sides of a figure do before it."""
        gc.collect()
        gc.freeze()


async def _at_once(one: Callable[[T], Awaitable[Any]], each: Iterable[T]) -> float:
    waiting = iter(each)

    async def work() -> None:
        for item in waiting:
            await one(item)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(DIALLERS)))
    return time.perf_counter() - began


def run_rigs(orders: Connection, count: int, registry: Path) -> None:
    """Be the other process: carry out the orders that come, until there are no more."""
    logging.basicConfig(level=logging.WARNING)
    raise_descriptor_limit()
    take_core(1)

    async def obey() -> None:
        rigs = Rigs(count, registry)
        orders.send("ready")
        while True:
            order = await asyncio.to_thread(_receive, orders)
            if order is None:
                return
            name, arguments = order
            orders.send(await getattr(rigs, name)(*arguments))

    uvloop.run(obey())


def _receive(orders: Connection) -> tuple[str, tuple[Any, ...]] | None:
    try:
        return cast("tuple[str, tuple[Any, ...]] | None", orders.recv())
    except EOFError:
        return None
