"""``/peers``: the nodes that are registered here."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import CommandsFace, PairingFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.errors import BadInput
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.nodes import Grant, check_name
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import PeerView, PingView, StatusView

PEERS = Resource("peers")

TokenText = Annotated[str, Meta(min_length=1, max_length=4096)]
Tags = Annotated[tuple[ShortText, ...], Meta(max_length=32)]


class NewPeer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A peer to dial: with a join ``token`` (which holds addresses), or at ``address``, there with the
    ``fingerprint`` (or its words) that it must have."""

    address: ShortText | None = None
    name: ShortText | None = None
    token: TokenText | None = None
    fingerprint: ShortText | None = None


class PeerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is not there stays. ``grant`` is all that the peer may do here afterwards."""

    name: ShortText | None = None
    address: ShortText | None = None
    tags: Tags | None = None
    grant: frozenset[Grant] | None = None


@PEERS.get("/peers")
async def list_peers(pairing: PairingFace, query: ListQuery) -> Listing[PeerView]:
    """Return the registered peers."""
    return select(pairing.peers(), query, PeerView)


@PEERS.post("/peers", status=201, errors=(403, 409, 502, 504), role=AccessRole.ADMIN, keyed=True)
async def add_peer(pairing: PairingFace, body: NewPeer) -> PeerView:
    """Dial a node and register it.

    The handshake has been tried when this answers: the peer is connected, or waits for approval there.
    """
    name = None if body.name is None else check_name(body.name)
    if body.token is not None:
        if body.fingerprint is not None:
            raise BadInput("A token names the node it is for: a fingerprint beside it is one too many.")
        return await pairing.join(body.token, name=name, address=body.address)
    if body.address is None:
        raise BadInput(
            "A peer is added by its address or with a join token, and neither is there.",
            suggestion="Give an address, for example 192.168.1.100:9091, or a token.",
        )
    return await pairing.add(body.address, name=name, fingerprint=body.fingerprint)


@PEERS.get("/peers/{peer}", tag=lambda view: (view.id, view.name, view.dial_address, view.tags, view.grants))
async def get_peer(pairing: PairingFace, peer: str) -> PeerView:
    """Return one peer."""
    return pairing.peer(peer)


@PEERS.patch("/peers/{peer}", role=AccessRole.ADMIN, edits=get_peer)
async def change_peer(pairing: PairingFace, peer: str, body: PeerChange) -> PeerView:
    """Change a peer's name, address, tags, or what it may do here."""
    name = None if body.name is None else check_name(body.name)
    return await pairing.patch(peer, name=name, address=body.address, tags=body.tags, grants=body.grant)


@PEERS.delete("/peers/{peer}", role=AccessRole.ADMIN, edits=get_peer)
async def remove_peer(pairing: PairingFace, peer: str) -> StatusView:
    """Forget a peer; its sessions end at once."""
    await pairing.remove(peer)
    return StatusView(status="removed")


@PEERS.post("/peers/{peer}/ping", errors=(403, 504), changes=False)
async def ping_peer(commands: CommandsFace, peer: str) -> PingView:
    """Measure one round trip to a peer."""
    return await commands.ping(peer)


@PEERS.post("/peers/{peer}/connect", errors=(403, 504))
async def connect_peer(pairing: PairingFace, peer: str) -> StatusView:
    """Dial a peer now and keep it dialled."""
    await pairing.connect(peer)
    return StatusView(status="connected")


@PEERS.post("/peers/{peer}/disconnect")
async def disconnect_peer(pairing: PairingFace, peer: str) -> StatusView:
    """End the session with a peer, if there is one, and stop dialling it."""
    await pairing.disconnect(peer)
    return StatusView(status="disconnected")
