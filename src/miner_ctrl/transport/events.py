"""What an endpoint tells its owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miner_ctrl.transport.channel import Channel


@dataclass(frozen=True, slots=True)
class ChannelUp:
    """A session with a peer stands. ``Endpoint.channel`` returns it already."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDown:
    """A session is over. ``clean``: it ended with a signed disconnect, or was replaced by another that stands
    (then ``Endpoint.channel`` returns that one already, and its ``ChannelUp`` follows)."""

    fingerprint: bytes
    channel: Channel
    reason: str
    clean: bool


Event = ChannelUp | ChannelDown
