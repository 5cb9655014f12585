"""The local door where there is no Unix socket (Windows): a loopback port, and a proof before HTTP.

The handshake is tested on Linux; the door as a whole has not been run on Windows.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.api.loopback_proof import (
    GREETING_BYTES,
    PROOF_BYTES,
    TOKEN_BYTES,
    ServerProof,
    write_token_file,
)

if TYPE_CHECKING:
    from miner_ctrl.api.serving import HttpServing

PROOF_WITHIN_S = 5.0
UNPROVED_CONNECTIONS = 32


class LoopbackDoor:
    """Answers on a free port of 127.0.0.1 who can read ``token_file``; both are new at each ``open``.

    ``http`` makes what answers, at the first connection that has proved itself or at ``warm``.
    """

    def __init__(self, http: Callable[[], HttpServing], token_file: Path) -> None:
        self.token_file = token_file
        self._http = http
        self._serving: HttpServing | None = None
        self._unproved: dict[_Proving, None] = {}
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Start to answer, and write the token file."""
        token = secrets.token_bytes(TOKEN_BYTES)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Proving(self.warm, self._unproved, token), host="127.0.0.1", port=0
        )
        port = self._server.sockets[0].getsockname()[1]
        write_token_file(self.token_file, port, token)

    def warm(self) -> HttpServing:
        """Have what answers ready, and return it."""
        if self._serving is None:
            self._serving = self._http()
        return self._serving

    async def close(self) -> None:
        """Stop to answer and remove the token file; may be called twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        self.token_file.unlink(missing_ok=True)
        for connection in tuple(self._unproved):
            connection.cut()
        serving, self._serving = self._serving, None
        if serving is not None:
            await serving.close()
        await server.wait_closed()


class _Proving(asyncio.Protocol):
    """A connection until its client has proved itself; then HTTP takes it over."""

    def __init__(self, http: Callable[[], HttpServing], unproved: dict[_Proving, None], token: bytes) -> None:
        self._http = http
        self._unproved = unproved
        self._proof = ServerProof(token)
        self._received = b""
        self._greeted = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type: asyncio gives a protocol that
        self._transport = transport
        self._unproved[self] = None
        self._timer = asyncio.get_running_loop().call_later(PROOF_WITHIN_S, self.cut)
        if len(self._unproved) > UNPROVED_CONNECTIONS:
            next(iter(self._unproved)).cut()  # the oldest: who has the token needs a millisecond

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._received += data
        if not self._greeted and len(self._received) >= GREETING_BYTES:
            greeting, self._received = self._received[:GREETING_BYTES], self._received[GREETING_BYTES:]
            answer = self._proof.read_greeting(greeting)
            if answer is None:
                self.cut()
                return
            self._greeted = True
            self._transport.write(answer)
        if self._greeted and len(self._received) >= PROOF_BYTES:
            if self._proof.check_proof(self._received[:PROOF_BYTES]):
                self._hand_over(self._transport, self._received[PROOF_BYTES:])
            else:
                self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()

    def cut(self) -> None:
        """End the connection without a word."""
        if self._transport is not None:
            self._transport.abort()
        self._forget()

    def _hand_over(self, transport: asyncio.Transport, rest: bytes) -> None:
        self._forget()
        http = self._http().protocol()
        transport.set_protocol(http)
        http.connection_made(transport)
        if rest:
            http.data_received(rest)

    def _forget(self) -> None:
        self._transport = None
        self._unproved.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
