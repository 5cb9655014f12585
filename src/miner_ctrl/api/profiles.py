"""``/profiles``: what miners should run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import ProfilesFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.model.callers import AccessRole, Caller
from miner_ctrl.model.profiles import MAX_DOCUMENT_BYTES, ConfigValue, Profile, check_profile_name
from miner_ctrl.model.times import time_text
from miner_ctrl.model.values import ShortText
from miner_ctrl.model.views import (
    DocumentView,
    DraftView,
    FieldView,
    ImportView,
    ProfileView,
    StatusView,
    VersionView,
)
from miner_ctrl.profiles import FIELDS, DocumentFormat, has_passwords, read_document, without_passwords, write_document

PROFILES = Resource("profiles")
MAX_IMPORT_BYTES = MAX_DOCUMENT_BYTES * 3 // 2
"""A file as text in JSON is longer: line ends and quotes are escaped."""

Document = Annotated[str, Meta(max_length=MAX_DOCUMENT_BYTES)]


class NewProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A profile to keep; ``config`` holds pool, wallet and the rest (``GET /profiles/fields``)."""

    name: ShortText
    miner_type: ShortText
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)]


class ChangedProfile(NewProfile, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a profile is to be from now on, whole. ``if_hash``: only if that is its hash now."""

    if_hash: ShortText = ""


class VersionChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which version: its ``hash``, or the beginning of it."""

    hash: Annotated[str, Meta(min_length=4, max_length=64)]


class DocumentToRead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A file of profiles: its text, and how it is written."""

    document: Document
    format: DocumentFormat = DocumentFormat.YAML


class DocumentToImport(DocumentToRead, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A file of profiles to keep. ``replace``: also in place of profiles that have the same names."""

    replace: bool = False


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which profiles, and how they are written: all of them without ``names`` (IDs or names with commas between)."""

    format: DocumentFormat = DocumentFormat.YAML
    names: Annotated[str, Meta(max_length=8_000, pattern=r"^[A-Za-z0-9._, -]*\Z")] = ""


@PROFILES.get("/profiles")
async def list_profiles(profiles: ProfilesFace, caller: Caller, query: ListQuery) -> Listing[ProfileView]:
    """Return this node's profiles. A viewer does not see their pools' passwords."""
    return select([_view(profile, caller) for profile in profiles.list()], query, ProfileView)


@PROFILES.post("/profiles", status=201, errors=(409,), keyed=True)
async def create_profile(profiles: ProfilesFace, caller: Caller, body: NewProfile) -> ProfileView:
    """Keep a new profile; its config is checked."""
    return _view(profiles.create(check_profile_name(body.name), body.miner_type, body.config), caller)


@PROFILES.get("/profiles/fields")
async def list_profile_fields(query: ListQuery) -> Listing[FieldView]:
    """Return the fields that a profile's config may have."""
    views = [
        FieldView(
            name=field.name, takes=field.takes, default=field.default, meaning=field.meaning, of_pool=field.of_pool
        )
        for field in FIELDS
    ]
    return select(views, query, FieldView)


@PROFILES.get("/profiles/export", role=AccessRole.OPERATOR)
async def export_profiles(profiles: ProfilesFace, query: ExportQuery) -> DocumentView:
    """Return profiles as a file, with their pools' passwords.

    One profile that was asked for by name stands there without the list around it.
    """
    names = [name for name in query.names.split(",") if name.strip()]
    found = {profile.id: profile for profile in map(profiles.find, names)} if names else None
    chosen = [*found.values()] if found is not None else [*profiles.list()]
    text = await asyncio.to_thread(write_document, chosen, query.format, alone=len(names) == 1)
    return DocumentView(
        format=query.format, document=text, profiles=len(chosen), has_passwords=any(map(has_passwords, chosen))
    )


@PROFILES.post("/profiles/inspect", max_body_bytes=MAX_IMPORT_BYTES, changes=False)
async def inspect_profiles(body: DocumentToRead) -> list[DraftView]:
    """Read a file of profiles and check each, without keeping any."""
    drafts = await asyncio.to_thread(read_document, body.document, body.format)
    return [
        DraftView(
            name=profile.name,
            miner_type=profile.miner_type,
            config=dict(profile.config),
            hash=profile.content_hash,
        )
        for draft in drafts
        for profile in [Profile(id="", name=draft.name, miner_type=draft.miner_type, config=draft.config)]
    ]


@PROFILES.post("/profiles/import", errors=(409,), max_body_bytes=MAX_IMPORT_BYTES)
async def import_profiles(profiles: ProfilesFace, body: DocumentToImport) -> ImportView:
    """Keep the profiles in a file: all of them, or none."""
    drafts = await asyncio.to_thread(read_document, body.document, body.format)
    done = profiles.import_drafts(drafts, replace=body.replace)
    return ImportView(created=done.created, replaced=done.replaced, unchanged=done.unchanged)


@PROFILES.get("/profiles/{profile}", tag=lambda view: (view.id, view.name, view.hash))
async def get_profile(profiles: ProfilesFace, caller: Caller, profile: str) -> ProfileView:
    """Return one profile, by ID or name. A viewer does not see its pools' passwords."""
    return _view(profiles.find(profile), caller)


@PROFILES.put("/profiles/{profile}", errors=(409,), edits=get_profile)
async def change_profile(profiles: ProfilesFace, caller: Caller, profile: str, body: ChangedProfile) -> ProfileView:
    """Replace all of a profile but its ID; what it was stays as a version, and what runs from it goes on."""
    return _view(profiles.change(profile, body.name, body.miner_type, body.config, if_hash=body.if_hash), caller)


@PROFILES.delete("/profiles/{profile}", edits=get_profile)
async def delete_profile(profiles: ProfilesFace, profile: str) -> StatusView:
    """Delete a profile and its versions; what runs from it goes on."""
    profiles.delete(profile)
    return StatusView(status="deleted")


@PROFILES.get("/profiles/{profile}/versions")
async def list_profile_versions(
    profiles: ProfilesFace, caller: Caller, profile: str, query: ListQuery
) -> Listing[VersionView]:
    """Return what a profile is and was, the present first. A viewer does not see its pools' passwords."""
    current = profiles.find(profile)
    views = [
        VersionView(
            hash=version.hash,
            miner_type=version.miner_type,
            config=_config(version.config, caller),
            at=None if version.at_ms is None else time_text(version.at_ms),
            current=version.hash == current.content_hash,
        )
        for version in profiles.versions(current.id)
    ]
    return select(views, query, VersionView)


@PROFILES.post("/profiles/{profile}/revert", errors=(409,), edits=get_profile)
async def revert_profile(profiles: ProfilesFace, caller: Caller, profile: str, body: VersionChoice) -> ProfileView:
    """Make a profile again what it was in one of its versions."""
    return _view(profiles.revert(profile, body.hash), caller)


def _config(config: Mapping[str, ConfigValue], caller: Caller) -> dict[str, object]:
    """Return a config as ``caller`` may see it."""
    return dict(config) if caller.role.includes(AccessRole.OPERATOR) else without_passwords(config)


def _view(profile: Profile, caller: Caller) -> ProfileView:
    return ProfileView(
        id=profile.id,
        name=profile.name,
        miner_type=profile.miner_type,
        config=_config(profile.config, caller),
        hash=profile.content_hash,
    )
