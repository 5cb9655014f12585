"""Lengths of time as people type them: ``90s``, ``30m``, ``2h``, ``1d``."""

from __future__ import annotations

import re

import click

from miner_ctrl.cli.format import shown

MAX_SPAN_S = 366 * 86_400
_SPAN = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_span_s(text: str) -> int:
    """Return a length of time in seconds.

    Raises:
        UsageError: it is none, nothing, or more than a year.
    """
    found = _SPAN.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 1 <= seconds <= MAX_SPAN_S:
        raise click.UsageError(
            f"{shown(text, 40)!r} is no length of time: use a number and s, m, h or d, for example 90m; at most 366d."
        )
    return seconds
