"""Miners on this machine: adapters that speak to them, and the supervision that starts, watches and stops them."""

from miner_ctrl.miners.contract import Adapter, Capabilities, DraftingAdapter, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.log_file import LogPart
from miner_ctrl.miners.supervision import Miners

__all__ = ["Adapter", "Capabilities", "DraftingAdapter", "LaunchPlan", "LogPart", "MinerApi", "Miners", "Reading"]
