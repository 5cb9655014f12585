"""``miner-ctrl bundle``: the miner programs that this node can deploy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import Answer, LocalApi, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import printed_json
from miner_ctrl.cli.tables import Column, Table

_VERSION = re.compile(r"\d+(?:\.\d+)+")


@click.group(cls=Group)
def bundle() -> None:
    """Miner programs that this node can deploy to rigs."""


file_argument = click.argument("file", type=click.Path(path_type=Path))
miner_option = click.option("--miner", "miner_type", metavar="TYPE", help="Which miner it is, for example xmrig.")
version_option = click.option("--version", metavar="V", help="Its version; else the one in the file's name.")
program_option = click.option(
    "--program", metavar="PATH", help="The program's path in the archive, if it is not plain."
)
system_option = click.option("--system", metavar="NAME", help="linux or windows, if the program does not say.")
architecture_option = click.option(
    "--architecture", metavar="NAME", help="x86_64 or aarch64, if the program does not say."
)


@bundle.command(
    epilog="""
    miner-ctrl bundle add xmrig-6.22.2-linux-static-x64.tar.gz --miner xmrig
    miner-ctrl bundle add xmrig.tar.gz --miner xmrig --version 6.22.2 --program xmrig-6.22.2/xmrig
    miner-ctrl bundle add xmrig.tar.gz --offer xmrig-offer.json
    """
)
@file_argument
@miner_option
@version_option
@program_option
@system_option
@architecture_option
@click.option("--offer", "offer_file", metavar="OFFER.json", type=click.Path(path_type=Path),
              help="Its description, signed elsewhere.")  # fmt: skip
@pass_settings
def add(
    settings: Settings,
    *,
    file: Path,
    miner_type: str | None,
    version: str | None,
    program: str | None,
    system: str | None,
    architecture: str | None,
    offer_file: Path | None,
) -> None:
    """Keep the archive FILE (tar, tar.gz, tar.xz, tar.bz2, zip), to be deployed."""
    if offer_file is None and miner_type is None:
        raise click.UsageError("Give --miner TYPE, or --offer OFFER.json.")
    with local_node(settings.home) as api:
        answer = add_archive(
            settings, api, file, miner_type=miner_type, version=version, program=program, system=system,
            architecture=architecture, offer_file=offer_file,
        )  # fmt: skip
    if not printed_json(settings, answer):
        added = answer.data
        what = f"{shown(added['minerType'], 40)} {shown(added['version'], 64)}"
        click.echo(
            f"{what} for {shown(added['system'], 40)} on {shown(added['architecture'], 40)} is kept. Deploy it:"
            f" miner-ctrl remote deploy RIG --miner {shown(added['minerType'], 40)}"
        )


def add_archive(
    settings: Settings,
    api: LocalApi,
    file: Path,
    *,
    miner_type: str | None = None,
    version: str | None = None,
    program: str | None = None,
    system: str | None = None,
    architecture: str | None = None,
    offer_file: Path | None = None,
) -> Answer:
    """Put an archive where the node takes it from, and have it kept; return the node's answer."""
    from miner_ctrl.deploy.bundles import INCOMING, put_incoming  # noqa: PLC0415 - not for --help
    from miner_ctrl.deploy.offers import read_offer  # noqa: PLC0415

    body: dict[str, object] = {}
    if offer_file is not None:
        import msgspec  # noqa: PLC0415

        body["offer"] = msgspec.to_builtins(read_offer(offer_file))
    else:
        body = {"minerType": miner_type, "version": version or _version_in(file), "program": program,
                "system": system, "architecture": architecture}  # fmt: skip
    folder = settings.home.bundles
    name = put_incoming(file, folder)
    try:
        return api.post("/bundles", {"file": name, **body})
    finally:
        (folder / INCOMING / name).unlink(missing_ok=True)


def _version_in(file: Path) -> str:
    found = _VERSION.search(file.name)
    if found is None:
        raise click.UsageError(f"The name {file.name!r} tells no version: give --version V.")
    return found[0]


@bundle.command("list", epilog="miner-ctrl bundle list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the bundles of this node."""
    with local_node(settings.home) as api:
        answer = api.get("/bundles")
    if printed_json(settings, answer):
        return
    if not answer.data:
        click.echo("There are no bundles yet. Add one with `miner-ctrl bundle add`.")
        return
    columns = (
        Column("MINER"), Column("VERSION"), Column("FOR"), Column("SIZE", right=True), Column("SIGNED BY", drop=1),
        Column("SHA-256", shrinks=True),
    )  # fmt: skip
    rows = [
        (
            shown(one["minerType"], 40),
            shown(one["version"], 64),
            f"{shown(one['system'], 40)} {shown(one['architecture'], 40)}",
            f"{one['sizeBytes'] / 1e6:.1f} MB",
            "an operator" if one.get("signedBy") else "this node",
            shown(one["sha256"], 16),
        )
        for one in answer.data
    ]
    tables.show(Table(columns, rows))


@bundle.command(epilog="miner-ctrl bundle remove 3f9a21")
@click.argument("sha256")
@pass_settings
def remove(settings: Settings, sha256: str) -> None:
    """Remove the bundle whose SHA-256 begins so. Rigs keep what they have."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/bundles/{part(sha256)}")
    if not printed_json(settings, answer):
        removed = answer.data
        click.echo(f"The bundle of {shown(removed['minerType'], 40)} {shown(removed['version'], 64)} is removed.")


@bundle.command(
    epilog="miner-ctrl bundle sign xmrig-6.22.2.tar.gz --key operator.pem --miner xmrig -o xmrig-offer.json"
)
@file_argument
@click.option("--key", "key_file", metavar="KEYFILE", type=click.Path(path_type=Path), required=True,
              help="An Ed25519 key (PEM), whose public half rigs know.")  # fmt: skip
@click.option("-o", "--output", metavar="OFFER.json", type=click.Path(path_type=Path), required=True,
              help="Where to write the signed description.")  # fmt: skip
@miner_option
@version_option
@program_option
@system_option
@architecture_option
@pass_settings
def sign(
    settings: Settings,
    *,
    file: Path,
    key_file: Path,
    output: Path,
    miner_type: str | None,
    version: str | None,
    program: str | None,
    system: str | None,
    architecture: str | None,
) -> None:
    """Describe the archive FILE and sign the description with a key of yours; needs no node."""
    from miner_ctrl.deploy.making import make_offer  # noqa: PLC0415 - not for --help
    from miner_ctrl.deploy.offers import sign_with_file, write_offer  # noqa: PLC0415

    if miner_type is None:
        raise click.UsageError("Give --miner TYPE.")
    made = make_offer(
        file, miner_type=miner_type, version=version or _version_in(file), program=program, system=system,
        architecture=architecture,
    )  # fmt: skip
    write_offer(sign_with_file(made, key_file), output)
    if settings.json:
        click.echo(json.dumps({"offer": str(output), "sha256": made.sha256}))
    else:
        click.echo(f"{output} describes {shown(made.miner_type)} {shown(made.version)}, signed.")
