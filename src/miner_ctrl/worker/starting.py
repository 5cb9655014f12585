"""Starting a profile on this rig, whoever asks: one at a time, and no profile twice."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, OperationFailed
from miner_ctrl.miners import Miners
from miner_ctrl.model.miners import MinerStats
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.profiles import validate
from miner_ctrl.storage.atomic import write_atomic
from miner_ctrl.storage.disk import disk_told
from miner_ctrl.worker.lock_desk import asked_by

log = logging.getLogger(__name__)

ONLY_MINER = "*"
CANNOT_SWITCH = "CANNOT_SWITCH"


class _Replacing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``replacing.json``: what is to run in the place of ``earlier``, written before that makes way for it. Holds what
    profiles hold, so its mode is 0600."""

    profile: Profile
    earlier: Profile
    by: str = ""


class Starter:
    """Starts profiles for peers and for the rig's owner. Two who ask at the same moment: the second sees what the
    first has started. ``file`` holds a replacement while it is under way."""

    def __init__(self, miners: Miners, file: Path) -> None:
        self._miners = miners
        self._file = file
        self._starting = asyncio.Lock()

    async def start(self, profile: Profile, config: MinerConfig, *, replace: str = "", by: str) -> tuple[str, ...]:
        """Start a profile, or have the miner ``replace`` (``*``: the only one there is) run it from now on; return the
        names of the miners that run it.

        Raises:
            Conflict: a miner runs that profile already.
            BadInput: ``*`` does not name one miner.
            Refused, NotFound, OperationFailed: as ``Miners.launch`` and ``Miners.switch``.
        """
        async with self._starting:
            self._check_not_running(profile)
            with asked_by(by):
                if not replace:
                    return await self._miners.launch(profile, config, by=by)
                name = self._meant(replace)
                try:
                    await self._miners.switch(name, profile, config, by=by)
                except OperationFailed as error:
                    if error.code != CANNOT_SWITCH:
                        raise
                    return await self._replace_all(name, profile, config, by)
                return (name,)

    async def _replace_all(self, name: str, profile: Profile, config: MinerConfig, by: str) -> tuple[str, ...]:
        """Stop the miners of a profile and start another, where one of the two makes two miners; if that cannot be
        started, the earlier one runs again."""
        miners, before = self._miners, self._miners.profile_of(name)
        validate(before.miner_type, before.config)
        with disk_told():
            write_atomic(self._file, msgspec.json.encode(_Replacing(profile=profile, earlier=before, by=by)))
        for each in [stats for stats in miners.latest() if self._is_part(stats, name, before)]:
            await miners.stop(each.name, by=by)
        return await self._launch_instead(profile, config, before, by)

    async def finish(self) -> None:
        """Finish a replacement that was under way when the last agent ended: some of the miners may be stopped, or
        started already. What cannot be had is said in the log."""
        async with self._starting:
            try:
                replacing = msgspec.json.decode(self._file.read_bytes(), type=_Replacing)
            except FileNotFoundError:
                return
            except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                log.warning("what was to be replaced cannot be read: %s", error)
                return
            profile, earlier = replacing.profile, replacing.earlier
            hashes = {profile.content_hash, earlier.content_hash}
            try:
                with asked_by(replacing.by):
                    config = validate(profile.miner_type, profile.config)
                    for each in self._miners.latest():
                        if each.profile_hash in hashes and not each.adopted:
                            await self._miners.stop(each.name, by=replacing.by)
                    await self._launch_instead(profile, config, earlier, replacing.by)
            except MinerCtrlError as error:
                log.warning("a replacement that was cut off could not be finished: %s", error.message)

    async def _launch_instead(self, profile: Profile, config: MinerConfig, before: Profile, by: str) -> tuple[str, ...]:
        """Start what makes the place of ``before`` its own, or that again; the replacement is over then."""
        miners = self._miners
        before_config = validate(before.miner_type, before.config)
        try:
            names = await miners.launch(profile, config, by=by)
        except MinerCtrlError as error:
            try:
                back = f"{', '.join(await miners.launch(before, before_config, by=by))} runs {before.name} again"
            except MinerCtrlError:
                back = f"{before.name} could not be started again either"
            self._file.unlink(missing_ok=True)
            raise OperationFailed(
                f"{profile.name} could not be started, and {back}: {error.message}",
                suggestion=error.suggestion,
                code=error.code,
            ) from None
        self._file.unlink(missing_ok=True)
        return names

    def _are_parts(self, names: tuple[str, ...]) -> bool:
        return all(stats.part for stats in self._miners.latest() if stats.name in names)

    @staticmethod
    def _is_part(stats: MinerStats, name: str, of: Profile) -> bool:
        """Whether it is the miner called ``name``, or the other one of the same profile."""
        return stats.name == name or (bool(stats.part) and stats.profile_hash == of.content_hash and not stats.adopted)

    def _check_not_running(self, profile: Profile) -> None:
        for running in self._miners.latest():
            if running.state.alive and running.profile_hash == profile.content_hash:
                raise Conflict(
                    f"{running.name} already runs the profile {profile.name}.",
                    suggestion="Stop or restart that miner instead.",
                    code="ALREADY_RUNNING",
                    details={"miner": running.name},
                )

    def _meant(self, miner: str) -> str:
        if miner != ONLY_MINER:
            return miner
        names = self._miners.names(own=True)
        profiles = {self._miners.profile_of(name).content_hash for name in names}
        if not names or len(profiles) != 1 or (len(names) > 1 and not self._are_parts(names)):
            raise BadInput(
                f"{len(names)} miners run here." if names else "No miner runs here that could be replaced.",
                suggestion=f"Name the one to replace: {', '.join(names)}." if names else "Start it without --replace.",
                code="REPLACE_WHICH",
            )
        return names[0]
