"""What a profile's config may say: an allow-list, typed and bounded, because peers send profiles.

Keys are ``MinerConfig``'s in camelCase (``fields`` has the table); unknown ones are refused by name, within pools too.
Combinations that can only be mistakes are refused. ``{rig}`` in ``rigId``, ``password`` and the worker part of
``wallet`` stands for the rig's name; whoever starts the miner fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.profiles.checks import bad
from miner_ctrl.profiles.fields import ATTRIBUTES, BY_NAME, POOL_FIELDS, unknown_field
from miner_ctrl.profiles.findings import Enough, Findings
from miner_ctrl.profiles.pools import WRONG, first_pool, further_pools, gpu_pool

SIMULATED = "simulated"
SWITCHED = frozenset({"xmrig", SIMULATED})
"""The miners that use the CPU unless told otherwise, and GPUs only with ``opencl`` or ``cuda``. Others have GPUs alone,
or none: what they heed is for their adapters to say."""

_MINER_TYPE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_OF_CPU = ("threads", "cpuAffinity", "cpuPriority", "maxThreadsHint")
_OF_GPUS = ("gpuPool", "devices", "intensity")


class Examination(NamedTuple):
    """All that is wrong (at most ``MAX_FINDINGS``), and the config as far as it could be read: a field that is wrong
    has its default, a ``pool`` that is wrong is empty."""

    errors: tuple[MinerCtrlError, ...]
    config: MinerConfig


def validate(miner_type: str, config: Mapping[str, object]) -> MinerConfig:
    """Return the typed config that ``config`` describes for a miner of type ``miner_type``.

    A pool given as a URL becomes ``host:port``; ``stratum+ssl`` and ``stratum+tls`` set ``tls``, ``daemon+http`` sets
    ``daemon``. What the other pools leave out is filled in from the first one.

    Raises:
        BadInput: the first field that is unknown, missing, of another type or out of bounds, or that cannot go with
            another, by its name.
    """
    return look_at(miner_type, config, Findings())


def examine(miner_type: str, config: Mapping[str, object]) -> Examination:
    """Return everything for which ``validate`` would refuse ``config``: in ``errors``, what it raises comes first."""
    found = Findings(all_of_them=True)
    checked = MinerConfig(pool="")
    with suppress(Enough):
        checked = look_at(miner_type, config, found)
    return Examination(tuple(found.errors), checked)


def look_at(miner_type: str, config: Mapping[str, object], found: Findings) -> MinerConfig:
    """Return the typed config; what is wrong goes to ``found``."""
    if not _MINER_TYPE.fullmatch(miner_type):
        what = "is not a miner's type" if miner_type else "is missing"
        found.wrong(bad("minerType", what, "Use one that miner-ctrl knows, for example xmrig."))
    for key in config:
        if key not in BY_NAME:
            found.wrong(unknown_field(key, BY_NAME))
    pool = first_pool(config, wallet_needed=miner_type != SIMULATED, found=found)
    others = {
        ATTRIBUTES[key]: found.of(partial(check, key, value), WRONG)
        for key, value in config.items()
        if key in BY_NAME and key not in POOL_FIELDS and (check := BY_NAME[key].check) is not None
    }
    checked = MinerConfig(
        **{name: getattr(pool, name) for name in POOL_FIELDS.values()},
        failover=further_pools(config.get("failover", []), pool, found),
        gpu_pool=gpu_pool(config.get("gpuPool"), pool, found),
        **{name: value for name, value in others.items() if value is not WRONG},  # type: ignore[arg-type]
    )
    _check_together(miner_type, checked, found)
    return checked


def _check_together(miner_type: str, config: MinerConfig, found: Findings) -> None:
    given = {name for name in (*_OF_CPU, *_OF_GPUS) if getattr(config, ATTRIBUTES[name]) not in (None, ())}
    if config.threads and config.cpu_affinity and config.threads > len(config.cpu_affinity):
        found.wrong(
            bad(
                "threads",
                f"are {config.threads}, and cpuAffinity has only {len(config.cpu_affinity)} CPUs",
                "Give fewer threads, or more CPUs.",
            )
        )
    if config.gb_pages and not config.huge_pages:
        found.wrong(bad("gbPages", "cannot go with hugePages=false", "Leave one of them out."))
    if config.gb_pages and config.randomx_mode == "light":
        found.wrong(bad("gbPages", "cannot go with randomxMode=light: only fast uses them", "Leave one of them out."))
    if miner_type in SWITCHED:
        _check_switches(config, given, found)


def _check_switches(config: MinerConfig, given: set[str], found: Findings) -> None:
    """Check what goes with ``cpu``, ``opencl`` and ``cuda``."""
    gpus = config.opencl or config.cuda
    for useless in _OF_GPUS:
        if not gpus and useless in given:
            what = "is for GPUs, and neither opencl nor cuda is on"
            found.wrong(bad(useless, what, "Add opencl=true or cuda=true."))
    if config.cpu:
        return
    if not gpus:
        how = "Add opencl=true or cuda=true, or leave out cpu."
        found.wrong(bad("cpu", "is off, and neither opencl nor cuda is on", how))
    for useless in _OF_CPU:
        if useless in given:
            found.wrong(bad(useless, "is for the CPU, and cpu is off", f"Leave out {useless}, or cpu."))
    if config.gpu_pool is not None:
        found.wrong(bad("gpuPool", "has no use while cpu is off", "Give the pool of the GPUs as pool."))
