"""The miner types this version knows. A new one: its adapter here, its recorded answers, and the contract suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from miner_ctrl.miners.contract import Adapter
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.xmrig import XmrigAdapter


def default_adapters(
    *, deployed: Callable[[str], Path | None], descriptions: Path | None = None
) -> tuple[Adapter, ...]:
    """Return one adapter for each type; ``deployed(type)`` is the program that a deploy has put on this rig."""
    return XmrigAdapter(deployed=deployed), SimulatedAdapter()
