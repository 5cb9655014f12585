"""``miner-ctrl profile``: what a miner should run."""

from __future__ import annotations

import json

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import MAX_LISTED, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.profile_edit import edit, history, revert
from miner_ctrl.cli.profile_files import export, import_
from miner_ctrl.cli.profile_settings import in_camel_case, lines_of, parse_settings, with_pools
from miner_ctrl.cli.tables import Column, Table, pairs, terminal_width

MINER_TYPES = (
    "xmrig", "simulated", "tt-miner", "bzminer", "cpuminer-opt", "gminer", "lolminer", "rigel", "srbminer-multi",
    "t-rex", "teamredminer",
)  # fmt: skip
"""What rigs of this version can run; a newer rig may know more, so others are only remarked on."""


def _complete_miner_types(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in MINER_TYPES if name.startswith(incomplete)]


@click.group(cls=Group)
def profile() -> None:
    """Profiles: what a miner should run."""


name_argument = click.argument("name", shell_complete=completes("profiles"))


@profile.command(
    epilog="""
    miner-ctrl profile create my-profile --pool pool.example:3333 --wallet 48ab…
    miner-ctrl profile create test --miner simulated --pool pool.example:3333
    miner-ctrl profile create safe --pool a.example:3333 --pool b.example:3333 --wallet 48ab…
    miner-ctrl profile create solo --pool HOST:18081 --wallet 48ab… --set daemon=true
    """
)
@click.argument("name")
@click.option(
    "--miner",
    "miner_type",
    metavar="TYPE",
    default="xmrig",
    show_default=True,
    help="Which miner program: xmrig, simulated, or another of docs/miners.md (`miner-ctrl list`).",
    shell_complete=_complete_miner_types,
)
@click.option(
    "--pool",
    "pools",
    metavar="HOST:PORT",
    required=True,
    multiple=True,
    help="The pool, or a node's RPC port with daemon=true; more of them: those to fall back on.",
)
@click.option("--wallet", metavar="ADDRESS", help="Who is paid.")
@click.option(
    "--set",
    "settings_",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any other field (see profile fields), for example threads=4; may be repeated.",
)
@pass_settings
def create(
    settings: Settings,
    *,
    name: str,
    miner_type: str,
    pools: tuple[str, ...],
    wallet: str | None,
    settings_: tuple[str, ...],
) -> None:
    """Make a profile."""
    config = with_pools({} if wallet is None else {"wallet": wallet}, pools)
    config.update(parse_settings(settings_))
    with local_node(settings.home) as api:
        answer = api.post("/profiles", {"name": name, "minerType": miner_type, "config": config})
    if miner_type not in MINER_TYPES:
        known = ", ".join(MINER_TYPES)
        note(f"Only rigs with a description of {shown(miner_type, 40)} can run it: this node knows {known}.")
    if not printed_json(settings, answer):
        name = shown(answer.data["name"])
        click.echo(f"Profile {name} is made. Start it: miner-ctrl remote start RIG --profile {name}")
        click.echo(f"On this machine: miner-ctrl start {name}")


@profile.command("list", epilog="miner-ctrl profile list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the profiles of this node."""
    with local_node(settings.home) as api:
        answer = api.get("/profiles", limit=MAX_LISTED)
    if printed_json(settings, answer):
        return
    found = answer.data
    if not found:
        click.echo("There are no profiles yet. Make one with `miner-ctrl profile create`.")
        return
    columns = (
        Column("PROFILE", shrinks=True),
        Column("MINER"),
        Column("POOL", shrinks=True),
        Column("WALLET", drop=2),
        Column("HASH", drop=1),
    )
    rows = [
        (
            shown(one["name"], 63),
            shown(one.get("minerType"), 40),
            shown(one["config"].get("pool"), 200),
            _shortened(shown(one["config"].get("wallet"), 200)),
            shown(one.get("hash"), 12),
        )
        for one in found
    ]
    tables.show(Table(columns, rows))


def _shortened(text: str) -> str:
    return text if len(text) <= 15 else f"{text[:6]}…{text[-6:]}"


@profile.command(epilog="miner-ctrl profile show my-profile")
@name_argument
@pass_settings
def show(settings: Settings, name: str) -> None:
    """Show a profile and the fields it sets. Passwords are hidden, but not with --json."""
    with local_node(settings.home) as api:
        answer = api.get(f"/profiles/{part(name)}")
    if printed_json(settings, answer):
        return
    found = answer.data
    rows = [
        ("Name", shown(found["name"])),
        ("ID", shown(found["id"])),
        ("Miner", shown(found.get("minerType"))),
        ("Hash", shown(found.get("hash"))),
    ]
    rows += [(f"  {place}", text) for place, text in lines_of(found["config"])]
    click.echo(pairs(rows))


@profile.command(epilog="miner-ctrl profile delete my-profile")
@name_argument
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a profile. Miners that run with it go on."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/profiles/{part(name)}")
    if not printed_json(settings, answer):
        click.echo(f"Profile {shown(name)} is deleted.")


@profile.command(
    epilog="""
    miner-ctrl profile fields
    miner-ctrl profile fields failover cpuAffinity
    """
)
@click.argument("names", metavar="[FIELD]...", nargs=-1)
@pass_settings
def fields(settings: Settings, names: tuple[str, ...]) -> None:
    """Say what may stand in a profile: every field, or those named."""
    with local_node(settings.home) as api:
        answer = api.get("/profiles/fields", limit=MAX_LISTED)
    if printed_json(settings, answer):
        return
    known = {str(field["name"]): field for field in answer.data}
    wanted = [in_camel_case(name) for name in names] or [*known]
    width = min(terminal_width(), 100)
    for name in wanted:
        if name not in known:
            raise click.UsageError(f"There is no field {shown(name, 60)!r}; they are {', '.join(known)}.")
        field = known[name]
        default = (
            "" if field["default"] in (None, "", []) else f" (left out: {shown(json.dumps(field['default']), 60)})"
        )
        click.echo(f"{click.style(shown(name), bold=tables.is_terminal())}  {shown(field['takes'])}{default}")
        indent = "    "
        click.echo(
            click.formatting.wrap_text(
                shown(field["meaning"], 1000), width, initial_indent=indent, subsequent_indent=indent
            )
        )


for command in (edit, history, revert, export, import_):
    profile.add_command(command)
