"""``miner-ctrl start``, ``stop`` and the others: the miners of this machine, with or without a running node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Command, Settings, completes, pass_settings
from miner_ctrl.cli.format import NOTHING, duration, shown
from miner_ctrl.cli.local_api import MAX_LISTED, LocalApi, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import MAX_SECRET_BYTES, note, printed_json, read_secret_argument
from miner_ctrl.cli.rigs import hashrate_of, watched
from miner_ctrl.cli.spans import parse_span_s
from miner_ctrl.cli.tables import Column, Table

_COLUMNS = (
    Column("MINER", shrinks=True),
    Column("STATE", state=True),
    Column("PROFILE", drop=1, shrinks=True),
    Column("HASHRATE", right=True),
    Column("ALGO", drop=2),
    Column("ACC/REJ", right=True),
    Column("UP", right=True, drop=3),
    Column("POOL", drop=4, shrinks=True),
)

ONLY_MINER = "*"

miner_argument = click.argument("miner", required=False, shell_complete=completes("own-miners"))


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl start my-profile
    miner-ctrl start night --replace
    miner-ctrl start night --replace xmrig-1
    """,
)
@click.argument("name", required=False, shell_complete=completes("profiles"))
@click.option("--profile", metavar="NAME", shell_complete=completes("profiles"), help="The same, as an option.")
@click.option(
    "--replace",
    is_flag=False,
    flag_value=ONLY_MINER,
    metavar="[MINER]",
    shell_complete=completes("own-miners"),
    help="Have the miner that runs here (or MINER, if there are several) run the profile from now on.",
)
@pass_settings
def start(settings: Settings, name: str | None, profile: str | None, replace: str | None) -> None:
    """Start a miner on this machine from the profile NAME."""
    if (name is None) == (profile is None):
        raise click.UsageError("Give one profile: miner-ctrl start NAME. See miner-ctrl profile list.")
    chosen = name or profile or ""
    with local_node(settings.home) as api:
        answer = api.post(f"/profiles/{part(chosen)}/start", {"replace": replace})
        if not printed_json(settings, answer):
            click.echo(f"{_names(answer.data)} runs {shown(chosen, 63)}.")
        _say_who_watches(api)


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl stop xmrig-1
    miner-ctrl stop
    """,
)
@miner_argument
@pass_settings
def stop(settings: Settings, miner: str | None) -> None:
    """Stop MINER, or every miner of this machine."""
    _control(settings, "stop", "Stopped", {"minerName": miner})


@click.command(cls=Command, epilog="miner-ctrl restart xmrig-1")
@miner_argument
@pass_settings
def restart(settings: Settings, miner: str | None) -> None:
    """Restart MINER, or every miner of this machine."""
    _control(settings, "restart", "Restarted", {"minerName": miner}, watched=True)


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl pause
    miner-ctrl pause xmrig-1 --for 2h
    """,
)
@miner_argument
@click.option("--for", "for_", metavar="TIME", help="Go on by itself after this long, for example 90m, 2h or 1d.")
@pass_settings
def pause(settings: Settings, miner: str | None, for_: str | None) -> None:
    """Pause MINER, or every miner of this machine."""
    if for_ is None:
        _control(settings, "pause", "Paused", {"minerName": miner, "resumeAfterS": None})
    else:  # without a node that serves nobody ends the pause: that is said
        body: dict[str, object] = {"minerName": miner, "resumeAfterS": parse_span_s(for_)}
        _control(settings, "pause", f"Paused for {for_}", body, watched=True)


@click.command(cls=Command, epilog="miner-ctrl resume xmrig-1")
@miner_argument
@pass_settings
def resume(settings: Settings, miner: str | None) -> None:
    """Go on with MINER, or every miner of this machine."""
    _control(settings, "resume", "Resumed", {"minerName": miner})


@click.command(cls=Command, epilog="miner-ctrl status")
@pass_settings
def status(settings: Settings) -> None:
    """Show what this machine's miners are doing, and why one is down."""
    with local_node(settings.home) as api:
        answer = api.get("/miners", limit=MAX_LISTED)
        if printed_json(settings, answer):
            return
        miners = answer.data
        if not miners:
            click.echo("No miner runs here. Start one: miner-ctrl start PROFILE")
            return
        tables.show(Table(_COLUMNS, [_row(miner) for miner in miners]))
        schedule = str(api.get("/schedule").data.get("now") or "")
        for miner in miners:
            for words in watched(miner, schedule=schedule):
                click.echo(f"{shown(miner.get('name'), 63)}: {words}")
        _say_who_watches(api)


@click.command(cls=Command, epilog="miner-ctrl list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the miner programs that this machine could run, and whether it has them."""
    with local_node(settings.home) as api:
        answer = api.get("/miners/available")
    if printed_json(settings, answer):
        return
    columns = (Column("MINER"), Column("HAS IT", state=True), Column("VERSION"), Column("CAN", drop=1, shrinks=True))
    rows = [
        (
            shown(one.get("name"), 40),
            "yes" if one.get("installed") else "no",
            shown(one.get("version") or NOTHING, 40),
            shown(", ".join(map(str, one.get("capabilities") or ())).replace("_", " ") or NOTHING, 200),
        )
        for one in answer.data
    ]
    tables.show(Table(columns, rows))


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl logs xmrig-1 --lines 100
    miner-ctrl logs xmrig-1 --follow
    """,
)
@click.argument("miner", shell_complete=completes("own-miners"))
@click.option("--lines", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many of the last.")
@click.option("--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@pass_settings
def logs(settings: Settings, miner: str, lines: int, follow: bool) -> None:
    """Show what MINER printed; also of one that was stopped."""
    from miner_ctrl.cli.log_lines import follow_log, show_log  # noqa: PLC0415 - only here

    path = f"/miners/{part(miner)}/logs"
    with local_node(settings.home) as api:
        if follow:
            follow_log(api, settings, path, lines)
        else:
            show_log(api, settings, path, lines, format="text")


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl adopt xmrig --url http://127.0.0.1:18088 --token -
    miner-ctrl adopt xmrig --url http://127.0.0.1:18088 --token-file /etc/xmrig.token
    miner-ctrl adopt --release xmrig-2
    """,
)
@click.argument("type_", metavar="[TYPE]", required=False, shell_complete=completes("miner-types"))
@click.option("--url", metavar="URL", help="Its API, on this machine: http://127.0.0.1:PORT.")
@click.option("--name", metavar="NAME", help="What it is called here.")
@click.option("--token", metavar="-", help="Read the API's token from standard input.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False), help="Read the API's token from a file.")
@click.option("--release", metavar="MINER", shell_complete=completes("own-miners"), help="Let go of an adopted miner.")
@pass_settings
def adopt(
    settings: Settings,
    *,
    type_: str | None,
    url: str | None,
    name: str | None,
    token: str | None,
    token_file: str | None,
    release: str | None,
) -> None:
    """Watch a miner of TYPE that somebody else started, and control it as far as its API allows."""
    if release is not None:
        if any((type_, url, name, token, token_file)):
            raise click.UsageError("--release takes the miner's name alone.")
        with local_node(settings.home) as api:
            answer = api.delete(f"/miners/{part(release)}/adopt")
        if not printed_json(settings, answer):
            click.echo(f"{shown(release, 63)} is let go of; it goes on by itself.")
        return
    if type_ is None or url is None:
        raise click.UsageError("Give the miner's type and where its API is: miner-ctrl adopt xmrig --url URL.")
    body = {"minerType": type_, "url": url, "name": name, "token": _token(token, token_file)}
    with local_node(settings.home) as api:
        answer = api.post("/miners/adopt", body)
        if not printed_json(settings, answer):
            click.echo(
                f"{_names(answer.data)} is watched. Let go of it: miner-ctrl adopt --release {_names(answer.data)}"
            )
        _say_who_watches(api)


def _token(token: str | None, token_file: str | None) -> str | None:
    if token is not None and token_file is not None:
        raise click.UsageError("Give the token once: --token - or --token-file FILE.")
    if token_file is not None:
        with Path(token_file).open("rb") as file:
            return "".join(file.read(MAX_SECRET_BYTES).decode("utf-8", "replace").split())
    if token is None:
        return None
    if token != "-":  # noqa: S105 - the word for standard input
        raise click.UsageError("A token on the command line could be read by everybody here: use --token - instead.")
    return read_secret_argument(token, "API's token")


def _control(settings: Settings, verb: str, done: str, body: dict[str, object], *, watched: bool = False) -> None:
    with local_node(settings.home) as api:
        answer = api.post(f"/miners/{verb}", body)
        if not printed_json(settings, answer):
            names = _names(answer.data)
            click.echo(f"{done}: {names}." if names else "No miner runs here.")
        if watched:
            _say_who_watches(api)


def _names(acted: dict[str, Any]) -> str:
    return ", ".join(shown(name, 63) for name in acted.get("miners") or ())


def _say_who_watches(api: LocalApi) -> None:
    if api.momentary:
        note("Nobody watches the miners until this node serves: miner-ctrl node serve")


def _row(miner: dict[str, Any]) -> tuple[str, ...]:
    return (
        shown(miner.get("name"), 63),
        shown(miner.get("state"), 20),
        shown(miner.get("profileName"), 63),
        hashrate_of(miner),
        shown(miner.get("algorithm"), 24),
        f"{miner.get('shares', 0)}/{miner.get('rejected', 0)}",
        duration(miner.get("uptime", 0)),
        shown(miner.get("pool"), 60),
    )
