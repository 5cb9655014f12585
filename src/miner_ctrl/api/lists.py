"""Lists: ``?limit=&offset=&sort=&q=``, with the total in ``X-Total-Count``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta
from msgspec.inspect import (
    BoolType,
    EnumType,
    FloatType,
    IntType,
    NoneType,
    StrType,
    UnionType,
    VarTupleType,
    type_info,
)
from msgspec.structs import fields

from miner_ctrl.api.veil import HASH_FIELDS
from miner_ctrl.errors import BadInput

T = TypeVar("T", bound=msgspec.Struct)
_Values = Callable[[Any], tuple[Any, ...]]
_BETWEEN = "\0"
"""Between texts that are searched as one: nobody can ask for it across two."""
_SORTABLE = (StrType, IntType, FloatType, BoolType, EnumType, NoneType)


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list: all of it without a ``limit``. ``sort`` is a field of the items, with ``-`` before it for
    the largest first; ``q`` keeps the items that have it in one of their texts, in capitals or not. Hashes of profiles
    are neither."""

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
    found = items if not query.q else _with_text(items, query.q.casefold(), kind)
    part = slice(query.offset, None if query.limit is None else query.offset + query.limit)
    if not query.sort:
        return Listing(found[part], len(found))
    values = list(map(attrgetter(_attribute(kind, query.sort.removeprefix("-"))), found))
    keys = [value.casefold() if isinstance(value, str) else value for value in values]
    order = [place for place, value in enumerate(values) if value is not None]
    order.sort(key=keys.__getitem__, reverse=query.sort.startswith("-"))
    if len(order) < len(values):
        order += [place for place, value in enumerate(values) if value is None]
    return Listing([found[place] for place in order[part]], len(found))


def _with_text(items: Sequence[T], wanted: str, kind: type[T]) -> list[T]:
    """Return the items that have ``wanted`` within one of their texts."""
    texts, others = _searched(kind)
    found = []
    for item in items:
        text = _BETWEEN.join(texts(item))
        for value in others(item):
            if isinstance(value, str):
                text += _BETWEEN + value
            elif value:
                text += _BETWEEN + _BETWEEN.join(part for part in value if isinstance(part, str))
        if wanted in text.casefold():
            found.append(item)
    return found


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
def _searched(kind: type[msgspec.Struct]) -> tuple[_Values, _Values]:
    """Return what gives the texts of an item, and what gives those that may be ``None``, and its lists."""
    described = type_info(kind).fields  # type: ignore[attr-defined]
    texts, others = [], []
    for field, attribute in zip(described, kind.__struct_fields__, strict=True):
        if attribute in HASH_FIELDS:
            continue
        parts = _alternatives(field.type)
        if all(isinstance(part, StrType) or _is_text_enum(part) for part in parts):
            texts.append(attribute)
        elif any(isinstance(part, StrType | VarTupleType) or _is_text_enum(part) for part in parts):
            others.append(attribute)
    return _getter(texts), _getter(others)


def _is_text_enum(kind: object) -> bool:
    return isinstance(kind, EnumType) and issubclass(kind.cls, str)


def _getter(attributes: list[str]) -> _Values:
    match attributes:
        case []:
            return lambda _: ()
        case [only]:
            return lambda item: (getattr(item, only),)
        case _:
            return attrgetter(*attributes)


@cache
def _sortable(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the fields of ``kind`` with one comparable value: name in JSON to attribute."""
    info = type_info(kind)
    described = {field.name: field.type for field in info.fields}  # type: ignore[attr-defined]
    return {
        field.encode_name: field.name
        for field in fields(kind)
        if field.name not in HASH_FIELDS
        and all(isinstance(part, _SORTABLE) for part in _alternatives(described[field.name]))
    }


def _alternatives(kind: object) -> tuple[object, ...]:
    return kind.types if isinstance(kind, UnionType) else (kind,)
