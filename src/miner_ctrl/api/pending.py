"""``/peers/pending``: nodes that dialled here and wait for a person."""

from __future__ import annotations

import msgspec

from miner_ctrl.api.faces import PairingFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.nodes import Grant
from miner_ctrl.model.views import PeerView, PendingView, StatusView

PENDING = Resource("peers")


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``grant``: what the node may do here; without it, what is usual for this node's role."""

    grant: frozenset[Grant] | None = None


@PENDING.get("/peers/pending")
async def list_pending(pairing: PairingFace, query: ListQuery) -> Listing[PendingView]:
    """Return who waits."""
    return select(pairing.pending(), query, PendingView)


@PENDING.post("/peers/pending/{id}/approve", errors=(409,), role=AccessRole.ADMIN)
async def approve_pending(pairing: PairingFace, id: str, body: Approval) -> PeerView:  # noqa: A002 - as in the path
    """Let a node in. ``id`` is its full ID or fingerprint, never a prefix or a name."""
    return await pairing.approve(id, body.grant)


@PENDING.delete("/peers/pending/{id}", role=AccessRole.ADMIN)
async def deny_pending(pairing: PairingFace, id: str) -> StatusView:  # noqa: A002 - as in the path
    """Turn a waiting node away."""
    await pairing.deny(id)
    return StatusView(status="denied")
