"""The pools of a profile: the first one, those to fall back on, that of the GPUs.

What a further pool leaves out is the first pool's, with two exceptions: ``algo`` and ``coin`` say one thing together,
so giving one of them leaves the other empty; and a certificate belongs to its host, so a pinned one is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import msgspec

from miner_ctrl.model.profiles import PoolConfig
from miner_ctrl.model.text import one_line
from miner_ctrl.profiles.checks import bad, host_and_port
from miner_ctrl.profiles.fields import BY_NAME, POOL_FIELDS, unknown_field
from miner_ctrl.profiles.findings import Findings

MAX_FAILOVER = 8
WRONG = object()
"""Stands for a value that is wrong, where all mistakes are looked for."""

_IN_FAILOVER = re.compile(r"failover\[([0-9])\]")
_SCHEME = re.compile(r"(?:([a-z+]{1,16})://)?([^/@#?]*)/?")
_SCHEMES: Mapping[str, Mapping[str, bool]] = {
    "stratum+tcp": {"daemon": False},
    "stratum+ssl": {"tls": True, "daemon": False},
    "stratum+tls": {"tls": True, "daemon": False},
    "daemon+http": {"daemon": True},
    "daemon+https": {"tls": True, "daemon": True},
}
"""What a pool's URL says of it."""


def first_pool(config: Mapping[str, object], *, wallet_needed: bool, found: Findings) -> PoolConfig:
    """Return the pool that stands in the config itself. What is wrong goes to ``found``: ``pool`` or ``wallet`` is
    missing, or a field of it cannot be what it is."""
    given = {key: config[key] for key in POOL_FIELDS if key in config}
    pool = PoolConfig(**_checked("", given, found))  # type: ignore[arg-type]
    if wallet_needed and not config.get("wallet"):
        found.wrong(bad("wallet", "is missing", "Give the address that is to be paid."))
    return _complete("", pool, found)


def further_pools(value: object, first: PoolConfig, found: Findings) -> tuple[PoolConfig, ...]:
    """Return the pools of ``failover``, whole. What is wrong goes to ``found``: it is not a list, is too long, or a
    pool in it cannot be one; by its place, as ``failover[0].pool``."""
    if not isinstance(value, list | tuple):
        found.wrong(bad("failover", "must be a list of pools", 'Give for example ["other.example:3333"].'))
        return ()
    if len(value) > MAX_FAILOVER:
        found.wrong(bad("failover", f"has more than {MAX_FAILOVER} pools", "Leave some out."))
    pools = [first]
    for at, given in enumerate(value[:MAX_FAILOVER]):
        pool = _further(f"failover[{at}]", given, first, found)
        if pool.pool and pool in pools:
            found.wrong(
                bad(f"failover[{at}]", "is the same as a pool before it", "Leave it out, or give another pool.")
            )
        pools.append(pool)
    return tuple(pools[1:])


def gpu_pool(value: object, first: PoolConfig, found: Findings) -> PoolConfig | None:
    """Return the pool of the GPUs, whole; ``None`` for none. What is wrong goes to ``found``."""
    return None if value is None else _further("gpuPool", value, first, found)


def place_of_pool(number: int, failovers: int) -> str:
    """Return where a config has its pool of that number: ``""``, ``failover[0]``, ``gpuPool``."""
    return "" if not number else f"failover[{number - 1}]" if number <= failovers else "gpuPool"


def number_of_pool(field: str, config: Mapping[str, object]) -> int | None:
    """Return the number of the pool that a field (``failover[0].wallet``) is in: 0 the first, then those of
    ``failover``, that of the GPUs last; ``None`` if it is in none."""
    if field in POOL_FIELDS:
        return 0
    if match := _IN_FAILOVER.match(field):
        return int(match[1]) + 1
    if field.partition(".")[0] == "gpuPool":
        failover = config.get("failover")
        return 1 + (min(len(failover), MAX_FAILOVER) if isinstance(failover, list | tuple) else 0)
    return None


def _further(place: str, value: object, first: PoolConfig, found: Findings) -> PoolConfig:
    if isinstance(value, str):
        value = {"pool": value}
    if not isinstance(value, Mapping):
        example = 'Give for example {"pool": "HOST:PORT"}.'
        found.wrong(bad(place, "must be HOST:PORT, or the fields of a pool", example))
        return PoolConfig(pool="")
    for key in value:
        if key not in POOL_FIELDS:
            found.wrong(unknown_field(key, POOL_FIELDS, within=place))
    fields = _checked(place, {key: value[key] for key in value if key in POOL_FIELDS}, found)
    if "algo" in fields or "coin" in fields:
        fields = {"algo": "", "coin": "", **fields}
    if _scheme_of(value) == "daemon+http" and "tls" not in fields:
        fields["tls"] = False
    pool = msgspec.structs.replace(first, **fields)
    if "tlsFingerprint" not in value and pool.tls_fingerprint:
        pool = _with_fingerprint(place, pool, first, found)
    return _complete(place, pool, found)


def _with_fingerprint(place: str, pool: PoolConfig, first: PoolConfig, found: Findings) -> PoolConfig:
    """Return a pool that leaves out the fingerprint which the first pool has, with what it stands for there."""
    if not pool.tls:
        return msgspec.structs.replace(pool, tls_fingerprint="")
    if pool.pool.rpartition(":")[0] != first.pool.rpartition(":")[0]:
        found.wrong(
            bad(
                named(place, "tlsFingerprint"),
                "is missing: the first pool's certificate is pinned, and this is another host",
                'Give the SHA-256 of its certificate, or "" to take any.',
            )
        )
    return pool


def _complete(place: str, pool: PoolConfig, found: Findings) -> PoolConfig:
    if pool.tls_fingerprint and not pool.tls:
        found.wrong(bad(named(place, "tlsFingerprint"), "has no use without tls", "Add tls=true."))
    return pool


def _checked(place: str, given: Mapping[str, object], found: Findings) -> dict[str, object]:
    """Return the fields of one pool by attribute, each checked, ``pool`` as ``host:port``; without those that are
    wrong, and ``pool`` empty if that is."""
    if "pool" not in given:
        example = "Give the pool as HOST:PORT, for example pool.example:3333."
        found.wrong(bad(named(place, "pool"), "is missing", example))
    fields: dict[str, object] = {}
    for key, value in given.items():
        if (check := BY_NAME[key].check) is not None:
            checked = found.of(partial(check, named(place, key), value), WRONG)
            if checked is not WRONG:
                fields[POOL_FIELDS[key]] = checked
    url = str(fields.get("pool", ""))
    fields["pool"] = ""
    if not url:
        return fields
    scheme, fields["pool"] = found.of(partial(_split, named(place, "pool"), url), ("", ""))
    for name, said in _SCHEMES[scheme].items() if scheme else ():
        if fields.setdefault(name, said) is not said:
            found.wrong(
                bad(
                    named(place, name),
                    f"is {str(not said).lower()}, and the pool says otherwise: {one_line(url, 80)}",
                    f"Leave out {name}, or write the pool as HOST:PORT.",
                )
            )
    return fields


def _split(field: str, url: str) -> tuple[str, str]:
    match = _SCHEME.fullmatch(url)
    if match is not None and (match[1] is None or match[1] in _SCHEMES):
        address = host_and_port(match[2])
        if address is not None:
            return match[1] or "", address
    raise bad(
        field,
        "cannot have a user or a path in it" if "@" in url else f"cannot be {one_line(url, 80)!r}",
        "Give HOST:PORT or stratum+tcp://HOST:PORT, stratum+ssl://HOST:PORT, daemon+http://HOST:PORT.",
    )


def _scheme_of(value: Mapping[str, object]) -> str:
    return str(value.get("pool", "")).partition("://")[0]


def named(place: str, field: str) -> str:
    """Return the name of a field of the pool at ``place``."""
    return f"{place}.{field}" if place else field
