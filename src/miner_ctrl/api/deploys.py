"""``/remote/{peer}/deploy`` and ``/rollback``: what rigs are given to keep and to run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec

from miner_ctrl.api.faces import DeploysFace
from miner_ctrl.api.remote import VersionHash, check_version
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.streams import EndView, Event, Stream
from miner_ctrl.errors import BadInput
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import DeployProgress, DeployView

DEPLOYS = Resource("remote")
_FAILURES = (403, 409, 429, 502, 504)
TOLD_EVERY_S = 0.1
"""Progress is told at most this often; what comes in between is left out."""


class DeployOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a rig is to have: a profile of this node (ID or name; ``profileHash``: in this version), or a miner
    program: ``minerType`` (with ``version``, else the one added last), or the bundle ``sha256``. ``restart``: restart
    the miners of that type with it. ``progress``: answer as events while it goes on."""

    profile_id: ShortText | None = None
    profile_hash: VersionHash | None = None
    miner_type: ShortText | None = None
    version: ShortText | None = None
    sha256: ShortText | None = None
    restart: bool = False
    progress: bool = False


class RollbackOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which program is to go back to the version before; ``restart``: and its miners be restarted."""

    miner_type: ShortText
    restart: bool = False


@DEPLOYS.post(
    "/remote/{peer}/deploy",
    errors=_FAILURES,
    keyed=True,
    events={"progress": DeployProgress, "done": DeployView, "end": EndView},
)
async def deploy(deploys: DeploysFace, peer: str, body: DeployOrder) -> DeployView | Stream:
    """Give a rig a profile to keep, or a miner program to run.

    A program's transfer rides over lost links. When the reader of events is gone it stops, and goes on where it was
    with the next deploy.
    """
    check_deploy(body)
    if body.progress and body.profile_id is None:
        return Stream(_told(deploys, peer, body))
    return await deployed(deploys, peer, body, lambda _: None)


def check_deploy(order: DeployOrder) -> None:
    """Raise ``BadInput`` if it does not say what to deploy, or says two things."""
    programs = order.miner_type is not None or order.sha256 is not None
    if programs == (order.profile_id is not None):
        raise BadInput(
            "A deploy is of a profile or of a miner program, one of them.",
            suggestion="Give a profileId, or a minerType, or a bundle's sha256.",
        )
    check_version(order.profile_id, order.profile_hash)


async def deployed(
    deploys: DeploysFace, peer: str, order: DeployOrder, told: Callable[[DeployProgress], None]
) -> DeployView:
    """Deploy to one rig; ``told`` hears how far a program is."""
    if order.profile_id is not None:
        return await deploys.deploy_profile(peer, order.profile_id, order.profile_hash)
    return await deploys.deploy_program(
        peer,
        miner_type=order.miner_type,
        version=order.version,
        sha256=order.sha256,
        restart=order.restart,
        told=told,
    )


@DEPLOYS.post("/remote/{peer}/rollback", errors=_FAILURES, keyed=True)
async def rollback(deploys: DeploysFace, peer: str, body: RollbackOrder) -> DeployView:
    """Have a rig go back to the version of a miner program that it had before."""
    return await deploys.rollback(peer, body.miner_type, restart=body.restart)


class _Newest:
    """Holds the newest progress alone."""

    def __init__(self) -> None:
        self.progress: DeployProgress | None = None
        self.came = asyncio.Event()

    def __call__(self, progress: DeployProgress) -> None:
        self.progress = progress
        self.came.set()


async def _told(deploys: DeploysFace, peer: str, order: DeployOrder) -> AsyncGenerator[Event, None]:
    newest = _Newest()
    work = asyncio.create_task(deployed(deploys, peer, order, newest), name="deploy")
    work.add_done_callback(lambda _: newest.came.set())
    try:
        while True:
            await newest.came.wait()
            newest.came.clear()
            if newest.progress is not None:
                told, newest.progress = newest.progress, None
                yield Event("progress", told)
            if work.done():
                yield Event("done", work.result())
                return
            await asyncio.wait({work}, timeout=TOLD_EVERY_S)
            if work.done():
                newest.came.set()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
