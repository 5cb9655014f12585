"""OpenAPI 3.1, from the same declarations that validate the requests."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec.structs import fields

import miner_ctrl
from miner_ctrl.api.live.openapi import described
from miner_ctrl.api.routes import Route
from miner_ctrl.model.views import ErrorView

_REF = "#/components/schemas/{name}"
_PATH_VALUES = {
    "sha256": "The beginning of the SHA-256 of a bundle's archive.",
    "peer": "A full node ID, a unique prefix of one, or the peer's unique name.",
    "miner": "The name of a miner instance.",
    "profile": "A profile's ID or name.",
    "id": "A full ID.",
    "login": "A login's name.",
    "name": "The name of a miner.",
    "miner_type": "A miner type, such as `xmrig`.",
}


def document(routes: Iterable[Route], base_path: str) -> dict[str, Any]:
    """Return the OpenAPI document of ``routes``."""
    routes = tuple(routes)
    schemas = _Schemas(routes)
    live, websocket = described(base_path)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(base_path + route.path, {})[route.method.lower()] = _operation(route, schemas)
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
        "components": {"schemas": {**live, **schemas.components}},
        "x-websocket": websocket,
    }


class _Schemas:
    """The JSON Schema of every type the routes speak of; structs are named once, in ``components``."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        kinds: list[Any] = [ErrorView]
        for route in routes:
            kinds += [kind for kind in (route.body, route.query, route.answer, *route.events.values()) if kind]
        found, self.components = msgspec.json.schema_components(kinds, schema_hook=_any_json, ref_template=_REF)
        self._found = [(kind, schema) for kind, schema in zip(kinds, found, strict=True)]

    def of(self, kind: Any) -> Mapping[str, Any]:
        return next(schema for known, schema in self._found if known == kind)

    def properties_of(self, struct: type[msgspec.Struct]) -> Mapping[str, Any]:
        name = str(self.of(struct)["$ref"]).rpartition("/")[2]
        properties: Mapping[str, Any] = self.components[name]["properties"]
        return properties


def _any_json(kind: type) -> dict[str, Any]:
    """The schema of a field that may hold anything."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise TypeError(f"{kind} has no JSON schema")


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "tags": [route.resource],
        "summary": " ".join(summary.split()).removesuffix("."),
        "parameters": [*map(_path_parameter, route.path_values), *_query_parameters(route, schemas)],
        "responses": {str(route.status): _success(route, schemas), **_failures(route, schemas)},
    }
    if description:
        operation["description"] = " ".join(description.split())
    if route.body is not None:
        operation["requestBody"] = {
            "required": any(known.required for known in fields(route.body)),
            "content": {"application/json": {"schema": schemas.of(route.body)}},
        }
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    return {"name": name, "in": "path", "required": True, "description": _PATH_VALUES[name], "schema": schema}


def _query_parameters(route: Route, schemas: _Schemas) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = schemas.properties_of(route.query)
    return [
        {"name": known.encode_name, "in": "query", "required": known.required, "schema": properties[known.encode_name]}
        for known in fields(route.query)
    ]


def _success(route: Route, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if route.answer is not None:
        content["application/json"] = {"schema": schemas.of(route.answer)}
    if route.events:
        content["text/event-stream"] = {
            "schema": {"type": "string", "description": f"Server-sent events: {', '.join(route.events)}."},
            "x-events": {name: schemas.of(kind) for name, kind in route.events.items()},
        }
    for media_type in route.files:
        content[media_type] = {"schema": {"type": "string", "description": "A file."}}
    response: dict[str, Any] = {"description": HTTPStatus(route.status).phrase, "content": content}
    if route.listing:
        total = {"description": "How many there are in all.", "schema": {"type": "integer", "minimum": 0}}
        response["headers"] = {"X-Total-Count": total}
    return response


def _failures(route: Route, schemas: _Schemas) -> dict[str, Any]:
    statuses = set(route.errors)
    if route.path_values or route.query is not None or route.decoder is not None:
        statuses.add(400)
    if route.path_values:
        statuses.add(404)
    if route.needs_identity:
        statuses.add(409)
    if route.decoder is not None:
        statuses |= {408, 413, 415}
    content = {"application/json": {"schema": schemas.of(ErrorView)}}
    failures = {str(status): HTTPStatus(status).phrase for status in sorted(statuses)}
    failures["default"] = "Any other error."
    return {status: {"description": phrase, "content": content} for status, phrase in failures.items()}
