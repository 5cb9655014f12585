"""``miner-ctrl serve``: the same node as ``node serve``, named from the side of its API."""

from __future__ import annotations

from typing import Any

import click

from miner_ctrl.cli.api_options import api_demands, api_settings
from miner_ctrl.cli.command import Command, Settings, pass_settings
from miner_ctrl.cli.serving import DEFAULT_LISTEN, serve_node
from miner_ctrl.config import DEFAULT_API, Listen


@click.command(
    cls=Command,
    epilog="""
    miner-ctrl serve
    miner-ctrl serve --port 8080
    miner-ctrl serve --host 0.0.0.0 --api-tls
    """,
)
@click.option("--host", metavar="HOST", help=f"Where the API answers over TCP.  [default: {DEFAULT_API.host}]")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Its port.  [default: {DEFAULT_API.port}, if it is free]")
@click.option(
    "--listen", metavar="[HOST]:PORT", default=DEFAULT_LISTEN, show_default=True, help="Where peers can dial this node."
)
@click.option("--no-init", is_flag=True, help="Do not make an identity if there is none.")
@api_demands
@pass_settings
def serve(settings: Settings, /, host: str | None, port: int | None, listen: str, **options: Any) -> None:
    """Run this node until Ctrl-C, with its API on this machine, or where --host says.

    It is what `node serve` runs. Beyond this machine it needs credentials: `token create`, or `login set`.
    """
    asked = host is not None or port is not None
    place = Listen(host or DEFAULT_API.host, DEFAULT_API.port if port is None else port) if asked else None
    serve_node(settings, listen, init=not options["no_init"], api=api_settings(options, place=place))
