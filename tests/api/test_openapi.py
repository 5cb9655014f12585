"""The description is complete, and every reference in it leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from miner_ctrl.api.application import BASE_PATH, ROUTES
from miner_ctrl.api.faces import NodeFace
from miner_ctrl.api.openapi import document
from miner_ctrl.api.resource import declared
from miner_ctrl.model.views import StatusView


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document(ROUTES, BASE_PATH)


def _walk(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _walk(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _walk(part)


def test_every_route_is_there_once(openapi: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, methods in openapi["paths"].items() for method in methods}
    assert described == {(route.method, BASE_PATH + route.path.replace(":path}", "}")) for route in ROUTES}
    assert len(described) == len(ROUTES)
    names = [operation["operationId"] for path in openapi["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_every_reference_resolves_and_every_component_is_used(openapi: dict[str, Any]) -> None:
    components = openapi["components"]["schemas"]
    used = {part["$ref"].removeprefix("#/components/schemas/") for part in _walk(openapi) if "$ref" in part}
    assert used - set(components) == set()
    queries = {route.query.__name__ for route in ROUTES if route.query is not None}
    assert set(components) - used == queries, "query structs are written out as parameters"


def test_path_values_are_parameters(openapi: dict[str, Any]) -> None:
    for path, methods in openapi["paths"].items():
        for operation in methods.values():
            named = {part["name"] for part in operation["parameters"] if part["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert operation["summary"]
            assert operation["responses"]["default"]


def test_statuses_bodies_lists_and_events_are_described(openapi: dict[str, Any]) -> None:
    paths = openapi["paths"]
    add = paths[f"{BASE_PATH}/peers"]["post"]
    assert {"201", "400", "403", "409", "413", "415", "504"} <= set(add["responses"])
    assert add["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewPeer"}
    assert not add["requestBody"]["required"]
    assert paths[f"{BASE_PATH}/profiles"]["post"]["requestBody"]["required"]
    peers = paths[f"{BASE_PATH}/peers"]["get"]
    assert [part["name"] for part in peers["parameters"]] == ["limit", "offset", "sort", "q"]
    assert "X-Total-Count" in peers["responses"]["200"]["headers"]
    logs = paths[f"{BASE_PATH}/remote/{{peer}}/logs/{{miner}}"]["get"]["responses"]["200"]["content"]
    assert logs["application/json"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert set(logs["text/event-stream"]["x-events"]) == {"lines", "end"}
    assert set(paths[f"{BASE_PATH}/events"]["get"]["responses"]["200"]["content"]) == {"text/event-stream"}


async def _without_types(node, peer):  # type: ignore[no-untyped-def]
    return StatusView(status="")


async def _forgot_the_path_value(node: NodeFace) -> StatusView:
    return StatusView(status="")


async def _body_on_get(node: NodeFace, body: StatusView) -> StatusView:
    return body


@pytest.mark.parametrize(
    ("path", "handler"), [("/{peer}", _without_types), ("/{peer}", _forgot_the_path_value), ("/x", _body_on_get)]
)
def test_a_handler_that_does_not_fit_its_path_stops_the_import(path: str, handler: Any) -> None:
    with pytest.raises(TypeError):
        declared("GET", path, "x", handler)


def test_the_feeds_messages_are_described_each_with_its_type(openapi: dict[str, Any]) -> None:
    components = openapi["components"]["schemas"]
    [(path, feed)] = openapi["x-websocket"].items()
    assert path == f"{BASE_PATH}/ws/events"
    for side, tag in (("sends", "type"), ("hears", "op")):
        union = components[feed[side]["$ref"].rpartition("/")[2]]
        kinds = [components[part["$ref"].rpartition("/")[2]] for part in union["oneOf"]]
        assert all(len(kind["properties"][tag]["enum"]) == 1 and tag in kind["required"] for kind in kinds)
    patch = components[components["LiveFleetDelta"]["properties"]["changed"]["items"]["$ref"].rpartition("/")[2]]
    assert (patch["required"], patch["properties"]) == (["id"], components["RigSummary"]["properties"])
