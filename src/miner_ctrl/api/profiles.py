"""``/profiles``: what miners should run."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import ProfilesFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.routes import Resource
from miner_ctrl.model.nodes import check_name
from miner_ctrl.model.profiles import ConfigValue, Profile
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import ProfileView, StatusView

PROFILES = Resource("profiles")


class NewProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A profile to keep; ``config`` holds pool, wallet and the rest."""

    name: ShortText
    miner_type: ShortText
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)]


@PROFILES.get("/profiles")
async def list_profiles(profiles: ProfilesFace, query: ListQuery) -> Listing[ProfileView]:
    """Return this node's profiles."""
    return select([_view(profile) for profile in profiles.list()], query, ProfileView)


@PROFILES.post("/profiles", status=201, errors=(409,))
async def create_profile(profiles: ProfilesFace, body: NewProfile) -> ProfileView:
    """Keep a new profile; its config is checked."""
    return _view(profiles.create(check_name(body.name), body.miner_type, body.config))


@PROFILES.get("/profiles/{profile}")
async def get_profile(profiles: ProfilesFace, profile: str) -> ProfileView:
    """Return one profile, by ID or name."""
    return _view(profiles.find(profile))


@PROFILES.delete("/profiles/{profile}")
async def delete_profile(profiles: ProfilesFace, profile: str) -> StatusView:
    """Delete a profile; what runs from it goes on."""
    profiles.delete(profile)
    return StatusView(status="deleted")


def _view(profile: Profile) -> ProfileView:
    return ProfileView(
        id=profile.id,
        name=profile.name,
        miner_type=profile.miner_type,
        config=dict(profile.config),
        hash=profile.content_hash,
    )
