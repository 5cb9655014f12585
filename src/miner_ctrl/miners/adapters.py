"""The miner types this version knows. A new one: its adapter here, its recorded answers, and the contract suite."""

from __future__ import annotations

from pathlib import Path

from miner_ctrl.miners.contract import Adapter
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.xmrig import XmrigAdapter


def default_adapters(data: Path) -> tuple[Adapter, ...]:
    """Return one adapter for each type; ``data`` is the home's data directory."""
    return XmrigAdapter(data), SimulatedAdapter()
