"""A miner's log on the screen: its last lines, or as it grows."""

from __future__ import annotations

from collections.abc import Sequence

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.format import log_line, shown
from miner_ctrl.cli.local_api import LocalApi, error_of_stream_end
from miner_ctrl.cli.output import note, printed_json


def show_log(api: LocalApi, settings: Settings, path: str, lines: int, **query: str) -> None:
    """Print the last ``lines`` of the log behind ``path``."""
    answer = api.get(path, lines=lines, **query)
    if not printed_json(settings, answer):
        _print_lines(answer.data)


def follow_log(api: LocalApi, settings: Settings, path: str, lines: int) -> None:
    """Print the last ``lines`` of the log behind ``path``, and then what it adds, until it ends.

    Raises:
        MinerCtrlError: the node ended the stream with an error.
    """
    for event in api.events(path, lines=lines, follow="true"):
        if settings.json:
            click.echo(event.text)
        elif event.name == "lines":
            if event.data.get("skipped"):
                note(f"({event.data['skipped']} bytes are missing here: the log grew faster than it could be sent)")
            _print_lines(event.data.get("lines") or [])
        if event.name == "end":
            error = error_of_stream_end(event.data)
            if error is not None:
                raise error
            if not settings.json:
                note(shown(event.data.get("reason") or "The log ended.", 1000))
            return


def _print_lines(lines: Sequence[str]) -> None:
    colour = tables.is_terminal() and tables.colours_wanted()
    for line in lines:
        click.echo(log_line(line, colour=colour), color=colour)
