"""``ETag``, ``If-Match`` and ``If-None-Match``: what people edit has a tag, so that nobody overwrites what they have
not seen (RFC 9110, sections 8.8.3 and 13.1)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import msgspec
from starlette.types import Scope

from miner_ctrl.errors import BadInput, Conflict

MAX_HEADER_BYTES = 4096
_LIST = re.compile(r'(?:\s*+(?:(?:W/)?"[\x21\x23-\x7e]*+")?+\s*+,)*+\s*+(?:(?:W/)?"[\x21\x23-\x7e]*+")?+\s*+')
"""Nothing is given back once it has matched: else a few blanks and commas take the node's loop for hours."""
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e]*")')
_encoder = msgspec.json.Encoder(enc_hook=str, order="sorted")


def tag_of(value: object) -> str:
    """Return the entity tag of what can be edited of something: the same content has the same tag."""
    return f'"{hashlib.sha256(_encoder.encode(value)).hexdigest()[:24]}"'


def is_unchanged(scope: Scope, tag: str) -> bool:
    """Whether ``If-None-Match`` says that the caller has what ``tag`` names. A weak tag counts here.

    Raises:
        BadInput: the header is no list of entity tags.
    """
    wanted = _wanted(scope, b"if-none-match")
    return wanted is not None and (wanted == "*" or any(known == tag for _, known in _TAG.findall(wanted)))


def must_match(scope: Scope, tag: str) -> None:
    """Let an edit pass that has no ``If-Match``, or one with ``tag`` (strong) or ``*``.

    Raises:
        Conflict: it names something else (412); the details have the tag that holds.
        BadInput: the header is no list of entity tags.
    """
    wanted = _wanted(scope, b"if-match")
    if wanted is None or wanted == "*" or ("", tag) in _TAG.findall(wanted):
        return
    raise Conflict(
        "Somebody has changed this since it was read, and nothing was changed now.",
        suggestion="Read it again (GET), look at what has changed, and send the edit with the new ETag.",
        code="PRECONDITION_FAILED",
        details={"etag": tag},
    )


def has_condition(scope: Scope) -> bool:
    """Whether the request has an ``If-Match``."""
    return any(name == b"if-match" for name, _ in scope["headers"])


class Turns:
    """One editor of a thing at a time: between looking at its tag and changing it nobody else changes it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, thing: str) -> AsyncIterator[None]:
        """Wait for the turn of ``thing`` (its path)."""
        lock = self._locks.get(thing)
        if lock is None:
            lock = self._locks[thing] = asyncio.Lock()
        async with lock:
            yield


def _wanted(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    if not values:
        return None
    text = b", ".join(values).decode("latin-1").strip()
    if text == "*" or (0 < len(text) <= MAX_HEADER_BYTES and _TAG.search(text) and _LIST.fullmatch(text)):
        return text
    raise BadInput(
        f"The header {name.decode().title()} is no list of entity tags.",
        suggestion='Send an ETag as it came, with its quotes ("0123abcd"), several with commas between, or *.',
        code="BAD_ETAG",
    )
