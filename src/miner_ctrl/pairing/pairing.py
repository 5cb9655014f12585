"""Everything people do with peers: invite, join, add, approve, grant, remove; and staying connected."""

from __future__ import annotations

import asyncio
import binascii
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence

from miner_ctrl.errors import BadInput, BadToken, Conflict, MinerCtrlError, NotFound, Unreachable
from miner_ctrl.identity.fingerprints import parse_fingerprint, words_of
from miner_ctrl.identity.keys import PublicKeys, is_sound_x25519
from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.nodes import Grant, Grants, Role, check_name
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import InviteView, PeerView, PendingView
from miner_ctrl.pairing.introductions import Introductions, check_pinned
from miner_ctrl.pairing.views import peer_view
from miner_ctrl.peers import Invites, PeerRecord, Pending, PendingEntry, Registry, Trust, parse_token
from miner_ctrl.transport import Channel, ChannelDown, ChannelUp, Endpoint

log = logging.getLogger(__name__)

TRUSTED_RETRY_S = 10.0
HOUSE_KEPT_EVERY_S = 60.0

_Facts = tuple[PeerRecord, Channel | None, MinerCtrlError | None]


class Pairing:
    """The peers of one node.

    ``registered`` and ``removed`` hear of entries that came, changed or went; ``addresses`` says where peers can
    dial this node; ``serving`` is false for the short life of a command without a running node.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        registry: Registry,
        invites: Invites,
        pending: Pending,
        trust: Trust,
        *,
        own_keys: PublicKeys,
        own_role: Role,
        addresses: Callable[[], tuple[str, ...]],
        serving: bool,
        registered: Callable[[PeerRecord], None],
        removed: Callable[[bytes], None],
    ) -> None:
        self._endpoint = endpoint
        self._registry = registry
        self._invites = invites
        self._pending = pending
        self._trust = trust
        self._own_keys = own_keys
        self._own_role = own_role
        self._addresses = addresses
        self._serving = serving
        self._registered = registered
        self._removed = removed
        self._introductions = Introductions(endpoint, registry, registered=registered)
        self._tasks: list[asyncio.Task[None]] = []
        self._awaited: dict[bytes, set[asyncio.Event]] = {}
        self._seen: dict[bytes, tuple[_Facts, PeerView]] = {}
        """How each peer was last shown, and after which facts: few change between two looks at a long list."""
        self._told: list[Callable[[], None]] = []
        pending.changed = invites.changed = self._doors_changed

    def start(self) -> None:
        """Dial, for as long as this node serves, every peer that has an address, and who was provisioned."""
        self._endpoint.on_event.append(self._session_event)
        if not self._serving:
            return
        for record in self._registry.all():
            if record.address and record.dial:
                self._endpoint.keep_dialled(record.keys.fingerprint, parse_address(record.address))
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._keep_house(), name="keep-house"))
        if self._trust.provisioned():
            self._tasks.append(loop.create_task(self._meet_trusted(), name="meet-trusted"))

    async def close(self) -> None:
        """Stop looking for provisioned controllers, and keeping house."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- reading ----------------------------------------------------------------------------------------

    def peers(self) -> list[PeerView]:
        """Return every registered peer."""
        return [self._view(record) for record in self._registry.all()]

    def peer(self, query: str) -> PeerView:
        """Return one peer, by ID, unique prefix or name."""
        return self._view(self._registry.find(query))

    def pending(self) -> list[PendingView]:
        """Return the nodes that wait for approval here."""
        return [
            PendingView(
                id=entry.keys.node_id,
                name=entry.name,
                fingerprint=entry.keys.fingerprint.hex(),
                words=entry.keys.words,
                address=entry.host,
                since=time_text(entry.since_ms),
                expires_at=time_text(entry.expires_ms),
            )
            for entry in self._pending.list()
            if self._registry.get(entry.keys.fingerprint)
            is None  # one that was added from here meanwhile waits no more
        ]

    def invites(self) -> list[InviteView]:
        """Return every invite, without its token."""
        return self._invites.list()

    def find_invite(self, query: str) -> InviteView:
        """Return one invite, by its ID or a unique prefix of it."""
        return self._invites.get(query)

    def watch_doors(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have ``told`` called when who waits, or an invite, may have changed; the answer undoes it."""
        self._told.append(told)
        return lambda: self._told.remove(told)

    # --- first contact ----------------------------------------------------------------------------------

    async def join(self, text: str, *, name: str | None, address: str | None) -> PeerView:
        """Use a join token here."""
        token = parse_token(text)
        if name is not None:
            check_name(name)
        if token.issuer == self._own_keys.fingerprint:
            raise BadToken("This node made that token itself.", suggestion="Use it on the other machine.")
        if token.lets_issuer_control and not self._own_role.works:
            raise BadToken(
                "The token is for a rig, and this node is a controller only.",
                suggestion="On the rig, make a token with: miner-ctrl peer invite --for controller.",
            )
        if not token.lets_issuer_control and not self._own_role.controls:
            raise BadToken(
                "The token lets a controller in, and this node is a worker only.",
                suggestion="On the controller, make a token with: miner-ctrl peer invite.",
            )
        return self._view(await self._introductions.join(token, name=name, address=address))

    async def add(self, address: str, *, name: str | None, fingerprint: str | None) -> PeerView:
        """Pair with the node at an address."""
        if name is not None:
            check_name(name)
        expected = parse_fingerprint(fingerprint) if fingerprint else None
        record, waiting = await self._introductions.add(address, name=name, expected=expected)
        return peer_view(record, self._endpoint.channel(record.keys.fingerprint), waiting)

    async def approve(self, query: str, grants: Grants | None) -> PeerView:
        """Let a waiting node in; ``query`` is its full ID or fingerprint. Its next dial gets a session."""
        return self._approved(self._pending.get(query), self._usual_grants() if grants is None else grants)

    def _usual_grants(self) -> Grants:
        return frozenset({Grant.OBSERVE, Grant.CONTROL}) if self._own_role.works else frozenset()

    def _approved(self, entry: PendingEntry, grants: Grants) -> PeerView:
        role = Role.CONTROLLER if grants else Role.WORKER
        record = self._registry.add(entry.keys, name=entry.name, address="", role=role, grants=grants, verified=True)
        self._pending.forget(entry.keys.fingerprint)
        self._registered(record)
        return self._view(record)

    async def deny(self, query: str) -> None:
        """Turn a waiting node away; ``query`` is its full ID or fingerprint."""
        self._pending.deny(query)

    def allowlist(self) -> list[str]:
        """Return the public keys (X25519, base64) that may connect: of registered peers, and those noted ahead."""
        keys = [record.keys.x for record in self._registry.all() if not record.blocked]
        return [b64encode(key).decode() for key in (*keys, *self._trust.allowlist.keys())]

    async def allow(self, public_key: str) -> None:
        """Let the holder of a key in: who waits for approval now, or the first that comes with it."""
        key = _x25519(public_key)
        if any(record.keys.x == key for record in self._registry.all()):
            return
        for entry in self._pending.list():
            if entry.keys.x == key:
                self._approved(entry, self._usual_grants())
                return
        self._trust.allowlist.note(key, self._usual_grants())

    async def disallow(self, public_key: str) -> None:
        """Take a key off the allowlist; a peer that has it is removed."""
        key = _x25519(public_key)
        known = [record for record in self._registry.all() if record.keys.x == key]
        for record in known:
            await self.remove(record.keys.fingerprint.hex())
        if not self._trust.allowlist.forget(key) and not known:
            raise NotFound(
                "This key is not on the allowlist.",
                suggestion="GET /api/v1/mining/peers/auth/allowlist has those that are.",
                code="KEY_NOT_FOUND",
            )

    def invite(self, *, for_: str | None, addresses: Sequence[str], uses: int, lifetime_s: float) -> InviteView:
        """Make a join token. Without ``for_``, a worker's is for a controller, any other node's for a rig."""
        audience = for_ or ("rig" if self._own_role.controls else "controller")
        if audience not in ("rig", "controller"):
            raise BadInput(f"{audience[:40]!r} cannot be invited.", suggestion="Use rig or controller.")
        if audience == "rig" and not self._own_role.controls:
            raise BadInput(
                "A worker cannot invite rigs.", suggestion="Use --for controller, or run it on a controller."
            )
        if audience == "controller" and not self._own_role.works:
            raise BadInput("A controller cannot be controlled.", suggestion="Use --for rig, or run it on a rig.")
        texts = [str(parse_address(text)) for text in addresses] or list(self._addresses())
        return self._invites.create(
            for_=audience, uses=uses, lifetime_s=lifetime_s, addresses=tuple(texts), issuer=self._own_keys
        )

    def revoke(self, query: str) -> InviteView:
        """Make an invite worthless; peers that used it stay."""
        return self._invites.revoke(query)

    # --- peers we have ----------------------------------------------------------------------------------

    async def patch(
        self,
        query: str,
        *,
        name: str | None = None,
        address: str | None = None,
        tags: Iterable[str] | None = None,
        grants: Grants | None = None,
    ) -> PeerView:
        """Change a peer's entry; a changed grant ends the session, and the next one knows it."""
        record = self._registry.find(query)
        fingerprint = record.keys.fingerprint
        if name is not None and name != record.name:
            self._must_be_free(check_name(name), record)
        target = parse_address(address) if address else None
        updated = self._registry.update(
            fingerprint,
            name=name,
            address=None if address is None else str(target or ""),
            tags=None if tags is None else tuple(tags),
            grants=grants,
        )
        self._registered(updated)
        if grants is not None and grants != record.grants:
            self._endpoint.drop(fingerprint, "What this peer may do here was changed.")
            self._endpoint.redial_now(fingerprint)
        if address is not None:
            self._endpoint.stop_dialling(fingerprint)
            if target is not None and self._serving:
                self._endpoint.keep_dialled(fingerprint, target)
        return self._view(updated)

    async def remove(self, query: str) -> None:
        """Remove a peer and end its sessions at once."""
        record = self._registry.find(query)
        fingerprint = record.keys.fingerprint
        self._registry.remove(fingerprint)
        self._endpoint.stop_dialling(fingerprint)
        self._endpoint.drop(fingerprint, "This peer was removed.")
        self._seen.pop(fingerprint, None)
        self._removed(fingerprint)

    async def connect(self, query: str) -> None:
        """Dial a peer now, and from now on."""
        record = self._registry.find(query)
        await self.reach(self._registry.update(record.keys.fingerprint, dial=True))

    async def disconnect(self, query: str) -> None:
        """End a peer's session and do not dial it until ``connect``."""
        fingerprint = self._registry.find(query).keys.fingerprint
        self._registry.update(fingerprint, dial=False)
        self._endpoint.stop_dialling(fingerprint)
        channel = self._endpoint.channel(fingerprint)
        if channel is not None:
            await channel.close("Disconnected by its owner.")

    async def reach(self, record: PeerRecord, patience_s: float = 0.0) -> Channel:
        """Return a live channel to a peer, dialling it if there is none; one that dials itself is waited for.

        Raises:
            Unreachable: it has no address, so only it can dial; or the dial failed.
            MinerCtrlError: as ``Endpoint.dial``.
        """
        fingerprint = record.keys.fingerprint
        channel = self._endpoint.channel(fingerprint)
        if channel is not None:
            return channel
        if not record.address:
            arrived = await self._arrival(fingerprint, patience_s) if self._serving else None
            if arrived is not None:
                return arrived
            here = "" if self._serving else " Start this node with miner-ctrl node serve, and it will."
            raise Unreachable(
                f"{record.name} is not connected: it dials this node itself, and no link stands.{here}",
                suggestion="See that miner-ctrl runs on the rig and reaches this node; its log there says why not.",
                code="NOT_CONNECTED",
            )
        target = parse_address(record.address)
        try:
            channel = await self._endpoint.dial(
                target, check=lambda keys: check_pinned(keys, record, target, self._registry)
            )
        except Unreachable as error:
            error.suggestion += f" If {record.name} has another address now: miner-ctrl peer add --address HOST:PORT."
            raise
        if self._serving:
            self._endpoint.keep_dialled(fingerprint, target)
        return channel

    async def _arrival(self, fingerprint: bytes, patience_s: float) -> Channel | None:
        """Wait for a peer's session, up to ``patience_s``."""
        arrived = asyncio.Event()
        waiting = self._awaited.setdefault(fingerprint, set())
        waiting.add(arrived)
        try:
            async with asyncio.timeout(patience_s):
                await arrived.wait()
        except TimeoutError:
            return None
        finally:
            waiting.discard(arrived)
            if not waiting:
                self._awaited.pop(fingerprint, None)
        return self._endpoint.channel(fingerprint)

    # --- within -----------------------------------------------------------------------------------------

    def _doors_changed(self) -> None:
        for told in tuple(self._told):
            told()

    def _view(self, record: PeerRecord) -> PeerView:
        fingerprint = record.keys.fingerprint
        facts = (record, self._endpoint.channel(fingerprint), self._endpoint.dial_failure(fingerprint))
        seen = self._seen.get(fingerprint)
        if seen is None or any(new is not old for new, old in zip(facts, seen[0], strict=True)):
            seen = self._seen[fingerprint] = (facts, peer_view(*facts))
        return seen[1]

    def _must_be_free(self, name: str, record: PeerRecord) -> None:
        try:
            found = self._registry.find(name)
        except NotFound:
            return
        if found.keys == record.keys:  # its own name in other letters, or a part of its own ID
            return
        raise Conflict(f"Another peer is called {name} already.", suggestion="Choose another name.", code="NAME_TAKEN")

    def _session_event(self, event: ChannelUp | ChannelDown) -> None:
        fingerprint = event.channel.fingerprint
        record = self._registry.get(fingerprint)
        if record is None:
            return
        self._registry.record_seen(fingerprint)
        if isinstance(event, ChannelDown):
            if not event.clean:
                self._registry.record_failure(fingerprint, event.reason)
            return
        for arrived in self._awaited.get(fingerprint, ()):
            arrived.set()
        hello = event.channel.hello
        granted = frozenset(grant for grant in Grant if grant in hello.grants)
        if (hello.role, granted) != (record.role, record.granted):
            self._registered(self._registry.update(fingerprint, role=hello.role, granted=granted))

    async def _keep_house(self) -> None:
        """Now and then: forget the keys of dead invites, and write down who was seen."""
        while True:
            try:
                self._invites.expire()
                for channel in self._endpoint.channels():
                    self._registry.record_seen(channel.fingerprint)
                self._registry.flush()
            except MinerCtrlError as error:
                log.warning("%s", error.message)
            await asyncio.sleep(HOUSE_KEPT_EVERY_S)

    async def _meet_trusted(self) -> None:
        waiting = [
            entry
            for entry in self._trust.provisioned()
            if entry.address and self._registry.get(entry.fingerprint) is None
        ]
        while waiting:
            for entry in tuple(waiting):
                try:
                    met = await self._introductions.meet_trusted(entry.fingerprint, parse_address(entry.address))
                except MinerCtrlError as error:
                    log.warning("Provisioned controller %s: %s", words_of(entry.fingerprint), error.message)
                    met = False
                if met:
                    waiting.remove(entry)
            if waiting:
                await asyncio.sleep(TRUSTED_RETRY_S)


def _x25519(text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not is_sound_x25519(key):
        raise BadInput(
            "This is no public key of a node: that is 32 bytes in base64.",
            suggestion="Copy publicKey from miner-ctrl node info --json on the other node.",
            code="BAD_KEY",
        )
    return key
