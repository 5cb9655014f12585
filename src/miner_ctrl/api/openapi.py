"""OpenAPI 3.1, from the same declarations that validate the requests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import msgspec.inspect
from msgspec.structs import fields

import miner_ctrl
from miner_ctrl.api.live.openapi import described
from miner_ctrl.api.openapi_parts import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    REPLAYED,
    RETRY_AFTER,
    SECURITY,
    SECURITY_SCHEMES,
    TOTAL,
    path_parameter,
)
from miner_ctrl.api.routes import Route
from miner_ctrl.model.views import ErrorView

_REF = "#/components/schemas/{name}"
_PATH_KIND = re.compile(r":path(?=})")


def document(routes: Iterable[Route], base_path: str) -> dict[str, Any]:
    """Return the OpenAPI document of ``routes``."""
    routes = tuple(routes)
    schemas = _Schemas(routes)
    live, websocket = described(base_path)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(base_path + _PATH_KIND.sub("", route.path), {})[route.method.lower()] = _operation(
            route, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "miner-ctrl",
            "version": miner_ctrl.__version__,
            "description": "Mining rigs under control. Errors have one shape everywhere: `ErrorView`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name} for name in dict.fromkeys(route.resource for route in routes)],
        "paths": paths,
        "security": SECURITY,
        "components": {"schemas": {**live, **schemas.components}, "securitySchemes": SECURITY_SCHEMES},
        "x-websocket": websocket,
    }


class _Schemas:
    """The JSON Schema of every type the routes speak of; structs are named once, in ``components``."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        kinds: list[Any] = [ErrorView]
        for route in routes:
            kinds += [kind for kind in (route.body, route.query, route.answer, *route.events.values()) if kind]
        found, self.components = msgspec.json.schema_components(kinds, schema_hook=_any_json, ref_template=_REF)
        self._complete(routes)
        self._found = [(kind, schema) for kind, schema in zip(kinds, found, strict=True)]

    def _complete(self, routes: tuple[Route, ...]) -> None:
        """Say of structs that are only answered which fields are always there: all, but where the usual is left out."""
        taken = _structs(kind for route in routes for kind in (route.body, route.query) if kind is not None)
        given = _structs(
            kind for route in routes for kind in (ErrorView, route.answer, *route.events.values()) if kind is not None
        )
        for kind in given - taken:
            if kind.__struct_config__.omit_defaults:
                continue
            schema = self.components[kind.__name__]
            schema["required"] = list(kind.__struct_encode_fields__)
            for each in schema["properties"].values():
                each.pop("default", None)

    def of(self, kind: Any) -> Mapping[str, Any]:
        return next(schema for known, schema in self._found if known == kind)

    def properties_of(self, struct: type[msgspec.Struct]) -> Mapping[str, Any]:
        name = str(self.of(struct)["$ref"]).rpartition("/")[2]
        properties: Mapping[str, Any] = self.components[name]["properties"]
        return properties


def _structs(kinds: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """Return the structs that ``kinds`` are made of."""
    found: set[type[msgspec.Struct]] = set()
    waiting: list[object] = [msgspec.inspect.type_info(kind) for kind in kinds]
    while waiting:
        part = waiting.pop()
        if isinstance(part, msgspec.inspect.StructType):
            if part.cls not in found:
                found.add(part.cls)
                waiting += [field.type for field in part.fields]
        elif isinstance(part, msgspec.inspect.Type):
            inner = [getattr(part, name) for name in part.__struct_fields__]
            waiting += [each for one in inner for each in (one if isinstance(one, tuple) else (one,))]
    return found


def _any_json(kind: type) -> dict[str, Any]:
    """The schema of a field that may hold anything."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise TypeError(f"{kind} has no JSON schema")


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handler) or "").replace("``", "`").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "tags": [route.resource],
        "summary": " ".join(summary.split()).removesuffix("."),
        "parameters": [
            *map(path_parameter, route.path_values),
            *_query_parameters(route, schemas),
            *_header_parameters(route),
        ],
        "responses": {str(route.status): _success(route, schemas), **_failures(route, schemas)},
    }
    if route.public:
        operation["security"] = [{}]
    else:
        operation["x-role"] = route.role.value
    if description:
        operation["description"] = " ".join(description.split())
    if route.body is not None:
        operation["requestBody"] = {
            "required": any(known.required for known in fields(route.body)),
            "content": {"application/json": {"schema": schemas.of(route.body)}},
        }
    return operation


def _query_parameters(route: Route, schemas: _Schemas) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = schemas.properties_of(route.query)
    return [
        {"name": known.encode_name, "in": "query", "required": known.required, "schema": properties[known.encode_name]}
        for known in fields(route.query)
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    wanted = ((route.tag, IF_NONE_MATCH), (route.edits, IF_MATCH), (route.keyed, IDEMPOTENCY_KEY))
    return [parameter for wants, parameter in wanted if wants]


def _success(route: Route, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if route.answer is not None:
        content["application/json"] = {"schema": schemas.of(route.answer)}
    for media_type in route.media_types:
        content[media_type] = {"schema": {"type": "string"}}
    if route.events:
        content["text/event-stream"] = {
            "schema": {"type": "string", "description": f"Server-sent events: {', '.join(route.events)}."},
            "x-events": {name: schemas.of(kind) for name, kind in route.events.items()},
        }
    response: dict[str, Any] = {"description": HTTPStatus(route.status).phrase, "content": content}
    headers = {}
    if route.listing:
        headers["X-Total-Count"] = {**TOTAL, "required": True}
    if route.tag is not None or (route.edits is not None and route.answer is route.edits.answer):
        headers["ETag"] = {**ETAG, "required": True}
    if route.keyed:
        headers["Idempotency-Replayed"] = REPLAYED
    if headers:
        response["headers"] = headers
    return response


def _failures(route: Route, schemas: _Schemas) -> dict[str, Any]:
    statuses = set(route.errors)
    if not route.public:
        statuses |= {401, 403, 429}
    if route.path_values or route.query is not None or route.decoder is not None:
        statuses.add(400)
    if route.path_values:
        statuses.add(404)
    if route.needs_identity or route.keyed:
        statuses.add(409)
    if route.edits is not None:
        statuses.add(412)
    if route.decoder is not None:
        statuses |= {408, 413, 415}
    content = {"application/json": {"schema": schemas.of(ErrorView)}}
    failures: dict[str, dict[str, Any]] = {
        str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)
    }
    for status in {"409", "429"} & failures.keys():
        failures[status]["headers"] = {"Retry-After": RETRY_AFTER}
    if "412" in failures:
        failures["412"]["headers"] = {"ETag": {**ETAG, "required": True}}
    if route.tag is not None:
        not_modified = {
            "description": "What can be edited is as it was.",
            "headers": {"ETag": {**ETAG, "required": True}},
        }
        failures = {"304": not_modified, **failures}
    failures["default"] = {"description": "Any other error.", "content": content}
    return failures
