"""Another profile for a miner that is there: taken over while it runs, or by a restart under the same name and log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec

from miner_ctrl.errors import MinerCtrlError, OperationFailed
from miner_ctrl.miners.contract import Adapter
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.launching import STOP_GRACE_S, Launcher
from miner_ctrl.miners.record import RUNNING
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.storage.disk import disk_told


async def switch(
    instance: Instance,
    adapter: Adapter,
    profile: Profile,
    config: MinerConfig,
    *,
    launcher: Launcher,
    commanded: Callable[[Instance], None],
    by: str,
) -> bool:
    """Have a miner that the caller holds run ``profile`` by ``config``; whether without a restart. ``commanded`` is
    told once the miner has been touched.

    Raises:
        NotFound, Refused, OperationFailed: it could not; then it runs what it ran before, or says that it does not.
    """
    before, old_adapter = instance.record, instance.adapter
    plan = await launcher.checked_plan(instance, adapter, config)
    wanted = {"wanted": RUNNING, "paused_at_ms": None, "resume_at_ms": None, "by": by}
    after = {**wanted, "profile": profile, "config": config}
    if adapter is old_adapter and adapter.capabilities.reload and instance.is_up:
        with disk_told():
            instance.save(**after, settled=before.wanted == RUNNING, reloading=True)
        try:
            done = await adapter.reload(plan)
        except MinerCtrlError:
            done = False
        if done:
            with suppress(OSError):  # then the next agent restarts it once too often
                instance.save(reloading=False)
            commanded(instance)
            await launcher.settle(instance)
            await instance.sample()
            return True
    await instance.stop(STOP_GRACE_S)
    commanded(instance)
    instance.adapter = adapter
    instance.record = msgspec.structs.replace(instance.record, **after)
    try:
        await launcher.start(instance, config)
    except MinerCtrlError as error:
        await instance.stop(STOP_GRACE_S)
        instance.adapter, instance.record = old_adapter, before
        back = f"is down: {before.profile.name} could not be started again either"
        if before.config is not None:
            with suppress(MinerCtrlError):
                await launcher.start_listed(instance, before.config)
                back = f"runs {before.profile.name} again"
        raise OperationFailed(
            f"{before.name} could not run {profile.name} and {back}: {error.message}",
            suggestion=error.suggestion,
            code=error.code,
        ) from None
    return False
