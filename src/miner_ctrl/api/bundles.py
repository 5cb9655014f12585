"""``/bundles``: the miner programs that this node can deploy."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import DeploysFace
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import BundleView

BUNDLES = Resource("bundles")


class NewBundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An archive to keep. ``file`` is its name in ``<data>/bundles/incoming``, where the command line has put it.
    Either ``offer``, which an operator has signed, describes it, or type and version do; the rest is found."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,64}\Z")]
    miner_type: ShortText | None = None
    version: ShortText | None = None
    program: ShortText | None = None
    system: ShortText | None = None
    architecture: ShortText | None = None
    offer: BundleOffer | None = None


@BUNDLES.get("/bundles")
async def list_bundles(deploys: DeploysFace) -> list[BundleView]:
    """Return this node's bundles, the newest first."""
    return await deploys.bundles()


@BUNDLES.post("/bundles", status=201, errors=(502,), role=AccessRole.ADMIN)
async def add_bundle(deploys: DeploysFace, body: NewBundle) -> BundleView:
    """Keep an archive, after looking through all of it."""
    return await deploys.add_bundle(
        body.file,
        miner_type=body.miner_type,
        version=body.version,
        program=body.program,
        system=body.system,
        architecture=body.architecture,
        offer=body.offer,
    )


@BUNDLES.delete("/bundles/{sha256}", errors=(409,), role=AccessRole.ADMIN)
async def remove_bundle(deploys: DeploysFace, sha256: str) -> BundleView:
    """Remove a bundle, named by the beginning of its SHA-256; rigs keep what they have."""
    return await deploys.remove_bundle(sha256)
