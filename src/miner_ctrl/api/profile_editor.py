"""``/profiles/check`` and its like: what the editor of a profile asks. Nothing here changes anything."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.api.faces import AssignmentsFace, MinerTypesFace, ProfilesFace
from miner_ctrl.api.lists import Listing, ListQuery, select
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.veil import sees_hashes
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.callers import AccessRole, Caller
from miner_ctrl.model.jobs import Names, PeerFilter, Selection
from miner_ctrl.model.nodes import Name
from miner_ctrl.model.profile_views import (
    KnownPoolView,
    MinerTypeView,
    PoolSightView,
    ProblemSeverity,
    ProblemView,
    ProfileCheckView,
    ProfilePlanView,
    ProfilePreviewView,
    ProfileUseView,
)
from miner_ctrl.model.profiles import ConfigValue, MinerConfig, Profile
from miner_ctrl.model.values import ShortText
from miner_ctrl.profiles import validate
from miner_ctrl.profiles.advice import Advice, advice, sights_of
from miner_ctrl.profiles.known_pools import KNOWN_POOLS
from miner_ctrl.profiles.pools import number_of_pool

EDITOR = Resource("profiles")
MAX_PLAN_BYTES = 1024 * 1024
"""Room for the names of as many rigs as a job can be for."""
ONLY_MINER = "*"


class ProfileToCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A profile as far as it is written. ``of``: the ID or name of the one that it is an edit of, whose name it may
    have."""

    name: ShortText = ""
    miner_type: ShortText = ""
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    of: ShortText | None = None


class ProfileToPreview(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a miner would run. ``rig_name`` stands where ``{rig}`` does; without it ``{rig}`` stays."""

    miner_type: ShortText
    config: Annotated[dict[str, ConfigValue], Meta(max_length=100)]
    rig_name: Name | None = None


class PlanOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which rigs are to run the profile: ``peers``, or a ``filter``. ``replace`` names the miner that makes way on
    each (``*``: the only one there is); ``null`` starts it beside what runs."""

    peers: Names | None = None
    filter: PeerFilter | None = None
    replace: ShortText | None = ONLY_MINER


@EDITOR.post("/profiles/check", role=AccessRole.VIEWER, errors=(404, 409), changes=False)
async def check_profile(
    profiles: ProfilesFace, miner_types: MinerTypesFace, caller: Caller, body: ProfileToCheck
) -> ProfileCheckView:
    """Say everything that is wrong with a profile, by the checks that keep it, and what else to know of it.

    A viewer gets no hash: with it passwords could be tried until the profile's own comes out.
    """
    examined = profiles.examine(body.name, body.miner_type, body.config, of=body.of)
    errors = [_problem(error, ProblemSeverity.ERROR, body.config) for error in examined.errors]
    wrong = {error.field for error in errors}
    told, pools = await asyncio.to_thread(_advised, body.miner_type, examined.config)
    found: list[ProblemView] = []
    if not errors:
        complaints = miner_types.complaints(body.miner_type, examined.config)
        found += [_problem(error, ProblemSeverity.WARNING, body.config) for error in complaints]
    found += [
        ProblemView(
            field=each.field,
            pool=number_of_pool(each.field, body.config),
            severity=ProblemSeverity.WARNING if each.warning else ProblemSeverity.NOTICE,
            code=each.code,
            text=each.text,
            suggestion=each.suggestion,
        )
        for each in told
        if each.field not in wrong
    ]
    ranks = {severity: rank for rank, severity in enumerate(ProblemSeverity)}
    found.sort(key=lambda problem: ranks[problem.severity])
    return ProfileCheckView(
        ok=not errors,
        problems=(*errors, *found),
        pools=pools,
        hash="" if errors or not sees_hashes(caller) else _content(body.miner_type, body.config).content_hash,
    )


@EDITOR.get("/profiles/types")
async def list_miner_types(miner_types: MinerTypesFace, query: ListQuery) -> Listing[MinerTypeView]:
    """Return the types of miners that this node can write profiles for, and the fields that each heeds."""
    return select(miner_types.types(), query, MinerTypeView)


@EDITOR.get("/profiles/pools")
async def list_known_pools(query: ListQuery) -> Listing[KnownPoolView]:
    """Return common pools: where they are, what they mine, what they take as the wallet."""
    return select(KNOWN_POOLS, query, KnownPoolView)


@EDITOR.post("/profiles/preview", role=AccessRole.VIEWER, errors=(404,), changes=False)
async def preview_profile(miner_types: MinerTypesFace, caller: Caller, body: ProfileToPreview) -> ProfilePreviewView:
    """Return what the rig's miners would be given: their files and command lines. A viewer sees no password."""
    config: MinerConfig = validate(body.miner_type, body.config)
    may_see = caller.role.includes(AccessRole.OPERATOR)
    return miner_types.preview(body.miner_type, config, rig_name=body.rig_name, hide=not may_see)


@EDITOR.get("/profiles/{profile}/uses")
async def list_profile_uses(assignments: AssignmentsFace, profile: str, query: ListQuery) -> Listing[ProfileUseView]:
    """Return where a profile is in use, as the rigs told last: its miners, and the schedules that ask for it."""
    return select(await assignments.uses(profile), query, ProfileUseView)


@EDITOR.post(
    "/profiles/{profile}/plan",
    role=AccessRole.VIEWER,
    errors=(404, 409),
    changes=False,
    max_body_bytes=MAX_PLAN_BYTES,
)
async def plan_profile(assignments: AssignmentsFace, caller: Caller, profile: str, body: PlanOrder) -> ProfilePlanView:
    """Say what assigning a profile to rigs would change on each, without doing it. A viewer sees no password."""
    may_see = caller.role.includes(AccessRole.OPERATOR)
    selection = Selection(peers=body.peers, filter=body.filter)
    return await assignments.plan(profile, selection, replace=body.replace, hide=not may_see)


def _advised(miner_type: str, config: MinerConfig) -> tuple[list[Advice], tuple[PoolSightView, ...]]:
    """Return what to know of a config. Checksums, and hosts that are nearly others, take some milliseconds."""
    return advice(miner_type, config), sights_of(config)


def _problem(error: MinerCtrlError, severity: ProblemSeverity, config: dict[str, ConfigValue]) -> ProblemView:
    field = str(error.details.get("field", ""))
    return ProblemView(
        field=field,
        pool=number_of_pool(field, config),
        severity=severity,
        code=error.code,
        text=error.message,
        suggestion=error.suggestion,
    )


def _content(miner_type: str, config: dict[str, ConfigValue]) -> Profile:
    return Profile(id="", name="x", miner_type=miner_type, config=config)
