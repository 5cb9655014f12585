"""Where a node can be dialled: ``HOST:PORT`` or ``wss://HOST:PORT[#sha256:HEX]``."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from miner_ctrl.errors import BadInput

DEFAULT_PEER_PORT = 9091
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_PIN = re.compile(r"sha256:[0-9a-f]{64}")


class Address(msgspec.Struct, frozen=True):
    """A place to dial. ``tls_pin`` is the SHA-256 (hex) of the listener's certificate, or empty for a CA check."""

    host: str
    port: int = DEFAULT_PEER_PORT
    tls: bool = False
    tls_pin: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        pin = f"#sha256:{self.tls_pin}" if self.tls_pin else ""
        return f"{'wss://' if self.tls else ''}{host}:{self.port}{pin}"


def parse_address(text: str, *, default_port: int = DEFAULT_PEER_PORT) -> Address:
    """Return the address that ``text`` names.

    ``HOST``, ``HOST:PORT``, ``[IPv6]:PORT``, each with ``ws://`` or ``wss://`` before it; after a ``wss://`` one
    ``#sha256:HEX`` pins the certificate.

    Raises:
        BadInput: it is none of these.
    """
    rest, tls, pin = text.strip(), False, ""
    if rest.startswith("wss://"):
        rest, tls = rest.removeprefix("wss://"), True
        rest, _, fragment = rest.partition("#")
        if fragment:
            if not _PIN.fullmatch(fragment.lower()):
                raise _bad(text)
            pin = fragment.lower().removeprefix("sha256:")
    rest = rest.removeprefix("ws://").removesuffix("/ws").removesuffix("/")
    host, port = _split(rest, default_port)
    if host is None or not 1 <= port <= 65535:
        raise _bad(text)
    return Address(host, port, tls, pin)


def _split(rest: str, default_port: int) -> tuple[str | None, int]:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.%A-Za-z]+)\](?::(\d{1,5}))?", rest)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
        return (host if _is_ip(host) else None), int(port or default_port)
    if rest.count(":") > 1:
        return (rest if _is_ip(rest) else None), default_port
    host, _, port = rest.partition(":")
    if (port and not re.fullmatch(r"[0-9]{1,5}", port)) or (":" in rest and not port):
        return None, 0
    return (host if _HOST.fullmatch(host) else None), int(port or default_port)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _bad(text: str) -> BadInput:
    return BadInput(
        f"{text[:100]!r} is not an address.",
        suggestion="Use HOST:PORT, for example 192.168.1.100:9091 or [2001:db8::1]:9091.",
        code="BAD_ADDRESS",
    )
