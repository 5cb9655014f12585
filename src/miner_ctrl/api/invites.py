"""``/invites``: join tokens."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import NodeFace, PairingFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.peers import TokenText
from miner_ctrl.api.resource import Resource
from miner_ctrl.errors import BadInput
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import InviteView, TokenView

INVITES = Resource("invites")

MAX_LIFETIME_S = 365 * 86400.0
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class NewInvite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``address``: where the joining node dials, one or several; ``uses``: how many nodes may join; ``expires``:
    ``30m``, ``1h``, ``2d``, or seconds; ``for``: who may use it (else as usual for this node's role)."""

    address: ShortText | Annotated[list[ShortText], Meta(max_length=16)] | None = None
    uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    expires: ShortText | int = "1h"
    for_: Literal["rig", "controller"] | None = msgspec.field(default=None, name="for")


class TokenToRead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A join token."""

    token: TokenText


@INVITES.get("/invites")
async def list_invites(pairing: PairingFace, query: ListQuery) -> Listing[InviteView]:
    """Return the invites, without their tokens."""
    return select(pairing.invites(), query, InviteView)


@INVITES.post("/invites", status=201, role=AccessRole.ADMIN, keyed=True, secret=True)
async def create_invite(pairing: PairingFace, body: NewInvite) -> InviteView:
    """Make a join token. This answer is the only one that has it."""
    addresses = [body.address] if isinstance(body.address, str) else body.address or []
    lifetime_s = parse_lifetime_s(body.expires)
    return pairing.invite(for_=body.for_, addresses=addresses, uses=body.uses, lifetime_s=lifetime_s)


@INVITES.post("/invites/inspect", changes=False)
async def inspect_invite(node: NodeFace, body: TokenToRead) -> TokenView:
    """Read a join token without using it: whose it is, and what it would allow."""
    return node.inspect_token(body.token)


@INVITES.get("/invites/{id}", errors=(409,))
async def find_invite(pairing: PairingFace, id: str) -> InviteView:  # noqa: A002 - as in the path
    """Return one invite, without its token, and who joined with it."""
    return pairing.find_invite(id)


@INVITES.delete("/invites/{id}", errors=(409,), role=AccessRole.ADMIN)
async def revoke_invite(pairing: PairingFace, id: str) -> InviteView:  # noqa: A002 - as in the path
    """Revoke an invite; who joined with it stays."""
    return pairing.revoke(id)


def parse_lifetime_s(text: str | int, what: str = "an invite") -> float:
    """Return ``30m``, ``1h``, ``2d`` or a number of seconds as seconds.

    Raises:
        BadInput: it is none of these, nothing, or more than a year.
    """
    found = re.fullmatch(r"([0-9]{1,9}) ?([smhd]?)", str(text).strip().lower())
    seconds = float(int(found[1]) * _UNIT_S[found[2]]) if found else 0.0
    if not 0 < seconds <= MAX_LIFETIME_S:
        raise BadInput(
            f"{str(text)[:40]!r} is not how long {what} can be valid.",
            suggestion="Use for example 30m, 1h or 2d; a year at most.",
            code="BAD_LIFETIME",
        )
    return seconds
