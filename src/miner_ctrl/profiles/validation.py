"""What a profile's config may say: an allow-list, typed and bounded, because peers send profiles.

Keys are ``MinerConfig``'s in camelCase (``fields`` has the table); unknown ones are refused by name, within pools too.
Combinations that can only be mistakes are refused. ``{rig}`` in ``rigId``, ``password`` and the worker part of
``wallet`` stands for the rig's name; whoever starts the miner fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.profiles.checks import bad
from miner_ctrl.profiles.fields import ATTRIBUTES, BY_NAME, POOL_FIELDS, unknown_field
from miner_ctrl.profiles.pools import first_pool, further_pools, gpu_pool

SIMULATED = "simulated"
SWITCHED = frozenset({"xmrig", SIMULATED})
"""The miners that use the CPU unless told otherwise, and GPUs only with ``opencl`` or ``cuda``. Others have GPUs alone,
or none: what they heed is for their adapters to say."""

_MINER_TYPE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_OF_CPU = ("threads", "cpuAffinity", "cpuPriority", "maxThreadsHint")
_OF_GPUS = ("gpuPool", "devices", "intensity")


def validate(miner_type: str, config: Mapping[str, object]) -> MinerConfig:
    """Return the typed config that ``config`` describes for a miner of type ``miner_type``.

    A pool given as a URL becomes ``host:port``; ``stratum+ssl`` and ``stratum+tls`` set ``tls``, ``daemon+http`` sets
    ``daemon``. What the other pools leave out is filled in from the first one.

    Raises:
        BadInput: the first field that is unknown, missing, of another type or out of bounds, or that cannot go with
            another, by its name.
    """
    if not _MINER_TYPE.fullmatch(miner_type):
        raise bad("minerType", "is not a miner's type", "Use one that miner-ctrl knows, for example xmrig.")
    for key in config:
        if key not in BY_NAME:
            raise unknown_field(key, BY_NAME)
    pool = first_pool(config, wallet_needed=miner_type != SIMULATED)
    others = {
        ATTRIBUTES[key]: check(key, value)
        for key, value in config.items()
        if key not in POOL_FIELDS and (check := BY_NAME[key].check) is not None
    }
    checked = MinerConfig(
        **{name: getattr(pool, name) for name in POOL_FIELDS.values()},
        failover=further_pools(config.get("failover", []), pool),
        gpu_pool=gpu_pool(config.get("gpuPool"), pool),
        **others,  # type: ignore[arg-type]  # each was checked by the check of its name
    )
    _check_together(miner_type, checked)
    return checked


def _check_together(miner_type: str, config: MinerConfig) -> None:
    given = {name for name in (*_OF_CPU, *_OF_GPUS) if getattr(config, ATTRIBUTES[name]) not in (None, ())}
    if config.threads and config.cpu_affinity and config.threads > len(config.cpu_affinity):
        raise bad(
            "threads",
            f"are {config.threads}, and cpuAffinity has only {len(config.cpu_affinity)} CPUs",
            "Give fewer threads, or more CPUs.",
        )
    if config.gb_pages and not config.huge_pages:
        raise bad("gbPages", "cannot go with hugePages=false", "Leave one of them out.")
    if config.gb_pages and config.randomx_mode == "light":
        raise bad("gbPages", "cannot go with randomxMode=light: only fast uses them", "Leave one of them out.")
    if miner_type not in SWITCHED:
        return
    gpus = config.opencl or config.cuda
    if not gpus and (useless := next((name for name in _OF_GPUS if name in given), None)):
        raise bad(useless, "is for GPUs, and neither opencl nor cuda is on", "Add opencl=true or cuda=true.")
    if config.cpu:
        return
    if not gpus:
        raise bad("cpu", "is off, and neither opencl nor cuda is on", "Add opencl=true or cuda=true, or leave out cpu.")
    if useless := next((name for name in _OF_CPU if name in given), None):
        raise bad(useless, "is for the CPU, and cpu is off", f"Leave out {useless}, or cpu.")
    if config.gpu_pool is not None:
        raise bad("gpuPool", "has no use while cpu is off", "Give the pool of the GPUs as pool.")
