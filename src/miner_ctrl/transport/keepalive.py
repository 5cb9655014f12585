"""When to send a sign of life, when to take the peer for gone, and when signatures are owed. Pure: time is passed in.

Frames only set a flag here; the shared ticker asks what follows. So a message costs nothing, and every time is exact
to one tick.
"""

from __future__ import annotations

from enum import Enum

from miner_ctrl.transport.timings import Timings


class Pulse(Enum):
    """What the silence of a session asks for."""

    FINE = "fine"
    SEND = "send a keep-alive frame"
    OFFLINE = "the peer is offline"


class Keepalive:
    """Silence in both directions (protocol.md, "Sessions"): only valid frames of the session count."""

    __slots__ = ("_heard_at", "_spoke_at", "heard", "spoke")

    def __init__(self, now: float) -> None:
        self.heard = False
        self.spoke = False
        self._heard_at = now
        self._spoke_at = now

    def check(self, now: float, timings: Timings) -> Pulse:
        """Return what is due at ``now``; the caller sends what it is told to."""
        if self.heard:
            self.heard = False
            self._heard_at = now
        elif now - self._heard_at >= timings.offline_after_s:
            return Pulse.OFFLINE
        if self.spoke:
            self.spoke = False
            self._spoke_at = now
        elif now - self._spoke_at >= timings.keepalive_after_s:
            self._spoke_at = now
            return Pulse.SEND
        return Pulse.FINE


class Coverage:
    """How long the first message that no signature covers yet has waited, in one direction (protocol.md,
    "Signatures")."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: float | None = None

    def covered(self) -> None:
        """A signature covers everything up to here."""
        self._since = None

    def waiting_s(self, now: float, uncovered: int) -> float:
        """Return for how many seconds the oldest of ``uncovered`` messages has waited; 0 when there is none."""
        if not uncovered:
            self._since = None
            return 0.0
        if self._since is None:
            self._since = now
        return now - self._since
