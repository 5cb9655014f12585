"""The miner types as a table, from the adapters themselves."""

from __future__ import annotations

from miner_ctrl.miners.adapters import default_adapters
from scripts.markdown import code, table

_SHOWN = ("pause", "reload", "per_thread", "per_device", "difficulty", "pool_state")


def miner_table() -> str:
    """One row for each type: what it is, what it can do from afar and tells, which fields it heeds."""
    heads = tuple(name.replace("_", " ") for name in _SHOWN)
    return table(
        ("type", "miner", *heads, "profile fields it heeds"),
        (
            (
                code(adapter.type),
                adapter.description,
                *("yes" if getattr(adapter.capabilities, name) else "no" for name in _SHOWN),
                ", ".join(sorted(adapter.fields)),
            )
            for adapter in default_adapters()
        ),
    )
