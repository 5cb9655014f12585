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
_SHRUNK_WIDTH = 16
"""A column is not cut below this."""
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

    widths = _fitting(table, width)
    result = RichTable(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False, header_style="bold")
    for at, column_width in widths.items():
        column = table.columns[at]
        result.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=column_width,
        )
    for row in table.rows:
        result.add_row(*(Text(row[at], style=_style(table.columns[at], row[at])) for at in widths))
    return result


def _style(column: Column, word: str) -> str:
    return _STYLES.get(word, "") if column.state else ""


def _fitting(table: Table, width: int) -> dict[int, int]:
    """Return the columns to show (by index) and how wide: some are dropped, then those that may be are cut."""
    widths = {
        at: max(len(column.title), *(len(row[at]) for row in table.rows), 0) for at, column in enumerate(table.columns)
    }

    def excess() -> int:
        return sum(widths.values()) + len(_GAP) * (len(widths) - 1) - width

    def spare() -> int:
        return sum(max(0, widths[at] - _SHRUNK_WIDTH) for at in widths if table.columns[at].shrinks)

    while excess() > spare() and (droppable := [at for at in widths if table.columns[at].drop]):
        del widths[max(droppable, key=lambda at: table.columns[at].drop)]
    while excess() > 0 and spare() > 0:
        widest = max((at for at in widths if table.columns[at].shrinks), key=lambda at: widths[at])
        widths[widest] -= 1
    return widths


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Return ``label  value`` lines, the values aligned."""
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label.ljust(width)}  {value}" for label, value in rows)
