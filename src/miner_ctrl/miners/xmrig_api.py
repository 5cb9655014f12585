"""Asking a running XMRig, or what speaks its local API."""

from __future__ import annotations

from typing import Literal

from miner_ctrl.miners.contract import MinerApi, Reading
from miner_ctrl.miners.loopback_http import exchange
from miner_ctrl.miners.xmrig_answers import parse_rpc, parse_summary

SUMMARY_PATH = "/1/summary"
"""All of ``/2/summary`` and the threads' hashrates too, in one answer."""
RPC_PATH = "/json_rpc"


async def read_summary(api: MinerApi) -> Reading:
    """Return what the miner says of itself. Raises as ``Adapter.read``."""
    return parse_summary(await exchange(api, SUMMARY_PATH))


async def call(api: MinerApi, method: Literal["pause", "resume"]) -> None:
    """Have the miner pause or go on. Raises as ``Adapter.pause``.

    ``stop`` is not offered: XMRig takes it back by itself with the next job.
    """
    body = f'{{"jsonrpc":"2.0","id":1,"method":"{method}"}}'
    parse_rpc(await exchange(api, RPC_PATH, post=body.encode()))
