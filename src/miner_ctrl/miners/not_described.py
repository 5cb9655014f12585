"""The adapter of a description that cannot be used, or is not there any more: it says what is wrong. Its miners are
not asked, watched or started; they go on, and can be stopped."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import ClassVar

from miner_ctrl.errors import MinerCtrlError, NotFound
from miner_ctrl.miners.contract import Capabilities, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.described_answers import cannot_pause
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.profiles import MinerConfig


class NotDescribed:
    """A miner type whose description has ``error``, or has gone."""

    capabilities: ClassVar[Capabilities] = Capabilities(pause=False)
    fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, miner_type: str, error: MinerCtrlError) -> None:
        self.type = miner_type
        self.description = error.message
        self.error = error

    def locate(self) -> InstalledMiner:
        """Return that it is not there, and why."""
        return InstalledMiner(type=self.type, installed=False, description=self.description)

    def refuse(self, config: MinerConfig) -> None:
        """Raise what is wrong with the description."""
        raise self.error

    def draft(self, config: MinerConfig, *, folder: PurePath, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Raise what is wrong with the description."""
        raise self.error

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Raise what is wrong with the description."""
        raise self.error

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        """Raise what is wrong with the description."""
        raise self.error

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        """Raise what is wrong with the description; a miner that runs goes on meanwhile."""
        raise self.error

    async def pause(self, api: MinerApi) -> None:
        """Refuse: nothing is known of it."""
        raise cannot_pause(self.type)

    async def resume(self, api: MinerApi) -> None:
        """Refuse: nothing is known of it."""
        raise cannot_pause(self.type)

    async def reload(self, plan: LaunchPlan) -> bool:
        """It cannot."""
        return False


def no_longer_described(miner_type: str) -> NotDescribed:
    """Return the adapter for a miner that was started by a description which has been removed."""
    return NotDescribed(
        miner_type,
        NotFound(
            f"This rig has no description of the miner type {miner_type} any more: its miners can be stopped, but not"
            " watched or started.",
            suggestion="Put the description's file back and restart this node, or stop the miner.",
            code="MINER_TYPE_UNKNOWN",
        ),
    )
