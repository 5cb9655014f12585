"""The one error tree.

::

    MinerCtrlError                 a sentence for a person, what to do next, a stable code
    ├── BadInput                   what the caller gave cannot be used          exit 2, HTTP 400
    │   └── BadToken               a join token that cannot be read
    ├── StateDamaged               a file of ours is not what we wrote          exit 1, HTTP 503
    ├── HomeInUse                  another process of this home holds the lock  exit 1, HTTP 409
    ├── NotFound                   no such peer, miner, profile, invite         exit 1, HTTP 404
    ├── Conflict                   exists already, or changed meanwhile         exit 1, HTTP 409
    ├── OperationFailed            tried, and it did not work                   exit 1, HTTP 502
    ├── Unreachable                nobody there, or the link went               exit 3, HTTP 504
    │   └── RequestTimedOut        there, but it did not answer in time
    ├── Refused                    the other side, or a rule here, said no      exit 4, HTTP 403
    │   ├── PendingApproval        it waits for a person on the other side
    │   ├── IdentityMismatch       the keys there are not the ones expected
    │   └── RateLimited            too much, too fast                           HTTP 429
    └── ProtocolViolation          bytes from a peer that break the protocol; ends the session

Split only where a caller acts differently. Exit codes: ``cli.errors``; HTTP status: ``api.errors``;
wire codes: ``protocol.codes``. Messages never hold secrets.
"""

from __future__ import annotations

from collections.abc import Mapping


class MinerCtrlError(Exception):
    """The root: everything this project raises on purpose.

    ``message`` is one sentence for a person; ``suggestion`` says what to do next; ``code`` is stable and
    for programs (upper snake case); ``details`` is small and JSON-compatible.
    """

    default_code = "FAILED"

    def __init__(
        self,
        message: str,
        *,
        suggestion: str = "",
        code: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion
        self.code = code or self.default_code
        self.details: dict[str, object] = dict(details or {})


class BadInput(MinerCtrlError):
    """What the caller gave cannot be used."""

    default_code = "BAD_INPUT"


class BadToken(BadInput):
    """A join token that cannot be read, or that is not for this use."""

    default_code = "BAD_TOKEN"


class StateDamaged(MinerCtrlError):
    """A file of ours is not what we wrote. The message names the file; it is never replaced silently."""

    default_code = "STATE_DAMAGED"


class HomeInUse(MinerCtrlError):
    """Another process of this home holds its lock."""

    default_code = "HOME_IN_USE"


class NotFound(MinerCtrlError):
    """No such peer, miner, profile or invite."""

    default_code = "NOT_FOUND"


class Conflict(MinerCtrlError):
    """It exists already, or it changed meanwhile."""

    default_code = "CONFLICT"


class OperationFailed(MinerCtrlError):
    """It was tried, and it did not work."""

    default_code = "OPERATION_FAILED"


class Unreachable(MinerCtrlError):
    """Nobody there, or the link went away."""

    default_code = "PEER_UNREACHABLE"


class RequestTimedOut(Unreachable):
    """The peer is there, but it did not answer in time."""

    default_code = "PEER_TIMED_OUT"


class Refused(MinerCtrlError):
    """The other side, or a rule here, said no."""

    default_code = "REFUSED"


class PendingApproval(Refused):
    """The other side waits for a person to approve this node."""

    default_code = "PENDING_APPROVAL"


class IdentityMismatch(Refused):
    """The keys at the other end are not the ones expected."""

    default_code = "IDENTITY_MISMATCH"


class RateLimited(Refused):
    """Too much, too fast."""

    default_code = "RATE_LIMITED"


class ProtocolViolation(MinerCtrlError):
    """Bytes from a peer that break the protocol. The session that carried them ends."""

    default_code = "PROTOCOL_VIOLATION"
