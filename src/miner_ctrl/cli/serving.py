"""Serving as a command: until Ctrl-C, or until another node of this home turns out to be there."""

from __future__ import annotations

import time

import click

from miner_ctrl.cli.command import Settings
from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.cli.local_node import POLL_S, WAIT_FOR_HOME_S
from miner_ctrl.config import ApiSettings
from miner_ctrl.errors import HomeInUse, OperationFailed

DEFAULT_LISTEN = ":9091"


def serve_node(
    settings: Settings,
    listen: str,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    *,
    init: bool = True,
    trace: bool = False,
    api: ApiSettings | None = None,
) -> None:
    """Run the node; wait a while for a home that another command has just now.

    Raises:
        HomeInUse: a node of it serves.
        MinerCtrlError: it could not be started.
    """
    if bool(tls_cert) != bool(tls_key):
        raise click.UsageError("--tls-cert and --tls-key belong together.")
    from miner_ctrl.run import serve  # noqa: PLC0415 - the whole node: only for the commands that are one

    home = settings.home
    deadline = time.monotonic() + WAIT_FOR_HOME_S
    while True:
        try:
            code = serve(home, listen=listen, tls_cert=tls_cert, tls_key=tls_key, init=init, trace=trace, api=api)
            break
        except HomeInUse:
            if time.monotonic() > deadline or is_served(LocalApi(home.socket)):
                raise
            time.sleep(POLL_S)  # another command has the home, for as long as it takes
    click.get_current_context().exit(code)


def is_served(api: LocalApi) -> bool:
    """Whether the node that answers there serves."""
    try:
        return bool(api.get("/node/info").data.get("serving"))
    except OperationFailed:
        return False
