"""``miner-ctrl audit``: who asked this node to change something, and whether the log of it is whole."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from miner_ctrl.cli.command import Command, Group, Settings, pass_settings
from miner_ctrl.cli.format import NOTHING, plural, shown
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.spans import parse_span_s
from miner_ctrl.cli.tables import Column, Table
from miner_ctrl.cli.tables import show as show_table
from miner_ctrl.errors import OperationFailed

BAD = 1
_ENTRIES = (
    Column("NO", right=True),
    Column("TIME"),
    Column("WHO", shrinks=True),
    Column("FROM", drop=1),
    Column("WHAT"),
    Column("OF", shrinks=True),
    Column("ENDED"),
)


@click.group(cls=Group)
def audit() -> None:
    """Who asked this node to change something, and how it ended: signed and chained."""


@audit.command(
    cls=Command,
    epilog="""
    miner-ctrl audit show
    miner-ctrl audit show --since 7d --action remove_peer
    """,
)
@click.option("--since", metavar="SPAN", help="How far back, for example 12h or 7d.")
@click.option("--caller", default="", help="Who asked: a name, an ID, or owner, loopback, token, login, peer.")
@click.option("--action", default="", help="What was asked for, whole: start_miner, remove_peer, …")
@click.option("--peer", default="", help="The peer it was about, or that asked.")
@click.option("--search", default="", metavar="TEXT", help="What stands anywhere in an entry.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many of the last.")
@pass_settings
def show(settings: Settings, /, since: str | None, search: str, limit: int, **wanted: str) -> None:
    """Show what was asked of this node, the newest last."""
    query = {name: value for name, value in {**wanted, "q": search}.items() if value}
    with local_node(settings.home) as api:
        answer = api.get("/audit", limit=limit, since=_since_ms(since) or None, **query)
    if printed_json(settings, answer):
        return
    if not answer.data:
        click.echo("The audit log has no such entry.")
        return
    show_table(Table(_ENTRIES, list(_rows(_within(answer.data, limit) if not query else answer.data))))


@audit.command(
    cls=Command,
    epilog="""
    miner-ctrl audit verify
    miner-ctrl audit verify audit.jsonl --key 1f0e…
    """,
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--key", metavar="FP", help="The whole fingerprint of the node whose FILE it is.")
@pass_settings
def verify(settings: Settings, file: Path | None, key: str | None) -> None:
    """Check this node's audit log, or an exported FILE without the node.

    Exit code 1 and the first bad entry where one was changed, is missing or out of order, and where the end is missing
    that a connected peer was told of.
    """
    if file is not None:
        _print_check(settings, _checked_file(file, key), of_file=True)
        return
    if key is not None:
        raise click.UsageError("--key goes with the FILE that it is to check.")
    with local_node(settings.home) as api:
        answer = api.post("/audit/verify")
        _print_check(settings, answer.text, offline=api.momentary)


@audit.command(
    cls=Command,
    epilog="""
    miner-ctrl audit export -o audit.jsonl
    miner-ctrl audit export --format csv --since 30d -o audit.csv
    """,
)
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--since", metavar="SPAN", help="How far back, for example 30d.  [default: all]")
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Where to.")
@pass_settings
def export(settings: Settings, format_: str, since: str | None, output: Path | None) -> None:
    """Write the audit log as a file; JSON lines can be verified anywhere."""
    with local_node(settings.home) as api:
        parts = api.download("/audit/export", format=format_, since=_since_ms(since) or None)
        if output is None:
            for part in parts:
                sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()
            return
        _write(output, parts)
    note(f"Written to {output}.")


# --- showing --------------------------------------------------------------------------------------------


def _within(entries: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return the last ``limit`` entries (the newest first) without the ends of what was asked before them."""
    if len(entries) < limit:
        return entries
    first = entries[-1]["seq"]
    return [
        entry for entry in entries if entry["kind"] != "ended" or not entry["of"] or entry["of"] >= first
    ] or entries


def _rows(entries: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield one row for each entry that asked, with how it ended; and one for each end whose beginning is not there."""
    ends = {entry["of"]: entry["code"] for entry in entries if entry["kind"] == "ended"}
    numbers = {entry["seq"] for entry in entries}
    for entry in reversed(entries):
        if entry["kind"] == "ended" and entry["of"] in numbers:
            continue
        code = entry["code"] if entry["kind"] != "asked" else ends.get(entry["seq"], "not known")
        what = f"end of {entry['of'] or 'a lost entry'}" if entry["kind"] == "ended" else entry["action"]
        yield (
            str(entry["seq"]),
            _time(entry["atMs"]),
            shown(" ".join(filter(None, (entry["door"], entry["caller"] or entry["callerId"]))), 100) or NOTHING,
            shown(entry["address"], 60) or NOTHING,
            shown(what, 60),
            shown(_target(entry), 200) or NOTHING,
            shown(code or "done", 60),
        )


def _target(entry: dict[str, Any]) -> str:
    try:
        values = json.loads(entry["body"] if entry["kind"] == "lost" else entry["target"])
    except ValueError:
        return ""
    if entry["kind"] == "lost":
        return f"{values.get('entries')} entries"
    return ", ".join(map(str, values.values())) if isinstance(values, dict) else ""


def _print_check(settings: Settings, text: str, *, offline: bool = False, of_file: bool = False) -> None:
    found = json.loads(text)
    if settings.json:
        click.echo(text)
    elif found["ok"]:
        click.echo(_sound(found))
        _say_of_the_end(found, offline=offline, of_file=of_file)
    else:
        click.echo(f"The audit log is not as it was written. {shown(found['text'], 1000)}")
        if found["seq"]:
            click.echo(f"First bad entry: {found['seq']} ({shown(found['found'], 40).replace('_', ' ')}).")
        note("Compare it with an export that you kept; what peers hold of it: miner-ctrl audit verify --json.")
    for peer in found["peers"] if not settings.json else ():
        if peer["error"]:
            note(f"{shown(peer['peerName'], 63)} could not be asked: {shown(peer['error'], 300)}")
    if not found["ok"]:
        sys.exit(BAD)


def _sound(found: dict[str, Any]) -> str:
    if not found["entries"]:
        return "The audit log has no entries."
    count = plural(found["entries"], "entry").replace("entrys", "entries")
    last = found["first"] + found["entries"] - 1
    return f"Sound: {count}, {found['first']} to {last}, the last of {_time(found['lastAtMs'])}."


def _say_of_the_end(found: dict[str, Any], *, offline: bool, of_file: bool) -> None:
    asked = [peer for peer in found["peers"] if not peer["error"]]
    holders = [peer for peer in asked if peer["heads"]]
    if found["first"] > 1:
        note(f"Entries before {found['first']} are not in it.")
    if of_file:
        note(f"Whether entries are missing at its end, the file cannot tell. Hash of the last: {found['hash']}")
    elif holders:
        held = max(peer["newest"] for peer in holders)
        note(f"{plural(len(holders), 'peer')} hold{'s' if len(holders) == 1 else ''} heads of it, up to entry {held}.")
    else:
        why = "this node does not serve now" if offline else f"{plural(len(found['peers']), 'peer')} asked"
        note(f"Whether its end is missing could not be checked: no peer holds a head of it ({why}).")


def _time(unix_ms: int) -> str:
    try:
        return datetime.fromtimestamp(unix_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return NOTHING


def _since_ms(span: str | None) -> int:
    return max(1, int((time.time() - parse_span_s(span)) * 1000)) if span else 0


# --- files ----------------------------------------------------------------------------------------------


def _checked_file(file: Path, key: str | None) -> str:
    import msgspec  # noqa: PLC0415 - only here
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    from miner_ctrl.audit.exported import check_file  # noqa: PLC0415
    from miner_ctrl.audit.reading import view_of_check  # noqa: PLC0415

    def verifies(public: bytes, signature: bytes, data: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    fingerprint = "".join((key or "").lower().split()).replace(":", "")
    if len(fingerprint) != 64 or set(fingerprint) - set("0123456789abcdef"):
        raise click.UsageError(
            "A file is checked with --key and the whole fingerprint of its node: 64 hex digits, as `node info` has it."
        )
    check = check_file(file, fingerprint=bytes.fromhex(fingerprint), verifies=verifies)
    return msgspec.json.encode(view_of_check(check)).decode()


def _write(output: Path, parts: Iterator[bytes]) -> None:
    """Write a file whole or not at all."""
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(8)}.tmp")
    try:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for part in parts:
                    file.write(part)
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OperationFailed(
            f"{output} cannot be written: {error.strerror}.", suggestion="Choose another place with -o FILE."
        ) from None
