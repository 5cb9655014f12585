"""Serving as a command: it becomes the agent."""

from __future__ import annotations

import click

from miner_ctrl.cli.command import Settings
from miner_ctrl.config import ApiSettings

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
    database: str | None = None,
) -> None:
    """Go on as the agent of this home, until it is told to stop."""
    if bool(tls_cert) != bool(tls_key):
        raise click.UsageError("--tls-cert and --tls-key belong together.")
    from miner_ctrl.agent import become, words_of  # noqa: PLC0415 - only for the commands that are one

    code = become(
        settings.home_dir,
        listen=listen, tls_cert=tls_cert, tls_key=tls_key, init=init, trace=trace, api=words_of(api),
        database=database, json=settings.json, debug=settings.debug,
    )  # fmt: skip
    click.get_current_context().exit(code)
