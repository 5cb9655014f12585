"""In front of the application at the port: under which name it is asked, from which page, by whom, how often.

Raises what it refuses; ``errors_as_answers`` around it makes answers of that, for WebSockets too, which are refused
before they are accepted. What it lets through has its ``Caller`` (or ``None``) and its ``Visit`` in ``scope["state"]``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from miner_ctrl.access import address_block
from miner_ctrl.api.errors import envelope, status_of
from miner_ctrl.api.origins import SAFE_METHODS, Asked, Names, all_headers
from miner_ctrl.api.rates import Rate, Rates
from miner_ctrl.api.routes import CALLER, VISIT
from miner_ctrl.api.session_cookie import session_in
from miner_ctrl.errors import BadInput, MinerCtrlError, RateLimited, Refused
from miner_ctrl.model.callers import LOOPBACK, Caller, Door, Visit

OWN = "miner_ctrl.own"
"""Key in ``scope["state"]``: whether the connection is from this machine, by this node's own user."""
OF_CALLER = Rate(burst=400, per_s=100)
OF_STRANGER = Rate(burst=60, per_s=20)
HELD_BACK_S = 1.0
"""How long one who asks too often waits for the answer that says so: the loop has others to serve meanwhile."""
MAX_HELD_BACK = 256
ASKED_AGAIN_AFTER_S = 15.0
"""How long an answer goes on before its caller's credentials are looked at once more."""
_OF_PROXIES = (
    b"forwarded",
    b"x-forwarded",
    b"x-real-ip",
    b"x-client-ip",
    b"x-envoy-",
    b"true-client-ip",
    b"cf-",
    b"via",
)
"""How names of headers begin that proxies add."""
_TOKEN_FIELDS = frozenset({"token", "access_token", "api_key"})

Headers = dict[bytes, list[bytes]]


class Credentials(Protocol):
    """Who a token or a session belongs to."""

    async def holder(self, token: str, address: str) -> Caller: ...
    async def logged_in(self, session: str, address: str) -> Caller: ...
    def still(self, caller: Caller) -> bool:
        """Whether what ``caller`` came with is as good as it was."""


@dataclass(frozen=True)
class Rules:
    """What this port demands. ``needs_credentials``: of everybody, this machine's own user too."""

    names: Names
    needs_credentials: bool


class Guard:
    """``app`` behind ``rules``. ``clock`` is in seconds and only moves forward."""

    def __init__(
        self, app: ASGIApp, rules: Rules, credentials: Credentials, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._rules = rules
        self._credentials = credentials
        self._clock = clock
        self._rates = Rates(clock)
        self._held_back = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            admitted = await self._admitted(scope)
            await self._app(admitted, receive, self._watched(admitted, send))
        elif scope["type"] == "websocket":
            try:
                admitted = await self._admitted(scope)
            except MinerCtrlError as error:
                await _refuse_websocket(scope, receive, send, error)
            else:
                await self._app(admitted, receive, self._watched(admitted, send))

    def _watched(self, scope: Scope, send: Send) -> Send:
        """Return ``send``, which ends an answer that goes on after its caller's token or session has ended."""
        caller = scope["state"][CALLER]
        if caller is None or caller.door not in (Door.TOKEN, Door.LOGIN):
            return send
        looked_s, over = self._clock(), False

        async def watched(message: Message) -> None:
            nonlocal looked_s, over
            if over:
                return
            goes_on = message["type"] == "websocket.send" or message.get("more_body", False)
            if goes_on and self._clock() - looked_s >= ASKED_AGAIN_AFTER_S:
                looked_s, over = self._clock(), not self._credentials.still(caller)
            if not over:
                await send(message)
            elif message["type"] == "websocket.send":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await send({"type": "http.response.body", "body": b""})

        return watched

    async def _admitted(self, scope: Scope) -> Scope:
        headers, address = all_headers(scope["headers"]), str((scope.get("client") or ("",))[0])
        tls, websocket = scope["scheme"] in ("https", "wss"), scope["type"] == "websocket"
        asked = Asked(
            scope.get("method", "GET"), headers, str((scope.get("server") or ("",))[0]), tls, websocket=websocket
        )
        try:
            from_own_page = self._rules.names.check(asked)
            _check_query(scope["query_string"])
            safe = asked.method in SAFE_METHODS and not websocket
            session = session_in(headers.get(b"cookie", ()), tls=tls) if safe or from_own_page else ""
            caller = await self._caller(scope, headers, session, address)
        except RateLimited:
            await self._hold_back()
            raise
        except (Refused, BadInput):
            await self._count(None, address)
            raise
        await self._count(caller, address)
        origin = headers.get(b"origin", [b""])[0]
        visit = Visit(address=address, secure=tls or origin.lower().startswith(b"https:"), session=session)
        return {**scope, "state": {**scope.get("state", {}), CALLER: caller, VISIT: visit}}

    async def _caller(self, scope: Scope, headers: Headers, session: str, address: str) -> Caller | None:
        if authorizations := headers.get(b"authorization"):
            return await self._credentials.holder(_bearer(authorizations), address)
        if session:
            try:
                return await self._credentials.logged_in(session, address)
            except Refused:  # a browser keeps what is over; it may log in again with it
                pass
        own = scope.get("state", {}).get(OWN) is True and not any(name.startswith(_OF_PROXIES) for name in headers)
        if own and not self._rules.needs_credentials:
            return msgspec.structs.replace(LOOPBACK, address=address)
        return None

    async def _count(self, caller: Caller | None, address: str) -> None:
        try:
            if caller is None:
                self._rates.take(f"stranger {address_block(address)}", OF_STRANGER)
            elif caller.door is not Door.LOOPBACK:
                self._rates.take(f"{caller.door.value} {caller.id}", OF_CALLER)
        except RateLimited:
            await self._hold_back()
            raise

    async def _hold_back(self) -> None:
        if self._held_back < MAX_HELD_BACK:
            self._held_back += 1
            try:
                await asyncio.sleep(HELD_BACK_S)
            finally:
                self._held_back -= 1


def _bearer(authorizations: list[bytes]) -> str:
    scheme, _, token = authorizations[0].partition(b" ")
    if len(authorizations) != 1 or scheme.lower() != b"bearer" or not token.strip():
        raise Refused(
            "This node takes no such Authorization header.",
            suggestion="Send one header: Authorization: Bearer TOKEN (miner-ctrl token create).",
            code="UNAUTHORIZED",
        )
    return token.strip().decode("latin-1")


def _check_query(query: bytes) -> None:
    """A token in an address would stand in logs, in histories and in ``Referer``: it is never read there."""
    if b"mct_" in query or any(name.lower() in _TOKEN_FIELDS for name, _ in _pairs(query)):
        raise BadInput(
            "A token does not belong into an address.",
            suggestion="Send it in the header Authorization: Bearer TOKEN; revoke it if others could see the address.",
            code="TOKEN_IN_QUERY",
        )


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=64)
    except ValueError:
        return []


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send, error: MinerCtrlError) -> None:
    """Answer the handshake with the error's status where the server can, else close (which is a 403)."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status_of(error), "headers": headers})
    await send({"type": "websocket.http.response.body", "body": envelope(error)})
