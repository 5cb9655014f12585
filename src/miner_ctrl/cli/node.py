"""``miner-ctrl node``: this node's identity, joining a controller, serving."""

from __future__ import annotations

import platform
import re
from typing import Any

import click

from miner_ctrl.cli.api_options import api_options, api_settings
from miner_ctrl.cli.command import Group, Settings, pass_settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json, read_secret_argument
from miner_ctrl.cli.serving import DEFAULT_LISTEN, is_served, serve_node
from miner_ctrl.cli.tables import pairs
from miner_ctrl.errors import MinerCtrlError

ROLES = click.Choice(["controller", "worker", "dual"])


@click.group(cls=Group)
def node() -> None:
    """This node: its identity, joining a controller, serving."""


def host_name() -> str:
    """Return this machine's name with the characters that a node's name may have."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", platform.node().partition(".")[0]).strip("-")[:63]
    return name or "node"


@node.command(
    epilog="""
    miner-ctrl node init --name control-center --role controller
    miner-ctrl node init --name rig-alpha --role worker
    """
)
@click.option("--name", help="What people call this node.  [default: this machine's name]")
@click.option("--role", type=ROLES, help="What this node is for.  [default: dual; with --trust, worker]")
@click.option(
    "--trust",
    metavar="FP[@HOST:PORT]",
    help="For a machine image: let the controller with this fingerprint in. The key itself is made at first start.",
)
@pass_settings
def init(settings: Settings, name: str | None, role: str | None, trust: str | None) -> None:
    """Make this node's identity: its keys, its ID and its name."""
    if name is not None and not name.strip():
        raise click.UsageError("--name is empty: give a name, or leave it out for this machine's.")
    if name is None and trust is None:
        name = host_name()
    with local_node(settings.home) as api:
        answer = api.post("/node/init", {"name": name, "role": role, "trust": trust})
        if printed_json(settings, answer):
            return
        identity = answer.data
    if not identity.get("id"):
        click.echo(f"Trust is stored for {shown(trust, 200)}. The identity is made at this machine's first start.")
        return
    click.echo(f"{shown(identity['name'])} is a {shown(identity['role'])} node now.")
    click.echo(pairs([("ID", shown(identity["id"])), ("Words", shown(identity.get("words")))]))


@node.command(
    epilog="""
    miner-ctrl node join TOKEN --serve
    miner-ctrl node join - --name rig-alpha < token.txt
    """
)
@click.argument("token")
@click.option("--name", help="This node's name, if it has no identity yet.  [default: this machine's name]")
@click.option("--serve", "goes_on", is_flag=True, help="Go on as `node serve` afterwards.")
@click.option("--listen", metavar="[HOST]:PORT", help=f"With --serve: where to listen.  [default: {DEFAULT_LISTEN}]")
@click.option(
    "--lock-wallet", multiple=True, metavar="W", help="Mine to this wallet alone (miner-ctrl lock). Repeatable."
)
@click.option("--lock-pool", multiple=True, metavar="P", help="Mine at this pool alone. Repeatable.")
@click.option(
    "--lock-key", multiple=True, metavar="KEY", help="Who may change the lock from afar: FILE.pub. Repeatable."
)
@click.option(
    "--operator-key",
    "operators",
    multiple=True,
    metavar="KEY",
    help="Whose signed miner programs count here (bundle sign), whoever brings them: FILE.pub. Repeatable.",
)
@api_options
@pass_settings
def join(
    settings: Settings,
    /,
    *,
    token: str,
    name: str | None,
    goes_on: bool,
    listen: str | None,
    operators: tuple[str, ...],
    lock_wallet: tuple[str, ...],
    lock_pool: tuple[str, ...],
    lock_key: tuple[str, ...],
    **port: Any,
) -> None:
    """Join the node that issued TOKEN (`-`: read it from standard input).

    Makes an identity (a worker's) if this node has none, shows whose token it is and what it will be allowed to do
    here, and pairs.
    """
    _check_only_with_serve({"listen": listen, **port}, goes_on=goes_on)
    api_port = api_settings(port)
    body, keys = _lock_body(lock_wallet, lock_pool, lock_key), _operator_keys(operators)
    token = read_secret_argument(token)
    with local_node(settings.home) as api:
        invite = api.post("/invites/inspect", {"token": token}).data
        if not settings.json:
            click.echo(f"The token is from the node with the words: {shown(invite.get('issuerWords'))}")
            click.echo(f"It may do here: {grants_text(invite.get('grants'))}")
        made = _ensure_identity(api, name)
        if keys:
            _pin(settings, keys)
        if body is not None:  # before anybody may command this rig
            api.call("PUT", "/lock", body=body)
        try:
            answer = api.post("/peers", {"token": token})
        except MinerCtrlError:
            if made:
                note(f"This node's new identity {'and its lock stay' if body else 'stays'}; nothing else was stored.")
            raise
        running = goes_on and is_served(api)
        if not printed_json(settings, answer):
            peer = answer.data
            click.echo(f"Joined {shown(peer['name'])} ({shown(peer['id'])}).")
    if goes_on:
        if running:
            note("A node of this home runs already: it serves, and it has joined.")
            return
        serve_node(settings, listen or DEFAULT_LISTEN, api=api_port)


def _check_only_with_serve(options: dict[str, Any], *, goes_on: bool) -> None:
    given = [name for name, value in options.items() if value]
    if given and not goes_on:
        raise click.UsageError(f"--{given[0].replace('_', '-')} says where or how to serve: it needs --serve.")


def _lock_body(
    lock_wallet: tuple[str, ...], lock_pool: tuple[str, ...], lock_key: tuple[str, ...]
) -> dict[str, Any] | None:
    if not (lock_wallet or lock_pool or lock_key):
        return None
    from miner_ctrl.cli.lock import lock_body  # noqa: PLC0415 - only to lock

    return lock_body(lock_wallet, lock_pool, lock_key)


def _operator_keys(given: tuple[str, ...]) -> tuple[bytes, ...]:
    if not given:
        return ()
    from miner_ctrl.cli.lock import public_key  # noqa: PLC0415 - only to pin

    return tuple(map(public_key, given))


def _pin(settings: Settings, keys: tuple[bytes, ...]) -> None:
    from miner_ctrl.deploy.operators import pin_operators  # noqa: PLC0415 - only to pin

    pin_operators(settings.home.operators_file, keys)


def _ensure_identity(api: LocalApi, name: str | None) -> bool:
    """Make a worker's identity if there is none, and return whether there was none."""
    info = api.get("/node/info").data
    if not info.get("hasIdentity"):
        api.post("/node/init", {"name": name or host_name(), "role": "worker"})
        return True
    if name and name != info["identity"]["name"]:
        note(f"This node is called {shown(info['identity']['name'])} already: --name is not used.")
    return False


def grants_text(grants: Any) -> str:
    """Return a list of grants for people."""
    return ", ".join(shown(grant, 40) for grant in grants or ()) or "nothing"


@node.command(
    epilog="""
    miner-ctrl node tls
    """
)
@pass_settings
def tls(settings: Settings) -> None:
    """Show the certificate for this node's listener, or make one.

    TLS is never needed for safety: it is for networks that let nothing else through.
    """
    with local_node(settings.home) as api:
        answer = api.post("/node/tls", {})
        if printed_json(settings, answer):
            return
        facts = answer.data
    certificate, key = shown(facts["certificate"], 400), shown(facts["key"], 400)
    click.echo("A certificate was made." if facts["made"] else "This node has a certificate.")
    click.echo(pairs([("Certificate", certificate), ("Key", key), ("Pin", f"sha256:{shown(facts['fingerprint'])}")]))
    click.echo(f"Serve with it:  miner-ctrl node serve --tls-cert {certificate} --tls-key {key}")
    click.echo(f"Peers dial:     wss://HOST:9091#sha256:{shown(facts['fingerprint'])}")


@node.command(
    epilog="""
    miner-ctrl node info
    miner-ctrl node info --json
    """
)
@pass_settings
def info(settings: Settings) -> None:
    """Show this node's identity, its words and where it can be reached."""
    with local_node(settings.home) as api:
        answer = api.get("/node/info")
        if printed_json(settings, answer):
            return
        facts = answer.data
    identity = facts.get("identity")
    if not identity:
        click.echo("This node has no identity yet. Make one with `miner-ctrl node init` or `miner-ctrl node join`.")
        return
    rows = [
        ("Name", shown(identity["name"])),
        ("ID", shown(identity["id"])),
        ("Role", shown(identity["role"])),
        ("Words", shown(identity.get("words"))),
        ("Fingerprint", shown(identity.get("fingerprint"))),
        ("Serving", "yes" if facts.get("serving") else "no: start it with `miner-ctrl node serve`"),
        ("Addresses", ", ".join(shown(address) for address in facts.get("addresses") or ()) or "none"),
        ("Peers", f"{facts.get('registeredPeers', 0)} known, {facts.get('connectedPeers', 0)} connected"),
    ]
    if facts.get("tlsFingerprint"):
        rows.append(("TLS", f"sha256:{shown(facts['tlsFingerprint'])}"))
    if facts.get("serving"):
        rows.append(("API", _api_text(facts)))
    click.echo(pairs(rows))


def _api_text(facts: dict[str, Any]) -> str:
    if problem := facts.get("apiProblem"):
        return shown(problem, 400)
    places = ", ".join(shown(place) for place in facts.get("apiAddresses") or ()) or "on the local socket alone"
    pin = facts.get("apiTlsFingerprint")
    return f"{places} (certificate sha256:{shown(pin)})" if pin else places


@node.command(
    epilog="""
    miner-ctrl node serve
    miner-ctrl node serve --listen 192.168.1.10:9091
    miner-ctrl node serve --tls-cert node.crt --tls-key node.key
    miner-ctrl node serve --api 192.168.1.10:9090 --api-tls
    """
)
@click.option(
    "--listen", metavar="[HOST]:PORT", default=DEFAULT_LISTEN, show_default=True, help="Where peers can dial this node."
)
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False), help="Wrap the listener in TLS: certificate.")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), help="Wrap the listener in TLS: private key.")
@click.option("--no-init", is_flag=True, help="Do not make an identity if there is none.")
@click.option("--trace", is_flag=True, help="Log every message to and from peers, as JSON.")
@api_options
@pass_settings
def serve(settings: Settings, /, listen: str, tls_cert: str | None, tls_key: str | None, **options: Any) -> None:
    """Run this node until Ctrl-C: peers can reach it, commands go through it, miners are watched.

    Without an identity, one is made first: `dual`, named after this machine.
    """
    serve_node(
        settings,
        listen,
        tls_cert,
        tls_key,
        init=not options["no_init"],
        trace=options["trace"],
        api=api_settings(options),
    )
