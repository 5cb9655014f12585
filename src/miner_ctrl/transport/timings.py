"""The clocks and bounds of a transport, in one struct so that a test can shorten them."""

from __future__ import annotations

import msgspec

from miner_ctrl.protocol import limits


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds unless the name says otherwise; the defaults are protocol.md's ("Handshake", "Sessions")."""

    tick_s: float = 0.2
    """How often the ticker looks at every session while something is under way; its time limits are kept this
    exactly."""
    message_1_within_s: float = limits.MESSAGE_1_WITHIN_S
    message_3_within_s: float = limits.MESSAGE_3_WITHIN_S
    keepalive_after_s: float = limits.KEEPALIVE_AFTER_S
    offline_after_s: float = limits.OFFLINE_AFTER_S
    reconnect_first_s: float = limits.RECONNECT_FIRST_S
    reconnect_last_s: float = limits.RECONNECT_LAST_S
    checkpoint_after_s: float = limits.CHECKPOINT_AFTER_S
    checkpoint_after_messages: int = limits.CHECKPOINT_AFTER_MESSAGES
    uncovered_at_most_s: float = limits.UNCOVERED_AT_MOST_S
    session_at_most_s: float = limits.SESSION_AT_MOST_S
    duplicate_pong_within_s: float = limits.DUPLICATE_PONG_WITHIN_S
    excess_at_most_s: float = limits.EXCESS_AT_MOST_S
    retire_within_s: float = 5.0
    """How long a replaced session may go on to finish the requests that are under way in it."""
    close_within_s: float = 2.0
    """How long a link that was closed may take to send what it holds, before it is cut."""

    @property
    def calm_tick_s(self) -> float:
        """How often it looks while nothing is under way: often enough for signs of life and checkpoints."""
        shortest_s = min(self.keepalive_after_s / 5, self.checkpoint_after_s / 5, self.session_at_most_s / 100)
        return max(self.tick_s, min(10 * self.tick_s, shortest_s))
