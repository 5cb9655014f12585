"""The fields of a profile's config, one row each: what it takes, what it does, and the check that makes it typed.

The one table: ``validation`` checks by it; ``profile fields``, ``GET /profiles/fields`` and docs/profiles.md show it.
Names are those of ``MinerConfig`` in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from miner_ctrl.model.text import one_line
from miner_ctrl.profiles import checks
from miner_ctrl.profiles.checks import Check

MAX_THREADS = 1024
MAX_GPU = 255
MAX_GPUS = 64
MAX_DONATION_PERCENT = 99
MAX_INTENSITY = 10_000_000
MAX_SEED = 2**53
MAX_PAUSE_S = 86_400
ACTIVITY_PAUSE_S = 60
"""What ``pauseOnActivity: true`` stands for; XMRig's own choice."""


class Field(NamedTuple):
    """``takes`` and ``meaning`` are for people. ``check`` is ``None`` where the value is a pool, or a list of pools."""

    name: str
    takes: str
    meaning: str
    check: Check | None

    @property
    def default(self) -> object:
        """What it is when it is left out, as in JSON; ``None``: the miner chooses, or nothing."""
        return _DEFAULTS[self.name]

    @property
    def of_pool(self) -> bool:
        """Whether each pool has its own."""
        return self.name in POOL_FIELDS


POOL_FIELDS: Mapping[str, str] = dict(
    zip(PoolConfig.__struct_encode_fields__, PoolConfig.__struct_fields__, strict=True)
)
"""What one pool has: the name in JSON → the attribute."""
ATTRIBUTES: Mapping[str, str] = dict(
    zip(MinerConfig.__struct_encode_fields__, MinerConfig.__struct_fields__, strict=True)
)
"""The name in JSON → the attribute, for every field."""
_DEFAULTS: Mapping[str, object] = {
    **dict.fromkeys(ATTRIBUTES),
    **{
        field.encode_name: list(field.default) if isinstance(field.default, tuple) else field.default
        for field in msgspec.structs.fields(MinerConfig)
        if field.default is not msgspec.NODEFAULT
    },
}

_ON_OR_OFF = "true or false"
_check_pool = checks.text(rf"[!-~]{{1,{checks.MAX_POOL_CHARS}}}", "the pool as HOST:PORT")

FIELDS: tuple[Field, ...] = (
    Field(
        "pool",
        "HOST:PORT",
        "The pool, or a node's RPC port with daemon. stratum+tcp://, stratum+ssl:// or daemon+http:// may stand before "
        "it and set tls and daemon.",
        _check_pool,
    ),
    Field(
        "wallet",
        "an address",
        "Who is paid. A worker's name may follow (ADDRESS.WORKER), and {rig} in it stands for the rig's name.",
        checks.wallet,
    ),
    Field(
        "password",
        "text",
        "The pool's password; many pools read options in it. {rig} stands for the rig's name.",
        checks.text(
            r"[!-,.-~][!-~]{0,254}|",
            "a password of printable characters that does not begin with -",
            template=True,
            secret=True,
        ),
    ),
    Field(
        "rigId",
        "up to 63 characters",
        "The name that the pool shows for the rig. {rig} stands for the rig's own.",
        checks.text(
            r"[A-Za-z0-9._][A-Za-z0-9._-]{0,62}|",
            "up to 63 letters, digits, dots, underscores and hyphens",
            template=True,
        ),
    ),
    Field(
        "algo",
        "an algorithm",
        "What is computed, for example rx/0. Left out, coin or the pool decides.",
        checks.text(r"[A-Za-z0-9][A-Za-z0-9/_-]{0,31}|", "an algorithm's name, for example rx/0"),
    ),
    Field(
        "coin",
        "a coin",
        "What is mined, for example monero, where the algorithm follows from it; a node (daemon) needs it.",
        checks.text(r"[A-Za-z0-9][A-Za-z0-9-]{0,15}|", "a coin's name, for example monero"),
    ),
    Field("tls", _ON_OR_OFF, "Encrypt the connection to the pool.", checks.flag),
    Field(
        "tlsFingerprint",
        "64 hex digits",
        "Mine only if the pool's certificate has this SHA-256. Without it any certificate is taken.",
        checks.fingerprint,
    ),
    Field("daemon", _ON_OR_OFF, "Mine solo: pool is a node's RPC port, not a pool.", checks.flag),
    Field(
        "nicehash", _ON_OR_OFF, "Leave part of the nonce to the pool, as NiceHash and some proxies ask.", checks.flag
    ),
    Field("keepalive", _ON_OR_OFF, "Send the pool a sign of life now and then.", checks.flag),
    Field(
        "failover",
        "a list of pools",
        "Up to 8 more pools, tried in this order when those before fail: each HOST:PORT, or the fields of a pool. What "
        "one leaves out is the first pool's.",
        None,
    ),
    Field(
        "gpuPool",
        "a pool",
        "The GPUs mine here, in a miner process of their own, while the CPU stays at pool. What it leaves out is the "
        "first pool's.",
        None,
    ),
    Field("proxy", "HOST:PORT", "A SOCKS5 proxy for every pool, for example Tor's.", checks.proxy),
    Field("cpu", _ON_OR_OFF, "Mine with the CPU, where the miner can also use GPUs.", checks.flag),
    Field(
        "threads",
        f"1 to {MAX_THREADS}",
        "How many CPU threads mine. Left out, the miner chooses by cache and cores.",
        checks.whole(1, MAX_THREADS, optional=True),
    ),
    Field(
        "cpuAffinity",
        "numbers, or 0-3,8",
        "The logical CPUs to mine on.",
        checks.numbers(MAX_THREADS - 1, at_most=MAX_THREADS, example="0-3,8"),
    ),
    Field(
        "cpuPriority",
        "0 to 5",
        "How the miner stands against other programs: 0 idle, 2 as others; more makes the machine slow to use.",
        checks.whole(0, 5, optional=True),
    ),
    Field(
        "maxThreadsHint",
        "1 to 100",
        "Per cent of the CPU's threads that the miner may choose; it does nothing beside threads.",
        checks.whole(1, 100, optional=True),
    ),
    Field(
        "hugePages",
        _ON_OR_OFF,
        "Memory in 2 MB pages: RandomX is up to half as fast again. As root XMRig raises vm.nr_hugepages for it, and "
        "leaves it so, and sets registers of the CPU; otherwise the owner reserves the pages. With false the machine "
        "stays as it is.",
        checks.flag,
    ),
    Field(
        "gbPages",
        _ON_OR_OFF,
        "Memory in 1 GB pages, 3 for each NUMA node: RandomX gains 1 to 3 %. Needs root, Linux and hugePages.",
        checks.flag,
    ),
    Field(
        "randomxMode",
        "auto, light, fast",
        "light needs 256 MB and is several times slower, fast needs 2 GB more; auto takes what the memory allows.",
        checks.choice("auto", "light", "fast"),
    ),
    Field(
        "donateLevel",
        f"0 to {MAX_DONATION_PERCENT}",
        "Per cent of the time that the miner works for its developers: at 1, one minute in 100 is not paid to you. "
        "XMRig upstream takes no less than 1, whatever stands here.",
        checks.whole(0, MAX_DONATION_PERCENT),
    ),
    Field("opencl", _ON_OR_OFF, "Mine with GPUs through OpenCL (AMD, Intel).", checks.flag),
    Field("cuda", _ON_OR_OFF, "Mine with NVIDIA GPUs through CUDA; XMRig needs its CUDA plugin for it.", checks.flag),
    Field(
        "devices",
        "numbers, or 0,2",
        "The GPUs to use, by number. Left out, all.",
        checks.numbers(MAX_GPU, at_most=MAX_GPUS, example="0,2"),
    ),
    Field(
        "intensity",
        f"0.1 to {MAX_INTENSITY}",
        "How hard GPUs work, in the miner's own unit. Left out, the miner chooses.",
        checks.number(0.1, MAX_INTENSITY),
    ),
    Field("pauseOnBattery", _ON_OR_OFF, "Pause while the machine runs on its battery.", checks.flag),
    Field(
        "pauseOnActivity",
        "true, or seconds",
        f"Pause while somebody uses the machine, and so long after; true is {ACTIVITY_PAUSE_S} seconds.",
        checks.seconds_or_flag(ACTIVITY_PAUSE_S, MAX_PAUSE_S),
    ),
    Field(
        "extraArgs",
        "a list of arguments",
        "Further arguments for the miner's program, of those that its adapter allows.",
        checks.arguments,
    ),
    Field(
        "seed",
        "a number",
        "Makes the numbers of the simulated miner repeatable; for that one alone.",
        checks.whole(0, MAX_SEED, optional=True),
    ),
)
BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}


def unknown_field(key: object, known: Collection[str], *, within: str = "") -> BadInput:
    """Return the error of a field that is not among ``known``; ``within`` is the pool it is in (``failover[0]``)."""
    import difflib  # noqa: PLC0415 - only to explain a mistake

    name = one_line(str(key)[:64], 40)
    near = difflib.get_close_matches(re.sub(r"[-_]", "", name).lower(), [one.lower() for one in known], n=1)
    meant = next((one for one in known if near and one.lower() == near[0]), None)
    if meant:
        suggestion = f"Did you mean {meant}?"
    elif within and name in BY_NAME:
        suggestion = f"{name} is for the whole profile: put it beside pool."
    else:
        suggestion = f"The fields are {', '.join(known)}."
    return BadInput(
        f"A {f'pool ({within})' if within else 'profile'} has no field {name!r}.",
        suggestion=suggestion,
        code="UNKNOWN_FIELD",
        details={"field": f"{within}.{name}" if within else name},
    )
