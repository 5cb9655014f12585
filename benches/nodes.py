"""Nodes with everything on: a registry on disk with the peers in it, trust, grants, limits, fleet, commands."""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benches.machine import take_core
from miner_ctrl.controller import Commands, Fleet, FleetWatch
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grants, Role
from miner_ctrl.pairing import Pairing
from miner_ctrl.peers import Invites, Pending, Registry, Trust
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.transport import Channel, Endpoint, Timings

CONTROLLER = 1_000_000
"""The number of the controller's keys; rigs count from 0."""
SETTLED_WITHIN_S = 60.0


def now_ms() -> int:
    """Return Unix time in ms."""
    return time.time_ns() // 1_000_000


def keys_of(number: int) -> NodeKeys:
    """Return the keys of node ``number``: the same in both processes."""
    return NodeKeys.from_secret(number.to_bytes(32, "big"))


def registry_of(
    peers: Iterable[PublicKeys], path: Path, *, role: Role, grants: Grants = NO_GRANTS, granted: Grants = NO_GRANTS
) -> Registry:
    """Return a registry with ``peers`` in it; ``grants`` is what they may do here, ``granted`` what we may there."""
    registry = Registry.open(path, now_ms=now_ms)
    registry.database.execute("PRAGMA synchronous = OFF")  # to be filled; every later commit is durable as usual
    for number, keys in enumerate(peers):
        registry.add(keys, name=f"{role}-{number:04d}", role=role, grants=grants, verified=True)
        registry.update(keys.fingerprint, granted=granted)
    registry.database.execute("PRAGMA synchronous = FULL")
    return registry


def trust_of(registry: Registry) -> tuple[Trust, Invites, Pending]:
    """Return who decides, over ``registry``."""
    invites = Invites(registry, now_ms=now_ms, random_bytes=secrets.token_bytes)
    pending = Pending(now_ms=now_ms)
    return Trust(registry, invites, pending, ()), invites, pending


def endpoint_of(keys: NodeKeys, name: str, role: Role, registry: Registry, timings: Timings | None = None) -> Endpoint:
    """Return an endpoint as a node has it."""
    trust, invites, _ = trust_of(registry)
    return Endpoint(
        keys,
        name=name,
        role=role,
        version="bench",
        capabilities=("profiles",),
        judge=trust.judge,
        find_psk=invites.find_psk,
        grants_of=registry.grants_of,
        timings=timings,
    )


class OtherProcess:
    """The process with the rigs: ``await other.order("dial", port)``."""

    def __init__(self, process: Any, orders: Any) -> None:
        self._process = process
        self._orders = orders

    async def order(self, name: str, *arguments: object) -> Any:
        """Have ``Rigs.name`` called there and return its answer; this process goes on meanwhile."""
        self._orders.send((name, arguments))
        return await self.answer()

    async def answer(self) -> Any:
        """Return what comes next from there."""
        return await asyncio.to_thread(self._orders.recv)

    async def end(self) -> None:
        """End it."""
        self._orders.close()
        await asyncio.to_thread(self._process.join)


@asynccontextmanager
async def other_process(count: int, home: Path) -> AsyncIterator[OtherProcess]:
    """Run ``count`` rigs in a process of their own."""
    from benches.rigs import run_rigs  # noqa: PLC0415 - it imports this module

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_rigs, args=(theirs, count, home / "rigs.db"), daemon=True)
    process.start()
    theirs.close()
    take_core(0)
    other = OtherProcess(process, ours)
    try:
        await other.answer()
        yield other
    finally:
        await other.end()


class Controller:
    """A controller with ``count`` rigs in its registry. It listens at ``port``; ``follow`` adds what a serving
    controller does beyond holding sessions: keep the fleet's state, subscribe to stats, measure round trips."""

    def __init__(self, count: int, home: Path) -> None:
        keys = keys_of(CONTROLLER)
        rigs = (keys_of(number).public for number in range(count))
        self.registry = registry_of(rigs, home / "controller.db", role=Role.WORKER, granted=ALL_GRANTS)
        self.endpoint = endpoint_of(keys, "controller", Role.CONTROLLER, self.registry)
        self.fleet = Fleet(clock=time.monotonic)
        self.watch = FleetWatch(self.endpoint, self.registry, self.fleet, clock=time.monotonic)
        trust, invites, pending = trust_of(self.registry)
        self.pairing = Pairing(
            self.endpoint,
            self.registry,
            invites,
            pending,
            trust,
            own_keys=keys.public,
            own_role=Role.CONTROLLER,
            addresses=lambda: (),
            serving=True,
            registered=self.watch.registered,
            removed=self.watch.removed,
        )
        self.profiles = ProfileStore(home / "profiles.db")
        self.commands = Commands(
            self.registry,
            self.profiles,
            self.fleet,
            reach=self.pairing.reach,
            live=self.endpoint.channel,
            clock=time.monotonic,
            new_message_id=lambda: secrets.token_hex(12),
        )
        self.port = 0

    async def listen(self) -> None:
        """Let rigs in."""
        [(_, self.port)] = await self.endpoint.listen("127.0.0.1", 0)

    def follow(self) -> None:
        """Keep the fleet's state from now on."""
        self.profiles.open()
        self.pairing.start()
        self.watch.start()

    async def connected(self, count: int) -> list[Channel]:
        """Return the sessions once there are ``count``."""
        await until(lambda: len(self.endpoint.channels()) == count, f"{count} sessions")
        return self.endpoint.channels()

    async def close(self) -> None:
        """End everything."""
        await self.watch.close()
        await self.pairing.close()
        await self.endpoint.close()
        self.registry.close()


@asynccontextmanager
async def controller(count: int, home: Path, *, follow: bool = False) -> AsyncIterator[Controller]:
    """Run a controller in this process."""
    running = Controller(count, home)
    try:
        await running.listen()
        if follow:
            running.follow()
        yield running
    finally:
        await running.close()


async def until(holds: Any, what: str, within_s: float = SETTLED_WITHIN_S) -> None:
    """Return once ``holds()``.

    Raises:
        TimeoutError: it did not, within ``within_s`` seconds.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        await asyncio.sleep(0.005)
