"""How much one peer may ask (protocol.md, "Sessions"). Pure: time is passed in.

Limits come before signature checks: what is over them costs an AEAD and nothing more.
"""

from __future__ import annotations

from enum import Enum

from miner_ctrl.protocol import limits

STREAMS_OPEN = 64
"""Streams (pushed stats, followed logs) one peer may keep open here, and this node at one peer."""
ERRORS_PER_S, ERRORS_BURST = 50.0, 300
"""Error answers one peer can cause, each of which costs a signature; what is over them is excess like any other."""
SIGNED_REPLIES_PER_S, SIGNED_REPLIES_BURST = 200.0, 1000
"""Signatures one peer can make this node check without having been asked for each."""
STRANGERS_LINES_PER_S, STRANGERS_LINES_BURST = 1.0, 60
"""Lines of log that all handshakes together can cause."""
_CALM_S = 2.0


class TokenBucket:
    """Lets ``rate_per_s`` through in the long run, and ``burst`` at once."""

    __slots__ = ("_at", "_burst", "_rate_per_s", "_tokens")

    def __init__(self, rate_per_s: float, burst: float, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._at = now

    def has_token(self, now: float) -> bool:
        """Whether ``take`` would succeed."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_per_s)
        self._at = now
        return self._tokens >= 1

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        if not self.has_token(now):
            return False
        self._tokens -= 1
        return True


class LogLines:
    """How many lines somebody can write into this node's log: ``rate_per_s``, and ``burst`` at once. The rest is
    counted, and said with the next."""

    __slots__ = ("_bucket", "_unlogged")

    def __init__(self, rate_per_s: float, burst: float, now: float) -> None:
        self._bucket = TokenBucket(rate_per_s, burst, now)
        self._unlogged = 0

    def admit(self, now: float) -> str | None:
        """Return what to add to the line; ``None`` is not to write it."""
        if not self._bucket.take(now):
            self._unlogged += 1
            return None
        unlogged, self._unlogged = self._unlogged, 0
        return f" ({unlogged} more since the last line)" if unlogged else ""


class Answer(Enum):
    """What to do about a request that is over the limits."""

    ERROR = "answer it with an error"
    SILENCE = "drop it: an error was sent less than a second ago"
    END = "end the session: the excess has lasted too long"


class Excess:
    """One error a second for the excess; ``at_most_s`` seconds of it end the session. Two calm seconds end an
    excess."""

    __slots__ = ("_at_most_s", "_began_at", "_errors", "_last_at")

    def __init__(self, at_most_s: float, now: float) -> None:
        self._at_most_s = at_most_s
        self._began_at = now
        self._last_at = now
        self._errors = TokenBucket(limits.ERRORS_PER_S, 1, now)

    def note(self, now: float) -> Answer:
        """One more request over the limits."""
        if now - self._last_at > _CALM_S:
            self._began_at = now
        self._last_at = now
        if now - self._began_at >= self._at_most_s:
            return Answer.END
        return Answer.ERROR if self._errors.take(now) else Answer.SILENCE


class CommandLimits:
    """Counts one peer's commands, over all of its sessions: they go on when theirs ends. ``under_way`` is kept by the
    caller."""

    __slots__ = ("_bucket", "under_way")

    def __init__(self, now: float) -> None:
        self.under_way = 0
        self._bucket = TokenBucket(limits.COMMANDS_PER_S, limits.COMMANDS_BURST, now)

    def admits(self, now: float) -> bool:
        """5 a second, 50 at once, and as many under way as other requests."""
        return self.under_way < limits.REQUESTS_IN_FLIGHT and self._bucket.take(now)


class RequestLimits:
    """Counts the requests of one session. ``in_flight`` and ``streams`` are kept by the caller."""

    __slots__ = ("_errors", "_excess", "_excess_at_most_s", "_signed_replies", "commands", "in_flight", "streams")

    def __init__(self, excess_at_most_s: float, commands: CommandLimits) -> None:
        self.in_flight = 0
        self.streams = 0
        self.commands = commands
        self._excess_at_most_s = excess_at_most_s
        self._errors: TokenBucket | None = None
        self._excess: Excess | None = None
        self._signed_replies: TokenBucket | None = None

    def admits_request(self) -> bool:
        return self.in_flight < limits.REQUESTS_IN_FLIGHT

    def admits_stream(self) -> bool:
        return self.streams < STREAMS_OPEN

    def admits_command(self, now: float) -> bool:
        """Within the peer's commands, and within the session's requests in flight."""
        return self.admits_request() and self.commands.admits(now)

    def admits_error(self, now: float) -> bool:
        if self._errors is None:
            self._errors = TokenBucket(ERRORS_PER_S, ERRORS_BURST, now)
        return self._errors.take(now)

    def admits_signed_reply(self, now: float) -> bool:
        if self._signed_replies is None:
            self._signed_replies = TokenBucket(SIGNED_REPLIES_PER_S, SIGNED_REPLIES_BURST, now)
        return self._signed_replies.take(now)

    def excess(self, now: float) -> Answer:
        """One request was over the limits: what to do about it."""
        if self._excess is None:
            self._excess = Excess(self._excess_at_most_s, now)
        return self._excess.note(now)
