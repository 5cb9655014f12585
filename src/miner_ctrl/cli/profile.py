"""``miner-ctrl profile``: what a miner should run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import MAX_LISTED, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.tables import Column, Table, pairs

TEXT_FIELDS = frozenset({"pool", "wallet", "password", "rigId", "algo", "coin", "randomxMode"})
"""Their values are text even where they look like a number."""
MINER_TYPES = ("xmrig", "simulated")
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
    help="Which miner program: xmrig or simulated.",
    shell_complete=_complete_miner_types,
)
@click.option("--pool", metavar="HOST:PORT", required=True, help="The pool, or a node's RPC port with daemon=true.")
@click.option("--wallet", metavar="ADDRESS", help="Who is paid.")
@click.option(
    "--set",
    "settings_",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any other field, for example threads=4; may be repeated.",
)
@pass_settings
def create(
    settings: Settings, *, name: str, miner_type: str, pool: str, wallet: str | None, settings_: tuple[str, ...]
) -> None:
    """Make a profile."""
    config: dict[str, object] = {"pool": pool}
    if wallet is not None:
        config["wallet"] = wallet
    config.update(parse_settings(settings_))
    with local_node(settings.home) as api:
        answer = api.post("/profiles", {"name": name, "minerType": miner_type, "config": config})
    if miner_type not in MINER_TYPES:
        note(f"This version knows no miner {shown(miner_type, 40)}, only {' and '.join(MINER_TYPES)}: a rig must.")
    if not printed_json(settings, answer):
        name = shown(answer.data["name"])
        click.echo(f"Profile {name} is made. Start it: miner-ctrl remote start RIG --profile {name}")


def parse_settings(texts: Sequence[str]) -> dict[str, object]:
    """Return the fields in ``key=value`` texts: numbers, true, false and null as such, everything else as text.

    Raises:
        UsageError: one has no ``=`` or no key.
    """
    fields: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = _in_camel_case(key.strip())
        if not equals or not key:
            raise click.UsageError(f"--set wants KEY=VALUE, for example --set threads=4, and not {text!r}.")
        fields[key] = value if key in TEXT_FIELDS else _parse_value(value)
    return fields


def _in_camel_case(key: str) -> str:
    """Return the field's name as profiles have it, however it was typed: ``rig-id`` and ``rig_id`` are ``rigId``."""
    first, *others = re.split("[-_]", key)
    return first + "".join(other[:1].upper() + other[1:] for other in others)


def _parse_value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


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
    """Show a profile and all its fields."""
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
    for key, value in found["config"].items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        rows.append((f"  {shown(key, 60)}", shown(text, 1000)))
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
