"""``miner-ctrl completion``: the script that teaches a shell to complete commands, peers and profiles."""

from __future__ import annotations

import click

from miner_ctrl.cli.command import COMPLETION_VARIABLE, PROGRAM, Command


@click.command(
    cls=Command,
    epilog="""
    source <(miner-ctrl completion bash)
    miner-ctrl completion zsh > ~/.zfunc/_miner-ctrl
    miner-ctrl completion fish > ~/.config/fish/completions/miner-ctrl.fish
    """,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of your SHELL."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete  # noqa: PLC0415 - only here

    root = ctx.find_root().command
    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    made = kind(root, {}, PROGRAM, COMPLETION_VARIABLE)
    # `source()` of bash would first start a bash to ask its version; the script itself needs nothing of that.
    click.echo(made.source_template % made.source_vars())
