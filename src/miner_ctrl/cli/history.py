"""``miner-ctrl remote history``: what a rig did, also while no controller looked."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import click

from miner_ctrl.cli.command import Command, Settings, completes, pass_settings
from miner_ctrl.cli.format import NOTHING, hashrate, plural, shown
from miner_ctrl.cli.local_api import part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.tables import Column, Table, show

SAMPLES = (
    Column("TIME"),
    Column("MINER", shrinks=True),
    Column("STATE", state=True),
    Column("HASHRATE", right=True),
    Column("ALGO", drop=1),
    Column("ACC/REJ", right=True),
    Column("TEMP", right=True, drop=2),
    Column("POWER", right=True, drop=3),
)
EVENTS = (Column("TIME"), Column("WHAT"), Column("MINER", shrinks=True), Column("BY", drop=1), Column("TEXT"))


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl remote history rig-alpha
    miner-ctrl remote history rig-alpha --events --hours 168
    """,
)
@click.argument("peer", shell_complete=completes("peers"))
@click.option("--events", is_flag=True, help="What happened, in place of the hashrates.")
@click.option("--hours", type=click.FloatRange(0.01, 24 * 366), default=24.0, show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many of the last.")
@pass_settings
def history(settings: Settings, peer: str, events: bool, hours: float, limit: int) -> None:
    """Show what PEER did, filled in from its own journal.

    It is fetched three times a minute: the newest may still be on its way. What is now: `remote status`.
    """
    since = max(0, int((time.time() - hours * 3600) * 1000))
    place = f"/history/peers/{part(peer)}"
    with local_node(settings.home) as api:
        answer = api.get(f"{place}/{'events' if events else 'samples'}", since=since, limit=limit)
        if printed_json(settings, answer):
            return
        gaps = api.get(f"{place}/gaps").data
    if not answer.data:
        click.echo(f"Nothing is known of {shown(peer)} within {hours:g} h.")
    else:
        show(_events(answer.data) if events else _samples(answer.data))
    if gaps:
        missing = sum(gap["last"] - gap["first"] + 1 for gap in gaps)
        note(f"{plural(missing, 'entry').replace('entrys', 'entries')} of its journal were gone before they came here.")


def _samples(points: list[dict[str, Any]]) -> Table:
    return Table(
        SAMPLES,
        [
            (
                _time(point["atMs"]),
                shown(point["miner"], 63),
                shown(point["state"], 20),
                hashrate(point.get("hashrate")),
                shown(point.get("algorithm"), 24),
                f"{point.get('shares', 0)}/{point.get('rejected', 0)}",
                _number(point.get("temperatureC"), "°C"),
                _number(point.get("powerW"), "W"),
            )
            for point in points
        ],
    )


def _events(events: list[dict[str, Any]]) -> Table:
    return Table(
        EVENTS,
        [
            (
                _time(event["atMs"]),
                shown(event["kind"], 40),
                shown(event.get("miner"), 63),
                shown(event.get("by"), 40),
                shown(event.get("text"), 1000),
            )
            for event in events
        ],
    )


def _time(unix_ms: int) -> str:
    try:
        return datetime.fromtimestamp(unix_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return NOTHING


def _number(value: float | None, unit: str) -> str:
    return NOTHING if value is None else f"{value:.0f} {unit}"
