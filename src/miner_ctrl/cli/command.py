"""What every command shares: the global options, examples in ``--help``, groups that load when they are named."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from miner_ctrl.config import Home


PROGRAM = "miner-ctrl"
COMPLETION_VARIABLE = "_MINER_CTRL_COMPLETE"
"""What a shell sets when it asks for completions; the scripts of ``miner-ctrl completion`` do."""


_WHOLE = 1000
"""Letters of a sentence that is shown whole."""


@dataclass
class Settings:
    """The global options. They may stand before or after a subcommand's name; the last one given wins."""

    home_dir: str | None = None
    json: bool = False
    debug: bool = False

    @property
    def home(self) -> Home:
        """The home in use: ``--home``, else ``MINER_CTRL_HOME``, else the default places."""
        from miner_ctrl.config import Home  # noqa: PLC0415 - not needed for --help

        return Home.resolve(self.home_dir)


pass_settings = click.make_pass_decorator(Settings, ensure=True)


def _settings_of(ctx: click.Context) -> Settings:
    return ctx.find_root().ensure_object(Settings)


def _set_home(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        _settings_of(ctx).home_dir = value


def _set_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        _settings_of(ctx).json = True


def _set_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        _settings_of(ctx).debug = True


def global_options(*, shown: bool) -> list[click.Parameter]:
    """Return fresh ``--home``, ``--json`` and ``--debug`` options; only ``--json`` is listed where not ``shown``."""
    return [
        click.Option(
            ["--home"],
            metavar="DIR",
            help="Keep everything of this node under DIR (or set MINER_CTRL_HOME).",
            type=click.Path(file_okay=False),
            expose_value=False,
            is_eager=True,
            hidden=not shown,
            callback=_set_home,
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            help="Print exactly what the REST API answers.",
            expose_value=False,
            is_eager=True,
            callback=_set_json,
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            help="Show tracebacks.",
            expose_value=False,
            is_eager=True,
            hidden=not shown,
            callback=_set_debug,
        ),
    ]


def _write_examples(formatter: click.HelpFormatter, examples: str) -> None:
    lines = [line.strip() for line in examples.strip().splitlines()]
    with formatter.section("Example" if len(lines) == 1 else "Examples"):
        for line in lines:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(click.Command):
    """A command with the global options; its ``epilog`` is example command lines, one a line, shown as they are."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.extend(global_options(shown=False))

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence, however wide the terminal: lists of commands wrap, and cut nothing."""
        return super().get_short_help_str(max(limit, _WHOLE))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # some have none, and their "See … --help" would name the root
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            _write_examples(formatter, self.epilog)


class Group(click.Group):
    """A group of such commands, in the order they were written in; wrong words suggest the nearest command."""

    command_class = Command

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.extend(global_options(shown=self._is_root))

    _is_root = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            _write_examples(formatter, self.epilog)


class Lazy(NamedTuple):
    """Where a command lives (``module:attribute``) and the line that the list of commands shows for it."""

    place: str
    short_help: str


class LazyGroup(Group):
    """The root: knows its commands by name and loads one only when it is used."""

    _is_root = True

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self.lazy.get(cmd_name)
        if found is None:
            return None
        module, _, attribute = found.place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table in root.py names only commands
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.lazy and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.lazy, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.short_help) for name, lazy in self.lazy.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=lazy.short_help)
            for name, lazy in self.lazy.items()
            if name.startswith(incomplete)
        ]


Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def completes(kind: str) -> Completer:
    """Return a completer for a kind of names (``cli.names``); its code loads only while completing."""

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from miner_ctrl.cli.names import complete_names  # noqa: PLC0415

        return complete_names(kind, ctx, incomplete)

    return complete
