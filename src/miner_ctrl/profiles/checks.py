"""The checks that fields are made of: each takes a field's name and whatever was given, and returns it typed.

Lists of what is allowed, never of what is not. Text is printable ASCII without blanks and does not begin with ``-``:
no program takes it for an option. A ``bool`` is an ``int`` in Python, and never a number here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from miner_ctrl.errors import BadInput
from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.text import one_line

Check = Callable[[str, object], object]

RIG_TEMPLATE = "{rig}"
MAX_POOL_CHARS = 255
MAX_EXTRA_ARGS = 32
MAX_EXTRA_ARG_CHARS = 200

_ADDRESS = re.compile(r"[A-Za-z0-9_.:%\[\]-]{1,255}")
_WALLET = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_:/@=,-]{0,254}|")
_WORKER = re.compile(r"[./+]")
_NUMBERS = re.compile(r"[0-9]{1,4}(?:-[0-9]{1,4})?(?:,[0-9]{1,4}(?:-[0-9]{1,4})?){0,255}")
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}|)")
_ARGUMENT = re.compile(rf"[ -~]{{1,{MAX_EXTRA_ARG_CHARS}}}")


def bad(field: str, what: str, suggestion: str) -> BadInput:
    """Return the error of a field: ``field what.``"""
    return BadInput(f"{field} {what}.", suggestion=suggestion, code="BAD_PROFILE", details={"field": field})


def text(pattern: str, what: str, *, template: bool = False, secret: bool = False) -> Check:
    """Text that ``pattern`` matches whole. With ``template``, ``{rig}`` may stand in it; a ``secret`` one is not quoted
    in the error."""
    compiled = re.compile(pattern)

    def check(field: str, value: object) -> str:
        given = _as_text(field, value, what)
        if not compiled.fullmatch(given.replace(RIG_TEMPLATE, "rig") if template else given):
            quoted = "what was given" if secret else repr(one_line(given, 80))
            raise bad(field, f"cannot be {quoted}", f"Give {what}.")
        return given

    return check


_wallet_text = text(_WALLET.pattern, "an address of letters and digits, perhaps with .worker after it", template=True)


def wallet(field: str, value: object) -> str:
    """An address, perhaps with a worker's name after it, in which ``{rig}`` may stand."""
    given = str(_wallet_text(field, value))
    if RIG_TEMPLATE in _WORKER.split(given)[0]:
        raise bad(
            field, f"has {RIG_TEMPLATE} in the address itself", f"Put it after the address: ADDRESS.{RIG_TEMPLATE}"
        )
    return given


def host_and_port(given: str) -> str | None:
    """Return ``HOST:PORT`` in its one form, or ``None`` if it is none: the port has to be there."""
    if not _ADDRESS.fullmatch(given):
        return None
    try:
        return str(parse_address(given, default_port=0))
    except BadInput:
        return None


def proxy(field: str, value: object) -> str:
    """``HOST:PORT`` of a SOCKS5 proxy, or nothing; ``socks5://`` may stand before it."""
    what = "the SOCKS5 proxy as HOST:PORT, for example 127.0.0.1:9050"
    given = _as_text(field, value, what)
    if not given:
        return ""
    address = host_and_port(given.removeprefix("socks5://"))
    if address is None:
        raise bad(field, f"cannot be {one_line(given, 80)!r}", f"Give {what}.")
    return address


def fingerprint(field: str, value: object) -> str:
    """A SHA-256 in hex, with colons or without, or nothing."""
    what = "the SHA-256 of the pool's certificate: 64 hex digits"
    given = _as_text(field, value, what)
    if not _FINGERPRINT.fullmatch(given):
        raise bad(field, f"cannot be {one_line(given, 100)!r}", f"Give {what}.")
    return given.replace(":", "").lower()


def flag(field: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise bad(field, "must be true or false", f"Give {field}=true or {field}=false.")
    return value


def whole(lowest: int, highest: int, *, optional: bool = False) -> Check:
    """A whole number within bounds; ``None`` too if it is ``optional``."""

    def check(field: str, value: object) -> int | None:
        if value is None and optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise bad(field, f"must be a whole number from {lowest} to {highest}", f"Give {field}={lowest} or more.")
        return value

    return check


def number(lowest: float, highest: float) -> Check:
    """A number within bounds, or ``None``."""

    def check(field: str, value: object) -> float | None:
        if value is None:
            return None
        within = isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest
        if not within or not math.isfinite(float(value)):  # type: ignore[arg-type]  # a number, and a small one
            raise bad(field, f"must be a number from {lowest:g} to {highest:g}", f"Give {field}={lowest:g} or more.")
        return float(value)  # type: ignore[arg-type]

    return check


def choice(*choices: str) -> Check:
    """One of these words."""

    def check(field: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise bad(field, f"must be one of {', '.join(choices)}", f"Leave it out for {choices[0]}.")
        return value

    return check


def numbers(highest: int, *, at_most: int, example: str) -> Check:
    """Different whole numbers from 0, as a list or as text like ``0-3,8``; returned in their order."""
    how = f"Give a list of numbers, or text like {example!r}."

    def check(field: str, value: object) -> tuple[int, ...]:
        if isinstance(value, str):
            value = _from_ranges(value, highest)
        if not isinstance(value, list | tuple) or not all(_is_index(each, highest) for each in value):
            raise bad(field, f"must be whole numbers from 0 to {highest}", how)
        if len(value) > at_most:
            raise bad(field, f"has more than {at_most} numbers", how)
        if len(set(value)) < len(value):
            raise bad(field, "has a number twice", "Give each number once.")
        return tuple(sorted(value))

    return check


def seconds_or_flag(by_default: int, highest: int) -> Check:
    """A number of seconds; ``True`` stands for ``by_default``, ``False`` and ``None`` for nothing."""

    def check(field: str, value: object) -> int | None:
        if value is None or value is False:
            return None
        if value is True:
            return by_default
        if not isinstance(value, int) or not 1 <= value <= highest:
            raise bad(field, f"must be true, false or seconds from 1 to {highest}", f"Give {field}={by_default}.")
        return value

    return check


def arguments(field: str, value: object) -> tuple[str, ...]:
    """A list of further arguments, each a text of its own. Which options are allowed is for the adapter to say."""
    if not isinstance(value, list | tuple):
        raise bad(field, "must be a list", 'Give each argument as a text of its own, for example ["--cpu-no-yield"].')
    if len(value) > MAX_EXTRA_ARGS:
        raise bad(field, f"has more than {MAX_EXTRA_ARGS} arguments", "Leave out what the other fields can say.")
    for at, each in enumerate(value):
        if not isinstance(each, str) or not _ARGUMENT.fullmatch(each):
            raise bad(
                f"{field}[{at}]",
                f"must be text of 1 to {MAX_EXTRA_ARG_CHARS} printable ASCII characters",
                "Give each argument as a text of its own.",
            )
    return tuple(value)


def _as_text(field: str, value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    quoted = ', in quotes: "…"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    raise bad(field, "must be text", f"Give {what}{quoted}.")


def _is_index(value: object, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest


def _from_ranges(given: str, highest: int) -> list[int] | None:
    if not _NUMBERS.fullmatch(given):
        return None
    found: list[int] = []
    for part in given.split(","):
        first, _, last = part.partition("-")
        if int(last or first) > highest or int(last or first) < int(first):
            return None
        if len(found) > highest:
            break  # there is a number twice: the caller sees to that
        found += range(int(first), int(last or first) + 1)
    return found
