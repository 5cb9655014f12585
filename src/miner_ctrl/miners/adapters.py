"""The miner types this version knows. A new one: a description file, or its adapter here; and the contract suite."""

from __future__ import annotations

from pathlib import Path

from miner_ctrl.miners.contract import DraftingAdapter
from miner_ctrl.miners.description_files import described_miners
from miner_ctrl.miners.program import Deployed, nothing_deployed
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.tt_miner import TtMinerAdapter
from miner_ctrl.miners.xmrig import XmrigAdapter


def default_adapters(
    *, deployed: Deployed = nothing_deployed, descriptions: Path | None = None
) -> tuple[DraftingAdapter, ...]:
    """Return one adapter for each type: built in, shipped as a description, described in ``descriptions``.

    ``deployed`` returns the program that a deploy has put here for a type.
    """
    described = described_miners(descriptions, deployed)
    return (XmrigAdapter(deployed), SimulatedAdapter(), TtMinerAdapter(deployed), *described.adapters)


def description_problems(descriptions: Path | None) -> tuple[str, ...]:
    """Return one sentence for each of the owner's descriptions that cannot be used."""
    return described_miners(descriptions).problems
