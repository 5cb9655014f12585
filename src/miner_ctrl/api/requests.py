"""Requests made typed: path, query and JSON body, bounded and checked before a handler sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

MAX_BODY_BYTES = 256 * 1024
MAX_DRAINED_BYTES = 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that its sender gets to read the answer."""
MAX_JSON_DEPTH = 32
"""Deeper nesting is refused: what is stored must always be encodable again."""
MAX_PATH_VALUE_CHARS = 255
MAX_QUERY_FIELDS = 32
BODY_WITHIN_S = 30.0

_SEE_OPENAPI = "GET /api/v1/mining/openapi.json says what this route takes."


async def read_body(scope: Scope, receive: Receive, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return the request's body.

    Raises:
        BadInput: it is over ``max_bytes`` (413), is not there within ``BODY_WITHIN_S`` (408), or was cut off.
    """
    announced = header(scope, b"content-length")
    drained = max(MAX_DRAINED_BYTES, max_bytes)
    if announced.isdigit() and int(announced) > drained:
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadInput("The request ended before its body was complete.")
                part = message.get("body", b"")
                size += len(part)
                if size <= max_bytes:
                    parts.append(part)
                ended = not message.get("more_body", False)
                if size > (max_bytes if ended else drained):
                    raise _too_large(max_bytes)
                if ended:
                    return b"".join(parts)
    except TimeoutError:
        raise BadInput(
            f"The request's body was not there within {BODY_WITHIN_S:.0f} seconds.",
            suggestion="Send the request again.",
            code="REQUEST_TOO_SLOW",
        ) from None


def decode_body(scope: Scope, raw: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the body as the struct the route declares; an empty one stands for ``{}``.

    Raises:
        BadInput: it is not JSON (415 if it does not say so), or does not fit; the message names the field.
    """
    if raw:
        media_type = header(scope, b"content-type").partition(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise BadInput(
                "The body has to be JSON, and to say so.",
                suggestion="Send it with the header Content-Type: application/json.",
                code="NOT_JSON",
            )
        _check_depth(raw)
    try:
        return decoder.decode(raw or b"{}")
    except msgspec.ValidationError as error:
        raise _does_not_fit("body", error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("The body is not well-formed JSON.", suggestion=_SEE_OPENAPI, code="BAD_JSON") from None


def decode_query(scope: Scope, kind: type[msgspec.Struct]) -> Any:
    """Return the query string as the struct the route declares; each field at most once.

    Raises:
        BadInput: it does not fit; the message names the field.
    """
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_QUERY_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise BadInput("The query string cannot be read.", suggestion=_SEE_OPENAPI) from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise BadInput(f"The query has {_quoted(name)} more than once.", suggestion="Give it once.")
        fields[name] = value
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _does_not_fit("query", error) from None


def check_path(values: Mapping[str, str]) -> None:
    """Raise ``BadInput`` if a value in the path is longer than any name or ID, or not printable."""
    for name, value in values.items():
        if len(value) > MAX_PATH_VALUE_CHARS or not value.isprintable():
            raise BadInput(f"The {name} in the path is not a name or an ID.", suggestion=_SEE_OPENAPI)


def header(scope: Scope, name: bytes) -> bytes:
    """Return the first header called ``name`` (lower case), or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return b""


def _check_depth(raw: bytes) -> None:
    if raw.count(b"[") + raw.count(b"{") <= MAX_JSON_DEPTH:
        return
    depth, in_string, escaped = 0, False, False
    for byte in raw:
        if in_string:
            escaped, in_string = (not escaped and byte == 0x5C), (escaped or byte != 0x22)
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise BadInput(
                    f"The body is nested more than {MAX_JSON_DEPTH} levels deep.",
                    suggestion=_SEE_OPENAPI,
                    code="BAD_JSON",
                )
        elif byte in b"]}":
            depth -= 1


def _does_not_fit(what: str, error: msgspec.ValidationError) -> BadInput:
    reason = one_line(str(error), 300).replace("`", "'")
    return BadInput(f"The {what} does not fit this route: {reason}.", suggestion=_SEE_OPENAPI)


def _too_large(max_bytes: int) -> BadInput:
    return BadInput(
        f"The body is larger than {max_bytes // 1024} KiB.",
        suggestion="Send less at once.",
        code="BODY_TOO_LARGE",
    )


def _quoted(text: str) -> str:
    return repr(one_line(text, 60))
