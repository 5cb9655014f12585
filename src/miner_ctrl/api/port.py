"""The port: the application over TCP, for this machine or for a network, behind its guard (rest-api.md, "Access")."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.api.connection_owner import can_tell
from miner_ctrl.errors import MinerCtrlError

if TYPE_CHECKING:
    from miner_ctrl.api.doors import Application
    from miner_ctrl.api.guard import Credentials
    from miner_ctrl.api.port_connection import Crowd
    from miner_ctrl.api.serving import HttpServing

BACKLOG = 256
TLS_WITHIN_S = 5.0
ACCEPT_AGAIN_S = 1.0
UNREAD_WITHIN_S = 60.0
CONNECTIONS = 512


@dataclass(frozen=True)
class PortRules:
    """How the port is to be. ``names`` are this machine's, ``proxies`` those of what stands in front of it."""

    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    needs_credentials: bool = False
    hsts: bool = False


class Port:
    """Answers at ``listeners``, which it closes, with the page in the folder ``page`` beside the application. What
    answers is made at the first connection: a rig that nobody asks does without."""

    def __init__(
        self,
        application: Application,
        credentials: Callable[[], Credentials],
        listeners: Sequence[socket.socket],
        rules: PortRules,
        *,
        tls: ssl.SSLContext | None = None,
        page: Path | None = None,
    ) -> None:
        self._application = application
        self._credentials = credentials
        self._listeners = listeners
        self._rules = rules
        self._tls = tls
        self._page = page
        self._servers: list[asyncio.Server] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._serving: HttpServing | None = None
        self._crowd: Crowd | None = None

    async def open(self) -> None:
        """Start to answer."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            if self._tls is not None:
                accepting = self._accept(listener, self._tls)
                self._accepting.append(loop.create_task(accepting, name="api port: accept"))
                continue
            server = await loop.create_server(self._connection, sock=listener, backlog=BACKLOG)
            self._servers.append(server)

    async def close(self) -> None:
        """Stop to answer. Streams end at once; may be called twice."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        accepting, self._accepting = self._accepting, []
        for task in (*accepting, *self._handshakes):
            task.cancel()
        await asyncio.gather(*accepting, *self._handshakes, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        serving, self._serving = self._serving, None
        if serving is not None:
            await serving.close()
        for server in servers:
            await server.wait_closed()

    def _connection(self) -> asyncio.Protocol:
        from miner_ctrl.api.port_connection import PortConnection  # noqa: PLC0415 - see above

        return PortConnection(*self._answering())

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        """Take connections, for ever. Who is one too many is cut before TLS: a handshake that does not go on would hold
        80 KB and a file, and nobody would have counted it."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno != errno.ECONNABORTED:  # no files left, say: whoever waits is let in later
                    await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            task = loop.create_task(self._arrived(connection, tls), name="api port: TLS")
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _arrived(self, connection: socket.socket, tls: ssl.SSLContext) -> None:
        from miner_ctrl.api.port_connection import Arrival, PortConnection  # noqa: PLC0415 - see above

        serving, crowd = self._answering()
        try:
            arrival = Arrival(connection)
            own = crowd.enter(arrival)
        except (OSError, MinerCtrlError):
            connection.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: PortConnection(serving, crowd, arrival, own=own),
                connection,
                ssl=tls,
                ssl_handshake_timeout=TLS_WITHIN_S,
            )
        except BaseException as error:
            crowd.leave(arrival)
            if not isinstance(error, OSError):  # ssl.SSLError is one, and so is a handshake that took too long
                raise

    def _answering(self) -> tuple[HttpServing, Crowd]:
        from miner_ctrl.api.port_connection import Crowd  # noqa: PLC0415 - see above

        if self._serving is None or self._crowd is None:
            self._serving, self._crowd = self._made(), Crowd(can_tell=can_tell())
        return self._serving, self._crowd

    def _made(self) -> HttpServing:
        from miner_ctrl.api.application import errors_as_answers  # noqa: PLC0415 - see above
        from miner_ctrl.api.guard import Guard, Rules  # noqa: PLC0415
        from miner_ctrl.api.origins import Names  # noqa: PLC0415
        from miner_ctrl.api.page import Page  # noqa: PLC0415
        from miner_ctrl.api.security_headers import SecurityHeaders, headers_for  # noqa: PLC0415
        from miner_ctrl.api.serving import HttpLimits, HttpServing  # noqa: PLC0415

        rules = Rules(Names(self._rules.names, self._rules.proxies), self._rules.needs_credentials)
        app = self._application.asgi if self._page is None else Page(self._application.asgi, self._page)
        guarded = errors_as_answers(Guard(app, rules, self._credentials()))
        return HttpServing(
            SecurityHeaders(guarded, hsts=self._rules.hsts),
            limits=HttpLimits(connections=CONNECTIONS, unread_within_s=UNREAD_WITHIN_S),
            refusal_headers=headers_for(b"application/json", hsts=self._rules.hsts),
            counts=self._application.counts,
        )
