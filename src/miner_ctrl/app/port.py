"""The API's port of a node: whether it may be opened, its sockets and its certificate; wired."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from functools import cached_property
from typing import TYPE_CHECKING

from miner_ctrl.api.port import Port, PortRules
from miner_ctrl.app.first_start import own_certificate
from miner_ctrl.config import PAGE_FOLDER, ApiSettings, Home, TlsFiles
from miner_ctrl.errors import BadInput, OperationFailed
from miner_ctrl.telemetry.machine import host_name, own_addresses
from miner_ctrl.transport.sockets import bind, bound_address
from miner_ctrl.transport.tls import pin_of_file, server_context

if TYPE_CHECKING:
    from miner_ctrl.access import Access
    from miner_ctrl.api.doors import Application


class ApiPort:
    """``bind`` before anything of the node is made, ``open`` when it can be asked; without ``settings``, neither does
    anything. ``problem`` says why there is no port although there should be one."""

    def __init__(self, home: Home, settings: ApiSettings | None, application: Application) -> None:
        self._home = home
        self._settings = settings
        self._application = application
        self._port: Port | None = None
        self._used = False
        self.addresses: tuple[str, ...] = ()
        self.tls_pin = ""
        self.problem = ""

    @cached_property
    def access(self) -> Access:
        """Tokens and logins of this home; loaded when somebody asks."""
        from miner_ctrl.access import Access  # noqa: PLC0415 - for who is asked

        self._used = True
        return Access(self._home.access_database)

    async def bind(self) -> None:
        """Take the port, if it may be opened; the usual one that somebody else has is only noted.

        Raises:
            OperationFailed: the one that was asked for cannot be had.
            BadInput: it would be open to others, and nobody has credentials; or the certificate cannot be used.
        """
        settings = self._settings
        if settings is None:
            return
        try:
            listeners = bind(settings.listen.host, settings.listen.port)
        except OperationFailed as error:
            if settings.asked:
                raise OperationFailed(
                    error.message,
                    suggestion="Choose another place: --api HOST:PORT (with `serve`: --host, --port), or --no-api.",
                    code=error.code,
                ) from None
            self.problem = (
                f"{error.message} The API is served on the local socket alone; --api HOST:PORT chooses another."
            )
            return
        try:
            await self._prepare(settings, listeners)
        except BaseException:
            for listener in listeners:
                listener.close()
            raise

    async def open(self) -> None:
        """Start to answer."""
        if self._port is not None:
            await self._port.open()

    async def close(self) -> None:
        """Stop to answer, and write what is not written; may be called twice."""
        if self._port is not None:
            await self._port.close()
            self.addresses = ()
        if self._used:
            await self.access.close()

    async def _prepare(self, settings: ApiSettings, listeners: list[socket.socket]) -> None:
        bound = [bound_address(listener) for listener in listeners]
        outside = [host for host, _ in bound if not ipaddress.ip_address(host.partition("%")[0]).is_loopback]
        needs_credentials = bool(outside) or settings.auth or bool(settings.names)
        if needs_credentials and not await self.access.has_credentials():
            raise _nobody_could(outside[0] if outside else "")
        rules = PortRules(
            names=_own_names(settings.listen.host) if outside else (),
            proxies=settings.names,
            needs_credentials=needs_credentials,
            hsts=settings.hsts,
        )
        context = self._tls(settings)
        self._port = Port(self._application, lambda: self.access, listeners, rules, tls=context, page=PAGE_FOLDER)
        self.addresses = tuple(
            dict.fromkeys(_url(host, port, tls=context is not None) for at, port in bound for host in _hosts(at))
        )

    def _tls(self, settings: ApiSettings) -> ssl.SSLContext | None:
        files = settings.tls
        if settings.own_tls:
            own_certificate(self._home)
            files = TlsFiles(self._home.tls_certificate, self._home.tls_key)
        if files is None:
            return None
        self.tls_pin = pin_of_file(files.certificate)
        return server_context(files.certificate, files.key)


def _own_names(host: str | None) -> tuple[str, ...]:
    own = host_name()
    return (own, f"{own}.local", *([host] if host else []))


def _hosts(bound: str) -> tuple[str, ...]:
    """All addresses are none that one could ask at."""
    return tuple(own_addresses()) if ipaddress.ip_address(bound.partition("%")[0]).is_unspecified else (bound,)


def _url(host: str, port: int, *, tls: bool) -> str:
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _nobody_could(outside: str) -> BadInput:
    where = f"at {outside}, where others can reach it," if outside else "with credentials"
    return BadInput(
        f"The API is not served {where} while there are no credentials for it.",
        suggestion="Make some first: miner-ctrl token create NAME --role operator, or miner-ctrl login set NAME.",
        code="NO_CREDENTIALS",
    )
