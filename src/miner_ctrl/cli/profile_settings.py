"""The fields of a profile as people type and read them: ``KEY=VALUE``, and one line for each value."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

import click

from miner_ctrl.cli.format import shown

TEXT_FIELDS = frozenset(
    {"pool", "wallet", "password", "rigId", "algo", "coin", "randomxMode", "tlsFingerprint", "proxy"}
)
"""Their values are text even where they look like a number."""
TEXT_OR_LIST = frozenset({"cpuAffinity", "devices"})
"""Text such as ``0-3``, or a list in JSON."""
LISTS = frozenset({"failover", "extraArgs"})
"""A list in JSON, or one item of it."""
NO_PASSWORD = frozenset({"", "x"})
"""What stands there when a pool wants none."""
MASKED = "(hidden)"


def parse_settings(texts: Sequence[str]) -> dict[str, object]:
    """Return the fields in ``key=value`` texts: numbers, true, false, null, lists and objects in JSON as such,
    everything else as text. ``password=-`` asks for it, or reads it from standard input.

    Raises:
        UsageError: one has no ``=`` or no key.
    """
    fields: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = in_camel_case(key.strip())
        if not equals or not key:
            raise click.UsageError(f"--set wants KEY=VALUE, for example --set threads=4, and not {text!r}.")
        fields[key] = _read_password() if (key, value) == ("password", "-") else _value(key, value)
    return fields


def in_camel_case(key: str) -> str:
    """Return the field's name as profiles have it, however it was typed: ``rig-id`` and ``rig_id`` are ``rigId``."""
    first, *others = re.split("[-_]", key)
    return first + "".join(other[:1].upper() + other[1:] for other in others)


def with_pools(config: Mapping[str, object], pools: Sequence[str]) -> dict[str, object]:
    """Return ``config`` with these pools: the first, and if there are more, those to fall back on."""
    if not pools:
        return dict(config)
    failover: dict[str, object] = {"failover": [*pools[1:]]} if len(pools) > 1 else {}
    return {"pool": pools[0], **{key: value for key, value in config.items() if key != "pool"}, **failover}


def lines_of(config: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield each value of a config with its place (``failover[0].pool``), safe to show; passwords are hidden."""
    for key, value in config.items():
        yield from _lines(shown(key, 60), key, value)


def _lines(place: str, key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _lines(f"{place}.{shown(inner, 60)}", inner, each)
    elif isinstance(value, list) and value and not all(isinstance(each, int) for each in value):
        for at, each in enumerate(value):
            yield from _lines(f"{place}[{at}]", key, each)
    elif key == "password" and value not in NO_PASSWORD:
        yield place, MASKED
    else:
        yield place, shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 1000)


def _value(key: str, text: str) -> object:
    if key in TEXT_FIELDS or (key in TEXT_OR_LIST and not text.startswith("[")):
        return text
    if key in LISTS and not text.startswith("["):
        return [text] if text else []
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("The pool's password", hide_input=True))
    return sys.stdin.readline().strip()
