"""The REST API as a table, from the routes' declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args, get_origin

import msgspec

from miner_ctrl.api.application import ROUTES
from miner_ctrl.api.routes import Route
from scripts.markdown import code, meaning, one_line, table


def route_table() -> str:
    """One row for each method of each path: what it takes, what it answers, what it does."""
    return table(
        ("route", "takes", "answers", "what it does"),
        (
            (
                code(f"{route.method} {route.path}"),
                " ".join(_takes(route)),
                " ".join(_answers(route)),
                one_line((route.handler.__doc__ or "").partition("\n\n")[0]),
            )
            for route in sorted(ROUTES, key=lambda route: route.path.split("/"))
        ),
    )


def view_table() -> str:
    """One row for each structure that a route takes or answers: its fields as they are in JSON."""
    kinds = {kind for route in ROUTES for kind in _structs(route.body) | _structs(route.answer)}
    return table(
        ("structure", "fields", "meaning"),
        (
            (code(kind.__name__), " ".join(map(code, kind.__struct_encode_fields__)), meaning(kind))
            for kind in sorted(kinds, key=lambda kind: kind.__name__)
        ),
    )


def _takes(route: Route) -> Iterator[str]:
    if route.query is not None:
        yield code("?" + "&".join(f"{name}=" for name in route.query.__struct_encode_fields__))
    if route.body is not None:
        yield code(route.body.__name__)


def _answers(route: Route) -> Iterator[str]:
    if route.answer is not None:
        yield f"{route.status} {code(_name(route.answer))}"
    yield from (f"file {code(media_type)}" for media_type in route.files)
    if route.events:
        yield "events " + " ".join(map(code, route.events))
    if route.files:
        yield "a file, " + " ".join(map(code, route.files))


def _name(kind: object) -> str:
    if kind is msgspec.Raw:
        return "object"
    inner = ", ".join(map(_name, get_args(kind)))
    origin = get_origin(kind)
    name = getattr(origin or kind, "__name__", str(kind))
    return f"{name}[{inner}]" if inner else name


def _structs(kind: object) -> set[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {kind}
    return {each for argument in get_args(kind) for each in _structs(argument)}
