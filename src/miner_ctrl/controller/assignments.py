"""Where a profile is in use, and what starting it on rigs would change: from memory, as the rigs told last.

What a rig would do is reckoned as it does it itself (``worker/starting.py``): a profile does not run twice, ``*`` means
the one miner that is there, or the two of one profile. A rig's word counts, this is a forecast.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from miner_ctrl.controller.faults import FRESH_FOR_S
from miner_ctrl.controller.fleet import Fleet
from miner_ctrl.controller.selection import chosen
from miner_ctrl.model.jobs import Selection
from miner_ctrl.model.miners import MinerState, MinerStats
from miner_ctrl.model.profile_views import (
    PlannedChange,
    PlannedFieldView,
    PlannedMinerView,
    PlannedOrderView,
    PlannedRigView,
    ProfilePlanView,
    ProfileUseView,
    RunsVersion,
)
from miner_ctrl.model.profiles import ConfigValue, Profile
from miner_ctrl.model.text import one_line
from miner_ctrl.model.views import RigView
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.profiles import ProfileStore, without_passwords

ONLY_MINER = "*"
AT_ONCE = 100
"""So many rigs are gone through, then others have their turn."""
ASKERS = 2
"""So many questions are worked on at a time: who asks many keeps the others waiting who ask this, and nobody else."""
_MAKES_MINERS = (PlannedChange.START, PlannedChange.REPLACE, PlannedChange.RESTART)
_SCHEDULED = "profile:"
Content = tuple[str, Mapping[str, ConfigValue]]
"""Miner type and config."""


class Assignments:
    """Asks ``fleet`` where the profiles of ``profiles`` run."""

    def __init__(self, registry: Registry, fleet: Fleet, profiles: ProfileStore) -> None:
        self._registry = registry
        self._fleet = fleet
        self._profiles = profiles
        self._turns = asyncio.Semaphore(ASKERS)

    async def uses(self, query: str) -> list[ProfileUseView]:
        """Return the miners that have a profile, and the rigs whose schedule asks for it.

        Raises:
            NotFound, Conflict: there is no such profile, or several.
        """
        profile = self._profiles.find(query)
        contents = _Contents(self._profiles, profile)
        uses: list[ProfileUseView] = []
        async with self._turns:
            for number, view in enumerate(self._fleet.views(), 1):
                uses += _uses_on(view, contents)
                if not number % AT_ONCE:
                    await asyncio.sleep(0)
        return uses

    async def plan(self, query: str, selection: Selection, *, replace: str | None, hide: bool) -> ProfilePlanView:
        """Return what starting a profile would change on each rig of ``selection``; ``hide``: without passwords.

        ``replace`` is the miner that makes way (``*``: the only one; ``None``: none does).

        Raises:
            NotFound, Conflict: there is no such profile or rig, or several.
            BadInput: the selection says nothing, or two things, or is nobody.
        """
        profile = self._profiles.find(query)
        records = chosen(self._registry, self._fleet, selection)
        forecast = _Forecast(_Contents(self._profiles, profile), replace, hide=hide)
        rigs: list[PlannedRigView] = []
        async with self._turns:
            for number, record in enumerate(records, 1):
                view = self._fleet.rig(record.keys.fingerprint)
                rigs.append(_no_rig(record) if view is None else forecast.of(view))
                if not number % AT_ONCE:
                    await asyncio.sleep(0)
        return ProfilePlanView(
            profile=profile.id,
            name=profile.name,
            hash=profile.content_hash,
            counts=dict(Counter(rig.change for rig in rigs)),
            rigs=tuple(rigs),
            orders=tuple(_orders(profile, rigs)),
        )


_Change = tuple[PlannedChange, str, str | None, MinerStats | None]
"""The change, a sentence, what the start has to replace, and the miner that makes way."""


class _Contents:
    """What ``profile`` is and was, and what the other contents are that this node knows; each is read once."""

    def __init__(self, profiles: ProfileStore, profile: Profile) -> None:
        self.profile = profile
        self.hash = profile.content_hash
        self._profiles = profiles
        self._known: dict[str, Content | None] = {
            version.hash: (version.miner_type, version.config) for version in profiles.versions(profile.id)
        }
        self._own = frozenset((*self._known, self.hash))

    def has(self, miner: MinerStats) -> bool:
        """Whether a miner runs the profile, as it is or as it was, under whatever ID its rig keeps it."""
        return miner.profile_id == self.profile.id or miner.profile_hash in self._own

    def version(self, miner: MinerStats) -> RunsVersion:
        """Return which version of the profile a miner runs that has it."""
        if miner.profile_hash == self.hash:
            return RunsVersion.SAME
        return RunsVersion.OLDER if miner.profile_hash in self._own else RunsVersion.OTHER

    def of(self, content_hash: str) -> Content | None:
        """Return a content by its hash, if this node knows it."""
        if content_hash not in self._known:
            found = self._profiles.by_hash(content_hash)
            self._known[content_hash] = None if found is None else (found.miner_type, found.config)
        return self._known[content_hash]


class _Forecast:
    """What a rig would do when it is asked for the profile of ``contents``."""

    def __init__(self, contents: _Contents, replace: str | None, *, hide: bool) -> None:
        self._contents = contents
        self._profile = contents.profile
        self._replace = replace
        self._hide = hide

    def of(self, view: RigView) -> PlannedRigView:
        """Return what would change on one rig."""
        miners = tuple(self._miner(miner) for miner in view.miners)
        change, text, replace, making_way = self._change(view)
        old = self._contents.of(making_way.profile_hash) if making_way is not None else None
        changes = () if old is None else tuple(self._differences(*old))
        locked = ("The rig is locked: it refuses wallets and pools that its owner has not named.",)
        return PlannedRigView(
            rig=view.node_id,
            rig_name=view.node_name,
            change=change,
            text=text,
            miners=miners,
            replace=replace,
            changes_known=old is not None,
            changes=changes,
            notices=locked if view.locked and change in _MAKES_MINERS else (),
        )

    def _change(self, view: RigView) -> _Change:
        name = self._profile.name
        if not view.connected:
            why = one_line(view.error, 200) or "It is not connected."
            return PlannedChange.OFFLINE, f"It would have to be reached first: {why}", None, None
        if view.age_s is None or view.age_s > FRESH_FOR_S:
            return PlannedChange.UNKNOWN, "It has not told what runs there.", None, None
        running = next((each for each in view.miners if self._runs(each)), None)
        if running is not None:
            state = "" if running.state is MinerState.MINING else f" (it is {running.state.value})"
            return PlannedChange.NONE, f"{running.name} runs {name} as it is now{state}.", None, None
        return self._started(view)

    def _started(self, view: RigView) -> _Change:
        """Return what the start changes where the profile does not run yet."""
        name = self._profile.name
        own = [miner for miner in view.miners if not miner.adopted]
        if self._replace is None or (self._replace == ONLY_MINER and not own):
            beside = f" beside {_listed(own)}" if own else ""
            return PlannedChange.START, f"{name} starts{beside}.", None, None
        meant = own if self._replace == ONLY_MINER else [miner for miner in own if miner.name == self._replace]
        if not meant:
            adopted = any(miner.name == self._replace for miner in view.miners)
            why = "was started by somebody else and stays" if adopted else "is no miner there"
            return PlannedChange.REFUSED, f"{one_line(self._replace, 63)} {why}.", None, None
        if self._replace == ONLY_MINER and not _are_one(meant):
            text = f"{len(meant)} miners are there, and nothing says which makes way: {_listed(meant)}."
            return PlannedChange.REFUSED, text, None, None
        return self._replaced(meant)

    def _replaced(self, meant: Sequence[MinerStats]) -> _Change:
        first, name = meant[0], self._profile.name
        if not self._contents.has(first):
            before = one_line(first.profile_name, 63) or "what it runs"
            return PlannedChange.REPLACE, f"{_listed(meant)} goes from {before} to {name}.", self._replace, first
        text = f"{_listed(meant)} goes on with {name} as it is now, by a restart if it cannot take it over otherwise."
        return PlannedChange.RESTART, text, self._replace, first

    def _runs(self, miner: MinerStats) -> bool:
        return miner.state.alive and miner.profile_hash == self._contents.hash

    def _miner(self, miner: MinerStats) -> PlannedMinerView:
        return PlannedMinerView(
            name=miner.name,
            type=one_line(miner.type, 32),
            state=miner.state,
            part=one_line(miner.part, 8),
            profile=one_line(miner.profile_name, 63),
            hash=one_line(miner.profile_hash, 64),
            version=self._contents.version(miner) if self._contents.has(miner) else None,
        )

    def _differences(self, miner_type: str, config: Mapping[str, ConfigValue]) -> Iterator[PlannedFieldView]:
        before: dict[str, object] = {"minerType": miner_type, **config}
        after: dict[str, object] = {"minerType": self._profile.miner_type, **self._profile.config}
        shown_before, shown_after = (without_passwords(each) if self._hide else each for each in (before, after))
        for field in dict.fromkeys((*after, *before)):
            if before.get(field) != after.get(field):
                yield PlannedFieldView(field=field, before=shown_before.get(field), after=shown_after.get(field))


def _no_rig(record: PeerRecord) -> PlannedRigView:
    return PlannedRigView(
        rig=record.keys.node_id,
        rig_name=record.name,
        change=PlannedChange.REFUSED,
        text=f"{record.name} is no rig of this node.",
    )


def _uses_on(view: RigView, contents: _Contents) -> Iterator[ProfileUseView]:
    profile = contents.profile
    asked_for = view.schedule.removeprefix(_SCHEDULED) if view.schedule.startswith(_SCHEDULED) else ""
    scheduled = asked_for.casefold() in (profile.name.casefold(), profile.id)
    found = False
    for miner in view.miners:
        if not contents.has(miner):
            continue
        found = True
        yield ProfileUseView(
            rig=view.node_id,
            rig_name=view.node_name,
            connected=view.connected,
            age_s=view.age_s,
            miner=miner.name,
            part=one_line(miner.part, 8),
            state=miner.state,
            hash=one_line(miner.profile_hash, 64),
            version=contents.version(miner),
            hashrate_hps=miner.hashrate_hps,
            scheduled=scheduled,
        )
    if scheduled and not found:
        yield ProfileUseView(
            rig=view.node_id, rig_name=view.node_name, connected=view.connected, age_s=view.age_s, scheduled=True
        )


def _are_one(miners: Sequence[MinerStats]) -> bool:
    """Whether they are one miner, or the parts of one profile."""
    if len({miner.profile_hash for miner in miners}) != 1:
        return False
    return len(miners) == 1 or all(miner.part for miner in miners)


def _orders(profile: Profile, rigs: Iterable[PlannedRigView]) -> Iterator[PlannedOrderView]:
    told: dict[str | None, list[str]] = {}
    for rig in rigs:
        if rig.change in _MAKES_MINERS:
            told.setdefault(rig.replace, []).append(rig.rig)
    for replace, peers in told.items():
        yield PlannedOrderView(profile_id=profile.id, peers=tuple(peers), replace=replace)


def _listed(miners: Sequence[MinerStats]) -> str:
    names = [miner.name for miner in miners[:4]]
    more = f" and {len(miners) - 4} more" if len(miners) > 4 else ""
    return ", ".join(names) + more
