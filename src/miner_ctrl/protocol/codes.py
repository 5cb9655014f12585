"""Wire error codes and the one pair of functions that maps them to the error tree and back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec

from miner_ctrl.errors import (
    BadInput,
    Conflict,
    MinerCtrlError,
    NotFound,
    OperationFailed,
    ProtocolViolation,
    RateLimited,
    Refused,
    RequestTimedOut,
)
from miner_ctrl.model.text import one_line
from miner_ctrl.model.values import JsonValue
from miner_ctrl.protocol.messages import Details, Error


class WireCode(IntEnum):
    """Error codes on the wire (protocol.md, "Message"). Added to, never re-used."""

    UNKNOWN = 1000
    INVALID_MESSAGE = 1001
    UNAUTHORIZED = 1002
    NOT_FOUND = 1003
    OPERATION_FAILED = 1004
    TIMEOUT = 1005
    RATE_LIMITED = 1006
    UNKNOWN_TYPE = 1007
    CONFLICT = 1008
    OUTCOME_UNKNOWN = 1009


_TO_WIRE: tuple[tuple[type[MinerCtrlError], WireCode], ...] = (
    (RateLimited, WireCode.RATE_LIMITED),
    (Refused, WireCode.UNAUTHORIZED),
    (NotFound, WireCode.NOT_FOUND),
    (Conflict, WireCode.CONFLICT),
    (BadInput, WireCode.INVALID_MESSAGE),
    (ProtocolViolation, WireCode.INVALID_MESSAGE),
    (RequestTimedOut, WireCode.TIMEOUT),
    (OperationFailed, WireCode.OPERATION_FAILED),
)

_FROM_WIRE: dict[int, type[MinerCtrlError]] = {
    WireCode.INVALID_MESSAGE: BadInput,
    WireCode.UNAUTHORIZED: Refused,
    WireCode.NOT_FOUND: NotFound,
    WireCode.CONFLICT: Conflict,
    WireCode.TIMEOUT: RequestTimedOut,
    WireCode.RATE_LIMITED: RateLimited,
}


def wire_code(error: MinerCtrlError) -> WireCode:
    """Return the code an error travels under."""
    for kind, code in _TO_WIRE:
        if isinstance(error, kind):
            return code
    return WireCode.OPERATION_FAILED


def error_to_wire(error: MinerCtrlError) -> Error:
    """Return the payload an error travels in; its stable code and suggestion go along in ``details``."""
    known: dict[str, JsonValue] = {"code": error.code, "suggestion": error.suggestion}
    try:
        details = msgspec.convert({**error.details, **known}, Details)
    except msgspec.ValidationError:  # more than a peer would take: the error itself matters more
        details = known
    return Error(code=wire_code(error), message=error.message[:1000], details=details)


def error_from_wire(payload: Error) -> MinerCtrlError:
    """Return the error a peer's answer stands for; codes this version does not know are ``OperationFailed``.

    The texts are the peer's: bounded and without control characters.
    """
    details: dict[str, Any] = _harmless(payload.details)
    code, suggestion = details.pop("code", ""), details.pop("suggestion", "")
    return _FROM_WIRE.get(payload.code, OperationFailed)(
        one_line(payload.message),
        code=one_line(code, 64) if isinstance(code, str) else "",
        suggestion=one_line(suggestion) if isinstance(suggestion, str) else "",
        details=details,
    )


def _harmless(value: Any) -> Any:
    """Return a JSON value with every text in it made safe to show."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {one_line(key, 64): _harmless(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_harmless(held) for held in value]
    return value
