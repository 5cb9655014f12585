"""A controller's rigs and its jobs, without a network: what a rig does of a job is said here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec

from miner_ctrl.controller import Fleet, Jobs, JobStore
from miner_ctrl.controller.fleet import RigKnown
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.callers import OWNER
from miner_ctrl.model.jobs import JobPeerState, JobState, JobView, PeerFilter, Selection
from miner_ctrl.model.repeats import COMMAND_SEED
from miner_ctrl.model.views import CommandView, DeployProgress, View
from miner_ctrl.peers import Registry

Told = Callable[[DeployProgress], None]
EVERYBODY = Selection(peers=None, filter=PeerFilter())


class Order(msgspec.Struct, frozen=True):
    """What is asked for."""

    what: str = "stop"


class Farm:
    """``rigs`` rigs, called rig-0 and so on, and the jobs of their controller."""

    def __init__(self, folder: Path, rigs: int) -> None:
        self.folder = folder
        self.registry = Registry.open(folder / "peers.db", now_ms=lambda: 1)
        self.fleet = Fleet(clock=lambda: 1.0)
        self.ids: dict[str, str] = {}
        self.asked: list[str] = []
        self.seeds: dict[str, bytes | None] = {}
        self.hangs: set[str] = set()
        self.fails: dict[str, Exception] = {}
        self.let_go = asyncio.Event()
        for number in range(rigs):
            keys = NodeKeys.from_secret(number.to_bytes(32, "big")).public
            name = f"rig-{number}"
            self.registry.add(keys, name=name)
            self.fleet.apply(RigKnown(keys.fingerprint, keys.node_id, name))
            self.ids[keys.node_id] = name
        self._numbers = count(1)
        self.jobs = self.opened()

    def opened(self) -> Jobs:
        return Jobs(
            self.registry, self.fleet, JobStore(self.folder / "jobs.db"), now_ms=lambda: 7_000,
            new_id=lambda: f"job{next(self._numbers)}",
        )  # fmt: skip

    async def act(self, node_id: str, told: Told) -> View:
        name = self.ids[node_id]
        self.asked.append(name)
        self.seeds[name] = COMMAND_SEED.get()
        told(DeployProgress(state="sending", sent_bytes=10, total_bytes=20))
        if name in self.hangs:
            await self.let_go.wait()
        if name in self.fails:
            raise self.fails[name]
        return CommandView(status="stopped", miners=(name,))

    async def start(
        self, selection: Selection = EVERYBODY, *, stoppable: bool = False, order: msgspec.Struct | None = None
    ) -> JobView:
        return await self.jobs.start(
            OWNER, "stop", selection, self.act, order=order or Order(), can_be_stopped=stoppable
        )

    async def ended(self, job: str, jobs: Jobs | None = None) -> JobView:
        async with asyncio.timeout(30):
            while (view := await (jobs or self.jobs).get(job)).state is JobState.RUNNING:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            return view

    async def states(self, job: str) -> dict[str, JobPeerState]:
        return {peer.name: peer.state for peer in await self.jobs.peers(job)}

    def fingerprint(self, name: str) -> bytes:
        return self.registry.find(name).keys.fingerprint
