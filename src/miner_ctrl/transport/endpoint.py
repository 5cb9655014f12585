"""The node's end of all sessions: listens, dials, keeps dialling, finds the handler of a request."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import ssl
import time
from collections.abc import Callable
from random import random as random_fraction

from miner_ctrl.errors import MinerCtrlError, Unreachable
from miner_ctrl.identity.introductions import JoinKey
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.nodes import Role
from miner_ctrl.protocol.messages import Payload, Ping, Pong
from miner_ctrl.transport.accept import Accepting
from miner_ctrl.transport.channel import Channel
from miner_ctrl.transport.counts import SessionCounts
from miner_ctrl.transport.dial import BeforeUp, Check, shake_hands
from miner_ctrl.transport.events import ChannelDown, Event
from miner_ctrl.transport.link import LinkFactory, Listening
from miner_ctrl.transport.redial import Redial, check_fingerprint
from miner_ctrl.transport.request import Handler, Needs, Request
from miner_ctrl.transport.shared import Shared
from miner_ctrl.transport.standing import Standing
from miner_ctrl.transport.ticker import Ticker
from miner_ctrl.transport.timings import Timings
from miner_ctrl.transport.tls import client_context, pinned_context
from miner_ctrl.transport.verdict import FindPsk, GrantsOf, Judge

logger = logging.getLogger(__name__)
_RENEW_FROM, _RENEW_SPREAD = 0.8, 0.15
_DIAL_WITHIN_S = 10.0
_PAUSE_NOTICED_S = 1.0


def message_ids() -> Callable[[], str]:
    """Return a source of ids that are unique to this process: a random prefix and a counter."""
    prefix = secrets.token_hex(6) + "-"
    counter = itertools.count(1)
    return lambda: prefix + str(next(counter))


class Endpoint:
    """One node's transport. Nothing runs before the first ``listen``, ``dial`` or ``keep_dialled``; all of it ends
    with ``close``.

    ``judge`` decides who may connect, ``find_psk`` knows the invites, ``grants_of`` says at each request what a peer
    may do. ``on_event`` holds callbacks that get every ``ChannelUp`` and ``ChannelDown``; those in
    ``on_dial_failure`` hear why a peer that is kept dialled could not be reached. ``trace`` gets every message, as a
    line of JSON.
    """

    def __init__(
        self,
        keys: NodeKeys,
        *,
        name: str,
        role: Role,
        version: str,
        capabilities: tuple[str, ...],
        judge: Judge,
        find_psk: FindPsk,
        grants_of: GrantsOf,
        links: LinkFactory | None = None,
        tls_client: ssl.SSLContext | None = None,
        timings: Timings | None = None,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random: Callable[[], float] = random_fraction,
        new_id: Callable[[], str] | None = None,
        instance: str | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        if links is None:
            from miner_ctrl.transport.picows_link import PicowsLinks  # noqa: PLC0415 - only where it is used

            links = PicowsLinks()
        self.on_event: list[Callable[[Event], None]] = []
        self._links = links
        self._tls_client = tls_client
        self._shared = Shared(
            keys=keys,
            name=name,
            role=role,
            version=version,
            capabilities=capabilities,
            instance=instance or secrets.token_hex(8),
            judge=judge,
            find_psk=find_psk,
            grants_of=grants_of,
            timings=timings or Timings(),
            clock=clock,
            now_ms=now_ms,
            random=random,
            new_id=new_id or message_ids(),
            on_ended=self._ended,
            trace=trace,
        )
        self._standing = Standing(self._shared, self._emit)
        self._accepting = Accepting(self._shared, self._standing.add)
        self._redial = Redial(self._shared, self._dial_pinned, lambda peer: self._standing.get(peer) is not None)
        self.on_dial_failure = self._redial.on_failure
        self._listening: list[Listening] = []
        self._renewing: set[bytes] = set()
        self._dropped_meanwhile: list[set[bytes]] = []
        """For each dial under way, who was dropped since it began: its session must not stand."""
        self._ticker = Ticker(self._shared.timings, self._is_urgent, self._tick)
        self._shared.hasten = self._ticker.hasten
        self._ticked_at = clock()
        self._closed = False
        self.route(Ping, self._pong, needs=None)

    def route(self, payload_class: type[Payload], handler: Handler, *, needs: Needs) -> None:
        """Enter the one handler of a request type, and the grant it needs (``None``: any peer with a session; a
        function says it of each payload).

        Raises:
            ValueError: the type is no request, or has an owner already.
        """
        self._shared.routes.add(payload_class, handler, needs=needs)

    async def listen(self, host: str | None, port: int, *, tls: ssl.SSLContext | None = None) -> list[tuple[str, int]]:
        """Accept connections on ``host`` (``None``: all addresses, IPv4 and IPv6); return the bound addresses.

        Raises:
            OperationFailed: the address cannot be listened on.
        """
        self._start()
        listening = await self._links.listen(host, port, tls=tls, reception=self._accepting)
        self._listening.append(listening)
        return listening.addresses

    async def dial(
        self,
        address: Address,
        *,
        check: Check,
        join: JoinKey | None = None,
        timeout_s: float = _DIAL_WITHIN_S,
        before_up: BeforeUp | None = None,
    ) -> Channel:
        """Return the session with the node at ``address``; where one stands already, the one that wins.

        ``check`` gets the responder's keys before anything of this node is shown; ``before_up`` its hello once it
        has accepted, before the session stands. Either raises to stop.

        Raises:
            Unreachable: nobody there, no such name, silence, or the link went.
            OperationFailed: something else answers there (``NOT_MINER_CTRL``).
            PendingApproval: a person has to approve this node there; ``details`` has name, publicKey, signingKey
                (base64) and fingerprint (hex) of the node there.
            Refused: no; with ``join`` also INVITE_UNKNOWN, INVITE_EXPIRED, INVITE_REVOKED, JOIN_REFUSED.
            IdentityMismatch: ``check`` found other keys, or the certificate is not to be trusted (``TLS_REFUSED``).
        """
        self._start()
        dropped: set[bytes] = set()
        self._dropped_meanwhile.append(dropped)
        try:
            channel = await self._dial(address, check=check, join=join, timeout_s=timeout_s, before_up=before_up)
        finally:
            self._dropped_meanwhile.remove(dropped)
        if channel.fingerprint in dropped:
            channel.disconnect("dropped while it was being dialled")
        if not channel.closed:
            self._standing.add(channel)
        standing = await self._standing.settled(channel.fingerprint)
        if standing is None:
            raise Unreachable(
                f"The session with {channel.hello.name} ended as soon as it stood.", suggestion="Try again."
            )
        return standing

    async def _dial(
        self, address: Address, *, check: Check, join: JoinKey | None, timeout_s: float, before_up: BeforeUp | None
    ) -> Channel:
        counts, deadline = self._shared.counts, self._shared.clock() + timeout_s
        try:
            link = await self._links.connect(address, tls=self._tls_of(address), timeout_s=timeout_s)
            channel = await shake_hands(
                self._shared,
                link,
                address,
                check=check,
                join=join,
                within_s=max(deadline - self._shared.clock(), 0.0),
                before_up=before_up,
            )
        except MinerCtrlError:
            counts.dial_failures += 1
            raise
        counts.dialled += 1
        return channel

    def keep_dialled(self, fingerprint: bytes, address: Address) -> None:
        """Keep a session with a known peer: dial whenever there is none, for ever, with back-off."""
        self._start()
        self._redial.keep(fingerprint, address)

    def stop_dialling(self, fingerprint: bytes) -> None:
        """Do not dial this peer any more. A session that stands goes on."""
        self._redial.stop(fingerprint)

    def redial_now(self, fingerprint: bytes) -> None:
        """Do not wait for the back-off."""
        self._redial.now(fingerprint)

    def dial_failure(self, fingerprint: bytes) -> MinerCtrlError | None:
        """Return why the last attempt to dial a kept peer failed; ``None`` after a success."""
        return self._redial.failure(fingerprint)

    def channel(self, fingerprint: bytes) -> Channel | None:
        """Return the session that stands with a peer."""
        return self._standing.get(fingerprint)

    def channels(self) -> list[Channel]:
        """Return the sessions that stand, one a peer."""
        return self._standing.all()

    @property
    def counts(self) -> SessionCounts:
        """What has been seen since this was made."""
        return self._shared.counts

    @property
    def on_refused(self) -> Callable[[Channel, str, str], None]:
        """Hears of each command that a peer was not granted, as often as its log line may be written: the peer's
        session, the message's type, the error's code."""
        return self._shared.on_refused

    @on_refused.setter
    def on_refused(self, hear: Callable[[Channel, str, str], None]) -> None:
        self._shared.on_refused = hear

    @property
    def half_open(self) -> int:
        """How many incoming connections are not sessions yet."""
        return self._accepting.half_open

    def drop(self, fingerprint: bytes, reason: str) -> None:
        """End all sessions with a peer at once, and any that is about to stand."""
        self._accepting.drop(fingerprint)
        for dropped in self._dropped_meanwhile:
            dropped.add(fingerprint)
        self._standing.drop(fingerprint, reason)

    async def close(self) -> None:
        """End all sessions with a signed disconnect, stop listening and dialling, and await every task."""
        self._closed = True
        self._ticker.stop()
        for listening in self._listening:
            listening.close()
        self._redial.close()
        self._accepting.close()
        self._standing.close("this node is shutting down")
        tasks = list(self._shared.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._closed:
            raise RuntimeError("the endpoint is closed")
        if not self._ticker.runs:
            self._ticked_at = self._shared.clock()
            self._ticker.start()

    def _is_urgent(self) -> bool:
        return self._accepting.urgent or self._redial.urgent or self._standing.urgent

    def _tick(self, waited_s: float) -> None:
        shared = self._shared
        now = shared.clock()
        shared.attentive_now += min(now - self._ticked_at, waited_s + _PAUSE_NOTICED_S)
        self._ticked_at = now
        try:
            self._accepting.tick()
            self._standing.tick()
            self._redial.tick()
            self._renew_old_sessions(now)
        except Exception:  # the boundary of the ticker: one peer's fault must not stop the time for all
            logger.exception("the ticker failed")

    def _renew_old_sessions(self, now: float) -> None:
        """Let the dialler of a session that nears its end put a successor beside it (same direction: it wins)."""
        lifetime_s = self._shared.timings.session_at_most_s
        for channel in self._standing.all():
            age_s = now - channel.opened_at
            if age_s < lifetime_s * _RENEW_FROM or channel.dialled is None or channel.fingerprint in self._renewing:
                continue
            jitter = int.from_bytes(channel.session.handshake_hash[:4], "big") / 2**32
            if age_s >= lifetime_s * (_RENEW_FROM + _RENEW_SPREAD * jitter):
                self._renewing.add(channel.fingerprint)
                task = asyncio.get_running_loop().create_task(
                    self._renew(channel.dialled, channel.fingerprint), name="renew-session"
                )
                self._shared.keep(task)

    async def _renew(self, address: Address, fingerprint: bytes) -> None:
        try:
            await self._dial_pinned(address, fingerprint)
        except MinerCtrlError as error:
            logger.info("renewing the session with %s failed: %s", address, error.message)
        finally:
            self._renewing.discard(fingerprint)

    async def _dial_pinned(self, address: Address, fingerprint: bytes) -> Channel:
        return await self.dial(address, check=check_fingerprint(fingerprint, address))

    def _tls_of(self, address: Address) -> ssl.SSLContext | None:
        if not address.tls:
            return None
        if address.tls_pin:
            return pinned_context()
        if self._tls_client is None:
            self._tls_client = client_context()
        return self._tls_client

    def _pong(self, request: Request) -> Payload:
        return Pong(clock_ms=self._shared.now_ms())

    def _ended(self, channel: Channel, reason: str, clean: bool) -> None:
        self._standing.ended(channel, reason, clean=clean)

    def _emit(self, event: Event) -> None:
        if isinstance(event, ChannelDown):
            counts = self._shared.counts
            counts.ended_cleanly, counts.lost = counts.ended_cleanly + event.clean, counts.lost + (not event.clean)
            self._redial.ended(event.fingerprint, self._shared.clock() - event.channel.opened_at)
        for callback in list(self.on_event):
            try:
                callback(event)
            except Exception:  # the boundary to an owner: one that fails must not keep the others from knowing
                logger.exception("an owner failed on %s", type(event).__name__)
