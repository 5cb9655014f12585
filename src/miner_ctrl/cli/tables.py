"""Tables: one description, drawn with colours on a terminal and as aligned plain text everywhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_GAP = "  "
_STYLES = {
    "mining": "green",
    "connected": "green",
    "open": "green",
    "starting": "cyan",
    "stopping": "cyan",
    "idle": "cyan",
    "paused": "yellow",
    "pending": "yellow",
    "late": "yellow",
    "unresponsive": "yellow",
    "offline": "red",
    "refused": "red",
    "crashed": "red",
    "used": "dim",
    "stopped": "dim",
    "expired": "dim",
    "revoked": "dim",
}


class Column(NamedTuple):
    """A column. Of those with ``drop`` > 0 the highest goes first when the terminal is too narrow; ``state``
    columns hold words that have a colour; ``shrinks``: may be cut with an ellipsis."""

    title: str
    right: bool = False
    drop: int = 0
    state: bool = False
    shrinks: bool = False


class Table(NamedTuple):
    """Columns and rows of text (already safe to show)."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


def is_terminal() -> bool:
    """Return whether stdout is a terminal that people look at."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def colours_wanted() -> bool:
    """Return whether colours are welcome (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


def terminal_width() -> int:
    """Return the columns of the terminal (``COLUMNS`` wins; 80 if nobody knows)."""
    return shutil.get_terminal_size((80, 24)).columns


def show(table: Table) -> None:
    """Print ``table`` to stdout."""
    if not is_terminal():
        click.echo(plain(table))
        return
    from rich.console import Console  # noqa: PLC0415 - 20 ms, only for a table on a terminal

    Console(width=terminal_width(), highlight=False).print(drawn(table, terminal_width()))


def plain(table: Table) -> str:
    """Return the whole table as aligned text, columns two spaces apart, every column, nothing cut."""
    lines = [[column.title for column in table.columns], *table.rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(table.columns))]
    return "\n".join(
        _GAP.join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ).rstrip()
        for line in lines
    )


def drawn(table: Table, width: int) -> RichTable:
    """Return the table for a terminal ``width`` columns wide."""
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    kept = _fitting(table, width)
    result = RichTable(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False, header_style="bold")
    for at in kept:
        column = table.columns[at]
        result.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=8 if column.shrinks else _width(table, at),
        )
    for row in table.rows:
        result.add_row(*(Text(row[at], style=_style(table.columns[at], row[at])) for at in kept))
    return result


def _style(column: Column, word: str) -> str:
    return _STYLES.get(word, "") if column.state else ""


def _width(table: Table, at: int) -> int:
    return max(len(table.columns[at].title), *(len(row[at]) for row in table.rows)) if table.rows else 0


def _fitting(table: Table, width: int) -> list[int]:
    """Return the indexes of the columns that fit, dropping by their ``drop`` and counting what can shrink as shrunk."""
    kept = list(range(len(table.columns)))

    def needed() -> int:
        least = (min(_width(table, at), 16) if table.columns[at].shrinks else _width(table, at) for at in kept)
        return sum(least) + len(_GAP) * (len(kept) - 1)

    while needed() > width:
        droppable = [at for at in kept if table.columns[at].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda at: table.columns[at].drop))
    return kept


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Return ``label  value`` lines, the values aligned."""
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label.ljust(width)}  {value}" for label, value in rows)
