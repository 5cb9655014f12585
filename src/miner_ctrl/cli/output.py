"""What commands print: the REST answer itself with ``--json``, words for people otherwise."""

from __future__ import annotations

import sys

import click

from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.local_api import Answer


def printed_json(settings: Settings, answer: Answer) -> bool:
    """With ``--json`` print ``answer`` as it came and return True."""
    if settings.json:
        click.echo(answer.text)
    return settings.json


def note(text: str) -> None:
    """Say something beside the output, on stderr."""
    click.echo(text, err=True)


def read_secret_argument(value: str) -> str:
    """Return ``value``, or the first line of standard input for ``-``: so that a token need not be in the process list.

    Raises:
        UsageError: standard input had nothing.
    """
    if value != "-":
        return value
    if sys.stdin.isatty():
        note("Paste the join token and press Enter:")
    line = sys.stdin.readline(8192).strip()
    if not line:
        raise click.UsageError("There was no join token on standard input.")
    return line
