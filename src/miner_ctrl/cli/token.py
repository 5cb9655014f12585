"""``miner-ctrl token``: API tokens, which programs elsewhere use this node's API with."""

from __future__ import annotations

from typing import Any

import click

from miner_ctrl.cli.command import Group, Settings, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.tables import Column, Table, show

ACCESS_ROLES = click.Choice(["viewer", "operator", "admin"])
role_option = click.option(
    "--role",
    type=ACCESS_ROLES,
    default="viewer",
    show_default=True,
    help="viewer: looks. operator: commands rigs, edits profiles. admin: decides who is trusted.",
)


@click.group(cls=Group)
def token() -> None:
    """API tokens: who may use the API over its port."""


@token.command(
    epilog="""
    miner-ctrl token create grafana
    miner-ctrl token create night-shift --role operator --expires 90d
    """
)
@click.argument("name")
@role_option
@click.option("--expires", metavar="90d", help="How long it is valid: 12h, 90d, a year at most.  [default: for ever]")
@pass_settings
def create(settings: Settings, name: str, role: str, expires: str | None) -> None:
    """Make a token called NAME and print it: it is shown this once."""
    with local_node(settings.home) as api:
        answer = api.post("/tokens", {"name": name, "role": role, "expires": expires})
    if printed_json(settings, answer):
        return
    facts = answer.data
    click.echo(shown(facts["token"]))
    until = f"until {shown(facts['expiresAt'])}" if facts.get("expiresAt") else "until it is revoked"
    note(f"Keep it: it is not shown again. {shown(name)} is {role} {until}.")
    note("Programs send it in the header  Authorization: Bearer TOKEN")


@token.command(name="list", epilog="miner-ctrl token list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the tokens: how each begins, and when it was used last."""
    with local_node(settings.home) as api:
        answer = api.get("/tokens")
    if printed_json(settings, answer):
        return
    if not answer.data:
        click.echo("There are no tokens. Make one with `miner-ctrl token create NAME`.")
        return
    columns = [
        Column("NAME", shrinks=True),
        Column("ROLE"),
        Column("STATUS", state=True),
        Column("BEGINS", drop=2),
        Column("EXPIRES", drop=1),
        Column("LAST USED"),
        Column("ID", drop=3),
    ]
    show(Table(columns, [_row(one) for one in answer.data]))


def _row(facts: dict[str, Any]) -> list[str]:
    return [
        shown(facts["name"]),
        shown(facts["role"]),
        shown(facts["status"]),
        f"{shown(facts['prefix'])}…",
        shown(facts.get("expiresAt") or "never"),
        shown(facts.get("lastUsed") or "never"),
        shown(facts["id"]),
    ]


@token.command(epilog="miner-ctrl token revoke grafana")
@click.argument("token")
@pass_settings
def revoke(settings: Settings, token: str) -> None:
    """Make TOKEN (its name, or its ID) worthless from this moment."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/tokens/{part(token)}")
    if not printed_json(settings, answer):
        click.echo(f"The token {shown(answer.data['name'])} is {shown(answer.data['status'])}.")
