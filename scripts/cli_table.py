"""The command line as a table, from the click commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from miner_ctrl.cli.root import root
from scripts.markdown import code, one_line, table

PROGRAM = "miner-ctrl"


def command_table() -> str:
    """One row for each command: how it is called, its options, what it does."""
    return table(
        ("command", "options", "what it does"),
        (
            (code(_call(command, context)), " ".join(_options(command, context)), one_line(_summary(command)))
            for command, context in _commands(root, click.Context(root, info_name=PROGRAM))
        ),
    )


def _commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from _commands(child, click.Context(child, info_name=name, parent=context))


def _call(command: click.Command, context: click.Context) -> str:
    arguments = (each.make_metavar(context) for each in command.params if isinstance(each, click.Argument))
    return " ".join([context.command_path, *arguments])


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for each in command.params:
        if isinstance(each, click.Option) and not each.hidden and each.name != "json":
            names = "/".join([*each.opts, *each.secondary_opts])
            value = each.make_metavar(context).replace("INTEGER RANGE", "N")
            yield code(names if each.is_flag else f"{names} {value}")


def _summary(command: click.Command) -> str:
    return (command.help or "").partition("\n\n")[0]
