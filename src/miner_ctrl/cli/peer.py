"""``miner-ctrl peer``: the nodes this one knows, and those that may become known."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import click

from miner_ctrl.cli import tables
from miner_ctrl.cli.command import Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import NOTHING, milliseconds, plural, shown, since, until
from miner_ctrl.cli.local_api import MAX_LISTED, part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.node import grants_text
from miner_ctrl.cli.output import note, printed_json, read_secret_argument
from miner_ctrl.cli.rigs import remark
from miner_ctrl.cli.tables import Column, Table, pairs

GRANTS = ("observe", "control", "install")
MAX_USES = 10_000


@click.group(cls=Group)
def peer() -> None:
    """The nodes this one knows: invite, add, approve, remove."""


peer_argument = click.argument("peer", shell_complete=completes("peers"))


@peer.command(
    epilog="""
    miner-ctrl peer invite
    miner-ctrl peer invite --uses 20 --expires 8h
    miner-ctrl peer invite --for controller --address rig.example:9091
    """
)
@click.option(
    "--for",
    "who",
    type=click.Choice(["rig", "controller"]),
    help="Who may use it.  [default: a rig; on a worker, a controller]",
)
@click.option(
    "--address", "addresses", metavar="HOST:9091", multiple=True, help="Where the joining node dials; may be repeated."
)
@click.option(
    "--uses", metavar="N", type=click.IntRange(1, MAX_USES), help="How many nodes may join with it.  [default: 1]"
)
@click.option("--expires", metavar="1h", help="How long it is valid: 30m, 1h, 2d.  [default: 1h]")
@pass_settings
def invite(
    settings: Settings, who: str | None, addresses: tuple[str, ...], uses: int | None, expires: str | None
) -> None:
    """Make a join token: one command on the other machine, and both know each other."""
    body = {"for": who, "uses": uses, "expires": expires, "address": list(addresses) or None}
    with local_node(settings.home) as api:
        answer = api.post("/invites", body)
        if printed_json(settings, answer):
            return
        made = answer.data
        serving = api.get("/node/info").data.get("serving")
    token = shown(made["token"], 4000)
    if tables.is_terminal():
        _show_qr(token)
    whose = "the rig" if made.get("for") == "rig" else "the controller"
    click.echo(f"Run this on {whose}:\n\n  miner-ctrl node join {token} --serve\n")
    rows = [
        ("Invite", shown(made["id"])),
        ("Valid", f"{until(made.get('expiresAt'))}, for {plural(int(made.get('uses') or 1), 'node')}"),
        ("Dials", ", ".join(shown(address) for address in made.get("addresses") or ()) or NOTHING),
    ]
    if made.get("words"):
        rows.append(("Words", shown(made["words"])))
    click.echo(pairs(rows))
    if not serving:
        note("This node does not serve now: nobody can join before `miner-ctrl node serve` runs here.")


def _show_qr(token: str) -> None:
    import segno  # noqa: PLC0415 - only for the code on a terminal

    drawing = io.StringIO()
    segno.make(token, error="l", micro=False).terminal(drawing, compact=True, border=2)
    text = drawing.getvalue()
    if max(len(line) for line in text.splitlines()) <= tables.terminal_width():
        click.echo(text)


@peer.command(epilog="miner-ctrl peer invites")
@pass_settings
def invites(settings: Settings) -> None:
    """List the invites and what became of them."""
    with local_node(settings.home) as api:
        answer = api.get("/invites", limit=MAX_LISTED)
        if printed_json(settings, answer):
            return
        found = answer.data
    if not found:
        click.echo("There are no invites. Make one with `miner-ctrl peer invite`.")
        return
    columns = (
        Column("INVITE"),
        Column("FOR"),
        Column("STATUS", state=True),
        Column("USED", right=True),
        Column("VALID", right=True),
        Column("JOINED", shrinks=True, drop=1),
    )
    rows = [
        (
            shown(one["id"]),
            shown(one.get("for")),
            shown(one.get("status")),
            f"{one.get('used', 0)} of {one.get('uses', 1)}",
            until(one.get("expiresAt")) if one.get("status") == "open" else NOTHING,
            ", ".join(shown(who.get("name") or "removed", 63) for who in one.get("joined") or ()) or NOTHING,
        )
        for one in found
    ]
    tables.show(Table(columns, rows))


@peer.command(epilog="miner-ctrl peer revoke 5f3a")
@click.argument("invite")
@pass_settings
def revoke(settings: Settings, invite: str) -> None:
    """Make an invite useless. Nodes that joined with it stay."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/invites/{part(invite)}")
    if not printed_json(settings, answer):
        click.echo("The invite is revoked.")


@peer.command(
    epilog="""
    miner-ctrl peer add --address 192.168.1.100:9091 --name rig-alpha
    miner-ctrl peer add --address rig.example:9091 --fingerprint "eight words"
    """
)
@click.option("--address", metavar="HOST:9091", help="Where the node listens.")
@click.option("--name", help="What to call it here.  [default: its own name]")
@click.option("--token", metavar="T", help="A join token of that node's (`-`: read it from standard input).")
@click.option("--fingerprint", metavar="WORDS", help="The eight words or the fingerprint that node shows.")
@pass_settings
def add(settings: Settings, address: str | None, name: str | None, token: str | None, fingerprint: str | None) -> None:
    """Add a node by its address. If it does not know this one, a person there approves it."""
    if token and fingerprint:
        raise click.UsageError("Give --token or --fingerprint, not both.")
    if not address and not token:
        raise click.UsageError("Say where the node is: --address HOST:9091 (or give its --token).")
    token = read_secret_argument(token) if token else None
    with local_node(settings.home) as api:
        answer = api.post("/peers", {"address": address, "name": name, "token": token, "fingerprint": fingerprint})
        if printed_json(settings, answer):
            return
        added = answer.data
        own = api.get("/node/info").data.get("identity") or {} if added.get("state") == "pending" else {}
    asked_for, name = name, shown(added["name"])
    if asked_for and asked_for != added["name"]:
        note(f"This node is known here as {name}: --name is not used.")
    if added.get("state") == "pending":
        click.echo(f"{name} is added and waits for approval there. Compare the words on both screens, then run there:")
        click.echo(f"\n  miner-ctrl peer approve {shown(own.get('id'))}\n")
        click.echo(pairs([("This node", shown(own.get("words"))), (name, shown(added.get("words")))]))
        return
    click.echo(f"{name} ({shown(added['id'])}) is added: {shown(added.get('state'))}.")
    if not added.get("verified"):
        click.echo(f"Its words, to compare with what it shows itself: {shown(added.get('words'))}")


@peer.command("list", epilog="miner-ctrl peer list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the nodes this one knows."""
    with local_node(settings.home) as api:
        answer = api.get("/peers", limit=MAX_LISTED)
        if printed_json(settings, answer):
            return
        found = answer.data
    if not found:
        click.echo("No peers yet. Invite one with `miner-ctrl peer invite`.")
        return
    columns = (
        Column("PEER", shrinks=True),
        Column("ID"),
        Column("STATE", state=True),
        Column("ROLE", drop=3),
        Column("ADDRESS", drop=1, shrinks=True),
        Column("MAY DO HERE", drop=4),
        Column("PING", right=True),
        Column("SCORE", right=True, drop=2),
        Column("LAST SEEN", right=True),
    )
    tables.show(Table(columns, [_row(one) for one in found]))
    for one in found:
        failure = one.get("lastFailure")
        if failure and not one.get("connected"):
            click.echo(f"{remark(shown(one['name'], 63), failure.get('reason'))} ({since(failure.get('at'))})")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    ping = one.get("pingSmoothedMs")
    return (
        shown(one["name"], 63),
        shown(one["id"], 16),
        shown(one.get("state"), 20),
        shown(one.get("role"), 20),
        shown(one.get("address"), 200),
        grants_text(one.get("grants")),
        milliseconds(one.get("pingMs") if ping is None else ping),
        str(one.get("score", NOTHING)),
        "now" if one.get("connected") else since(one.get("lastSeen")),
    )


@peer.command(
    epilog="""
    miner-ctrl peer pending
    miner-ctrl peer pending --deny 0123456789abcdef
    """
)
@click.option("--deny", metavar="ID", help="Turn this node away.")
@pass_settings
def pending(settings: Settings, deny: str | None) -> None:
    """List the nodes that dialled this one and wait for approval."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/peers/pending/{part(deny)}") if deny else api.get("/peers/pending", limit=MAX_LISTED)
        if printed_json(settings, answer):
            return
        if deny:
            click.echo("The node is turned away.")
            return
        waiting = answer.data
        own = api.get("/node/info").data.get("identity") or {} if waiting else {}
    if not waiting:
        click.echo("Nobody waits for approval.")
        return
    for one in waiting:
        click.echo(f"{shown(one['name'])} from {shown(one.get('address'))}, {since(one.get('since'))}")
        click.echo(pairs([("  Its words", shown(one.get("words"))), ("  This node", shown(own.get("words")))]))
        click.echo(f"  If both screens show the same: miner-ctrl peer approve {shown(one['id'])}\n")


@peer.command(
    epilog="""
    miner-ctrl peer approve 0123456789abcdef
    miner-ctrl peer approve 0123456789abcdef --grant observe
    """
)
@click.argument("id_", metavar="ID")
@click.option("--grant", metavar="observe,control,install", help="What it may do here.")
@pass_settings
def approve(settings: Settings, id_: str, grant: str | None) -> None:
    """Let a waiting node in, by its full ID or fingerprint.

    Without --grant it may observe and control; on a controller, nothing.
    """
    with local_node(settings.home) as api:
        answer = api.post(f"/peers/pending/{part(id_)}/approve", {"grant": None if grant is None else _split(grant)})
    if not printed_json(settings, answer):
        click.echo(
            f"{shown(answer.data['name'])} is approved and may do here: {grants_text(answer.data.get('grants'))}."
        )


@peer.command(
    epilog="""
    miner-ctrl peer grant control-center observe,control
    miner-ctrl peer grant control-center none
    """
)
@peer_argument
@click.argument("grants", nargs=-1, required=True)
@pass_settings
def grant(settings: Settings, peer: str, grants: tuple[str, ...]) -> None:
    """Set what PEER may do here: observe, control, install, or none."""
    with local_node(settings.home) as api:
        answer = api.patch(f"/peers/{part(peer)}", {"grant": _split(",".join(grants))})
    if not printed_json(settings, answer):
        click.echo(f"{shown(answer.data['name'])} may do here: {grants_text(answer.data.get('grants'))}.")


def _split(grants: str) -> list[str]:
    words = [word.strip().lower() for word in grants.split(",") if word.strip()]
    if words == ["none"]:
        return []
    for word in words:
        if word not in GRANTS:
            raise click.UsageError(f"{word[:40]!r} cannot be granted: there are {', '.join(GRANTS)}, or none alone.")
    if not words:
        raise click.UsageError(f"Say what it may do here: {', '.join(GRANTS)}, or none.")
    return words


@peer.command(
    epilog="""
    miner-ctrl peer tag rig-alpha cellar gpu
    miner-ctrl peer tag rig-alpha --remove gpu
    miner-ctrl peer tag rig-alpha
    """
)
@peer_argument
@click.argument("tags", nargs=-1, metavar="[TAG]...")
@click.option("--remove", "removes", is_flag=True, help="Take these tags off.")
@pass_settings
def tag(settings: Settings, peer: str, tags: tuple[str, ...], removes: bool) -> None:
    """Put tags on PEER, or take them off; without any, show them.

    Commands to many rigs are sent by tags: `miner-ctrl remote restart --tag cellar`.
    """
    with local_node(settings.home) as api:
        answer = api.get(f"/peers/{part(peer)}")
        if tags:
            held = [each for each in answer.data.get("tags") or () if not removes or each not in tags]
            wanted = held if removes else [*held, *(each for each in tags if each not in held)]
            answer = api.patch(f"/peers/{part(peer)}", {"tags": wanted})
    if not printed_json(settings, answer):
        named = ", ".join(shown(each, 63) for each in answer.data.get("tags") or ())
        click.echo(f"{shown(answer.data['name'])} has the tags {named}." if named else f"{shown(peer)} has no tags.")


@peer.command(epilog="miner-ctrl peer remove rig-alpha")
@peer_argument
@pass_settings
def remove(settings: Settings, peer: str) -> None:
    """Forget PEER and end its connections at once. Miners that run there go on."""
    with local_node(settings.home) as api:
        answer = api.delete(f"/peers/{part(peer)}")
    if not printed_json(settings, answer):
        click.echo(f"{shown(peer)} is removed.")


@peer.command(epilog="miner-ctrl peer ping rig-alpha")
@peer_argument
@pass_settings
def ping(settings: Settings, peer: str) -> None:
    """Measure the round trip to PEER and compare its clock with ours."""
    with local_node(settings.home) as api:
        answer = api.post(f"/peers/{part(peer)}/ping")
    if printed_json(settings, answer):
        return
    offset_ms = float(answer.data.get("clock_offset_ms") or 0.0)
    clock = (
        "the same as ours"
        if abs(offset_ms) < 1
        else f"{abs(offset_ms):.0f} ms {'ahead' if offset_ms > 0 else 'behind'}"
    )
    click.echo(f"{shown(peer)} answered in {milliseconds(answer.data['rtt_ms'])}; its clock is {clock}.")
