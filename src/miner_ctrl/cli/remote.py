"""``miner-ctrl remote``: the rigs of this controller."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import log_line, shown
from miner_ctrl.cli.local_api import Answer, LocalApi, error_of_stream_end, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.rigs import remarks, rig_table, state_of, summary
from miner_ctrl.errors import MinerCtrlError, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

DEPLOYS_AT_ONCE = 16
ONLY_MINER = "*"
MAX_PAUSE_S = 366 * 86_400
_TIME = re.compile(r"([1-9]\d{0,8})([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.group(cls=Group)
def remote() -> None:
    """The rigs: status, start, stop, logs."""


peer_argument = click.argument("peer", shell_complete=completes("peers"))
miner_argument = click.argument("miner", required=False, shell_complete=completes("miners"))
profile_option = click.option(
    "--profile",
    required=True,
    metavar="NAME",
    shell_complete=completes("profiles"),
    help="A profile of this node's (name or ID), or local:NAME for one of the rig's own.",
)


@remote.command(
    epilog="""
    miner-ctrl remote status
    miner-ctrl remote status rig-alpha
    miner-ctrl remote status --watch
    """
)
@click.argument("peer", required=False, shell_complete=completes("peers"))
@click.option("--watch", "watched", is_flag=True, help="Keep showing it, as it changes, until Ctrl-C.")
@pass_settings
def status(settings: Settings, peer: str | None, watched: bool) -> None:
    """Show what the rigs are doing, and why one is missing."""
    with local_node(settings.home) as api:
        if watched:
            from miner_ctrl.cli.watch import watch  # noqa: PLC0415 - threads and live drawing, only to watch

            watch(api, peer, as_json=settings.json)
            return
        if peer is None:
            answer = api.get("/remote/stats", refresh="true")
            rigs = answer.data
        else:
            answer = api.get(f"/remote/{part(peer)}/stats")
            rigs = {peer: answer.data}
    if not printed_json(settings, answer):
        _show_rigs(rigs, with_errors=peer is None)
    if peer is not None and rigs[peer].get("error"):
        raise _missing(rigs[peer])


def _show_rigs(rigs: dict[str, Any], *, with_errors: bool) -> None:
    if not rigs:
        click.echo("There are no rigs yet. Let one join: `miner-ctrl peer invite`.")
        return
    tables.show(rig_table(rigs))
    for line in remarks(rigs, errors=with_errors):
        click.echo(line)
    if len(rigs) > 1:
        click.echo(summary(rigs))


def _missing(rig: dict[str, Any]) -> MinerCtrlError:
    """Return why the one rig that was asked for did not answer, as an error."""
    code = str(rig.get("errorCode") or "")
    name = shown(rig.get("nodeName"), 63)
    if state_of(rig) in {"pending", "refused"}:
        return Refused(str(rig["error"]), suggestion=f"Let this node in on {name}.", code=code)
    return Unreachable(str(rig["error"]), suggestion=f"See that {name} is on and serving, then ask again.", code=code)


@remote.command(
    epilog="""
    miner-ctrl remote start rig-alpha --profile my-profile
    miner-ctrl remote start rig-alpha --profile other-profile --replace
    miner-ctrl remote start rig-alpha --profile other-profile --replace xmrig-1
    """
)
@peer_argument
@profile_option
@click.option(
    "--replace",
    is_flag=False,
    flag_value=ONLY_MINER,
    metavar="[MINER]",
    help="Have the miner that runs there (or MINER, if there are several) run the profile from now on.",
)
@pass_settings
def start(settings: Settings, peer: str, profile: str, replace: str | None) -> None:
    """Start a miner on PEER."""
    order = {"profileId": profile} if replace is None else {"profileId": profile, "replace": replace}
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/start", order)
    if printed_json(settings, answer):
        return
    names = [shown(name, 63) for name in answer.data.get("miners") or [answer.data.get("minerName")]]
    runs = f"runs {shown(profile)}" if replace is not None else "runs"
    click.echo(f"{' and '.join(names)} {runs if len(names) == 1 else 'run'} on {shown(peer)}.")


def length_of_time(text: str) -> int:
    """Return the seconds that ``90m``, ``2h`` or ``1d`` means."""
    found = _TIME.fullmatch(text)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 1 <= seconds <= MAX_PAUSE_S:
        raise click.UsageError(
            f"{shown(text, 40)!r} is no length of time: use a number and s, m, h or d, for example 90m; at most 366d."
        )
    return seconds


def _control(settings: Settings, peer: str, verb: str, done: str, miner: str | None, **more: object) -> None:
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/{verb}", {"minerName": miner, **more})
    if printed_json(settings, answer):
        return
    acted = answer.data
    names = [shown(name, 63) for name in acted.get("miners") or [acted.get("minerName") or miner] if name]
    click.echo(f"{done} on {shown(peer)}: {', '.join(names)}." if names else f"No miner ran on {shown(peer)}.")


@remote.command(
    epilog="""
    miner-ctrl remote stop rig-alpha xmrig-1
    miner-ctrl remote stop rig-alpha
    """
)
@peer_argument
@miner_argument
@pass_settings
def stop(settings: Settings, peer: str, miner: str | None) -> None:
    """Stop MINER on PEER, or every miner there."""
    _control(settings, peer, "stop", "Stopped", miner)


@remote.command(epilog="miner-ctrl remote restart rig-alpha xmrig-1")
@peer_argument
@miner_argument
@pass_settings
def restart(settings: Settings, peer: str, miner: str | None) -> None:
    """Restart MINER on PEER, or every miner there."""
    _control(settings, peer, "restart", "Restarted", miner)


@remote.command(
    epilog="""
    miner-ctrl remote pause rig-alpha
    miner-ctrl remote pause rig-alpha xmrig-1 --for 2h
    """
)
@peer_argument
@miner_argument
@click.option("--for", "for_", metavar="TIME", help="Go on by itself after this long, for example 90m, 2h or 1d.")
@pass_settings
def pause(settings: Settings, peer: str, miner: str | None, for_: str | None) -> None:
    """Pause MINER on PEER, or every miner there."""
    if for_ is None:
        _control(settings, peer, "pause", "Paused", miner)
    else:
        seconds = length_of_time(for_)
        _control(settings, peer, "pause", f"Paused for {for_}", miner, resumeAfterS=seconds)


@remote.command(epilog="miner-ctrl remote resume rig-alpha")
@peer_argument
@miner_argument
@pass_settings
def resume(settings: Settings, peer: str, miner: str | None) -> None:
    """Go on with MINER on PEER, or every miner there."""
    _control(settings, peer, "resume", "Resumed", miner)


@remote.command(
    epilog="""
    miner-ctrl remote logs rig-alpha xmrig-1 --lines 100
    miner-ctrl remote logs rig-alpha xmrig-1 --follow
    """
)
@peer_argument
@click.argument("miner", shell_complete=completes("miners"))
@click.option("--lines", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many of the last.")
@click.option("--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@pass_settings
def logs(settings: Settings, peer: str, miner: str, lines: int, follow: bool) -> None:
    """Show what MINER on PEER printed."""
    path = f"/remote/{part(peer)}/logs/{part(miner)}"
    with local_node(settings.home) as api:
        if follow:
            _follow(api, path, lines, as_json=settings.json)
            return
        answer = api.get(path, lines=lines)
    if not printed_json(settings, answer):
        _print_lines(answer.data)


def _follow(api: LocalApi, path: str, lines: int, *, as_json: bool) -> None:
    for event in api.events(path, lines=lines, follow="true"):
        if as_json:
            click.echo(event.text)
        elif event.name == "lines":
            if event.data.get("skipped"):
                note(f"({event.data['skipped']} bytes are missing here: the log grew faster than it could be sent)")
            _print_lines(event.data.get("lines") or [])
        if event.name == "end":
            error = error_of_stream_end(event.data)
            if error is not None:
                raise error
            if not as_json:
                note(shown(event.data.get("reason") or "The log ended.", 1000))
            return


def _print_lines(lines: list[str]) -> None:
    colour = tables.is_terminal() and tables.colours_wanted()
    for line in lines:
        click.echo(log_line(line, colour=colour), color=colour)


@remote.command(epilog="miner-ctrl remote deploy rig-alpha rig-beta --profile my-profile")
@click.argument("peers", metavar="PEER...", nargs=-1, required=True, shell_complete=completes("peers"))
@profile_option
@pass_settings
@click.pass_context
def deploy(ctx: click.Context, settings: Settings, peers: tuple[str, ...], profile: str) -> None:
    """Give the PEERs a profile, to be started there by its name."""
    with local_node(settings.home) as api:
        worst = _deploy_all(api, settings, peers, profile)
    ctx.exit(worst)


def _deploy_all(api: LocalApi, settings: Settings, peers: tuple[str, ...], profile: str) -> int:
    """Deploy to all at once, tell of each in the order named, and return the exit code of the first failure."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only here

    from miner_ctrl.cli.run import exit_code_of, show_error  # noqa: PLC0415 - run imports the root, which imports this

    def send(peer: str) -> Answer:
        return api.post(f"/remote/{part(peer)}/deploy", {"profileId": profile})

    code = 0
    with ThreadPoolExecutor(min(DEPLOYS_AT_ONCE, len(peers)), "deploy") as pool:
        attempts: list[tuple[str, Callable[[], Answer]]] = [(peer, pool.submit(send, peer).result) for peer in peers]
        for peer, result in attempts:
            try:
                answer = result()
            except MinerCtrlError as error:
                show_error(error, as_json=settings.json)
                code = code or exit_code_of(error)
            else:
                if not printed_json(settings, answer):
                    click.echo(f"{shown(peer)} has the profile {shown(profile)}.")
    return code
