"""Patterns over a line of a miner's log, as a description gives them: plain text with holes.

Holes like ``{hashrate}`` are numbers or words, ``*`` is anything (blanks beside it do not count), a blank is one blank
or more; everything else is itself. So no pattern can take long, as a regular expression from a stranger can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

MAX_PATTERN_CHARS = 256
MAX_LINE_CHARS = 1024
MAX_STARS = 8

_NUMBER = r"[0-9]++(?:,[0-9]{3})*+(?:\.[0-9]++)?+"
_WORD = r"[^\s,;|\[\]()]++"
_UNIT = r"[kKMGTP]?(?:H|h|Sol|sol|S|G|g|P)/s"
_VERSION = r"[0-9][0-9A-Za-z.+_-]{0,40}+"
_HOLE = re.compile(r"\{([a-z0-9_]*)\}|[{}]")
_BLANKS = re.compile(r"[ \t]+")


class BadPattern(Exception):
    """The pattern cannot be used; the text says why."""


class _Piece(NamedTuple):
    """What stands between two ``*``: found at its first place, which is as good as any."""

    expression: re.Pattern[str]
    names: tuple[str, ...]


class LinePattern:
    """A pattern whose holes are among ``holes``: their names and kinds (``number``, ``word``, ``unit``, ``version``).

    Raises:
        BadPattern: it is too long, has a hole that is not known, or no hole at all.
    """

    def __init__(self, pattern: str, holes: Mapping[str, str]) -> None:
        if not pattern.isprintable() or not 0 < len(pattern) <= MAX_PATTERN_CHARS:
            raise BadPattern(f"a pattern is one line of up to {MAX_PATTERN_CHARS} characters")
        if pattern.count("*") > MAX_STARS:
            raise BadPattern(f"a pattern has at most {MAX_STARS} stars")
        self._pieces = [_piece(part.strip(), holes) for part in pattern.split("*") if part.strip()]
        self.names = frozenset(name for piece in self._pieces for name in piece.names)
        if not self.names:
            raise BadPattern(f"a pattern has a hole: one of {', '.join(f'{{{name}}}' for name in sorted(holes))}")

    def find(self, line: str) -> dict[str, str] | None:
        """Return what stands in the holes; ``None`` when the line is another one."""
        line = line[:MAX_LINE_CHARS]
        found: dict[str, str] = {}
        at = 0
        for piece in self._pieces:
            match = piece.expression.search(line, at)
            if match is None:
                return None
            found.update(zip(piece.names, match.groups(), strict=True))
            at = match.end()
        return found


def _piece(part: str, holes: Mapping[str, str]) -> _Piece:
    kinds = {"number": _NUMBER, "word": _WORD, "unit": _UNIT, "version": _VERSION}
    expression, at = "", 0
    names: list[str] = []
    for hole in _HOLE.finditer(part):
        name = hole[1]
        if not name or name not in holes:
            known = ", ".join(f"{{{each}}}" for each in sorted(holes))
            raise BadPattern(f"the hole {hole[0]} is none of {known}")
        text = part[at : hole.start()]
        if names and not text:
            raise BadPattern("two holes need something between them")
        expression += _literal(text) + f"({kinds[holes[name]]})"
        names.append(name)
        at = hole.end()
    return _Piece(re.compile(expression + _literal(part[at:])), tuple(names))


def _literal(text: str) -> str:
    return r"[ \t]++".join(re.escape(part) for part in _BLANKS.split(text))
