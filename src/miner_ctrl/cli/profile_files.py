"""``miner-ctrl profile export`` and ``import``: profiles as files, YAML or JSON."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from miner_ctrl.cli.command import Command, Settings, completes, pass_settings
from miner_ctrl.cli.format import plural, shown
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.errors import BadInput, OperationFailed

FORMATS = ("yaml", "json")
MAX_FILE_BYTES = 1024 * 1024
"""What a node takes (``model.profiles.MAX_DOCUMENT_BYTES``, which is not loaded for this)."""


@click.command(
    "export",
    cls=Command,
    epilog="""
    miner-ctrl profile export > profiles.yaml
    miner-ctrl profile export my-profile --format json
    miner-ctrl profile export --output profiles.yaml
    """,
)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completes("profiles"))
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="yaml", show_default=True, help="How to write it."
)
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(dir_okay=False), help="Write a new file that only you can read."
)
@pass_settings
def export(settings: Settings, names: tuple[str, ...], form: str, output: str | None) -> None:
    """Print profiles as YAML or JSON: those named, or all. Pools' passwords are in it."""
    with local_node(settings.home) as api:
        answer = api.get("/profiles/export", format=form, names=",".join(names) or None)
    data = answer.data
    if data["hasPasswords"]:
        note("Mind where this goes: it holds passwords of pools.")
    if output is not None:
        _write_new(output, data["document"])
        note(f"{plural(data['profiles'], 'profile')} written to {output}.")
    if not printed_json(settings, answer) and output is None:
        click.echo(data["document"], nl=False)


def _write_new(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise OperationFailed(
            f"{path} is there already.", suggestion="Choose another name, or remove it first.", code="FILE_EXISTS"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


@click.command(
    "import",
    cls=Command,
    epilog="""
    miner-ctrl profile import profiles.yaml
    miner-ctrl profile import --replace profiles.json
    ssh office miner-ctrl profile export | miner-ctrl profile import -
    """,
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--replace", is_flag=True, help="Also in place of profiles that have the same names.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="How it is written, if its name does not say so.")
@pass_settings
def import_(settings: Settings, file: str, replace: bool, form: str | None) -> None:
    """Make the profiles in FILE (-: standard input), YAML or JSON: all of them, or none."""
    text = _read(file)
    body = {"document": text, "format": form or _format_of(file, text), "replace": replace}
    with local_node(settings.home) as api:
        answer = api.post("/profiles/import", body)
    if printed_json(settings, answer):
        return
    for what in ("created", "replaced", "unchanged"):
        names = answer.data[what]
        if names:
            listed = ", ".join(shown(name, 63) for name in names[:20]) + (" …" if len(names) > 20 else "")
            click.echo(f"{plural(len(names), 'profile')} {what}: {listed}")


def _read(file: str) -> str:
    if file == "-":
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    else:
        with Path(file).open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(
            f"{shown(file)} is larger than {MAX_FILE_BYTES // 1024} KiB.", suggestion="Import the profiles in parts."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{shown(file)} is not text in UTF-8.", suggestion="Save it as UTF-8.") from None


def _format_of(file: str, text: str) -> str:
    if file.lower().endswith((".yaml", ".yml")):
        return "yaml"
    return "json" if file.lower().endswith(".json") or text.lstrip()[:1] in ("{", "[") else "yaml"
