"""Versions of miner programs, compared as numbers."""

from __future__ import annotations

import re


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, so that 6.9 is before 6.10; empty for what has none."""
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})", version)
    return tuple(map(int, found[1].split("."))) if found else ()
