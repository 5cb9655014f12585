"""Which page a request came from, and under which name this node was asked. Pure.

A page on another site can make a browser send requests here, and a name of its own can be made to point here (DNS
rebinding). The browser tells on both: by ``Host``, ``Origin`` and ``Sec-Fetch-Site``, which no page can forge.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from miner_ctrl.errors import BadInput, Refused

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_HOST_CHARS = 255


class Asked(NamedTuple):
    """A request, as far as it says where it is from. ``headers`` are all values of each name (lower case);
    ``here`` is the address of this end of the connection; ``tls``: it is wrapped in TLS."""

    method: str
    headers: dict[bytes, list[bytes]]
    here: str
    tls: bool
    websocket: bool = False


class Names:
    """The names this node answers to: its ``own``, and those of the ``proxies`` in front of it, whose page may be https
    although they speak plain HTTP with this node."""

    def __init__(self, own: Iterable[str], proxies: Iterable[str] = ()) -> None:
        self._proxies = frozenset(name.lower() for name in proxies)
        self._own = LOOPBACK_NAMES | {name.lower() for name in own} | self._proxies

    def check(self, asked: Asked) -> bool:
        """Check ``Host`` and where the request is from; return whether it is from a page of this node's own.

        Raises:
            BadInput: it does not say whom it asks, or says it twice.
            Refused: it asks under another name, or is from another site's page.
        """
        host = self._host(asked)
        origins, sites = asked.headers.get(b"origin", []), asked.headers.get(b"sec-fetch-site", [])
        if len(origins) > 1 or len(sites) > 1:
            raise _other_site()
        if origins and not self._is_own(origins[0], host, tls=asked.tls):
            raise _other_site()
        site = sites[0] if sites else b""
        if site in (b"", b"none", b"same-origin"):
            return bool(origins) or site == b"same-origin"
        navigates = asked.headers.get(b"sec-fetch-mode") == [b"navigate"]
        embeds = asked.headers.get(b"sec-fetch-dest", [b"document"]) != [b"document"]
        if navigates and not embeds and asked.method in SAFE_METHODS and not asked.websocket:
            return False  # somebody followed a link to here; the other page does not see the answer
        raise _other_site()

    def _host(self, asked: Asked) -> str:
        values = asked.headers.get(b"host", [])
        name = _name_of(values[0]) if len(values) == 1 else None
        if name is None:
            raise BadInput(
                "The request does not say whom it asks.",
                suggestion="Send one Host header with this node's address.",
                code="BAD_HOST",
            )
        if name not in self._own and not _same_address(name, asked.here):
            raise Refused(
                f"This node is not called {name[:80]!r}.",
                suggestion="Use its address; or serve it with --api-host NAME, if that is its name.",
                code="HOST_REFUSED",
            )
        return values[0].decode("ascii").lower()

    def _is_own(self, origin: bytes, host: str, *, tls: bool) -> bool:
        try:
            scheme, _, place = origin.decode("ascii").lower().partition("://")
        except UnicodeDecodeError:
            return False
        schemes = {"https" if tls else "http"}
        if _name_of(host.encode()) in self._proxies:
            schemes = {"https", "http"}
        return scheme in schemes and _without_usual_port(place, scheme) == _without_usual_port(host, scheme)


def all_headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """Return all values of each header."""
    headers: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        headers.setdefault(name, []).append(value)
    return headers


def _name_of(host: bytes) -> str | None:
    """Return the name in ``name:port``, ``[::1]:port`` or one of these without a port; ``None`` if it is none."""
    try:
        text = host.decode("ascii")
        parts = urlsplit(f"//{text}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or len(text) > MAX_HOST_CHARS or parts.netloc != text or parts.username is not None:
        return None
    return name


def _same_address(name: str, here: str) -> bool:
    """An address in numbers is nobody's name: no other site can have it."""
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(here.partition("%")[0])
    except ValueError:
        return False


def _without_usual_port(place: str, scheme: str) -> str:
    return place.removesuffix(":443" if scheme == "https" else ":80")


def _other_site() -> Refused:
    return Refused(
        "This request comes from a page of another site.",
        suggestion="Use this node's own page; programs send no Origin.",
        code="OTHER_SITE",
    )
