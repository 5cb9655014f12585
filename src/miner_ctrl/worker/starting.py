"""Starting a profile on this rig, whoever asks: one at a time, and no profile twice."""

from __future__ import annotations

import asyncio

from miner_ctrl.errors import BadInput, Conflict
from miner_ctrl.miners import Miners
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.worker.lock_desk import asked_by

ONLY_MINER = "*"


class Starter:
    """Starts profiles for peers and for the rig's owner. Two who ask at the same moment: the second sees what the
    first has started."""

    def __init__(self, miners: Miners) -> None:
        self._miners = miners
        self._starting = asyncio.Lock()

    async def start(self, profile: Profile, config: MinerConfig, *, replace: str = "", by: str) -> tuple[str, ...]:
        """Start a profile, or have the miner ``replace`` (``*``: the only one there is) run it from now on; return the
        names of the miners that run it.

        Raises:
            Conflict: a miner runs that profile already.
            BadInput: ``*`` does not name one miner.
            Refused, NotFound, OperationFailed: as ``Miners.launch`` and ``Miners.switch``.
        """
        async with self._starting:
            self._check_not_running(profile)
            with asked_by(by):
                if not replace:
                    return await self._miners.launch(profile, config, by=by)
                name = self._meant(replace)
                await self._miners.switch(name, profile, config, by=by)
                return (name,)

    def _check_not_running(self, profile: Profile) -> None:
        for running in self._miners.latest():
            if running.state.alive and running.profile_hash == profile.content_hash:
                raise Conflict(
                    f"{running.name} already runs the profile {profile.name}.",
                    suggestion="Stop or restart that miner instead.",
                    code="ALREADY_RUNNING",
                    details={"miner": running.name},
                )

    def _meant(self, miner: str) -> str:
        if miner != ONLY_MINER:
            return miner
        names = self._miners.names(own=True)
        if len(names) != 1:
            raise BadInput(
                f"{len(names)} miners run here." if names else "No miner runs here that could be replaced.",
                suggestion=f"Name the one to replace: {', '.join(names)}." if names else "Start it without --replace.",
                code="REPLACE_WHICH",
            )
        return names[0]
