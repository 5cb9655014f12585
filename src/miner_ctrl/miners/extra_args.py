"""A profile's extra arguments: only those that the miner's adapter allows, each by its whole name.

Another spelling is another name: an abbreviation, a short option or a joined value that is not in the list is refused,
whatever the program would make of it. Values are numbers and plain words: no address, no path, no option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

FIELD = "extraArgs"
MAX_VALUE_CHARS = 128
_VALUE = re.compile(r"-?[0-9][0-9.,:;-]{0,127}|[A-Za-z0-9][A-Za-z0-9_.,:;+-]{0,127}")
_NAME = re.compile(r"--?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class ExtraArg(NamedTuple):
    """One argument as it was given: ``value`` is ``None`` for one that takes none."""

    name: str
    value: str | None
    as_given: tuple[str, ...]


def parse_extra_args(given: Sequence[str], allowed: Mapping[str, bool], *, miner_type: str) -> tuple[ExtraArg, ...]:
    """Return ``given`` as options with their values; ``allowed`` says of each name whether it takes a value.

    ``--name=value`` and ``--name value`` (two arguments) are the same.

    Raises:
        BadInput: one is not allowed, lacks its value or has one that it cannot have; names it.
    """
    found: list[ExtraArg] = []
    rest = list(given)
    while rest:
        word = rest.pop(0)
        name, joined, value = word.partition("=")
        if name not in allowed:
            raise _not_allowed(name if _NAME.fullmatch(name) else word, allowed, miner_type)
        if not allowed[name]:
            if joined:
                raise _bad(f"{name} takes no value", f"Give {name} alone.")
            found.append(ExtraArg(name, None, (word,)))
            continue
        as_given: tuple[str, ...] = (word,)
        if not joined:
            if not rest:
                raise _bad(f"{name} lacks its value", f"Give {name}=VALUE.")
            value = rest.pop(0)
            as_given = (word, value)
        if not _VALUE.fullmatch(value):
            raise _bad(
                f"{name} cannot be {one_line(value, 80)!r}",
                f"Give a number or a plain word of up to {MAX_VALUE_CHARS} characters.",
            )
        found.append(ExtraArg(name, value, as_given))
    return tuple(found)


def whole_number(argument: ExtraArg, lowest: int, highest: int) -> int:
    """Return the argument's value as a number.

    Raises:
        BadInput: it is none, or out of bounds.
    """
    value = argument.value or ""
    if not re.fullmatch(r"-?[0-9]{1,10}", value) or not lowest <= int(value) <= highest:
        raise _bad(
            f"{argument.name} must be a whole number from {lowest} to {highest}", f"Give {argument.name}={lowest}."
        )
    return int(value)


def choice(argument: ExtraArg, choices: Sequence[str]) -> str:
    """Return the argument's value, one of ``choices``.

    Raises:
        BadInput: it is another.
    """
    value = argument.value or ""
    if value not in choices:
        raise _bad(f"{argument.name} must be one of {', '.join(choices)}", f"Give {argument.name}={choices[0]}.")
    return value


def _not_allowed(word: str, allowed: Mapping[str, bool], miner_type: str) -> BadInput:
    names = ", ".join(sorted(allowed))
    return _bad(
        f"{one_line(word, 80)!r} is not allowed for {miner_type}",
        f"Allowed, written out, are: {names}." if names else f"{miner_type} takes none: leave it out.",
    )


def _bad(what: str, suggestion: str) -> BadInput:
    return BadInput(f"{FIELD}: {what}.", suggestion=suggestion, code="BAD_EXTRA_ARGUMENT", details={"field": FIELD})
