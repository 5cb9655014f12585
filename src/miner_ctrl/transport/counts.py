"""What an endpoint has seen since it was made, in numbers that only grow."""

from __future__ import annotations


class SessionCounts:
    """Handshakes of connections that came in, dials, sessions that ended, and the bytes of all sessions' frames."""

    __slots__ = (
        "accepted",
        "dial_failures",
        "dialled",
        "ended_cleanly",
        "failed",
        "lost",
        "received_bytes",
        "refused",
        "sent_bytes",
    )

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        """Strangers, invites that do not hold, and who came too often."""
        self.failed = 0
        """Broken, given up, or too slow."""
        self.dialled = 0
        self.dial_failures = 0
        self.ended_cleanly = 0
        self.lost = 0
        self.sent_bytes = 0
        self.received_bytes = 0
