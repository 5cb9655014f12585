"""Watching the fleet: subscribes to every rig whose session stands, and feeds what it says to the reducer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from miner_ctrl.controller.fleet import (
    Fleet,
    RigAbout,
    RigConnected,
    RigGone,
    RigKnown,
    RigMissing,
    RigPinged,
    RigReported,
    RigScored,
)
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.nodes import Grant
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.protocol.messages import Payload, Stats, SubscribeStats
from miner_ctrl.transport import Channel, ChannelDown, ChannelUp, Endpoint

PUSH_INTERVAL_S = 10.0
PING_EVERY_S = 60.0
PING_WITHIN_S = 5.0
PINGS_AT_ONCE = 64


class FleetWatch:
    """Keeps ``fleet`` true to ``registry`` and to the sessions of ``endpoint``."""

    def __init__(
        self,
        endpoint: Endpoint,
        registry: Registry,
        fleet: Fleet,
        *,
        clock: Callable[[], float],
        subscribe: bool = True,
    ) -> None:
        self._endpoint = endpoint
        self._registry = registry
        self._fleet = fleet
        self._clock = clock
        self._subscribe = subscribe
        self._pinging: asyncio.Task[None] | None = None
        self._unpinged = asyncio.Event()

    def start(self) -> None:
        """Enter every registered rig, and follow sessions, those that stand already among them."""
        for record in self._registry.all():
            self.registered(record)
        self._registry.on_score.append(self._scored)
        self._endpoint.on_event.append(self._session_event)
        self._endpoint.on_dial_failure.append(self._dial_failed)
        for channel in self._endpoint.channels():
            self._session_event(ChannelUp(channel))
        if self._subscribe:
            self._pinging = asyncio.get_running_loop().create_task(self._ping_for_ever(), name="ping-rigs")

    async def close(self) -> None:
        """Stop measuring round trips."""
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.gather(self._pinging, return_exceptions=True)

    def registered(self, record: PeerRecord) -> None:
        """A peer was registered, renamed or changed."""
        fingerprint = record.keys.fingerprint
        if is_rig(record):
            self._fleet.apply(RigKnown(fingerprint, record.keys.node_id, record.name, _about(record)))
        else:
            self._fleet.apply(RigGone(fingerprint))

    def removed(self, fingerprint: bytes) -> None:
        """A peer was removed."""
        self._fleet.apply(RigGone(fingerprint))

    def _scored(self, fingerprint: bytes, score: int) -> None:
        self._fleet.apply(RigScored(fingerprint, score))

    def _dial_failed(self, fingerprint: bytes, error: MinerCtrlError) -> None:
        if self._endpoint.channel(fingerprint) is None:
            self._fleet.apply(RigMissing(fingerprint, error.message, error.code))

    def _session_event(self, event: ChannelUp | ChannelDown) -> None:
        fingerprint = event.channel.fingerprint
        if isinstance(event, ChannelDown):
            if self._endpoint.channel(fingerprint) is None:
                self._fleet.apply(RigMissing(fingerprint, event.reason, "DISCONNECTED"))
            return
        record = self._registry.get(fingerprint)
        if record is None:
            return
        self.registered(record)
        self._fleet.apply(RigConnected(fingerprint, event.channel.hello.version, event.channel.remote_host))
        self._unpinged.set()
        if not is_rig(record):
            return
        if Grant.OBSERVE not in event.channel.hello.grants:
            self._may_not_watch(fingerprint, record.name)
        elif self._subscribe:
            self._follow(event.channel)

    def _follow(self, channel: Channel) -> None:
        fingerprint = channel.fingerprint

        def reply(payload: Payload) -> None:
            if isinstance(payload, Stats):
                self._fleet.apply(RigReported(fingerprint, payload.stats, self._clock()))

        def ended(error: MinerCtrlError) -> None:
            if self._endpoint.channel(fingerprint) is channel:
                self._fleet.apply(RigMissing(fingerprint, error.message, error.code, connected=True))

        channel.subscribe(SubscribeStats(interval_s=PUSH_INTERVAL_S), reply, ended)

    async def _ping_for_ever(self) -> None:
        """Measure the round trip to every rig once a minute, and soon after it connected."""
        while True:
            self._unpinged.clear()
            every = [channel for channel in self._endpoint.channels() if channel.fingerprint in self._fleet]
            for start in range(0, len(every), PINGS_AT_ONCE):
                await asyncio.gather(*(self._ping(channel) for channel in every[start : start + PINGS_AT_ONCE]))
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await self._unpinged.wait()
            await asyncio.sleep(1.0)

    async def _ping(self, channel: Channel) -> None:
        with suppress(MinerCtrlError):
            rtt_s, offset_ms = await channel.ping(PING_WITHIN_S)
            self._registry.record_ping(channel.fingerprint, rtt_s)
            self._fleet.apply(RigPinged(channel.fingerprint, round(rtt_s * 1000, 3), offset_ms))

    def _may_not_watch(self, fingerprint: bytes, name: str) -> None:
        self._fleet.apply(
            RigMissing(fingerprint, f"{name} has not granted this node to watch it.", "NOT_GRANTED", connected=True)
        )


def is_rig(record: PeerRecord) -> bool:
    """Whether a peer is one of our rigs: it runs miners, and it lets us watch, or we are not merely its rig."""
    return record.role.works and (Grant.OBSERVE in record.granted or not record.grants)


def _about(record: PeerRecord) -> RigAbout:
    return RigAbout(
        role=record.role,
        tags=record.tags,
        address=record.address,
        score=record.score,
        last_seen_ms=record.last_seen_ms,
    )
