"""All miners of this rig: started, watched, stopped, and taken over again by the next agent."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, NotFound, OperationFailed, Unreachable
from miner_ctrl.miners.adopted import check_adoption
from miner_ctrl.miners.contract import Adapter, MinerApi
from miner_ctrl.miners.folders import Folders
from miner_ctrl.miners.guard import BASELINES_FILE, Baselines
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.launching import STOP_GRACE_S, Launcher, new_api
from miner_ctrl.miners.log_file import LogPart
from miner_ctrl.miners.log_reading import LogReading
from miner_ctrl.miners.not_described import NotDescribed, no_longer_described
from miner_ctrl.miners.record import PAUSED, RECORD_FILE, RUNNING, Record, read_record
from miner_ctrl.miners.roster import Roster
from miner_ctrl.miners.rounds import Rounds
from miner_ctrl.miners.switching import switch
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MAX_MINERS, InstalledMiner, MinerStats
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.storage.directories import make_private
from miner_ctrl.storage.disk import disk_told

log = logging.getLogger(__name__)

DEFAULTS = RigSettings()
MAX_INPUT_CHARS = 256


class Miners:
    """The miners of one rig.

    Each has a folder in ``data_dir`` and a keeper process that outlives this object; ``socket_for`` names the keeper's
    socket. ``allow`` raises ``Refused`` for a config the owner does not allow; every start passes it. ``note`` gets
    what happens, ``machine`` is the newest reading of the machine. ``now_ms`` is Unix time, ``clock`` monotonic, in
    seconds. ``on_change`` is called when any miner's state has changed, ``on_sampled`` each time all have been asked.
    ``by`` is who wants a thing done: a node ID, ``watchdog``, ``schedule`` or ``owner``.
    """

    def __init__(
        self,
        *,
        adapters: Sequence[Adapter],
        data_dir: Path,
        socket_for: Callable[[str], Path],
        rig_name: str,
        allow: Callable[[MinerConfig], None] = lambda _config: None,
        note: Callable[[RigEvent], None] = lambda _event: None,
        settings: RigSettings = DEFAULTS,
        machine: Callable[[], MachineStats | None] = lambda: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapters = {adapter.type: adapter for adapter in adapters}
        self._folders = Folders(data_dir)
        self._socket_for = socket_for
        self._now_ms = now_ms
        self._launching = 0
        self._launcher = Launcher(rig_name=rig_name, allow=allow)
        self._baselines = Baselines(data_dir / BASELINES_FILE)
        self._roster = Roster(
            self._baselines, settings=settings, note=note, machine=machine, now_ms=now_ms, clock=clock,
            changed=self._told,
        )  # fmt: skip
        self._instances = self._roster.instances
        self._rounds = Rounds(
            self._instances, self._launcher, settings=settings, clock=clock, now_ms=now_ms,
            note=self._roster.happened, sampled=self._all_sampled, changed=self._told,
        )  # fmt: skip
        self._roster.wake, self._roster.forget = self._rounds.wake, self._rounds.forget
        self._logs = LogReading(self._instances, self._folders)
        self.on_change: Callable[[], None] | None = None
        self.on_sampled: Callable[[tuple[MinerStats, ...]], None] | None = None

    async def start(self, *, watch: bool = True) -> None:
        """Take over the miners that run, have those started again that should run and do not, and go on watching them;
        without ``watch`` only take over.

        Raises:
            StateDamaged: an instance's record is not what was written.
        """
        make_private(self._folders.place)
        await asyncio.to_thread(self.installed)  # adapters ask programs for their versions, once, and that blocks
        self._baselines.load()
        records = [(folder, read_record(folder / RECORD_FILE)) for folder in self._folders.all()]
        await asyncio.gather(*(self._take_up(folder, record, watch) for folder, record in records))
        if watch:
            self._rounds.start()

    async def _take_up(self, folder: Path, record: Record, watch: bool) -> None:
        if record.stopped and record.settled:
            return
        adapter = self._adapters.get(record.profile.miner_type) or no_longer_described(record.profile.miner_type)
        instance = self._roster.make(folder, record, adapter)
        if record.stopped:  # the agent ended while it was being stopped
            await instance.attach()
            await instance.stop(STOP_GRACE_S)
            instance.save(settled=True)
            return
        self._instances[record.name] = instance
        guard = self._roster.guard_for(instance)
        await instance.attach()
        if isinstance(adapter, NotDescribed) and not instance.state.alive:
            instance.not_started(adapter.description)
        self._rounds.watch_over(instance, guard)
        fell = instance.fell_unseen and not instance.state.alive
        may_start = fell and guard is not None and not (guard.memory.gave_up or guard.memory.hot)
        half_switched = record.reloading and instance.is_up  # the agent ended while it was given another config
        if watch and (may_start or half_switched):
            self._rounds.start_again(instance)

    async def close(self) -> None:
        """Let go of all miners; they go on."""
        await self._rounds.close()
        self._logs.close()
        for instance in self._instances.values():
            await instance.detach()

    # --- reading ----------------------------------------------------------------------------------------

    def names(self, *, own: bool = False) -> tuple[str, ...]:
        """Return the names of the miners that run or have crashed; ``own``: without those that were adopted."""
        return tuple(name for name, each in self._instances.items() if not (own and each.record.adopted))

    def latest(self) -> tuple[MinerStats, ...]:
        """Return every miner as it was when it was last asked."""
        return tuple(instance.stats() for instance in self._instances.values())

    @property
    def sampled_s(self) -> float:
        """When all were last asked, by the monotonic clock."""
        return self._rounds.sampled_s

    async def sample(self) -> tuple[MinerStats, ...]:
        """Ask every miner now, all at once and in bounded time; one that fails says so in its state."""
        await self._rounds.sample()
        return self.latest()

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong beside the miners themselves, each one sentence."""
        return tuple(
            f"The disk did not take {each.log_lost_bytes} bytes of {name}'s log: see that there is room."
            for name, each in self._instances.items()
            if each.log_lost_bytes
        )

    def installed(self) -> tuple[InstalledMiner, ...]:
        """Return what each adapter finds on this machine, and what can be done with it."""
        return tuple(adapter.locate() for adapter in self._adapters.values())

    async def tail(self, name: str, lines: int) -> tuple[list[str], int]:
        """Return the last lines of a miner's log, also of one that was stopped, and the cursor after them.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was adopted: its log is not ours.
        """
        return await self._logs.tail(name, lines)

    def follow(self, name: str, *, lines: int, cursor: int | None) -> AsyncGenerator[LogPart, None]:
        """Yield a miner's log as it grows: after its last ``lines``, or after ``cursor``; ends when the miner has.
        Raises as ``tail``."""
        return self._logs.follow(name, lines=lines, cursor=cursor)

    # --- commands ---------------------------------------------------------------------------------------

    def allow(self, config: MinerConfig) -> None:
        """See that the rig's owner allows ``config``, before anything else makes way for it.

        Raises:
            Refused: the owner does not.
        """
        self._launcher.allow(config)

    async def launch(self, profile: Profile, config: MinerConfig, *, by: str = "") -> tuple[str, ...]:
        """Start the miner that a profile describes, or the two, and return their names; they have lived for
        ``SETTLES_WITHIN_S`` then. If one cannot be started, none is.

        Raises:
            Refused: the rig's owner does not allow it.
            NotFound: there is no adapter or no program for its type.
            Conflict: there are ``MAX_MINERS`` already.
            OperationFailed: it does not accept its configuration, or ended at once; in its own words.
        """
        adapter = self._adapter(profile.miner_type)
        self._launcher.allow(config)
        parts = config.parts
        if len(self._instances) + self._launching + len(parts) > MAX_MINERS:
            raise Conflict(
                f"This rig has {MAX_MINERS} miners already.", suggestion="Stop some first.", code="TOO_MANY_MINERS"
            )
        self._launching += len(parts)
        started: list[Instance] = []
        try:
            for part, own_config in parts:
                started.append(await self._launch(adapter, profile, part, own_config, by))
        except BaseException:
            for instance in started:
                await self._undo(instance)
            raise
        finally:
            self._launching -= len(parts)
        for instance in started:
            self._roster.happened("started", instance.record.name, by, f"Runs the profile {profile.name}.")
        self._told()
        return tuple(instance.record.name for instance in started)

    async def _launch(self, adapter: Adapter, profile: Profile, part: str, config: MinerConfig, by: str) -> Instance:
        folder = self._folders.new(adapter.type)
        name = folder.name
        record = Record(name=name, profile=profile, api=new_api(), socket=str(self._socket_for(name)), part=part, by=by)
        instance = self._roster.make(folder, record, adapter)
        try:
            async with instance.busy:
                await self._launcher.start(instance, config)
        except BaseException:
            await instance.stop(0.0)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._instances[name] = instance
        self._rounds.watch_over(instance, self._roster.guard_for(instance))
        return instance

    async def _undo(self, instance: Instance) -> None:
        async with instance.busy:
            self._roster.drop(instance)
            _saved(instance, stopped=True, settled=False)
            await instance.stop(0.0)
            shutil.rmtree(instance.folder, ignore_errors=True)

    async def stop(self, name: str, *, grace_s: float = STOP_GRACE_S, by: str = "") -> None:
        """End a miner (SIGTERM; SIGKILL after ``grace_s``) and take it off the list. Its log stays.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was adopted.
        """
        instance = self._roster.own(name, "stopped")
        async with instance.busy:
            if self._instances.get(name) is not instance:
                return  # somebody else's stop came first
            saved = _saved(instance, stopped=True, settled=False, by=by)
            await instance.stop(grace_s)
            if saved:
                _saved(instance, settled=True)
            self._roster.drop(instance)
        self._folders.forget_old({each.folder for each in self._instances.values()})
        self._roster.happened("stopped", name, by, "")
        self._told()

    async def restart(self, name: str, config: MinerConfig | None = None, *, by: str = "") -> None:
        """End a miner, if it runs, and start it again with the same profile, name and log; one that is meant to be
        paused is paused again.

        Raises:
            NotFound, Refused, OperationFailed: as ``launch``; the miner is then listed as crashed.
        """
        instance = self._roster.own(name, "restarted")
        if isinstance(instance.adapter, NotDescribed):  # it would be ended, and not started again
            raise instance.adapter.error
        async with self._roster.held(instance):
            config = config or instance.record.config
            if config is None:
                raise OperationFailed(
                    f"{name} was started by an earlier version.", suggestion="Stop it, then start it."
                )
            self._launcher.allow(config)
            with disk_told():
                instance.save(by=by)
            await instance.stop(STOP_GRACE_S)
            self._rounds.commanded(instance)
            await self._launcher.start_listed(instance, config)
        self._roster.happened("started", name, by, "Restarted.")
        self._told()

    async def pause(self, name: str, *, resume_after_s: float | None = None, by: str = "") -> None:
        """Have a miner stop hashing and keep its process; after ``resume_after_s`` it goes on by itself.

        Raises:
            NotFound: no such miner.
            OperationFailed: this miner cannot be paused, or did not answer.
        """
        instance = self._roster.pausable(name)
        now_ms = self._now_ms()
        ends_ms = None if resume_after_s is None else now_ms + round(resume_after_s * 1000)
        async with self._roster.held(instance):
            changes = {"wanted": PAUSED, "paused_at_ms": now_ms, "resume_at_ms": ends_ms, "by": by}
            await self._want(instance, instance.adapter.pause, changes)
        self._roster.happened("paused", name, by, "" if resume_after_s is None else f"For {resume_after_s:.0f} s.")

    async def resume(self, name: str, *, by: str = "") -> None:
        """Have a paused miner go on; one that has ended meanwhile is started. Raises as ``pause``."""
        instance = self._roster.running(name)
        changes = {"wanted": RUNNING, "paused_at_ms": None, "resume_at_ms": None, "by": by}
        config = instance.record.config
        if instance.record.wanted == PAUSED and not instance.state.alive and config is not None:
            async with self._roster.held(instance):
                with disk_told():
                    instance.save(**changes, settled=True)
                self._rounds.commanded(instance)
                await self._launcher.start_listed(instance, config)
        else:
            async with self._roster.held(self._roster.pausable(name)):
                await self._want(instance, instance.adapter.resume, changes)
        self._roster.happened("resumed", name, by, "")

    async def _want(
        self, instance: Instance, tell: Callable[[MinerApi], Awaitable[None]], changes: Mapping[str, object]
    ) -> None:
        """Write down what is wanted, then tell the miner. One that refuses is as before; one that may or may not have
        heard is told again in the next round what was wanted before."""
        before = instance.record
        with disk_told():
            instance.save(**changes, settled=False)
        try:
            await tell(instance.record.api)
        except MinerCtrlError as error:
            instance.record = before
            with disk_told():
                instance.save(settled=not isinstance(error, Unreachable))
            raise
        with disk_told():
            instance.save(settled=True)
        self._rounds.commanded(instance)
        await instance.sample()

    async def switch(self, name: str, profile: Profile, config: MinerConfig, *, by: str = "") -> bool:
        """Have a miner run another profile from now on, under its name and log; whether it did so without a restart.

        Raises:
            NotFound, Refused, OperationFailed: as ``launch``; then it runs what it ran before.
        """
        instance = self._roster.own(name, "switched")
        adapter = self._adapter(profile.miner_type)
        self._launcher.allow(config)
        parts = dict(config.parts)
        if list(parts) != [instance.record.part]:
            raise OperationFailed(
                f"{name} cannot run {profile.name} in its place: one of the two profiles makes two miners.",
                suggestion="Stop the miners there are, then start the other profile.",
                code="CANNOT_SWITCH",
            )
        config = parts[instance.record.part]
        async with self._roster.held(instance):
            reloaded = await switch(
                instance, adapter, profile, config, launcher=self._launcher, commanded=self._rounds.commanded, by=by
            )
        how = "" if reloaded else " after a restart"
        self._roster.happened("started", name, by, f"Runs the profile {profile.name} from now on{how}.")
        self._told()
        return reloaded

    async def adopt(self, miner_type: str, api: MinerApi, *, name: str | None = None, by: str = "") -> str:
        """Watch a miner that somebody else started, from now on and by the next agents too; return its name.

        Raises:
            BadInput: the port, the token or the name cannot be used.
            NotFound: there is no adapter for its type.
            Conflict: the miner or the name is there already, or there are ``MAX_MINERS``.
            Unreachable, OperationFailed: no such miner answers there.
        """
        check_adoption(api, name)
        adapter = self._adapter(miner_type)
        taken = next((each.record.name for each in self._instances.values() if each.record.api.port == api.port), None)
        if taken is not None:
            raise Conflict(f"The miner on port {api.port} is there already: {taken}.", code="MINER_KNOWN")
        if name is not None and (name in self._instances or Folders.may_have_made(name)):
            raise Conflict(
                f"The name {name} is taken, or kept for miners that this rig starts.", suggestion="Choose another one."
            )
        if len(self._instances) + self._launching >= MAX_MINERS:
            raise Conflict(f"This rig has {MAX_MINERS} miners already.", code="TOO_MANY_MINERS")
        await adapter.read(api)
        folder = self._folders.new(f"{adapter.type}-adopted")
        name = name or folder.name
        profile = Profile(id="", name="adopted", miner_type=miner_type, config={})
        record = Record(name=name, profile=profile, api=api, by=by, adopted=True)
        instance = self._roster.make(folder, record, adapter)
        try:
            with disk_told():
                instance.save()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._instances[name] = instance
        await instance.attach()
        self._rounds.watch_over(instance, None)
        self._roster.happened("adopted", name, by, f"Answers on port {api.port}.")
        self._told()
        return name

    async def release(self, name: str, *, by: str = "") -> None:
        """Watch an adopted miner no longer; it goes on.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was started here.
        """
        instance = self._roster.running(name)
        if not instance.record.adopted:
            raise OperationFailed(
                f"{name} was started by this rig: it cannot be released.", suggestion="Stop it.", code="NOT_ADOPTED"
            )
        async with self._roster.held(instance):
            self._roster.drop(instance)
            shutil.rmtree(instance.folder, ignore_errors=True)
        self._roster.happened("stopped", name, by, "Watched no longer; it goes on.")
        self._told()

    def type(self, name: str, line: str) -> None:
        """Type one line at a miner's terminal, as somebody who sits there would.

        Raises:
            BadInput: it is no line of printable characters.
            NotFound: no such miner.
            Conflict: it does not run, or nobody holds its terminal.
        """
        if not 0 < len(line) <= MAX_INPUT_CHARS or not line.isprintable():
            raise BadInput(
                f"What is typed at a miner is one line of 1 to {MAX_INPUT_CHARS} printable characters.",
                suggestion="XMRig takes h (hashrate), p (pause), r (resume), s (results) and c (connection).",
                code="BAD_MINER_INPUT",
            )
        if not self._roster.running(name).type(line):
            raise Conflict(
                f"Nothing can be typed at {name}: it does not run, or its keeper is older than this version.",
                suggestion=f"Restart it: miner-ctrl restart {name}.",
                code="NO_MINER_TERMINAL",
            )

    def profile_of(self, name: str) -> Profile:
        """Return the profile a miner runs.

        Raises:
            NotFound: no such miner.
        """
        return self._roster.running(name).record.profile

    # --- within -----------------------------------------------------------------------------------------

    def _all_sampled(self) -> None:
        if self.on_sampled is not None:
            self.on_sampled(self.latest())

    def _told(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _adapter(self, miner_type: str) -> Adapter:
        adapter = self._adapters.get(miner_type)
        if adapter is None:
            raise NotFound(
                f"This rig has no adapter for the miner type {miner_type[:40]!r}.",
                suggestion=f"It knows: {', '.join(self._adapters)}.",
                code="MINER_TYPE_UNKNOWN",
            )
        return adapter


def _saved(instance: Instance, **changes: object) -> bool:
    """Write down what is wanted, if the disk takes it: that it does not must not keep a miner from being stopped."""
    try:
        instance.save(**changes)
    except OSError as error:
        log.warning("that %s is stopped could not be written: %s", instance.record.name, error.strerror)
        return False
    return True
