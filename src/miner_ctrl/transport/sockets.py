"""TCP: listening sockets for one port on one address or on all, and connections by name."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.addresses import Address
from miner_ctrl.transport import dial_errors
from miner_ctrl.transport.tls import pin_of

P = TypeVar("P", bound=asyncio.BaseProtocol)

BACKLOG = 1024
_ATTEMPTS = 20
_NEXT_ADDRESS_AFTER_S = 2.0
_IPV6_FIELDS = 4


class Listeners:
    """Servers on one port, of one address or of all. Closing them ends no connection."""

    def __init__(self, servers: list[asyncio.Server], addresses: list[tuple[str, int]]) -> None:
        self._servers = servers
        self.addresses = addresses

    def close(self) -> None:
        """Stop listening: the ports are free when this returns, or soon after."""
        for server in self._servers:
            server.close()


async def serve(
    protocol: Callable[[], asyncio.BaseProtocol],
    host: str | None,
    port: int,
    *,
    tls: ssl.SSLContext | None,
    tls_within_s: float,
) -> Listeners:
    """Serve ``protocol`` on ``host`` and ``port`` as ``bind`` has them; a TLS handshake gets ``tls_within_s``.

    Raises:
        OperationFailed: as ``bind``.
    """
    loop = asyncio.get_running_loop()
    bound = bind(host, port)
    addresses = [bound_address(sock) for sock in bound]
    servers = [
        await loop.create_server(
            protocol, sock=sock, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=tls_within_s if tls else None
        )
        for sock in bound
    ]
    return Listeners(servers, addresses)


def check_can_listen(host: str | None, port: int) -> None:
    """See that one could listen there now. Raises as ``bind``."""
    for listener in bind(host, port):
        listener.close()


def bind(host: str | None, port: int) -> list[socket.socket]:
    """Return sockets that listen on ``host``; ``None`` is all addresses, IPv4 and, where there is any, IPv6.

    With port 0 all of them get the same free port.

    Raises:
        OperationFailed: it is in use, not ours, or not allowed.
    """
    for _ in range(_ATTEMPTS if host is None and port == 0 else 1):
        try:
            return _bind_all(port) if host is None else _bind_each(host, port)
        except socket.gaierror as error:
            raise OperationFailed(
                f"The name {host} to listen on cannot be found: {error.strerror}.",
                suggestion="Use an address of this machine, or :PORT for all of them.",
                code="CANNOT_LISTEN",
            ) from None
        except OSError as error:
            failure = error
    where = f"port {port}" if host is None else f"{host}, port {port}"
    if failure.errno == errno.EADDRINUSE:
        raise OperationFailed(
            f"Another program listens on {where} already.",
            suggestion="Stop it, or choose another port with --listen.",
            code="CANNOT_LISTEN",
        )
    raise OperationFailed(
        f"Listening on {where} failed: {failure.strerror}.",
        suggestion="Choose another address or port with --listen.",
        code="CANNOT_LISTEN",
    )


def bound_address(sock: socket.socket) -> tuple[str, int]:
    """Return host and port of a bound socket."""
    name = sock.getsockname()
    return str(name[0]), int(name[1])


def _bind_all(port: int) -> list[socket.socket]:
    bound = [_bind_one(socket.AF_INET, ("0.0.0.0", port))]  # noqa: S104 - all addresses were asked for
    port = bound[0].getsockname()[1]
    if not socket.has_ipv6:
        return bound
    try:
        bound.append(_bind_one(socket.AF_INET6, ("::", port)))
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            bound[0].close()
            raise
    return bound


def _bind_each(host: str, port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    name = host.encode() if host.isascii() else host  # a str makes Python load what encodes foreign names
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as undo:
        for family, _, _, _, address in dict.fromkeys(found):
            sock = _bind_one(family, (str(address[0]), int(address[1]) or _first_port(bound)))
            undo.callback(sock.close)
            bound.append(sock)
        undo.pop_all()
    return bound


def _first_port(bound: list[socket.socket]) -> int:
    return int(bound[0].getsockname()[1]) if bound else 0


def _bind_one(family: int, address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class Connection(NamedTuple, Generic[P]):
    """A TCP (or TLS) connection; ``deadline`` is what is left of its time-out, on the loop's clock."""

    transport: asyncio.Transport
    protocol: P
    deadline: float


async def connect(
    new_protocol: Callable[[], P], address: Address, *, tls: ssl.SSLContext | None, timeout_s: float
) -> Connection[P]:
    """Connect to the first of the name's addresses that answers.

    Raises:
        Unreachable: no such name, nobody there, or no answer in time.
        OperationFailed: TLS did not come about.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    try:
        async with asyncio.timeout_at(deadline):
            options: dict[str, Any] = {"ssl": tls, "server_hostname": address.host} if tls is not None else {}
            transport, protocol = await _connect_first(new_protocol, await _resolve(address), address.port, options)
    except TimeoutError:
        raise dial_errors.no_answer(address, timeout_s) from None
    except UnicodeError:
        raise dial_errors.no_connection(address, socket.gaierror()) from None
    except OSError as error:
        raise dial_errors.no_connection(address, error) from None
    return Connection(transport, protocol, deadline)


def check_pin(transport: asyncio.BaseTransport, address: Address) -> None:
    """Compare the certificate of a TLS connection with the address's pin, if it has one.

    Raises:
        IdentityMismatch: ``TLS_REFUSED``, it is another.
    """
    if not address.tls_pin:
        return
    certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    found = pin_of(certificate or b"")
    if found != address.tls_pin:
        raise dial_errors.wrong_certificate(address, found)


async def _resolve(address: Address) -> list[str]:
    """Return where to connect, in numbers; an address in numbers needs no resolver, and no thread for it."""
    host, _, _zone = address.host.partition("%")
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return [address.host]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [_in_numbers(target) for *_, target in found]


def _in_numbers(target: tuple[Any, ...]) -> str:
    """Return the host of what a resolver found; a link-local IPv6 address is nothing without its zone."""
    host, zone = str(target[0]), target[3] if len(target) == _IPV6_FIELDS else 0
    return f"{host}%{zone}" if zone and "%" not in host else host


async def _connect_first(
    new_protocol: Callable[[], P], hosts: list[str], port: int, options: dict[str, Any]
) -> tuple[asyncio.Transport, P]:
    """Try one after the other; all but the last get a bounded time, so that a dead IPv6 route costs little.

    The loop makes the socket: with uvloop that takes a third of the time of ``sock_connect`` on one made here.
    """
    loop = asyncio.get_running_loop()
    *others, last = hosts
    for other in others:
        try:
            async with asyncio.timeout(_NEXT_ADDRESS_AFTER_S):
                return await loop.create_connection(new_protocol, other, port, **options)
        except OSError:  # TimeoutError is one
            continue
    return await loop.create_connection(new_protocol, last, port, **options)
