"""``miner-ctrl install``, ``uninstall``, ``update``: the miner programs of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from miner_ctrl.cli.command import Command, Settings, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import LocalApi, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json

PATIENCE_S = 4000.0
"""A download may take an hour."""

type_argument = click.argument("miner_type", metavar="TYPE")


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl install xmrig --system
    miner-ctrl install xmrig --file xmrig-6.26.0-linux-static-x64.tar.gz
    miner-ctrl install xmrig --url https://example.org/xmrig-6.26.0-linux-static-x64.tar.gz --sha256 HASH
    """,
)
@type_argument
@click.option("--file", type=click.Path(dir_okay=False), help="The archive that its publisher gives out.")
@click.option("--url", metavar="URL", help="Where to download that archive; --sha256 says which hash it must have.")
@click.option("--sha256", metavar="HASH", help="The archive's SHA-256: nothing else is unpacked.")
@click.option("--system", is_flag=True, help="The package of this machine's distribution (as root).")
@click.option("--version", metavar="V", help="What to call it, where the archive's name does not say.")
@click.option("--program", metavar="PATH", help="The program's path in the archive, where it is not plain.")
@pass_settings
def install(settings: Settings, /, miner_type: str, **source: Any) -> None:
    """Put the program of the miner TYPE on this machine.

    The version before it is kept: a controller goes back to it with `remote rollback`.
    """
    named = [f"--{name}" for name in ("file", "url", "system") if source[name]]
    if len(named) != 1:
        raise click.UsageError("Say where it comes from: one of --file, --url with --sha256, and --system.")
    if source["url"] and not source["sha256"]:
        raise click.UsageError("--url needs --sha256: the hash that its publisher gives beside the archive.")
    file = str(Path(source["file"]).absolute()) if source["file"] else None
    if file is not None and not Path(file).is_file():
        raise click.UsageError(f"There is no file {source['file']!r} for --file.")
    if source["url"] or source["system"]:
        note("This may take a while.")
    with local_node(settings.home) as api:
        answer = _patient(api).post(
            f"/miners/{part(miner_type)}/install", {**source, "file": file, "system": source["system"] or None}
        )
        if printed_json(settings, answer):
            return
    _show(answer.data, "is installed")


@click.command(cls=Command, epilog="miner-ctrl uninstall xmrig")
@type_argument
@pass_settings
def uninstall(settings: Settings, miner_type: str) -> None:
    """Remove the program of the miner TYPE that was installed or deployed here."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/miners/{part(miner_type)}/uninstall")
        if printed_json(settings, answer):
            return
    _show(answer.data, "is removed")


@click.command(cls=Command, epilog="miner-ctrl update")
@pass_settings
def update(settings: Settings) -> None:
    """Say which miner programs are older than what is at hand. Nobody outside this machine is asked."""
    with local_node(settings.home) as api:
        answer = api.post("/update")
        if printed_json(settings, answer):
            return
    newer = answer.data.get("updates_available") or {}
    for miner_type, found in sorted(newer.items()):
        click.echo(
            f"{shown(miner_type, 32)} {shown(found['installed'], 64)} is installed, "
            f"{shown(found['available'], 64)} is at hand: {shown(found['fix'], 200)}"
        )
    if not newer:
        click.echo(shown(answer.data.get("status"), 1000))


def _show(did: dict[str, Any], what: str) -> None:
    miner = did["miner"]
    version = f" {shown(miner['version'], 64)}" if miner.get("version") and what == "is installed" else ""
    where = f": {shown(miner['miner_binary'])}" if miner.get("miner_binary") and what == "is installed" else "."
    click.echo(f"{shown(miner['type'], 32)}{version} {what}{where}")
    if did.get("note"):
        note(shown(did["note"], 1000))


def _patient(api: LocalApi) -> LocalApi:
    return LocalApi(api.socket_path, timeout_s=PATIENCE_S)
