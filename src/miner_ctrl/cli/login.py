"""``miner-ctrl login``: who may log in at this node's page. The first one is made on the machine itself."""

from __future__ import annotations

import sys
from typing import Any

import click

from miner_ctrl.cli.command import Group, Settings, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import printed_json
from miner_ctrl.cli.tables import Column, Table, show
from miner_ctrl.cli.token import role_option

MAX_PASSWORD_CHARS = 4096


@click.group(cls=Group)
def login() -> None:
    """Logins: who may use the page over its port."""


@login.command(
    name="set",
    epilog="""
    miner-ctrl login set alice --role admin
    miner-ctrl login set wall-display < password.txt
    """,
)
@click.argument("name")
@role_option
@pass_settings
def set_(settings: Settings, name: str, role: str) -> None:
    """Make a login called NAME, or give it another password and role; its browsers are logged out.

    The password is asked for, or is the first line of standard input: never a part of the command.
    """
    body = {"name": name, "role": role, "password": _password(name)}
    with local_node(settings.home) as api:
        answer = api.post("/logins", body)
    if not printed_json(settings, answer):
        click.echo(f"{shown(answer.data['name'])} can log in, as {shown(answer.data['role'])}.")


@login.command(name="list", epilog="miner-ctrl login list")
@pass_settings
def list_(settings: Settings) -> None:
    """List who may log in, and when each did last."""
    with local_node(settings.home) as api:
        answer = api.get("/logins")
    if printed_json(settings, answer):
        return
    if not answer.data:
        click.echo("Nobody can log in. Make a login with `miner-ctrl login set NAME --role admin`.")
        return
    columns = [Column("NAME"), Column("ROLE"), Column("BROWSERS", right=True), Column("LAST LOGIN")]
    show(Table(columns, [_row(one) for one in answer.data]))


def _row(facts: dict[str, Any]) -> list[str]:
    last = shown(facts.get("lastUsed") or "never")
    return [shown(facts["name"]), shown(facts["role"]), str(facts["sessions"]), last]


@login.command(epilog="miner-ctrl login remove wall-display")
@click.argument("name")
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """Remove the login NAME; its browsers are logged out."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/logins/{part(name)}")
    if not printed_json(settings, answer):
        click.echo(f"{shown(answer.data['name'])} cannot log in any more.")


def _password(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Password for {shown(name)}", hide_input=True, confirmation_prompt=True, err=True))
    password = sys.stdin.readline(MAX_PASSWORD_CHARS).rstrip("\r\n")
    if not password:
        raise click.UsageError("There was no password on standard input.")
    return password
