"""Resources: where handlers become routes, each by its signature (``api/routes.py`` says what may stand in one)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from miner_ctrl.api.downloads import Download
from miner_ctrl.api.faces import (
    AccessFace,
    AssignmentsFace,
    AuditFace,
    CommandsFace,
    DeploysFace,
    DoctorFace,
    FleetFace,
    HistoryFace,
    InstallsFace,
    JobsFace,
    LockFace,
    MetricsFace,
    MinerTypesFace,
    NodeFace,
    OverviewFace,
    PairingFace,
    ProfilesFace,
    RigFace,
)
from miner_ctrl.api.lists import Listing
from miner_ctrl.api.live.feed import Feed
from miner_ctrl.api.requests import MAX_BODY_BYTES
from miner_ctrl.api.routes import RIG, Asset, Encoded, Nothing, Route, WithHeaders
from miner_ctrl.api.streams import Stream
from miner_ctrl.model.callers import AccessRole, Caller, Visit

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[object]])
Edits = Callable[..., Awaitable[object]] | None
"""The handler of the GET that reads what a route edits."""
_FACES: dict[object, str] = {
    NodeFace: "node",
    DoctorFace: "doctor",
    InstallsFace: "installs",
    PairingFace: "pairing",
    CommandsFace: "commands",
    DeploysFace: "deploys",
    JobsFace: "jobs",
    FleetFace: "fleet",
    OverviewFace: "overview",
    Feed: "live",
    ProfilesFace: "profiles",
    MinerTypesFace: "miner_types",
    AssignmentsFace: "assignments",
    HistoryFace: "history",
    LockFace: "lock",
    AuditFace: "audit",
    AccessFace: "access",
    MetricsFace: "metrics",
    RigFace: RIG,
}


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
        tag: Callable[[Any], object] | None = None,
        public: bool = False,
        media_types: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Add a GET; ``tag`` returns what of its answer can be edited, ``media_types`` are those of a file."""
        return self._added(
            "GET", path, 200, errors, events or {}, role=role, tag=tag, public=public, media_types=media_types
        )

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
        edits: Edits = None,
        keyed: bool = False,
        secret: bool = False,
        public: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Add a POST; ``changes`` is false for one that only asks (its body is too long for a query), ``keyed`` true
        for one that takes an ``Idempotency-Key``, ``secret`` for one whose answer holds a secret."""
        return self._added(
            "POST", path, status, errors, events or {}, max_body_bytes=max_body_bytes, local_only=local_only,
            role=role, audited=changes, edits=edits, keyed=keyed, secret=secret, public=public,
        )  # fmt: skip

    def put(
        self,
        path: str,
        *,
        errors: tuple[int, ...] = (),
        role: AccessRole = AccessRole.OPERATOR,
        edits: Edits = None,
    ) -> Callable[[Handler], Handler]:
        return self._added("PUT", path, 200, errors, {}, role=role, audited=True, edits=edits)

    def patch(
        self,
        path: str,
        *,
        errors: tuple[int, ...] = (),
        role: AccessRole = AccessRole.OPERATOR,
        edits: Edits = None,
    ) -> Callable[[Handler], Handler]:
        return self._added("PATCH", path, 200, errors, {}, role=role, audited=True, edits=edits)

    def delete(
        self,
        path: str,
        *,
        errors: tuple[int, ...] = (),
        role: AccessRole = AccessRole.OPERATOR,
        edits: Edits = None,
    ) -> Callable[[Handler], Handler]:
        return self._added("DELETE", path, 200, errors, {}, role=role, audited=True, edits=edits)

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
        tag: Callable[[Any], object] | None = None,
        edits: Edits = None,
        keyed: bool = False,
        secret: bool = False,
        public: bool = False,
        media_types: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            route = declared(method, path, self.name, handler, status=status, errors=errors, events=events)
            read = next((one for one in self.routes if edits is not None and one.handler is edits), None)
            if edits is not None and (read is None or read.tag is None):
                raise TypeError(f"{handler.__qualname__}: nothing before it with a tag reads what it edits")
            added = replace(
                route, max_body_bytes=max_body_bytes, local_only=local_only, role=role, audited=audited, tag=tag,
                edits=read, keyed=keyed, secret=secret, public=public, media_types=media_types,
            )  # fmt: skip
            self.routes.append(added)
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
    path_values = tuple(re.findall(r"{(\w+)(?::path)?}", path))
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


def _answer(returned: object) -> tuple[object, bool]:
    """Return the JSON type of a handler's return type, and whether it is a part of a longer list."""
    if returned in (Stream, Asset, Download):
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
