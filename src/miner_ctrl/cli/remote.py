"""``miner-ctrl remote``: the rigs of this controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import Answer, LocalApi, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.log_lines import follow_log, show_log
from miner_ctrl.cli.output import printed_json
from miner_ctrl.cli.rigs import remarks, rig_table, state_of, summary
from miner_ctrl.cli.schedule import remote_schedule
from miner_ctrl.errors import MinerCtrlError, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

DEPLOYS_AT_ONCE = 16


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
        _show_rigs(rigs, with_remarks=peer is None)
    if peer is not None and rigs[peer].get("error"):
        raise _missing(rigs[peer])


def _show_rigs(rigs: dict[str, Any], *, with_remarks: bool) -> None:
    if not rigs:
        click.echo("There are no rigs yet. Let one join: `miner-ctrl peer invite`.")
        return
    tables.show(rig_table(rigs))
    for line in remarks(rigs) if with_remarks else ():
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


@remote.command(epilog="miner-ctrl remote start rig-alpha --profile my-profile")
@peer_argument
@profile_option
@pass_settings
def start(settings: Settings, peer: str, profile: str) -> None:
    """Start a miner on PEER."""
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/start", {"profileId": profile})
    if not printed_json(settings, answer):
        click.echo(f"{shown(answer.data.get('minerName'))} runs on {shown(peer)}.")


def _control(settings: Settings, peer: str, verb: str, done: str, miner: str | None) -> None:
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/{verb}", {"minerName": miner})
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


@remote.command(epilog="miner-ctrl remote pause rig-alpha")
@peer_argument
@miner_argument
@pass_settings
def pause(settings: Settings, peer: str, miner: str | None) -> None:
    """Pause MINER on PEER, or every miner there."""
    _control(settings, peer, "pause", "Paused", miner)


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
            follow_log(api, settings, path, lines)
        else:
            show_log(api, settings, path, lines)


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


remote.add_command(remote_schedule)
