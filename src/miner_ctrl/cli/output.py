"""What commands print: the REST answer itself with ``--json``, words for people otherwise."""

from __future__ import annotations

import os
import select
import sys

import click

from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.local_api import Answer

MAX_SECRET_BYTES = 8192
PASTE_GAP_S = 0.2


def printed_json(settings: Settings, answer: Answer) -> bool:
    """With ``--json`` print ``answer`` as it came and return True."""
    if settings.json:
        click.echo(answer.text)
    return settings.json


def note(text: str) -> None:
    """Say something beside the output, on stderr."""
    click.echo(text, err=True)


def read_secret_argument(value: str, what: str = "join token") -> str:
    """Return ``value``, or what standard input has for ``-``: so that a token need not be in the process list.

    Raises:
        UsageError: standard input had nothing.
    """
    if value != "-":
        return value
    if sys.stdin.isatty():
        note(f"Paste the {what} and press Enter:")
    secret = _read_paste()
    if not secret:
        raise click.UsageError(f"There was no {what} on standard input.")
    return secret


def _read_paste() -> str:
    """Return what standard input has until it pauses, without white space: a token copied from a narrow window has line
    breaks. Whoever writes need not close it."""
    data = b""
    while len(data) < MAX_SECRET_BYTES and (not data.strip() or _more_comes()):
        piece = os.read(sys.stdin.fileno(), MAX_SECRET_BYTES)
        if not piece:
            break
        data += piece
    return "".join(data.decode("utf-8", "replace").split())


def _more_comes() -> bool:
    if sys.platform == "win32":
        return False  # select is for sockets there
    return bool(select.select([sys.stdin], [], [], PASTE_GAP_S)[0])
