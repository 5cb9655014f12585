"""The pools of a profile: the first one, those to fall back on, that of the GPUs.

What a further pool leaves out is the first pool's, with two exceptions: ``algo`` and ``coin`` say one thing together,
so giving one of them leaves the other empty; and a certificate belongs to its host, so a pinned one is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from miner_ctrl.model.profiles import PoolConfig
from miner_ctrl.model.text import one_line
from miner_ctrl.profiles.checks import bad, host_and_port
from miner_ctrl.profiles.fields import BY_NAME, POOL_FIELDS, unknown_field

MAX_FAILOVER = 8

_SCHEME = re.compile(r"(?:([a-z+]{1,16})://)?([^/@#?]*)/?")
_SCHEMES: Mapping[str, Mapping[str, bool]] = {
    "stratum+tcp": {"daemon": False},
    "stratum+ssl": {"tls": True, "daemon": False},
    "stratum+tls": {"tls": True, "daemon": False},
    "daemon+http": {"daemon": True},
    "daemon+https": {"tls": True, "daemon": True},
}
"""What a pool's URL says of it."""


def first_pool(config: Mapping[str, object], *, wallet_needed: bool) -> PoolConfig:
    """Return the pool that stands in the config itself.

    Raises:
        BadInput: ``pool`` or ``wallet`` is missing, or a field of it cannot be what it is.
    """
    pool = PoolConfig(**_checked("", {key: config[key] for key in POOL_FIELDS if key in config}))  # type: ignore[arg-type]
    if wallet_needed and not pool.wallet:
        raise bad("wallet", "is missing", "Give the address that is to be paid.")
    return _complete("", pool)


def further_pools(value: object, first: PoolConfig) -> tuple[PoolConfig, ...]:
    """Return the pools of ``failover``, whole.

    Raises:
        BadInput: it is not a list, is too long, or a pool in it cannot be one; by its place, as ``failover[0].pool``.
    """
    if not isinstance(value, list | tuple):
        raise bad("failover", "must be a list of pools", 'Give for example ["other.example:3333"].')
    if len(value) > MAX_FAILOVER:
        raise bad("failover", f"has more than {MAX_FAILOVER} pools", "Leave some out.")
    pools = [first]
    for at, given in enumerate(value):
        pool = _further(f"failover[{at}]", given, first)
        if pool in pools:
            raise bad(f"failover[{at}]", "is the same as a pool before it", "Leave it out, or give another pool.")
        pools.append(pool)
    return tuple(pools[1:])


def gpu_pool(value: object, first: PoolConfig) -> PoolConfig | None:
    """Return the pool of the GPUs, whole; ``None`` for none.

    Raises:
        BadInput: it cannot be one.
    """
    return None if value is None else _further("gpuPool", value, first)


def _further(place: str, value: object, first: PoolConfig) -> PoolConfig:
    if isinstance(value, str):
        value = {"pool": value}
    if not isinstance(value, Mapping):
        raise bad(place, "must be HOST:PORT, or the fields of a pool", 'Give for example {"pool": "HOST:PORT"}.')
    for key in value:
        if key not in POOL_FIELDS:
            raise unknown_field(key, POOL_FIELDS, within=place)
    fields = _checked(place, value)
    if "algo" in fields or "coin" in fields:
        fields = {"algo": "", "coin": "", **fields}
    if _scheme_of(value) == "daemon+http" and "tls" not in fields:
        fields["tls"] = False
    pool = msgspec.structs.replace(first, **fields)
    if "tls_fingerprint" not in fields and pool.tls_fingerprint:
        pool = _with_fingerprint(place, pool, first)
    return _complete(place, pool)


def _with_fingerprint(place: str, pool: PoolConfig, first: PoolConfig) -> PoolConfig:
    """Return a pool that leaves out the fingerprint which the first pool has, with what it stands for there."""
    if not pool.tls:
        return msgspec.structs.replace(pool, tls_fingerprint="")
    if pool.pool.rpartition(":")[0] != first.pool.rpartition(":")[0]:
        raise bad(
            _named(place, "tlsFingerprint"),
            "is missing: the first pool's certificate is pinned, and this is another host",
            'Give the SHA-256 of its certificate, or "" to take any.',
        )
    return pool


def _complete(place: str, pool: PoolConfig) -> PoolConfig:
    if pool.tls_fingerprint and not pool.tls:
        raise bad(_named(place, "tlsFingerprint"), "has no use without tls", "Add tls=true.")
    return pool


def _checked(place: str, given: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of one pool by attribute, each checked, ``pool`` as ``host:port``."""
    if "pool" not in given:
        raise bad(_named(place, "pool"), "is missing", "Give the pool as HOST:PORT, for example pool.example:3333.")
    fields: dict[str, object] = {}
    for key, value in given.items():
        if (check := BY_NAME[key].check) is not None:
            fields[POOL_FIELDS[key]] = check(_named(place, key), value)
    url = str(fields["pool"])
    scheme, address = _split(_named(place, "pool"), url)
    fields["pool"] = address
    for name, said in _SCHEMES[scheme].items() if scheme else ():
        if fields.setdefault(name, said) is not said:
            raise bad(
                _named(place, name),
                f"is {str(not said).lower()}, and the pool says otherwise: {one_line(url, 80)}",
                f"Leave out {name}, or write the pool as HOST:PORT.",
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


def _named(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field
