"""What a schedule does to miners, and what it has to undo: the miners that it paused, stopped, switched or started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from miner_ctrl.errors import MinerCtrlError, NotFound, OperationFailed
from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import MAX_MINERS, MinerState, MinerStats
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.profiles import ProfileStore, validate

T = TypeVar("T")

BY = "schedule"
_CANNOT_PAUSE, _CANNOT_SWITCH = "CANNOT_PAUSE", "CANNOT_SWITCH"
_PAUSED = "paused"


class Paused(msgspec.Struct, frozen=True, rename="camel"):
    """A miner that the schedule paused; ``resume_at_ms``: when the pause would have ended that it found."""

    name: str
    resume_at_ms: int | None = None


class Switched(msgspec.Struct, frozen=True, rename="camel"):
    """A miner that the schedule gave another profile (with the hash ``now``) than ``earlier``."""

    name: str
    earlier: Profile
    now: str


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a schedule has done and not undone yet. ``stopped`` are profiles to start again; ``launched`` is the hash of
    the profile of the miner that it started itself, or empty."""

    paused: Annotated[tuple[Paused, ...], Meta(max_length=MAX_MINERS)] = ()
    switched: Annotated[tuple[Switched, ...], Meta(max_length=MAX_MINERS)] = ()
    stopped: Annotated[tuple[Profile, ...], Meta(max_length=MAX_MINERS)] = ()
    launched: str = ""


class ScheduleDeeds:
    """Carries out what a schedule asks for, so that it can be undone: ``save`` has written ``done`` to disk before any
    miner is touched. Each method may be called again until it reports no problem."""

    def __init__(
        self,
        miners: Miners,
        profiles: ProfileStore,
        done: Done,
        *,
        save: Callable[[Done], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._miners = miners
        self._profiles = profiles
        self._save = save
        self._now_ms = now_ms
        self.done = done

    async def run(self) -> list[str]:
        """Undo what the schedule has done; return what could not be."""
        problems: list[str] = []
        if self.done.launched:
            await self._each(problems, self._launched(), self._stop)
            if not self._launched():
                self._note(launched="")
        await self._each(problems, self.done.switched, self._switch_back)
        await self._each(problems, self.done.stopped, self._start_again)
        await self._each(problems, self.done.paused, self._go_on)
        return problems

    async def pause(self, names: Iterable[str]) -> tuple[list[str], list[str]]:
        """Pause the miners called ``names``, and stop those that cannot be paused; return what is wrong, and who still
        has to be paused."""
        problems: list[str] = []
        waiting: list[str] = []
        for name in names:
            miner = self._miner(name)
            if miner is None:
                continue
            try:
                await self._pause(miner)
            except MinerCtrlError as error:
                waiting.append(name)
                if miner.state.alive:  # one that is down is paused when it is up again
                    problems.append(error.message)
        return problems, waiting

    async def profile(self, name: str) -> list[str]:
        """Have the rig run its profile ``name`` instead of what runs; return what is wrong."""
        try:
            wanted = self._profiles.find(name)
            config = validate(wanted.miner_type, wanted.config)
        except NotFound:
            return [f"The schedule asks for the profile {name}, and this rig has none of that name."]
        except MinerCtrlError as error:
            return [f"The schedule asks for the profile {name}, which cannot be used: {error.message}"]
        try:
            self._miners.allow(config)  # before anything makes way: what the lock forbids must not leave the rig idle
        except MinerCtrlError as error:
            return [f"The schedule asks for the profile {name}, which may not run here: {error.message}"]
        problems: list[str] = []
        await self._each(problems, self.done.paused, self._go_on)
        miners = [miner for miner in self._miners.latest() if self._replaceable(miner)]
        runs = next((miner for miner in miners if miner.profile_hash == wanted.content_hash), None)
        chosen = runs or next((miner for miner in miners if miner.type == wanted.miner_type), None)
        others = [each for each in miners if each is not chosen and each.profile_hash != wanted.content_hash]
        await self._each(problems, others, self._make_way)
        try:
            if chosen is not None and chosen is not runs and not await self._switch(chosen, wanted, config):
                await self._make_way(chosen)
                chosen = None
            if chosen is None:
                self._note(launched=wanted.content_hash)
                await self._miners.launch(wanted, config, by=BY)
        except MinerCtrlError as error:
            problems.append(f"The schedule could not start the profile {name}: {error.message}")
        return problems

    # --- one miner --------------------------------------------------------------------------------------

    async def _pause(self, miner: MinerStats) -> None:
        if _is_paused(miner) and miner.resume_at_ms is None:
            return  # somebody else paused it, and it stays so
        self._note(paused=(*self._others_paused(miner.name), Paused(miner.name, miner.resume_at_ms)))
        try:
            await self._miners.pause(miner.name, by=BY)
        except MinerCtrlError as error:
            self._note(paused=self._others_paused(miner.name))
            if error.code != _CANNOT_PAUSE:
                raise
            if miner.adopted:
                raise OperationFailed(
                    f"{miner.name} can be neither paused nor, as somebody else started it, stopped."
                ) from None
            await self._make_way(miner)

    async def _switch(self, miner: MinerStats, to: Profile, config: MinerConfig) -> bool:
        """Give a miner another profile; whether it can have it (not if one of the two makes two miners)."""
        self._note_switch(miner, to)
        try:
            await self._miners.switch(miner.name, to, config, by=BY)
        except MinerCtrlError as error:
            if error.code != _CANNOT_SWITCH:
                raise
            return False
        return True

    async def _go_on(self, paused: Paused) -> None:
        """Resume a miner that the schedule paused, or leave it to the end of the pause that was there before."""
        miner = self._miner(paused.name)
        if miner is not None and _is_paused(miner):
            left_ms = (paused.resume_at_ms or 0) - self._now_ms()
            if left_ms > 0:
                await self._miners.pause(paused.name, resume_after_s=left_ms / 1000, by=BY)
            else:
                await self._miners.resume(paused.name, by=BY)
        self._note(paused=self._others_paused(paused.name))

    async def _switch_back(self, switched: Switched) -> None:
        """Give a miner its earlier profile again, unless somebody has given it another one meanwhile."""
        miner = self._miner(switched.name)
        if miner is not None and miner.profile_hash == switched.now:
            config = validate(switched.earlier.miner_type, switched.earlier.config)
            await self._miners.switch(switched.name, switched.earlier, config, by=BY)
        self._note(switched=tuple(each for each in self.done.switched if each.name != switched.name))

    async def _start_again(self, profile: Profile) -> None:
        running = {miner.profile_hash for miner in self._miners.latest() if miner.state.alive}
        if profile.content_hash not in running:
            await self._miners.launch(profile, validate(profile.miner_type, profile.config), by=BY)
        self._note(stopped=tuple(each for each in self.done.stopped if each.content_hash != profile.content_hash))

    async def _make_way(self, miner: MinerStats) -> None:
        """Stop a miner, and remember what is to run again later."""
        if miner.profile_hash != self.done.launched:
            earlier = next((each.earlier for each in self.done.switched if each.name == miner.name), None)
            profile = earlier or self._miners.profile_of(miner.name)
            others = tuple(each for each in self.done.stopped if each.content_hash != profile.content_hash)
            switched = tuple(each for each in self.done.switched if each.name != miner.name)
            self._note(stopped=(*others, profile), switched=switched)
        await self._stop(miner)

    async def _stop(self, miner: MinerStats) -> None:
        await self._miners.stop(miner.name, by=BY)

    # --- within -----------------------------------------------------------------------------------------

    async def _each(self, problems: list[str], what: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
        for one in tuple(what):
            try:
                await act(one)
            except MinerCtrlError as error:
                problems.append(f"The schedule could not do its part: {error.message}")

    def _note_switch(self, miner: MinerStats, to: Profile) -> None:
        if miner.profile_hash == self.done.launched:
            self._note(launched=to.content_hash)
            return
        known = next((each.earlier for each in self.done.switched if each.name == miner.name), None)
        others = tuple(each for each in self.done.switched if each.name != miner.name)
        earlier = known or self._miners.profile_of(miner.name)
        self._note(switched=(*others, Switched(miner.name, earlier, to.content_hash)))

    def _note(self, **changes: object) -> None:
        self.done = msgspec.structs.replace(self.done, **changes)
        self._save(self.done)

    def _launched(self) -> list[MinerStats]:
        switched = {each.name for each in self.done.switched}
        return [
            miner
            for miner in self._miners.latest()
            if miner.profile_hash == self.done.launched and miner.name not in switched and not miner.adopted
        ]

    def _replaceable(self, miner: MinerStats) -> bool:
        return miner.state.alive and not _is_paused(miner) and not miner.adopted

    def _others_paused(self, name: str) -> tuple[Paused, ...]:
        return tuple(each for each in self.done.paused if each.name != name)

    def _miner(self, name: str) -> MinerStats | None:
        return next((miner for miner in self._miners.latest() if miner.name == name), None)


def _is_paused(miner: MinerStats) -> bool:
    """Return whether somebody wants it paused; one that is too hot for the moment is not."""
    return miner.wanted == _PAUSED if miner.wanted else miner.state is MinerState.PAUSED
