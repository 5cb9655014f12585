"""``miner-ctrl profile edit``, ``history`` and ``revert``: what a profile is to be, and what it was."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Command, Settings, completes, pass_settings
from miner_ctrl.cli.format import NOTHING, shown, since
from miner_ctrl.cli.local_api import MAX_LISTED, Answer, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.profile_settings import in_camel_case, parse_settings, with_pools
from miner_ctrl.cli.tables import Column, Table
from miner_ctrl.errors import BadInput, MinerCtrlError

HEADER = """\
# Save and close to take this over; close without saving to leave the profile as it is.
# `miner-ctrl profile fields` says what may stand in config.
"""
_REMARK = "#! "

name_argument = click.argument("name", shell_complete=completes("profiles"))


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl profile edit my-profile
    miner-ctrl profile edit my-profile --set threads=4 --unset cpuAffinity
    miner-ctrl profile edit my-profile --pool pool.example:3333 --pool other.example:3333
    miner-ctrl profile edit my-profile --name monero
    """,
)
@name_argument
@click.option("--name", "new_name", metavar="NAME", help="Call it NAME from now on.")
@click.option(
    "--pool", "pools", metavar="HOST:PORT", multiple=True, help="The pool; more of them: those to fall back on."
)
@click.option("--wallet", metavar="ADDRESS", help="Who is paid.")
@click.option("--set", "settings_", metavar="KEY=VALUE", multiple=True, help="Set a field; may be repeated.")
@click.option("--unset", "unset", metavar="KEY", multiple=True, help="Leave a field to its default; may be repeated.")
@pass_settings
def edit(
    settings: Settings,
    *,
    name: str,
    new_name: str | None,
    pools: tuple[str, ...],
    wallet: str | None,
    settings_: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Change a profile: by options, or without any in your editor ($EDITOR). What runs from it goes on as it is."""
    if new_name is None and wallet is None and not pools and not settings_ and not unset:
        answer = _edited(settings, name)
        if answer is None:
            note("Nothing was changed.")
            return
    else:
        changes: dict[str, object] = {} if wallet is None else {"wallet": wallet}
        changes |= parse_settings(settings_)
        answer = _changed(settings, name, new_name=new_name, pools=pools, changes=changes, unset=unset)
    if not printed_json(settings, answer):
        data = answer.data
        click.echo(f"Profile {shown(data['name'])} is changed, and now {shown(data.get('hash'), 12)}.")


def _changed(
    settings: Settings,
    name: str,
    *,
    new_name: str | None,
    pools: tuple[str, ...],
    changes: dict[str, object],
    unset: tuple[str, ...],
) -> Answer:
    with local_node(settings.home) as api:
        held = api.get(f"/profiles/{part(name)}").data
        config = {**with_pools(held["config"], pools), **changes}
        for key in map(in_camel_case, unset):
            if key not in config:
                raise click.UsageError(f"--unset {shown(key, 60)}: {shown(held['name'])} does not set it.")
            del config[key]
        body = {"name": new_name or held["name"], "minerType": held["minerType"], "config": config}
        return api.put(f"/profiles/{part(held['id'])}", {**body, "ifHash": held["hash"]})


def _edited(settings: Settings, name: str) -> Answer | None:
    """Have the profile edited until it can be taken; ``None``: it was left as it is. What was written is never lost."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Say what to change, for example --set threads=4: there is no terminal for an editor.")
    with local_node(settings.home) as api:
        held = api.get(f"/profiles/{part(name)}").data
        text = HEADER + str(api.get("/profiles/export", format="yaml", names=held["id"]).data["document"])
    written = click.edit(text, extension=".yaml")
    if written is None or written == text:
        return None
    while True:
        try:
            return _taken(settings, held, written)
        except MinerCtrlError as error:
            with _Kept(written) as kept:
                click.echo(f"Error: {shown(error.message, 1000)} {shown(error.suggestion, 1000)}", err=True)
                again = error.code != "PROFILE_CHANGED" and click.confirm("Go on editing?", default=True, err=True)
                more = click.edit(_remarked(written, error.message), extension=".yaml") if again else None
                if more is None:
                    raise
                kept.needed = False
            written = more


class _Kept:
    """Whatever ends the block before ``needed`` is false: the text is put into a file, which is named."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.needed = True

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        if self.needed:
            descriptor, path = tempfile.mkstemp(prefix="miner-ctrl-profile-", suffix=".yaml")  # mode 0600
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self._text)
            note(f"What you wrote is in {path}.")


def _remarked(text: str, why: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith(_REMARK)]
    return "\n".join([f"{_REMARK}{shown(why, 1000)}", *lines, ""])


def _taken(settings: Settings, held: dict[str, Any], written: str) -> Answer:
    with local_node(settings.home) as api:
        drafts = api.post("/profiles/inspect", {"document": written, "format": "yaml"}).data
        if len(drafts) != 1:
            raise BadInput(
                f"There are {len(drafts)} profiles in the text, and one is edited.",
                suggestion="Leave one; `miner-ctrl profile import` takes several.",
            )
        body = {key: drafts[0][key] for key in ("name", "minerType", "config")}
        return api.put(f"/profiles/{part(held['id'])}", {**body, "ifHash": held["hash"]})


@click.command(cls=Command, epilog="miner-ctrl profile history my-profile")
@name_argument
@pass_settings
def history(settings: Settings, name: str) -> None:
    """Show what a profile is and was, the present first, and in which fields each differs from the one below."""
    with local_node(settings.home) as api:
        answer = api.get(f"/profiles/{part(name)}/versions", limit=MAX_LISTED)
    if printed_json(settings, answer):
        return
    versions = answer.data
    rows = [
        (
            shown(version["hash"], 12),
            "current" if version["current"] else "",
            since(version["at"]) if version["at"] else NOTHING,
            shown(version["minerType"], 32),
            _differences(version, before),
        )
        for version, before in zip(versions, [*versions[1:], None], strict=True)
    ]
    columns = (
        Column("VERSION"),
        Column(""),
        Column("SINCE"),
        Column("MINER", drop=1),
        Column("DIFFERS IN", shrinks=True),
    )
    tables.show(Table(columns, rows))


def _differences(version: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Return the names of the fields that are not as they were in the version before."""
    if before is None:
        return NOTHING
    then, now = before["config"], version["config"]
    keys = [key for key in {**then, **now} if key not in then or key not in now or then[key] != now[key]]
    if version["minerType"] != before["minerType"]:
        keys.insert(0, "minerType")
    return shown(", ".join(shown(key, 60) for key in keys), 400)


@click.command(cls=Command, epilog="miner-ctrl profile revert my-profile 3f9a12bc")
@name_argument
@click.argument("version")
@pass_settings
def revert(settings: Settings, name: str, version: str) -> None:
    """Make a profile again what it was in VERSION, one of those that `profile history` lists."""
    with local_node(settings.home) as api:
        answer = api.post(f"/profiles/{part(name)}/revert", {"hash": version})
    if not printed_json(settings, answer):
        data = answer.data
        click.echo(f"Profile {shown(data['name'])} is again what it was in {shown(data.get('hash'), 12)}.")
