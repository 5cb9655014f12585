"""Another configuration for an XMRig that runs: what it takes over without a restart, and what it does not.

``PUT /2/config`` replaces everything. Tried with XMRig 6.22.2 on a private chain:

- In effect at once: pools (it reconnects), algorithm and coin, threads, affinity, priority, ``max-threads-hint``, CPU
  on and off, pause on battery and on activity, retries, print time, assembly. Shares go on counting, uptime and a
  pause stay as they are; changed threads start the hashrate's windows anew.
- Taken over by the file and not by the process: RandomX mode, 1 GB pages, MSR, huge pages (the dataset stays where it
  is) and the donation (its times are fixed at the start). A GPU's settings could not be tried.
- A pool that cannot be reached is not noticed: it goes on with the last job of the old pool, which it names as
  connected. So a reload counts only when the new pool is there within ``REACHES_POOL_WITHIN_S``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import exchange
from miner_ctrl.miners.xmrig_answers import parse_config, parse_pool, parse_put

CONFIG_PATH = "/2/config"
SUMMARY_PATH = "/2/summary"
REACHES_POOL_WITHIN_S = 8.0
LOOKS_EVERY_S = 0.2

SET_AT_START: Mapping[tuple[str, ...], object] = {
    ("donate-level",): 1,
    ("randomx", "mode"): "auto",
    ("randomx", "1gb-pages"): False,
    ("randomx", "wrmsr"): True,
    ("randomx", "rdmsr"): True,
    ("randomx", "init"): -1,
    ("randomx", "cache_qos"): False,
    ("cpu", "huge-pages"): True,
    ("cpu", "huge-pages-jit"): False,
    ("cpu", "memory-pool"): False,
    ("cpu", "yield"): True,
    ("cpu", "argon2-impl"): None,
    ("dns", "ttl"): 30,
    ("dmi",): True,
    ("verbose",): 0,
}
"""Where the values stand that only a start puts into effect, with what XMRig takes where nothing is said."""


def needs_restart(running: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the way from the one configuration to the other leads over a restart."""
    if any(_at(config, (gpus, "enabled")) for config in (running, wanted) for gpus in ("opencl", "cuda")):
        return True
    return any(_at(running, place, usual) != _at(wanted, place, usual) for place, usual in SET_AT_START.items())


async def reload_config(api: MinerApi, config: bytes) -> bool:
    """Have the running XMRig take over ``config``, which has to name the same port and token; whether it did.

    Raises as ``Adapter.reload``.
    """
    wanted: dict[str, Any] = msgspec.json.decode(config)
    if needs_restart(parse_config(await exchange(api, CONFIG_PATH)), wanted):
        return False
    parse_put(await exchange(api, CONFIG_PATH, put=config))
    return await _reaches_a_pool(api, {pool["url"] for pool in wanted["pools"]})


async def _reaches_a_pool(api: MinerApi, pools: set[str]) -> bool:
    for _ in range(round(REACHES_POOL_WITHIN_S / LOOKS_EVERY_S)):
        if parse_pool(await exchange(api, SUMMARY_PATH)) in pools:
            return True
        await asyncio.sleep(LOOKS_EVERY_S)
    return False


def _at(config: Mapping[str, Any], place: tuple[str, ...], usual: object = None) -> object:
    found: Any = config
    for part in place:
        if not isinstance(found, Mapping) or part not in found:
            return usual
        found = found[part]
    return found
