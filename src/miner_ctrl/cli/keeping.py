"""``miner-ctrl history``: for how long this controller keeps what its rigs told."""

from __future__ import annotations

import click

from miner_ctrl.cli.command import Group, Settings, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import printed_json
from miner_ctrl.cli.tables import pairs


@click.group(cls=Group)
def history() -> None:
    """How long this node keeps the history of its rigs, and what it takes.

    What a rig did: `miner-ctrl remote history`.
    """


@history.command(epilog="miner-ctrl history status")
@pass_settings
def status(settings: Settings) -> None:
    """Show whether history is recorded, and what it takes."""
    with local_node(settings.home) as api:
        answer = api.get("/history/status")
    if printed_json(settings, answer):
        return
    found = answer.data
    rows = [
        ("Recorded", "yes" if found.get("enabled") else "no"),
        ("Database", shown(found.get("database"))),
        ("Size", f"{int(found.get('bytes') or 0) / 2**20:.1f} MiB"),
    ]
    if found.get("problem"):
        rows.append(("Problem", shown(found["problem"])))
    click.echo(pairs(rows))


@history.command(
    "settings",
    epilog="""
    miner-ctrl history settings
    miner-ctrl history settings --samples-hours 48 --minutes-days 60
    """,
)
@click.option("--samples-hours", type=float, help="Every sample of a miner: 1 to 744.")
@click.option("--minutes-days", type=float, help="A row for each minute: 1 to 366.")
@click.option("--hours-days", type=float, help="A row for each hour: 7 to 3660.")
@click.option("--events-days", type=float, help="What happened: 1 to 3660.")
@pass_settings
def settings_(settings: Settings, /, **times: float | None) -> None:
    """Show for how long what is kept; with options, change it from now on.

    What is too old by it is let go of within minutes, for good.
    """
    change = {_camel(name): value for name, value in times.items() if value is not None}
    with local_node(settings.home) as api:
        answer = api.get("/history/settings")
        if change:
            answer = api.put("/history/settings", {**answer.data, **change})
    if printed_json(settings, answer):
        return
    kept = answer.data
    click.echo(
        pairs(
            [
                ("Samples", f"{kept['samplesHours']:g} hours"),
                ("Minutes", f"{kept['minutesDays']:g} days"),
                ("Hours", f"{kept['hoursDays']:g} days"),
                ("Events", f"{kept['eventsDays']:g} days"),
            ]
        )
    )


def _camel(name: str) -> str:
    first, second = name.split("_")
    return first + second.capitalize()
