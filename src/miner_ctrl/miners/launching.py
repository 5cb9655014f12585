"""Starting a miner: its plan, its files, its keeper, and its first answers. Every way to a started miner leads here."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from miner_ctrl.errors import MinerCtrlError, OperationFailed, Unreachable
from miner_ctrl.miners.contract import Adapter, LaunchPlan, MinerApi
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.keeper_link import start_keeper
from miner_ctrl.miners.record import PAUSED
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.storage.atomic import write_atomic
from miner_ctrl.storage.disk import disk_told

STOP_GRACE_S = 10.0
SETTLES_WITHIN_S = 0.5
"""A miner that ends this soon after its start was not started."""
PORTS_TRIED = 3
PAUSED_WITHIN_S = 15.0
"""How long a miner that was just started may take to obey its first pause."""
PAUSE_AGAIN_S = 0.5


class Launcher:
    """Starts miners. ``allow`` raises ``Refused`` for a config that the rig's owner does not allow."""

    def __init__(self, *, rig_name: str, allow: Callable[[MinerConfig], None]) -> None:
        self._rig_name = rig_name
        self.allow = allow

    async def start(self, instance: Instance, config: MinerConfig) -> None:
        """Start an instance that does not run; it has lived for ``SETTLES_WITHIN_S`` then. Its record is written before
        there is a process. If another program takes its API's port first, it is started again on another one.

        Raises:
            Refused: the owner does not allow this config.
            NotFound: the miner's program is not on this machine.
            OperationFailed: it does not accept its configuration, ended at once, or the disk takes nothing.
        """
        for tries_left in reversed(range(PORTS_TRIED)):
            instance.record = msgspec.structs.replace(instance.record, config=config, api=new_api())
            plan = await self.checked_plan(instance, instance.adapter, config)
            with disk_told():
                instance.save(settled=instance.record.wanted != PAUSED, reloading=False)
            await self._start_once(instance, plan)
            if not tries_left or not await instance.port_is_taken():
                break
            await instance.stop(STOP_GRACE_S)
        await self.settle(instance, within_s=PAUSED_WITHIN_S)

    async def start_listed(self, instance: Instance, config: MinerConfig) -> None:
        """Start a miner that stays on the list whatever comes of it."""
        try:
            await self.start(instance, config)
        except MinerCtrlError as error:
            if not instance.state.alive:
                instance.not_started(error.message)
            raise

    async def checked_plan(self, instance: Instance, adapter: Adapter, config: MinerConfig) -> LaunchPlan:
        """Return how ``adapter`` would run ``config`` in the instance's place; its files are written, and the miner's
        program has read them. Raises as ``start``."""
        self.allow(config)
        folder = instance.folder
        plan = adapter.plan(config, folder=folder, rig_name=self._rig_name, api=instance.record.api)
        with disk_told():
            for file_name, data in plan.files.items():
                write_atomic(folder / file_name, data)
        await adapter.check(plan, folder)
        return plan

    async def settle(self, instance: Instance, *, within_s: float = 0.0) -> None:
        """Tell a running miner what is wanted of it, if it may not know; unsettled still when it does not listen."""
        if instance.record.settled or instance.record.stopped or not instance.is_up:
            return
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        api, adapter = instance.record.api, instance.adapter
        while instance.is_up:
            try:
                await (adapter.pause(api) if instance.record.wanted == PAUSED else adapter.resume(api))
            except Unreachable:
                if loop.time() >= deadline_s:
                    return
                await asyncio.sleep(PAUSE_AGAIN_S)
            except MinerCtrlError:
                return
            else:
                with disk_told():
                    instance.save(settled=True)
                break
        await instance.sample()

    async def _start_once(self, instance: Instance, plan: LaunchPlan) -> None:
        await self._start_kept(instance, plan)
        await instance.attach()
        if await instance.ended_within(SETTLES_WITHIN_S):
            raise OperationFailed(
                f"{instance.record.name} ended at once: {instance.reason or 'it was stopped.'}",
                suggestion="Mend its profile, or see whether the miner runs on this machine at all.",
                code="MINER_ENDED_AT_ONCE",
            )
        await instance.sample()

    async def _start_kept(self, instance: Instance, plan: LaunchPlan) -> None:
        """Start keeper and miner. A caller that gives up meanwhile waits for it: what was begun must be known, or
        nobody could end it."""
        starting = asyncio.get_running_loop().create_task(
            start_keeper(plan, instance.folder, Path(instance.record.socket)), name=f"start-{instance.record.name}"
        )
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait((starting,))
            if starting.exception() is None:
                await instance.attach()
            raise


def new_api() -> MinerApi:
    """Return a free loopback port, and a new token. Somebody may take the port first; the miner then says so."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return MinerApi(port=probe.getsockname()[1], token=secrets.token_hex(16))
