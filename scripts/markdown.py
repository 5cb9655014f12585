"""Tables in Markdown, and docstrings as they are to be read in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with its line ends; a ``|`` in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def one_line(text: str | None) -> str:
    """Return a docstring as one line, its double back-quotes single."""
    return " ".join((text or "").split()).replace("``", "`")


def meaning(kind: type[msgspec.Struct], names: Mapping[str, str] | None = None) -> str:
    """Return a structure's docstring with its fields (and ``names``) called as they are on the wire."""
    wire = {
        "None": "null",
        **(names or {}),
        **dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)),
    }
    return re.sub(r"`(\w+)`", lambda word: code(wire.get(word[1], word[1])), one_line(kind.__doc__))
