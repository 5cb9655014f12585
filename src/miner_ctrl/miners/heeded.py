"""A profile's fields against those that a miner heeds: what it would pass over in silence is refused."""

from __future__ import annotations

from collections.abc import Iterator, Set

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MinerConfig, PoolConfig

EVERY_FIELD = frozenset(MinerConfig.__struct_encode_fields__)
_DEFAULT = MinerConfig(pool="")
_POOL_FIELDS = dict(zip(PoolConfig.__struct_fields__, PoolConfig.__struct_encode_fields__, strict=True))
_FIELDS = dict(zip(MinerConfig.__struct_fields__, MinerConfig.__struct_encode_fields__, strict=True))


def refuse_unheeded(config: MinerConfig, heeded: Set[str], *, miner_type: str) -> None:
    """See that ``config`` sets nothing that a miner of this type does not heed; ``heeded`` are names as in JSON.

    Raises:
        BadInput: the first field that is set to other than its default, by name.
    """
    for name in unheeded(config, heeded):
        raise not_heeded(name, heeded, miner_type)


def unheeded(config: MinerConfig, heeded: Set[str]) -> Iterator[str]:
    """Yield the names of the fields that are set to other than their default and not among ``heeded``."""
    for attribute, name in _FIELDS.items():
        if name not in heeded and getattr(config, attribute) != getattr(_DEFAULT, attribute):
            yield name
    for pool in config.failover:
        for attribute, name in _POOL_FIELDS.items():
            if name not in heeded and getattr(pool, attribute) != getattr(_DEFAULT, attribute):
                yield name


def not_heeded(field: str, heeded: Set[str], miner_type: str) -> BadInput:
    """Return the error for a field that this miner cannot heed."""
    return BadInput(
        f"{miner_type} has no use for the field {field}.",
        suggestion=f"Leave it out; {miner_type} heeds: {', '.join(sorted(heeded))}.",
        code="FIELD_NOT_HEEDED",
        details={"field": field, "minerType": miner_type},
    )


def cannot_have(field: str, why: str, suggestion: str) -> BadInput:
    """Return the error for a field whose value this miner cannot have; ``why`` is one clause."""
    return BadInput(f"{field}: {why}.", suggestion=suggestion, code="BAD_PROFILE", details={"field": field})
