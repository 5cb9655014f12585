"""The metrics as a table, from their declarations."""

from __future__ import annotations

from miner_ctrl.metrics.families import FAMILIES
from scripts.markdown import code, table


def metric_table() -> str:
    """One row for each metric: its kind, its labels, what it means."""
    return table(
        ("metric", "kind", "labels", "meaning"),
        ((code(family.name), family.kind, " ".join(map(code, family.labels)), family.help) for family in FAMILIES),
    )
