"""What the editor of a profile asks of other rooms, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.jobs import Selection
from miner_ctrl.model.profile_views import MinerTypeView, ProfilePlanView, ProfilePreviewView, ProfileUseView
from miner_ctrl.model.profiles import MinerConfig


class MinerTypes:
    def types(self) -> Sequence[MinerTypeView]:
        return (
            MinerTypeView(name="xmrig", description="CPU and GPU miner", simulated=False, fields=("pool", "wallet")),
        )

    def complaints(self, miner_type: str, config: MinerConfig) -> Sequence[MinerCtrlError]:
        return ()

    def preview(self, miner_type: str, config: MinerConfig, *, rig_name: str | None, hide: bool) -> ProfilePreviewView:
        return ProfilePreviewView(miner_type=miner_type, parts=(), hidden=hide)


class Assignments:
    async def uses(self, query: str) -> Sequence[ProfileUseView]:
        return ()

    async def plan(self, query: str, selection: Selection, *, replace: str | None, hide: bool) -> ProfilePlanView:
        return ProfilePlanView(profile="id", name=query, hash="", counts={}, rigs=())
