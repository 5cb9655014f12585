"""Errors as HTTP answers: one envelope, one place that knows the status of each."""

from __future__ import annotations

import msgspec

from miner_ctrl.errors import (
    BadInput,
    Conflict,
    HomeInUse,
    MinerCtrlError,
    NotFound,
    OperationFailed,
    ProtocolViolation,
    RateLimited,
    Refused,
    StateDamaged,
    Unreachable,
)
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.views import ErrorView

_STATUS_OF_CODE = {
    "UNAUTHORIZED": 401,
    "LOGIN_FAILED": 401,
    "SESSION_OVER": 401,
    "TOKEN_EXPIRED": 401,
    "TOKEN_REVOKED": 401,
    "TOKEN_UNKNOWN": 401,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TOO_SLOW": 408,
    "PRECONDITION_FAILED": 412,
    "BODY_TOO_LARGE": 413,
    "NOT_JSON": 415,
    "HOST_REFUSED": 421,
    "HEADERS_TOO_LARGE": 431,
    "INTERNAL_ERROR": 500,
    "NOT_READY": 503,
    "TOO_MANY_CONNECTIONS": 503,
}
"""What only HTTP knows; the class decides about the rest."""

_STATUS_OF_CLASS: tuple[tuple[type[MinerCtrlError], int], ...] = (
    (BadInput, 400),
    (RateLimited, 429),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (HomeInUse, 409),
    (OperationFailed, 502),
    (ProtocolViolation, 502),
    (StateDamaged, 503),
    (Unreachable, 504),
)

_encoder = msgspec.json.Encoder(enc_hook=str)


def status_of(error: MinerCtrlError) -> int:
    """Return the HTTP status ``error`` is answered with."""
    by_code = _STATUS_OF_CODE.get(error.code)
    if by_code is not None:
        return by_code
    for kind, status in _STATUS_OF_CLASS:
        if isinstance(error, kind):
            return status
    return 500


def envelope(error: MinerCtrlError) -> bytes:
    """Return the JSON that tells ``error``: ``{"error", "code", "details"?, "suggestion"?}``."""
    view = ErrorView(error=error.message, code=error.code, details=error.details, suggestion=error.suggestion)
    return _encoder.encode(view)


def internal_error() -> MinerCtrlError:
    """Return what a caller hears of a fault of ours; the log has the traceback."""
    return MinerCtrlError(
        "Something went wrong inside this node.",
        suggestion="The node's log says what; please report it.",
        code="INTERNAL_ERROR",
    )


def method_not_allowed(method: str, allowed: list[str]) -> BadInput:
    """Return the error of a method that this route does not have."""
    return BadInput(
        f"This route does not take {method[:20]}.",
        suggestion=f"Use {' or '.join(allowed)}.",
        code="METHOD_NOT_ALLOWED",
        details={"allowed": allowed},
    )


def no_such_route(path: str) -> NotFound:
    """Return the error of a path that nothing is behind."""
    return NotFound(
        f"There is no route {path[:200]!r}.",
        suggestion="GET /api/v1/mining/openapi.json lists the routes there are.",
        code="ROUTE_NOT_FOUND",
    )


def only_local() -> Refused:
    """Return the error of a route that is for this machine's user alone."""
    return Refused(
        "This can only be done on the machine itself.",
        suggestion="Run the command there.",
        code="ONLY_LOCAL",
    )


def unauthorized() -> Refused:
    """Return the error of a request that does not say who asks."""
    return Refused(
        "This node does not know who asks.",
        suggestion="Send an API token (miner-ctrl token create) in the Authorization header, or log in.",
        code="UNAUTHORIZED",
    )


def not_allowed(role: AccessRole, needed: AccessRole) -> Refused:
    """Return the error of a caller whose role is too small."""
    return Refused(
        f"A {role.value} may not do this: it takes the role {needed.value}.",
        suggestion=f"Use a token or a login with the role {needed.value}.",
        code="NOT_ALLOWED",
    )


def no_identity() -> Conflict:
    """Return the error of every route that needs an identity while there is none."""
    return Conflict(
        "This node has no identity yet.",
        suggestion="Make one with `miner-ctrl node init --name NAME`, or with a token: `miner-ctrl node join TOKEN`.",
        code="NO_IDENTITY",
    )
