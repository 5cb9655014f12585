"""Live sessions over WebSockets: dial, listen, keep alive, reconnect, requests and their answers."""

from miner_ctrl.transport.channel import Channel
from miner_ctrl.transport.correlation import Subscription
from miner_ctrl.transport.endpoint import Endpoint
from miner_ctrl.transport.events import ChannelDown, ChannelUp, Event
from miner_ctrl.transport.request import Handler, Needs, Request
from miner_ctrl.transport.timings import Timings
from miner_ctrl.transport.verdict import ACCEPTED, FindPsk, GrantsOf, Judge

__all__ = [
    "ACCEPTED",
    "Channel",
    "ChannelDown",
    "ChannelUp",
    "Endpoint",
    "Event",
    "FindPsk",
    "GrantsOf",
    "Handler",
    "Judge",
    "Needs",
    "Request",
    "Subscription",
    "Timings",
]
