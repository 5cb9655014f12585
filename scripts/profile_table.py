"""The fields of a profile as a table, from the table that checks them."""

from __future__ import annotations

import json

from miner_ctrl.profiles import FIELDS
from scripts.markdown import code, table


def field_table() -> str:
    """One row for each field: what it takes, what it is when it is left out, what it does."""
    return table(
        ("field", "takes", "left out", "what it does"),
        ((code(field.name), field.takes, _default(field.default), field.meaning) for field in FIELDS),
    )


def _default(value: object) -> str:
    return "" if value in (None, "", []) else code(json.dumps(value))
