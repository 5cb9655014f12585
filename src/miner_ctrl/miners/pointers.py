"""JSON pointers (RFC 6901) into a miner's answer, with ``*`` for every entry of a list or an object."""

from __future__ import annotations

from typing import Any

MAX_POINTER_CHARS = 200
MAX_PARTS = 16
MAX_STARS = 3
MAX_FOUND = 1024


class BadPointer(Exception):
    """The pointer cannot be used; the text says why."""


class Pointer:
    """A place in a JSON answer, or all that its stars reach.

    Raises:
        BadPointer: it is none, or too long.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_POINTER_CHARS or not text.isprintable():
            raise BadPointer(f"a pointer is one line of up to {MAX_POINTER_CHARS} characters")
        if text and not text.startswith("/"):
            raise BadPointer(f"the pointer {text!r} does not begin with /")
        self._parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])
        if len(self._parts) > MAX_PARTS or self._parts.count("*") > MAX_STARS:
            raise BadPointer(f"a pointer has at most {MAX_PARTS} parts and {MAX_STARS} stars")

    def find(self, document: Any) -> list[Any]:
        """Return what is there, at most ``MAX_FOUND`` values; nothing when the place does not exist."""
        found = [document]
        for part in self._parts:
            found = [inside for each in found for inside in _inside(each, part)][:MAX_FOUND]
        return found


def _inside(value: Any, part: str) -> list[Any]:
    if isinstance(value, dict):
        if part == "*":
            return list(value.values())
        return [value[part]] if part in value else []
    if isinstance(value, list):
        if part == "*":
            return value
        return [value[int(part)]] if part.isascii() and part.isdecimal() and int(part[:9]) < len(value) else []
    return []
