"""Lists: ``?limit=&offset=&sort=&q=``, with the total in ``X-Total-Count``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta
from msgspec.inspect import BoolType, EnumType, FloatType, IntType, NoneType, StrType, UnionType, type_info
from msgspec.structs import fields

from miner_ctrl.errors import BadInput

T = TypeVar("T", bound=msgspec.Struct)
_SORTABLE = (StrType, IntType, FloatType, BoolType, EnumType, NoneType)


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list: all of it without a ``limit``. ``sort`` is a field of the items, with ``-`` before it for
    the largest first; ``q`` keeps the items that have it in one of their texts, in capitals or not."""

    limit: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    offset: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    sort: Annotated[str, Meta(max_length=64)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""


@dataclass(frozen=True)
class Listing(Generic[T]):
    """The part that was asked for, and how many there are in all (after ``q``)."""

    items: Sequence[T]
    total: int


def select(items: Sequence[T], query: ListQuery, kind: type[T]) -> Listing[T]:
    """Return the part of ``items`` that ``query`` asks for. Items without a value for the sort field come last.

    Raises:
        BadInput: they have no such field to sort by.
    """
    found = items if not query.q else [item for item in items if _matches(item, query.q.casefold())]
    if query.sort:
        descending = query.sort.startswith("-")
        attribute = _attribute(kind, query.sort.removeprefix("-"))
        known = [item for item in found if getattr(item, attribute) is not None]
        known.sort(key=lambda item: _sort_key(getattr(item, attribute)), reverse=descending)
        found = known + [item for item in found if getattr(item, attribute) is None]
    end = None if query.limit is None else query.offset + query.limit
    return Listing(found[query.offset : end], len(found))


def _matches(item: msgspec.Struct, wanted: str) -> bool:
    return any(wanted in text.casefold() for name in item.__struct_fields__ for text in _texts(getattr(item, name)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        yield from (part for part in value if isinstance(part, str))


def _sort_key(value: Any) -> Any:
    return str(value).casefold() if isinstance(value, str | StrEnum) else value


def _attribute(kind: type[msgspec.Struct], name: str) -> str:
    known = _sortable(kind)
    if name not in known:
        raise BadInput(
            f"The list cannot be sorted by {name[:64]!r}.",
            suggestion=f"Use one of {', '.join(known)}.",
            code="BAD_SORT",
        )
    return known[name]


@cache
def _sortable(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the fields of ``kind`` with one comparable value: name in JSON to attribute."""
    info = type_info(kind)
    described = {field.name: field.type for field in info.fields}  # type: ignore[attr-defined]
    return {
        field.encode_name: field.name
        for field in fields(kind)
        if all(isinstance(part, _SORTABLE) for part in _alternatives(described[field.name]))
    }


def _alternatives(kind: object) -> tuple[object, ...]:
    return kind.types if isinstance(kind, UnionType) else (kind,)
