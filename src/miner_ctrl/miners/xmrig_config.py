"""XMRig's configuration file from a ``MinerConfig``. Pure; tried with XMRig 6.22, whose fields 6.26 has too.

- Threads: ``cpu["*"]`` is the profile of every algorithm that has none of its own, and the file names no other, so
  ``{"threads": N}`` there is a count for any algorithm, and a list of CPU numbers is one pinned thread for each.
  Without it XMRig chooses by cache and cores, of which ``max-threads-hint`` is its share.
- Huge pages: as root, and only then, XMRig raises ``vm.nr_hugepages`` and writes model-specific registers of the CPU,
  and leaves the former so. Both are for speed; a config with ``hugePages: false`` asks that the machine stay as it
  is, so it switches off both.
- The file is ours alone: XMRig does not watch it, and saves to it only when it is given another one by its API.
- Extra arguments become fields of the file (``xmrig_options``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.heeded import cannot_have
from miner_ctrl.miners.loopback_http import HOST
from miner_ctrl.miners.xmrig_options import set_extra_args
from miner_ctrl.model.profiles import MinerConfig, PoolConfig

RIG_TEMPLATE = "{rig}"
SPEED_LINE_EVERY_S = 60


def xmrig_config(config: MinerConfig, *, rig_name: str, api: MinerApi) -> bytes:
    """Return the JSON file; ``{rig}`` in wallet, password and rig id becomes ``rig_name``. Holds secrets.

    Raises:
        BadInput: the config cannot be had with XMRig; names the field.
    """
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
        "opencl": _gpus(config.opencl, config.devices),
        "cuda": _gpus(config.cuda, config.devices),
        "randomx": {
            "mode": config.randomx_mode,
            "1gb-pages": config.gb_pages,
            "wrmsr": config.huge_pages,
            "rdmsr": config.huge_pages,
        },
        "pause-on-battery": config.pause_on_battery,
        "pause-on-active": config.pause_on_activity or False,
        "pools": [_pool(pool, config.proxy, rig_name) for pool in _pools(config)],
    }
    set_extra_args(settings, config.extra_args)
    return msgspec.json.format(msgspec.json.encode(settings), indent=2)


def _pools(config: MinerConfig) -> tuple[PoolConfig, ...]:
    if config.gpu_pool is not None:
        raise cannot_have(
            "gpuPool", "one XMRig mines to one pool at a time", "Start one miner for the CPU and one for the GPUs."
        )
    return config.pools


def _cpu(config: MinerConfig) -> dict[str, Any]:
    if not (config.cpu or config.opencl or config.cuda):
        raise cannot_have("cpu", "it is off, and no GPU is on: nothing would mine", "Set opencl or cuda, or cpu=true.")
    if config.gb_pages and not config.huge_pages:
        raise cannot_have("gbPages", "they are huge pages, which hugePages=false switches off", "Set hugePages=true.")
    cpu: dict[str, Any] = {"enabled": config.cpu, "huge-pages": config.huge_pages, "priority": config.cpu_priority}
    if config.max_threads_hint is not None:
        cpu["max-threads-hint"] = config.max_threads_hint
    threads = _threads(config)
    if threads is not None:
        cpu["*"] = threads
    return cpu


def _threads(config: MinerConfig) -> object:
    if not config.cpu_affinity:
        return None if config.threads is None else {"intensity": 1, "threads": config.threads, "affinity": -1}
    if config.threads is not None and config.threads > len(config.cpu_affinity):
        raise cannot_have(
            "threads",
            f"{config.threads} threads do not fit on the {len(config.cpu_affinity)} CPUs of cpuAffinity",
            "Name as many CPUs as threads, or leave threads out.",
        )
    return list(config.cpu_affinity[: config.threads])


def _gpus(enabled: bool, devices: tuple[int, ...]) -> dict[str, Any]:
    gpus: dict[str, Any] = {"enabled": enabled}
    if enabled and devices:
        gpus["devices-hint"] = ",".join(map(str, devices))
    return gpus


def _pool(pool: PoolConfig, proxy: str, rig_name: str) -> dict[str, Any]:
    return {
        "url": pool.pool,
        "user": pool.wallet.replace(RIG_TEMPLATE, rig_name),
        "pass": pool.password.replace(RIG_TEMPLATE, rig_name),
        "rig-id": pool.rig_id.replace(RIG_TEMPLATE, rig_name) or None,
        "algo": pool.algo or None,
        "coin": pool.coin or None,
        "tls": pool.tls,
        "tls-fingerprint": pool.tls_fingerprint or None,
        "daemon": pool.daemon,
        "nicehash": pool.nicehash,
        "keepalive": pool.keepalive,
        "socks5": proxy or None,
        "enabled": True,
    }
