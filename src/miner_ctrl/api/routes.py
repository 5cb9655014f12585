"""Typed routes: a handler's signature is the declaration, and validation and OpenAPI both come from it.

A handler's parameters are what it needs: ``body`` (a struct, from JSON), ``query`` (a struct, from the query string),
one ``str`` for each ``{name}`` in the path, ``caller`` (who asks), ``visit`` (where from), and faces by their type. Its
return type is what it answers: a struct, a list or dict of structs, a ``Listing``, ``Encoded[...]`` of one of these,
``WithHeaders[...]`` of any of these, a ``Stream``, ``list[...] | Stream``, or a ``Download``
(docs/decisions/0003-typed-routes.md).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from starlette.types import Receive, Scope, Send

from miner_ctrl.api.downloads import Download, send_download
from miner_ctrl.api.errors import no_identity, not_allowed, only_local, unauthorized
from miner_ctrl.api.faces import (
    AccessFace,
    AuditFace,
    CommandsFace,
    DeploysFace,
    DoctorFace,
    Faces,
    FleetFace,
    HistoryFace,
    InstallsFace,
    LockFace,
    MetricsFace,
    NodeFace,
    OverviewFace,
    PairingFace,
    ProfilesFace,
    RigFace,
)
from miner_ctrl.api.lists import Listing
from miner_ctrl.api.live.feed import Feed
from miner_ctrl.api.requests import MAX_BODY_BYTES, check_path, decode_body, decode_query, read_body
from miner_ctrl.api.streams import Event, Stream, send_stream
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.callers import STRANGER, AccessRole, Caller, Door, Visit

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[object]])
T = TypeVar("T")

CALLER = "miner_ctrl.caller"
"""Key in ``scope["state"]``: the ``Caller``, set by the door or by what checks credentials there."""
VISIT = "miner_ctrl.visit"
"""Key in ``scope["state"]``: the ``Visit``; missing at the local door."""
INTERRUPTED = "INTERRUPTED"
"""In the audit log: how something ended whose caller went, or that was cut off."""
_RIG = "rig"
_FACES: dict[object, str] = {
    NodeFace: "node",
    DoctorFace: "doctor",
    InstallsFace: "installs",
    PairingFace: "pairing",
    CommandsFace: "commands",
    DeploysFace: "deploys",
    FleetFace: "fleet",
    OverviewFace: "overview",
    Feed: "live",
    ProfilesFace: "profiles",
    HistoryFace: "history",
    LockFace: "lock",
    AuditFace: "audit",
    AccessFace: "access",
    MetricsFace: "metrics",
    RigFace: _RIG,
}
_WITHOUT_IDENTITY = frozenset({"node", "doctor", "installs", "access", "metrics"})
_JSON_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_encoder = msgspec.json.Encoder()


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a route that takes none: empty, or ``{}``."""


@dataclass(frozen=True)
class Encoded(Generic[T]):
    """A ``T`` whose JSON is there already."""

    json: bytes


@dataclass(frozen=True)
class WithHeaders(Generic[T]):
    """A ``T`` (what a handler may return otherwise, but for a ``Stream``), and headers of its answer: names, in lower
    case, and values."""

    answer: T
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Route:
    """One method of one path, as its handler declares it. ``answer`` is the JSON it gives (``None``: only events);
    ``events`` names the structs of its server-sent events, if it has any."""

    method: str
    path: str
    resource: str
    handler: Callable[..., Awaitable[object]]
    faces: Mapping[str, str]
    path_values: tuple[str, ...]
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    answer: Any
    listing: bool
    status: int
    errors: tuple[int, ...]
    events: Mapping[str, object]
    decoder: msgspec.json.Decoder[Any] | None = field(repr=False)
    takes_caller: bool = False
    takes_visit: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    local_only: bool = False
    """Refused at every door but those that only this machine's user can come through."""
    role: AccessRole = AccessRole.VIEWER
    """What a caller must be."""
    audited: bool = False
    """Whether the audit log has who asked for it: it changes something."""
    public: bool = False
    """Answered whoever asks, without credentials too: it tells nothing, or is where one says who one is."""
    files: tuple[str, ...] = ()
    """The media types of the file that it answers with, if it does."""

    @property
    def needs_identity(self) -> bool:
        """Whether it answers 409 while the node has no identity."""
        return not _WITHOUT_IDENTITY.issuperset(self.faces.values())

    async def answer_to(self, faces: Faces, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, run the handler and send what it returns.

        Raises:
            MinerCtrlError: why not; nothing has been sent yet.
        """
        target: dict[str, str] = dict(scope["path_params"])
        caller = self._admitted(scope, target, faces.audit)
        check_path(target)
        values = {**target, **await self._reached(faces)}
        if self.query is not None:
            values["query"] = decode_query(scope, self.query)
        if self.decoder is not None:
            body = decode_body(scope, await read_body(scope, receive, self.max_body_bytes), self.decoder)
            if self.body is not None:
                values["body"] = body
        if self.takes_caller:
            values["caller"] = caller
        if self.takes_visit:
            values["visit"] = scope.get("state", {}).get(VISIT) or Visit()
        if self.audited and faces.audit is not None:
            result = await self._audited(faces.audit, caller, target, values)
        else:
            result = await self.handler(**values)
        result, headers = (result.answer, result.headers) if isinstance(result, WithHeaders) else (result, ())
        if isinstance(result, Stream):
            await send_stream(result, scope, receive, send)
        elif isinstance(result, Download):
            await send_download(result, scope, receive, send)
        elif isinstance(result, Listing):
            total = (b"x-total-count", str(result.total).encode())
            await send_json(send, self.status, _encoder.encode(result.items), total, *headers)
        else:
            body = result.json if isinstance(result, Encoded) else _encoder.encode(result)
            await send_json(send, self.status, body, *headers)

    def _admitted(self, scope: Scope, target: dict[str, str], audit: AuditFace | None) -> Caller:
        if self.public:
            return STRANGER
        caller = caller_of(scope)
        try:
            if not caller.role.includes(self.role):
                raise not_allowed(caller.role, self.role)
            if self.local_only and caller.door is not Door.OWNER:
                raise only_local()
        except MinerCtrlError as error:
            if self.audited and audit is not None:
                audit.noted(caller, self.handler.__name__, target, error.code)
            raise
        return caller

    async def _reached(self, faces: Faces) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, face in self.faces.items():
            values[name] = getattr(faces, face)
            if values[name] is None:
                raise no_identity()
            if face == _RIG:
                values[name] = await values[name]()
        return values

    async def _audited(self, audit: AuditFace, caller: Caller, target: dict[str, str], values: dict[str, Any]) -> Any:
        entry = audit.asked(caller, self.handler.__name__, target, values.get("body"))
        try:
            result = await self.handler(**values)
        except BaseException as error:
            audit.ended(entry, _code_of(error))
            raise
        if isinstance(result, Stream):
            return Stream(_until_ended(result.events, lambda code: audit.ended(entry, code)))
        audit.ended(entry, "")
        return result


def _code_of(error: BaseException) -> str:
    if isinstance(error, MinerCtrlError):
        return error.code
    return "INTERNAL_ERROR" if isinstance(error, Exception) else INTERRUPTED


async def _until_ended(
    events: AsyncGenerator[Event, None], ended: Callable[[str], None]
) -> AsyncGenerator[Event, None]:
    """Yield ``events``, and say how they ended: what was asked for goes on for as long as they come."""
    code = INTERRUPTED
    try:
        async for event in events:
            yield event
        code = ""
    except Exception as error:
        code = _code_of(error)
        raise
    finally:
        await events.aclose()
        ended(code)


def caller_of(scope: Scope) -> Caller:
    """Return who asks.

    Raises:
        Refused: nobody has said so: the request has no credentials (401).
    """
    caller = scope.get("state", {}).get(CALLER)
    if not isinstance(caller, Caller):
        raise unauthorized()
    return caller


class Resource:
    """The routes of one resource: ``@PEERS.get("/peers/{peer}")`` above a handler adds it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.routes: list[Route] = []

    def get(
        self,
        path: str,
        *,
        errors: tuple[int, ...] = (),
        events: Mapping[str, object] | None = None,
        role: AccessRole = AccessRole.VIEWER,
        public: bool = False,
        files: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Add a GET; ``files`` are the media types of one that answers with a ``Download``."""
        return self._added("GET", path, 200, errors, events or {}, role=role, public=public, files=files)

    def post(
        self,
        path: str,
        *,
        status: int = 200,
        errors: tuple[int, ...] = (),
        events: Mapping[str, object] | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        local_only: bool = False,
        role: AccessRole = AccessRole.OPERATOR,
        changes: bool = True,
        public: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Add a POST; ``changes`` is false for one that only asks (its body is too long for a query)."""
        return self._added(
            "POST", path, status, errors, events or {}, max_body_bytes=max_body_bytes, local_only=local_only,
            role=role, audited=changes, public=public,
        )  # fmt: skip

    def put(
        self, path: str, *, errors: tuple[int, ...] = (), role: AccessRole = AccessRole.OPERATOR
    ) -> Callable[[Handler], Handler]:
        return self._added("PUT", path, 200, errors, {}, role=role, audited=True)

    def patch(
        self, path: str, *, errors: tuple[int, ...] = (), role: AccessRole = AccessRole.OPERATOR
    ) -> Callable[[Handler], Handler]:
        return self._added("PATCH", path, 200, errors, {}, role=role, audited=True)

    def delete(
        self, path: str, *, errors: tuple[int, ...] = (), role: AccessRole = AccessRole.OPERATOR
    ) -> Callable[[Handler], Handler]:
        return self._added("DELETE", path, 200, errors, {}, role=role, audited=True)

    def _added(
        self,
        method: str,
        path: str,
        status: int,
        errors: tuple[int, ...],
        events: Mapping[str, object],
        *,
        role: AccessRole,
        max_body_bytes: int = MAX_BODY_BYTES,
        local_only: bool = False,
        audited: bool = False,
        public: bool = False,
        files: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            route = declared(method, path, self.name, handler, status=status, errors=errors, events=events)
            self.routes.append(
                replace(
                    route,
                    max_body_bytes=max_body_bytes,
                    local_only=local_only,
                    role=role,
                    audited=audited,
                    public=public,
                    files=files,
                )
            )
            return handler

        return add


def declared(
    method: str,
    path: str,
    resource: str,
    handler: Callable[..., Awaitable[object]],
    *,
    status: int = 200,
    errors: tuple[int, ...] = (),
    events: Mapping[str, object] | None = None,
) -> Route:
    """Return the route that ``handler``'s signature declares.

    Raises:
        TypeError: the signature and the path do not go together.
    """
    hints = get_type_hints(handler)
    returned = hints.pop("return", None)
    if set(hints) != set(inspect.signature(handler).parameters) or returned is None:
        raise TypeError(f"{handler.__qualname__}: every parameter and the answer need a type")
    path_values = tuple(re.findall(r"{(\w+)}", path))
    faces = {name: _FACES[kind] for name, kind in hints.items() if kind in _FACES}
    takes_caller, takes_visit = hints.get("caller") is Caller, hints.get("visit") is Visit
    special = {*(["caller"] if takes_caller else []), *(["visit"] if takes_visit else [])}
    expected = {*path_values, *faces, *({"body", "query"} & set(hints)), *special}
    if expected != set(hints):
        raise TypeError(f"{handler.__qualname__}: {expected ^ set(hints)} is not in both {path} and the signature")
    takes_body = method in ("POST", "PUT", "PATCH")
    if "body" in hints and not takes_body:
        raise TypeError(f"{handler.__qualname__}: {method} has no body")
    answer, listing = _answer(returned)
    return Route(
        method=method,
        path=path,
        resource=resource,
        handler=handler,
        faces=faces,
        path_values=path_values,
        body=hints.get("body"),
        query=hints.get("query"),
        answer=answer,
        listing=listing,
        status=status,
        errors=errors,
        events=events or {},
        decoder=msgspec.json.Decoder(hints.get("body", Nothing)) if takes_body else None,
        takes_caller=takes_caller,
        takes_visit=takes_visit,
    )


async def send_json(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Send a whole JSON answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*_JSON_HEADERS, length, *headers]})
    await send({"type": "http.response.body", "body": body})


def _answer(returned: object) -> tuple[object, bool]:
    """Return the JSON type of a handler's return type, and whether it is a part of a longer list."""
    if returned is Stream or returned is Download:
        return None, False
    if isinstance(returned, UnionType):
        (json_answer,) = (kind for kind in get_args(returned) if kind is not Stream)
        return json_answer, False
    if get_origin(returned) is WithHeaders:
        return _answer(get_args(returned)[0])
    if get_origin(returned) is Listing:
        return list[get_args(returned)[0]], True  # type: ignore[misc]
    if get_origin(returned) is Encoded:
        return get_args(returned)[0], False
    return returned, False
