"""XMRig's configuration file from a ``MinerConfig``. Pure; tried with XMRig 6.22, whose fields 6.26 has too.

- Threads: ``cpu["*"]`` is the profile of every algorithm that has none of its own, and the file names no other, so
  ``{"threads": N}`` there is a count for any algorithm. Without it XMRig chooses by cache and cores.
- Huge pages: as root, and only then, XMRig raises ``vm.nr_hugepages`` and writes model-specific registers of the CPU,
  and leaves the former so. Both are for speed; a config with ``hugePages: false`` asks that the machine stay as it
  is, so it switches off both.
- The file is ours alone: XMRig neither saves to it nor watches it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.loopback_http import HOST
from miner_ctrl.model.profiles import MinerConfig

RIG_TEMPLATE = "{rig}"
SPEED_LINE_EVERY_S = 60


def xmrig_config(config: MinerConfig, *, rig_name: str, api: MinerApi) -> bytes:
    """Return the JSON file; ``{rig}`` in wallet, password and rig id becomes ``rig_name``. Holds secrets."""
    settings: dict[str, Any] = {
        "autosave": False,
        "watch": False,
        "background": False,
        "colors": True,
        "title": False,
        "log-file": None,
        "syslog": False,
        "print-time": SPEED_LINE_EVERY_S,
        "donate-level": config.donate_level,
        "http": {
            "enabled": True,
            "host": HOST,
            "port": api.port,
            "access-token": api.token,
            "restricted": False,
        },
        "cpu": _cpu(config),
        "randomx": {
            "mode": config.randomx_mode,
            "wrmsr": config.huge_pages,
            "rdmsr": config.huge_pages,
        },
        "pools": [_pool(config, rig_name)],
    }
    return msgspec.json.format(msgspec.json.encode(settings), indent=2)


def _cpu(config: MinerConfig) -> dict[str, Any]:
    cpu: dict[str, Any] = {"enabled": True, "huge-pages": config.huge_pages}
    if config.threads is not None:
        cpu["*"] = {"intensity": 1, "threads": config.threads, "affinity": -1}
    return cpu


def _pool(config: MinerConfig, rig_name: str) -> dict[str, Any]:
    return {
        "url": config.pool,
        "user": config.wallet.replace(RIG_TEMPLATE, rig_name),
        "pass": config.password.replace(RIG_TEMPLATE, rig_name),
        "rig-id": config.rig_id.replace(RIG_TEMPLATE, rig_name) or None,
        "algo": config.algo or None,
        "coin": config.coin or None,
        "tls": config.tls,
        "daemon": config.daemon,
        "nicehash": config.nicehash,
        "keepalive": config.keepalive,
        "enabled": True,
    }
