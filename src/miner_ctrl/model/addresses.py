"""Where a node can be dialled: ``HOST:PORT`` or ``wss://HOST:PORT[#sha256:HEX]``."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

DEFAULT_PEER_PORT = 9091
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_LOOKS_LIKE_IPV4 = re.compile(r"(.*\.)?[0-9]+\.?")
"""A last label of digits alone: a resolver may take such a name for an address (``9091`` is 0.0.35.131)."""
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?")
_ZONE = re.compile(r"[A-Za-z0-9._-]{1,15}")
_PIN = re.compile(r"sha256:[0-9a-f]{64}")
_LOOPBACK_URL = re.compile(r"http://(?:127\.0\.0\.1|localhost):([0-9]{1,5})/?", re.IGNORECASE | re.ASCII)


class Address(msgspec.Struct, frozen=True):
    """A place to dial. ``host`` is a name in lower case, or an IP address in its shortest form.

    ``tls_pin`` is the SHA-256 (hex) of the listener's certificate, or empty for a CA check.
    """

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
    bracketed = _BRACKETED.fullmatch(rest)
    if bracketed:
        return _ip(bracketed[1]), int(bracketed[2] or default_port)
    if rest.count(":") > 1:
        return _ip(rest), default_port
    host, colon, port = rest.partition(":")
    if colon and not re.fullmatch(r"[0-9]{1,5}", port):
        return None, 0
    return (_ip(host) or _name(host)), int(port or default_port)


def _ip(text: str) -> str | None:
    """Return an IP address in its shortest form; an IPv6 one may have a zone (``fe80::1%eth0``)."""
    plain, percent, zone = text.partition("%")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return None
    if percent and (address.version != 6 or not _ZONE.fullmatch(zone)):
        return None
    return f"{address}{percent}{zone}"


def _name(text: str) -> str | None:
    return text.lower() if _HOST.fullmatch(text) and not _LOOKS_LIKE_IPV4.fullmatch(text) else None


def _bad(text: str) -> BadInput:
    return BadInput(
        f"{one_line(text, 100)!r} is not an address.",
        suggestion="Use HOST:PORT, for example 192.168.1.100:9091 or [2001:db8::1]:9091.",
        code="BAD_ADDRESS",
    )


def parse_loopback_url(text: str) -> int:
    """Return the port of ``http://127.0.0.1:PORT``: where a miner on this machine has its API.

    Raises:
        BadInput: it is something else; only this machine is asked, without encryption, user or path.
    """
    match = _LOOPBACK_URL.fullmatch(text.strip())
    if match is None or not 1 <= int(match[1]) <= 65535:
        raise BadInput(
            f"{one_line(text, 100)!r} is not the API of a miner on this machine.",
            suggestion="Use http://127.0.0.1:PORT, without a user, a path or anything else.",
            code="BAD_MINER_URL",
        )
    return int(match[1])
