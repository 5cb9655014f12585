"""``miner-ctrl remote``: the rigs of this controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.history import history
from miner_ctrl.cli.local_api import part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.lock import remote_lock
from miner_ctrl.cli.log_lines import follow_log, show_log
from miner_ctrl.cli.many import is_for_many, many_options, to_many
from miner_ctrl.cli.output import printed_json
from miner_ctrl.cli.rig_detail import detail
from miner_ctrl.cli.rigs import remarks, rig_table, state_of, summary
from miner_ctrl.cli.schedule import remote_schedule
from miner_ctrl.cli.spans import parse_span_s
from miner_ctrl.errors import MinerCtrlError, Refused, Unreachable

ONLY_MINER = "*"


@click.group(cls=Group)
def remote() -> None:
    """The rigs of this controller: what they do, and what they should."""


peer_argument = click.argument("peer", shell_complete=completes("peers"))
maybe_peer = click.argument("peer", required=False, shell_complete=completes("peers"))
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
        if peer is not None and rigs[peer].get("connected"):
            click.echo(f"\n{detail(rigs[peer])}")
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
    miner-ctrl remote start --tag cellar --profile night
    """
)
@maybe_peer
@profile_option
@click.option(
    "--replace",
    is_flag=False,
    flag_value=ONLY_MINER,
    metavar="[MINER]",
    help="Have the miner that runs there (or MINER, if there are several) run the profile from now on.",
)
@many_options
@pass_settings
@click.pass_context
def start(
    ctx: click.Context,
    settings: Settings,
    *,
    peer: str | None,
    profile: str,
    replace: str | None,
    tags: tuple[str, ...],
    everybody: bool,
) -> None:
    """Start a miner on PEER, or on many rigs at once."""
    order = {"profileId": profile} if replace is None else {"profileId": profile, "replace": replace}
    if is_for_many(peer, tags, everybody=everybody):
        ctx.exit(to_many(settings, "start", "Started", tags, order))
    peer = peer or ""
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/start", order)
    if printed_json(settings, answer):
        return
    names = [shown(name, 63) for name in answer.data.get("miners") or [answer.data.get("minerName")]]
    runs = f"runs {shown(profile)}" if replace is not None else "runs"
    click.echo(f"{' and '.join(names)} {runs if len(names) == 1 else 'run'} on {shown(peer)}.")


class _Whom(NamedTuple):
    """A rig, or many."""

    peer: str | None
    miner: str | None
    tags: tuple[str, ...]
    everybody: bool


def _control(settings: Settings, whom: _Whom, verb: str, done: str, **more: object) -> int:
    peer, miner = whom.peer or "", whom.miner
    if is_for_many(whom.peer, whom.tags, everybody=whom.everybody):
        return to_many(settings, verb, done, whom.tags, more)
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/{verb}", {"minerName": miner, **more})
    if printed_json(settings, answer):
        return 0
    acted = answer.data
    names = [shown(name, 63) for name in acted.get("miners") or [acted.get("minerName") or miner] if name]
    click.echo(f"{done} on {shown(peer)}: {', '.join(names)}." if names else f"No miner ran on {shown(peer)}.")
    return 0


@remote.command(
    epilog="""
    miner-ctrl remote stop rig-alpha xmrig-1
    miner-ctrl remote stop rig-alpha
    miner-ctrl remote stop --all
    """
)
@maybe_peer
@miner_argument
@many_options
@pass_settings
@click.pass_context
def stop(ctx: click.Context, settings: Settings, /, **whom: Any) -> None:
    """Stop MINER on PEER, or every miner there; or every miner of many rigs."""
    ctx.exit(_control(settings, _Whom(**whom), "stop", "Stopped"))


@remote.command(epilog="miner-ctrl remote restart rig-alpha xmrig-1")
@maybe_peer
@miner_argument
@many_options
@pass_settings
@click.pass_context
def restart(ctx: click.Context, settings: Settings, /, **whom: Any) -> None:
    """Restart MINER on PEER, or every miner there; or every miner of many rigs."""
    ctx.exit(_control(settings, _Whom(**whom), "restart", "Restarted"))


@remote.command(
    epilog="""
    miner-ctrl remote pause rig-alpha
    miner-ctrl remote pause rig-alpha xmrig-1 --for 2h
    """
)
@maybe_peer
@miner_argument
@click.option("--for", "for_", metavar="TIME", help="Go on by itself after this long, for example 90m, 2h or 1d.")
@many_options
@pass_settings
@click.pass_context
def pause(ctx: click.Context, settings: Settings, /, for_: str | None, **whom: Any) -> None:
    """Pause MINER on PEER, or every miner there; or every miner of many rigs."""
    if for_ is None:
        ctx.exit(_control(settings, _Whom(**whom), "pause", "Paused"))
    seconds = parse_span_s(for_)
    ctx.exit(_control(settings, _Whom(**whom), "pause", f"Paused for {for_}", resumeAfterS=seconds))


@remote.command(epilog="miner-ctrl remote resume rig-alpha")
@maybe_peer
@miner_argument
@many_options
@pass_settings
@click.pass_context
def resume(ctx: click.Context, settings: Settings, /, **whom: Any) -> None:
    """Go on with MINER on PEER, or every miner there; or every miner of many rigs."""
    ctx.exit(_control(settings, _Whom(**whom), "resume", "Resumed"))


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


@remote.command(
    epilog="""
    miner-ctrl remote deploy rig-alpha rig-beta --profile my-profile
    miner-ctrl remote deploy rig-alpha rig-beta --miner xmrig --version 6.22.2 --restart
    miner-ctrl remote deploy rig-alpha --miner xmrig --file xmrig-6.22.2-linux-static-x64.tar.gz
    """
)
@click.argument("peers", metavar="PEER...", nargs=-1, required=True, shell_complete=completes("peers"))
@click.option("--profile", metavar="NAME", shell_complete=completes("profiles"), help="A profile of this node's.")
@click.option("--miner", "miner_type", metavar="TYPE", help="A miner program: the bundle of this type added last.")
@click.option("--version", metavar="V", help="The bundle of this version.")
@click.option(
    "--file", "archive", metavar="ARCHIVE", type=click.Path(path_type=Path), help="Add this archive first, as a bundle."
)
@click.option("--restart", is_flag=True, help="Restart the miners of that type, so that they run it.")
@pass_settings
@click.pass_context
def deploy(
    ctx: click.Context,
    settings: Settings,
    *,
    peers: tuple[str, ...],
    profile: str | None,
    miner_type: str | None,
    version: str | None,
    archive: Path | None,
    restart: bool,
) -> None:
    """Give the PEERs a profile to keep, or a miner program to run."""
    from miner_ctrl.cli.deploys import Order, deploy_to_all  # noqa: PLC0415 - threads and bars, only to deploy

    if (profile is None) == (miner_type is None):
        raise click.UsageError("Give --profile NAME or --miner TYPE: one of them.")
    if profile is not None and (version or archive or restart):
        raise click.UsageError("--version, --file and --restart are for --miner.")
    order = Order(profile=profile, miner_type=miner_type, version=version, restart=restart)
    with local_node(settings.home) as api:
        if archive is not None:
            from miner_ctrl.cli.bundle import add_archive  # noqa: PLC0415 - only with a file

            added = add_archive(settings, api, archive, miner_type=miner_type, version=version).data
            order = order._replace(version=str(added["version"]), sha256=str(added["sha256"]))
        worst = deploy_to_all(api, settings, tuple(dict.fromkeys(peers)), order)
    ctx.exit(worst)


@remote.command(epilog="miner-ctrl remote rollback rig-alpha rig-beta --miner xmrig --restart")
@click.argument("peers", metavar="PEER...", nargs=-1, required=True, shell_complete=completes("peers"))
@click.option("--miner", "miner_type", metavar="TYPE", required=True, help="Which miner program.")
@click.option("--restart", is_flag=True, help="Restart the miners of that type, so that they run it.")
@pass_settings
@click.pass_context
def rollback(ctx: click.Context, settings: Settings, peers: tuple[str, ...], miner_type: str, restart: bool) -> None:
    """Go back to the miner program that the PEERs had before."""
    from miner_ctrl.cli.deploys import roll_back_all  # noqa: PLC0415 - threads, only here

    with local_node(settings.home) as api:
        worst = roll_back_all(api, settings, tuple(dict.fromkeys(peers)), miner_type, restart=restart)
    ctx.exit(worst)


remote.add_command(remote_schedule)
remote.add_command(history)
remote.add_command(remote_lock)
