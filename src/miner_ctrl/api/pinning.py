"""Orders made exact: which version of a profile, which program is meant, so that a job means the same when it is tried
again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar

from msgspec.structs import replace

from miner_ctrl.api.deploys import DeployOrder
from miner_ctrl.api.faces import DeploysFace, ProfilesFace
from miner_ctrl.api.remote import StartOrder
from miner_ctrl.errors import Conflict, NotFound
from miner_ctrl.model.profiles import LOCAL_PREFIX
from miner_ctrl.model.views import BundleView

Start = TypeVar("Start", bound=StartOrder)
Deploy = TypeVar("Deploy", bound=DeployOrder)


def pinned_start(order: Start, profiles: ProfilesFace) -> Start:
    """Return ``order`` with its profile by its ID, and the version of it that holds now. What is not to be found here
    stays as it is: each rig says what it makes of it."""
    return replace(order, **_version(order.profile_id, order.profile_hash, profiles))


async def pinned_deploy(order: Deploy, profiles: ProfilesFace, deploys: DeploysFace) -> Deploy:
    """As ``pinned_start``; of a program with the version that is the newest now."""
    if order.profile_id is None:
        return replace(order, **_program(order, await deploys.bundles()))
    return replace(order, **_version(order.profile_id, order.profile_hash, profiles))


async def must_be_there(order: StartOrder | DeployOrder, profiles: ProfilesFace, deploys: DeploysFace) -> None:
    """Raise ``Conflict`` where a version that was pinned is not here any more."""
    if order.profile_id is not None and order.profile_hash is not None:
        try:
            profiles.version(order.profile_id, order.profile_hash)
        except NotFound as error:
            deleted = error.code == "PROFILE_NOT_FOUND"
            raise _gone(
                "The profile that this job was for has been deleted."
                if deleted
                else f"The version {order.profile_hash[:8]} of the profile that this job was for is not kept any more."
            ) from None
    if isinstance(order, DeployOrder) and order.profile_id is None:
        bundles = await deploys.bundles()
        if not any(_fits(bundle, order) for bundle in bundles):
            what = f"{order.miner_type} {order.version}" if order.sha256 is None else f"the bundle {order.sha256[:8]}"
            raise _gone(f"The program that this job was for ({what}) is not among this node's bundles any more.")


def _version(profile_id: str | None, profile_hash: str | None, profiles: ProfilesFace) -> dict[str, str]:
    """Return the fields that say which version of a profile is meant."""
    if profile_id is None or profile_id.startswith(LOCAL_PREFIX):
        return {}
    with suppress(NotFound):
        profile = profiles.find(profile_id)
        if profile_hash is not None:
            profile = profiles.version(profile.id, profile_hash)
        return {"profile_id": profile.id, "profile_hash": profile.content_hash}
    return {}


def _program(order: DeployOrder, bundles: Sequence[BundleView]) -> dict[str, str]:
    """Return the fields that say which program is meant."""
    found = [bundle for bundle in bundles if _fits(bundle, order)]
    if not found:
        return {}
    if order.sha256 is None:
        return {"version": found[0].version}
    return {"sha256": found[0].sha256} if len(found) == 1 else {}


def _fits(bundle: BundleView, order: DeployOrder) -> bool:
    if order.sha256 is not None:
        return bundle.sha256.startswith(order.sha256.lower())
    return bundle.miner_type == order.miner_type and order.version in (None, bundle.version)


def _gone(sentence: str) -> Conflict:
    return Conflict(
        sentence,
        suggestion="Give the command anew, with what there is now, to the rigs on which it came to nothing.",
        code="ORDER_GONE",
    )
