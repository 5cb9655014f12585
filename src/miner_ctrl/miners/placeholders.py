"""What a description's ``{placeholders}`` stand for: values of the profile, of the rig and of its local API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.description import Description, Part
from miner_ctrl.miners.loopback_http import HOST
from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.profiles import MinerConfig, PoolConfig

CONFIG_FILE = "config.json"
POOLS = "{pools}"
RIG_TEMPLATE = "{rig}"
HOLE = re.compile(r"\{([^{}]*)\}")

OF_A_POOL: Mapping[str, str] = {
    "pool": "pool",
    "pool_host": "pool",
    "pool_port": "pool",
    "pool_url": "pool",
    "wallet": "wallet",
    "password": "password",
    "rig_id": "rigId",
    "algo": "algo",
    "coin": "coin",
    "tls": "tls",
    "nicehash": "nicehash",
    "keepalive": "keepalive",
}
"""Placeholder → the profile's field behind it. Those of a pool differ from pool to pool."""
OF_A_PROFILE: Mapping[str, str] = {
    "threads": "threads",
    "affinity_mask": "cpuAffinity",
    "priority": "cpuPriority",
    "devices": "devices",
    "intensity": "intensity",
    "donate_level": "donateLevel",
    "proxy": "proxy",
    "cpu": "cpu",
    "opencl": "opencl",
    "cuda": "cuda",
    "huge_pages": "hugePages",
}
FIELDS: Mapping[str, str] = {**OF_A_POOL, **OF_A_PROFILE}
OF_THE_API = frozenset({"api", "api_host", "api_port"})
OF_THE_RIG = frozenset({"rig", "config"})
KNOWN = frozenset({*FIELDS, *OF_THE_API, *OF_THE_RIG, "devices*"})
"""``{devices*}`` alone is one argument for each device."""
SWITCHES = frozenset({"tls", "nicehash", "keepalive", "cpu", "opencl", "cuda", "huge_pages"})
"""They have no text: they are for ``when``."""


def holes_in(text: str) -> Iterator[str]:
    """Yield the names of the placeholders in ``text``."""
    return (match[1] for match in HOLE.finditer(text))


def holes_of(parts: tuple[str | Part, ...]) -> Iterator[str]:
    """Yield the names of the placeholders of arguments, those of ``when`` too."""
    for part in parts:
        if isinstance(part, str):
            yield from holes_in(part)
        else:
            yield part.when
            for text in (*part.add, *part.otherwise):
                yield from holes_in(text)


def values_of_profile(
    description: Description, config: MinerConfig, *, rig_name: str, api: MinerApi, folder: PurePath
) -> dict[str, str]:
    """Return what every placeholder stands for that is the same for all pools; empty where nothing is set."""
    return {
        "threads": _text(config.threads),
        "affinity_mask": hex(sum(1 << cpu for cpu in set(config.cpu_affinity))) if config.cpu_affinity else "",
        "priority": _text(config.cpu_priority),
        "devices": ",".join(map(str, config.devices)),
        "intensity": _text(config.intensity),
        "donate_level": str(config.donate_level),
        "proxy": config.proxy,
        "cpu": _switch(config.cpu),
        "opencl": _switch(config.opencl),
        "cuda": _switch(config.cuda),
        "huge_pages": _switch(config.huge_pages),
        "rig": rig_name,
        "config": str(folder / CONFIG_FILE),
        "api": f"{HOST}:{api.port}",
        "api_host": HOST,
        "api_port": str(api.port),
        **values_of_pool(description, config, rig_name=rig_name),
    }


def values_of_pool(description: Description, pool: PoolConfig, *, rig_name: str) -> dict[str, str]:
    """Return what the placeholders of a pool stand for."""
    address = parse_address(pool.pool, default_port=0)
    scheme = description.start.tls_scheme if pool.tls else description.start.scheme
    return {
        "pool": pool.pool,
        "pool_host": address.host,
        "pool_port": str(address.port),
        "pool_url": scheme + pool.pool,
        "wallet": pool.wallet.replace(RIG_TEMPLATE, rig_name),
        "password": pool.password.replace(RIG_TEMPLATE, rig_name),
        "rig_id": pool.rig_id.replace(RIG_TEMPLATE, rig_name),
        "algo": description.algorithms.get(pool.algo, pool.algo),
        "coin": pool.coin,
        "tls": _switch(pool.tls),
        "nicehash": _switch(pool.nicehash),
        "keepalive": _switch(pool.keepalive),
    }


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _switch(on: bool) -> str:
    return "1" if on else ""
