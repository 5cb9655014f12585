"""The application: every route, one error envelope, nothing of how it is served."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import msgspec
from starlette.routing import Route as PathRoute
from starlette.routing import Router, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from miner_ctrl.api import (
    access,
    allowlist,
    audit,
    bulk,
    bundles,
    deploys,
    docs,
    doctor,
    events,
    fleet,
    history,
    install,
    invites,
    jobs,
    lock,
    metrics,
    miners,
    node,
    peers,
    pending,
    profile_editor,
    profiles,
    remote,
    schedule,
)  # fmt: skip
from miner_ctrl.api.counting import note_route
from miner_ctrl.api.errors import envelope, internal_error, method_not_allowed, no_such_route, status_of
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.live.websocket import PATH as LIVE_PATH
from miner_ctrl.api.live.websocket import LiveSocket
from miner_ctrl.api.repeats import Repeats
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.routes import Route, send_json
from miner_ctrl.api.versions import Turns
from miner_ctrl.errors import MinerCtrlError

log = logging.getLogger(__name__)

BASE_PATH = "/api/v1/mining"
_CLOSE_AFTER = frozenset({408, 413})
"""After these the rest of the request is still on its way: the connection cannot be used again."""

META = Resource("meta")


@META.get("/openapi.json")
async def openapi_document() -> msgspec.Raw:
    """Return this description of the API.

    OpenAPI 3.1, generated from the code that serves it.
    """
    from miner_ctrl.api.openapi import document  # noqa: PLC0415 - loaded when somebody asks

    return msgspec.Raw(msgspec.json.encode(document(ROUTES, BASE_PATH)))


RESOURCES = (
    node.NODE,
    peers.PEERS,
    pending.PENDING,
    allowlist.ALLOWLIST,
    invites.INVITES,
    remote.REMOTE,
    deploys.DEPLOYS,
    bulk.BULK,
    jobs.JOBS,
    bundles.BUNDLES,
    profiles.PROFILES,
    profile_editor.EDITOR,
    miners.MINERS,
    schedule.SCHEDULE,
    fleet.FLEET,
    events.EVENTS,
    doctor.DOCTOR,
    install.INSTALLS,
    history.HISTORY,
    lock.LOCK,
    metrics.METRICS,
    access.ACCESS,
    audit.AUDIT,
    docs.DOCS,
)
ROUTES: tuple[Route, ...] = tuple(route for resource in (*RESOURCES, META) for route in resource.routes)


def build_app(faces: Callable[[], Faces]) -> ASGIApp:
    """Return the ASGI application that serves ``ROUTES`` under ``BASE_PATH``. One application has one memory of
    answers to repeat, and one order of editors.

    ``faces`` is asked at each request: what is ``None`` before the node has an identity may be there afterwards.
    """
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    # Fixed parts before values: /peers/pending is not a peer.
    paths = sorted(by_path, key=lambda path: [part.startswith("{") for part in path.split("/")])
    repeats, turns, live = Repeats(clock=time.monotonic), Turns(), LiveSocket(faces)
    router = Router(
        [
            PathRoute(metrics.PATH, metrics.Scrape(faces)),
            *(PathRoute(BASE_PATH + path, _Methods(by_path[path], faces, repeats, turns)) for path in paths),
            PathRoute(BASE_PATH + LIVE_PATH, live),
            WebSocketRoute(BASE_PATH + LIVE_PATH, live),
        ],
        redirect_slashes=False,
        default=_unknown,
    )
    return _Boundary(router)


def errors_as_answers(app: ASGIApp) -> ASGIApp:
    """Return ``app`` with every error that it raises answered by the envelope."""
    return _Boundary(app)


class _Methods:
    """One path: finds the route of the request's method."""

    def __init__(self, routes: dict[str, Route], faces: Callable[[], Faces], repeats: Repeats, turns: Turns) -> None:
        self._routes = routes
        self._faces = faces
        self._repeats = repeats
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        note_route(scope, next(iter(self._routes.values())).path)
        route = self._routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise method_not_allowed(method, sorted(self._routes))
        await route.answer_to(self._faces(), scope, receive, send, repeats=self._repeats, turns=self._turns)


class _Boundary:
    """Where every error becomes the envelope. The one place that catches all exceptions: they are logged here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except MinerCtrlError as error:
            if started:
                raise
            await _send_error(send, error)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"][:200].encode("ascii", "replace").decode())
            if not started:
                await _send_error(send, internal_error())


async def _send_error(send: Send, error: MinerCtrlError) -> None:
    status = status_of(error)
    headers = []
    if status == 401:
        wrong = b', error="invalid_token"' if error.code.startswith("TOKEN_") else b""
        headers.append((b"www-authenticate", b'Bearer realm="miner-ctrl"' + wrong))
    if isinstance(wait_s := error.details.get("retryAfterS"), int):
        headers.append((b"retry-after", str(wait_s).encode()))
    if status == 405:
        allowed = error.details.get("allowed")
        headers.append((b"allow", ", ".join(_strings(allowed)).encode()))
    if status in _CLOSE_AFTER:
        headers.append((b"connection", b"close"))
    if status == 412:
        headers.append((b"etag", str(error.details.get("etag")).encode()))
    await send_json(send, status, envelope(error), *headers)


def _strings(values: object) -> Iterable[str]:
    return [str(value) for value in values] if isinstance(values, list) else []


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    raise no_such_route(scope["path"])
