"""``/peers/auth``: whose keys may connect, as clients of the first ``miner-ctrl`` know it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import PairingFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.errors import BadInput, Refused
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import AllowlistView, AuthModeView, StatusView

ALLOWLIST = Resource("peers")
MODE = "allowlist"

PublicKey = Annotated[str, Meta(min_length=1, max_length=100)]


class NewAuthMode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``allowlist`` is the one mode there is."""

    mode: ShortText


class AllowedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A node's ``publicKey`` (X25519, base64), as its ``GET /node/info`` has it."""

    public_key: PublicKey


@ALLOWLIST.get("/peers/auth/mode")
async def get_auth_mode(pairing: PairingFace) -> AuthModeView:
    """Return how it is decided who may connect: ``allowlist``, always."""
    del pairing  # there is none to ask before there is an identity
    return AuthModeView(mode=MODE)


@ALLOWLIST.put("/peers/auth/mode", errors=(403,), role=AccessRole.ADMIN)
async def set_auth_mode(pairing: PairingFace, body: NewAuthMode) -> AuthModeView:
    """Set it to ``allowlist``; ``open`` is refused."""
    del pairing
    if body.mode == "open":
        raise Refused(
            "A node that lets everybody in would obey everybody who finds it: there is no open mode.",
            suggestion="Let nodes in with a token (miner-ctrl peer invite), by approval, or by their public key.",
            code="OPEN_MODE_REFUSED",
        )
    if body.mode != MODE:
        raise BadInput("There is no such mode.", suggestion=f"Use {MODE}.", code="BAD_MODE")
    return AuthModeView(mode=MODE)


@ALLOWLIST.get("/peers/auth/allowlist")
async def get_allowlist(pairing: PairingFace) -> AllowlistView:
    """Return the public keys that may connect: of the registered peers, and those let in ahead."""
    return AllowlistView(public_keys=tuple(pairing.allowlist()))


@ALLOWLIST.post("/peers/auth/allowlist", status=201, role=AccessRole.ADMIN)
async def add_to_allowlist(pairing: PairingFace, body: AllowedKey) -> StatusView:
    """Let a public key in: who waits with it now, or the first node that comes with it.

    It may do here what approval gives it: on a rig observe and control, on a controller nothing.
    """
    await pairing.allow(body.public_key)
    return StatusView(status="added")


@ALLOWLIST.delete("/peers/auth/allowlist/{key:path}", role=AccessRole.ADMIN)
async def remove_from_allowlist(pairing: PairingFace, key: str) -> StatusView:
    """Take a public key off the list. A peer that has it is removed, and its sessions end at once."""
    await pairing.disallow(key)
    return StatusView(status="removed")
