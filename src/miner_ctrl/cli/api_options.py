"""The options of every command that serves: where the API is over TCP, and what it demands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from miner_ctrl.config import DEFAULT_API, ApiSettings, Listen, TlsFiles, parse_listen

Function = TypeVar("Function", bound=Callable[..., Any])

NAMES = ("api", "no_api", "api_auth", "api_host", "api_tls", "api_tls_cert", "api_tls_key", "api_hsts")
_PLACE = (
    click.option(
        "--api",
        metavar="[HOST]:PORT",
        help=f"Where the API answers over TCP.  [default: {DEFAULT_API.host}:{DEFAULT_API.port}, if it is free]",
    ),
    click.option("--no-api", is_flag=True, help="Serve the API on the local socket alone."),
)
_DEMANDS = (
    click.option("--api-auth", is_flag=True, help="Ask for credentials on loopback too."),
    click.option(
        "--api-host", multiple=True, metavar="NAME", help="A name that a reverse proxy gives this node. Repeatable."
    ),
    click.option("--api-tls", is_flag=True, help="Serve the API with TLS, by this node's own certificate."),
    click.option(
        "--api-tls-cert", type=click.Path(exists=True, dir_okay=False), help="Serve the API with TLS: certificate."
    ),
    click.option(
        "--api-tls-key", type=click.Path(exists=True, dir_okay=False), help="Serve the API with TLS: private key."
    ),
    click.option("--api-hsts", is_flag=True, help="Tell browsers to come to this name with TLS alone, for a year."),
)


def api_options(function: Function) -> Function:
    """Add all of them."""
    return _added(function, (*_PLACE, *_DEMANDS))


def api_demands(function: Function) -> Function:
    """Add those that are not about the place."""
    return _added(function, _DEMANDS)


def api_settings(options: dict[str, Any], *, place: Listen | None = None) -> ApiSettings | None:
    """Return what the options say; ``place`` is where, if another option has said it. ``None``: no port.

    Raises:
        UsageError: they do not go together.
        BadInput: the place or a name is none.
    """
    given = {name: options.get(name) for name in NAMES}
    if given["no_api"]:
        if more := [name for name, value in given.items() if value and name != "no_api"]:
            raise click.UsageError(f"--no-api and --{more[0].replace('_', '-')} contradict each other.")
        return None
    certificate, key = str(given["api_tls_cert"] or ""), str(given["api_tls_key"] or "")
    if bool(certificate) != bool(key):
        raise click.UsageError("--api-tls-cert and --api-tls-key belong together.")
    if certificate and given["api_tls"]:
        raise click.UsageError("--api-tls is for this node's own certificate: leave it out with --api-tls-cert.")
    if given["api_hsts"] and not (certificate or given["api_tls"]):
        raise click.UsageError("--api-hsts needs TLS: --api-tls, or a certificate.")
    if given["api"]:
        place = parse_listen(given["api"])
    return ApiSettings(
        place or DEFAULT_API,
        asked=place is not None,
        auth=bool(given["api_auth"]),
        names=tuple(_checked(name) for name in given["api_host"] or ()),
        tls=TlsFiles(Path(certificate), Path(key)) if certificate else None,
        own_tls=bool(given["api_tls"]),
        hsts=bool(given["api_hsts"]),
    )


def api_words(options: dict[str, Any]) -> list[str]:
    """Return the options as words of a command, for another process to be started with.

    Raises:
        UsageError, BadInput: as ``api_settings``.
    """
    api_settings(options)
    words: list[str] = []
    for name in NAMES:
        value = options.get(name)
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                absolute = name in ("api_tls_cert", "api_tls_key")
                words += [flag, str(Path(text).resolve()) if absolute else text]
    return words


def _checked(name: str) -> str:
    if not name or len(name) > 253 or not all(char.isalnum() or char in ".-" for char in name) or not name.isascii():
        raise click.UsageError(f"--api-host takes a name alone, for example rigs.example.org, and not {name[:80]!r}.")
    return name.lower()


def _added(function: Function, options: tuple[Callable[[Function], Function], ...]) -> Function:
    for option in reversed(options):
        function = option(function)
    return function
