"""All miners of this rig: started, watched, stopped, and taken over again by the next agent."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, NotFound, OperationFailed, Unreachable
from miner_ctrl.miners.adopted import Adopted, check_adoption, not_ours
from miner_ctrl.miners.contract import Adapter, MinerApi
from miner_ctrl.miners.folders import Folders
from miner_ctrl.miners.guard import BASELINES_FILE, Baselines, Guard
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.launching import STOP_GRACE_S, Launcher, new_api
from miner_ctrl.miners.log_file import LogPart
from miner_ctrl.miners.log_reading import LogReading, no_such_miner
from miner_ctrl.miners.record import PAUSED, RECORD_FILE, RUNNING, Record, read_record
from miner_ctrl.miners.rounds import Rounds
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MAX_MINERS, InstalledMiner, MinerState, MinerStats
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.model.text import one_line
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
        self._note = note
        self._settings = settings
        self._machine = machine
        self._now_ms = now_ms
        self._clock = clock
        self._instances: dict[str, Instance] = {}
        self._states: dict[str, MinerState] = {}
        self._launching = 0
        self._launcher = Launcher(rig_name=rig_name, allow=allow)
        self._baselines = Baselines(data_dir / BASELINES_FILE)
        self._rounds = Rounds(
            self._instances, self._launcher, settings=settings, clock=clock, now_ms=now_ms,
            note=self._happened, sampled=self._all_sampled, changed=self._told,
        )  # fmt: skip
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
        adapter = self._adapters.get(record.profile.miner_type)
        if adapter is None or (record.stopped and record.settled):
            return
        instance = self._instance(folder, record, adapter)
        if record.stopped:  # the agent ended while it was being stopped
            await instance.attach()
            await instance.stop(STOP_GRACE_S)
            instance.save(settled=True)
            return
        self._instances[record.name] = instance
        guard = self._guarded(instance)
        await instance.attach()
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
            self._happened("started", instance.record.name, by, f"Runs the profile {profile.name}.")
        self._told()
        return tuple(instance.record.name for instance in started)

    async def _launch(self, adapter: Adapter, profile: Profile, part: str, config: MinerConfig, by: str) -> Instance:
        folder = self._folders.new(adapter.type)
        name = folder.name
        record = Record(name=name, profile=profile, api=new_api(), socket=str(self._socket_for(name)), part=part, by=by)
        instance = self._instance(folder, record, adapter)
        try:
            async with instance.busy:
                await self._launcher.start(instance, config)
        except BaseException:
            await instance.stop(0.0)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._instances[name] = instance
        self._rounds.watch_over(instance, self._guarded(instance))
        return instance

    async def _undo(self, instance: Instance) -> None:
        async with instance.busy:
            self._drop(instance)
            _saved(instance, stopped=True, settled=False)
            await instance.stop(0.0)
            shutil.rmtree(instance.folder, ignore_errors=True)

    async def stop(self, name: str, *, grace_s: float = STOP_GRACE_S, by: str = "") -> None:
        """End a miner (SIGTERM; SIGKILL after ``grace_s``) and take it off the list. Its log stays.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was adopted.
        """
        instance = self._own(name, "stopped")
        async with instance.busy:
            if self._instances.get(name) is not instance:
                return  # somebody else's stop came first
            saved = _saved(instance, stopped=True, settled=False, by=by)
            await instance.stop(grace_s)
            if saved:
                _saved(instance, settled=True)
            self._drop(instance)
        self._folders.forget_old({each.folder for each in self._instances.values()})
        self._happened("stopped", name, by, "")
        self._told()

    async def restart(self, name: str, config: MinerConfig | None = None, *, by: str = "") -> None:
        """End a miner, if it runs, and start it again with the same profile, name and log; one that is meant to be
        paused is paused again.

        Raises:
            NotFound, Refused, OperationFailed: as ``launch``; the miner is then listed as crashed.
        """
        instance = self._own(name, "restarted")
        async with self._held(instance):
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
            await self._start_listed(instance, config)
        self._happened("started", name, by, "Restarted.")
        self._told()

    async def pause(self, name: str, *, resume_after_s: float | None = None, by: str = "") -> None:
        """Have a miner stop hashing and keep its process; after ``resume_after_s`` it goes on by itself.

        Raises:
            NotFound: no such miner.
            OperationFailed: this miner cannot be paused, or did not answer.
        """
        instance = self._pausable(name)
        now_ms = self._now_ms()
        ends_ms = None if resume_after_s is None else now_ms + round(resume_after_s * 1000)
        async with self._held(instance):
            changes = {"wanted": PAUSED, "paused_at_ms": now_ms, "resume_at_ms": ends_ms, "by": by}
            await self._want(instance, instance.adapter.pause, changes)
        self._happened("paused", name, by, "" if resume_after_s is None else f"For {resume_after_s:.0f} s.")

    async def resume(self, name: str, *, by: str = "") -> None:
        """Have a paused miner go on; one that has ended meanwhile is started. Raises as ``pause``."""
        instance = self._running(name)
        changes = {"wanted": RUNNING, "paused_at_ms": None, "resume_at_ms": None, "by": by}
        config = instance.record.config
        if instance.record.wanted == PAUSED and not instance.state.alive and config is not None:
            async with self._held(instance):
                with disk_told():
                    instance.save(**changes, settled=True)
                self._rounds.commanded(instance)
                await self._start_listed(instance, config)
        else:
            async with self._held(self._pausable(name)):
                await self._want(instance, instance.adapter.resume, changes)
        self._happened("resumed", name, by, "")

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
        instance = self._own(name, "switched")
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
        async with self._held(instance):
            reloaded = await self._switch(instance, adapter, profile, config, by)
        how = "" if reloaded else " after a restart"
        self._happened("started", name, by, f"Runs the profile {profile.name} from now on{how}.")
        self._told()
        return reloaded

    async def _switch(
        self, instance: Instance, adapter: Adapter, profile: Profile, config: MinerConfig, by: str
    ) -> bool:
        before, old_adapter = instance.record, instance.adapter
        plan = await self._launcher.checked_plan(instance, adapter, config)
        wanted = {"wanted": RUNNING, "paused_at_ms": None, "resume_at_ms": None, "by": by}
        after = {**wanted, "profile": profile, "config": config}
        if adapter is old_adapter and adapter.capabilities.reload and instance.is_up:
            with disk_told():
                instance.save(**after, settled=before.wanted == RUNNING, reloading=True)
            try:
                done = await adapter.reload(plan)
            except MinerCtrlError:
                done = False
            if done:
                with suppress(OSError):  # then the next agent restarts it once too often
                    instance.save(reloading=False)
                self._rounds.commanded(instance)
                await self._launcher.settle(instance)
                await instance.sample()
                return True
        await instance.stop(STOP_GRACE_S)
        self._rounds.commanded(instance)
        instance.adapter = adapter
        instance.record = msgspec.structs.replace(instance.record, **after)
        try:
            await self._launcher.start(instance, config)
        except MinerCtrlError as error:
            await instance.stop(STOP_GRACE_S)
            instance.adapter, instance.record = old_adapter, before
            back = f"is down: {before.profile.name} could not be started again either"
            if before.config is not None:
                with suppress(MinerCtrlError):
                    await self._start_listed(instance, before.config)
                    back = f"runs {before.profile.name} again"
            raise OperationFailed(
                f"{before.name} could not run {profile.name} and {back}: {error.message}",
                suggestion=error.suggestion,
                code=error.code,
            ) from None
        return False

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
        instance = self._instance(folder, record, adapter)
        try:
            with disk_told():
                instance.save()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._instances[name] = instance
        await instance.attach()
        self._rounds.watch_over(instance, None)
        self._happened("adopted", name, by, f"Answers on port {api.port}.")
        self._told()
        return name

    async def release(self, name: str, *, by: str = "") -> None:
        """Watch an adopted miner no longer; it goes on.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was started here.
        """
        instance = self._running(name)
        if not instance.record.adopted:
            raise OperationFailed(
                f"{name} was started by this rig: it cannot be released.", suggestion="Stop it.", code="NOT_ADOPTED"
            )
        async with self._held(instance):
            self._drop(instance)
            shutil.rmtree(instance.folder, ignore_errors=True)
        self._happened("stopped", name, by, "Watched no longer; it goes on.")
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
        if not self._running(name).type(line):
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
        return self._running(name).record.profile

    # --- within -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _held(self, instance: Instance) -> AsyncIterator[None]:
        """Hold a miner for oneself.

        Raises:
            NotFound: it was stopped for good meanwhile: it would run unseen.
        """
        async with instance.busy:
            if self._instances.get(instance.record.name) is not instance:
                raise no_such_miner(instance.record.name, self._instances)
            yield

    async def _start_listed(self, instance: Instance, config: MinerConfig) -> None:
        """Start a miner that stays on the list whatever comes of it."""
        try:
            await self._launcher.start(instance, config)
        except MinerCtrlError as error:
            if not instance.state.alive:
                instance.not_started(error.message)
            raise

    def _drop(self, instance: Instance) -> None:
        name = instance.record.name
        if self._instances.get(name) is instance:
            del self._instances[name]
            self._states.pop(name, None)
            self._rounds.forget(name)

    def _guarded(self, instance: Instance) -> Guard | None:
        if instance.record.adopted:
            return None
        guard = Guard(
            instance, self._settings.watchdog, self._baselines,
            machine=self._machine, clock=self._clock, now_ms=self._now_ms,
        )  # fmt: skip
        guard.load()
        return guard

    def _instance(self, folder: Path, record: Record, adapter: Adapter) -> Instance:
        kind = Adopted if record.adopted else Instance
        return kind(folder, record, adapter, now_ms=self._now_ms, changed=lambda: self._state_changed(record.name))

    def _state_changed(self, name: str) -> None:
        instance = self._instances.get(name)
        if instance is not None:
            before, self._states[name] = self._states.get(name), instance.state
            if instance.state is MinerState.CRASHED and before is not MinerState.CRASHED:
                by_itself = "ended" if instance.fell_unseen or instance.stats().exit_code == 0 else "crashed"
                self._happened(by_itself, name, "", instance.reason)
        self._told()
        self._rounds.wake()

    def _happened(self, kind: str, miner: str, by: str, text: str) -> None:
        self._note(RigEvent(at_ms=self._now_ms(), kind=kind, miner=miner, by=by, text=one_line(text, 1000)))

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

    def _running(self, name: str) -> Instance:
        instance = self._instances.get(name)
        if instance is None:
            raise no_such_miner(name, self._instances)
        return instance

    def _own(self, name: str, done: str) -> Instance:
        instance = self._running(name)
        if instance.record.adopted:
            raise not_ours(name, done)
        return instance

    def _pausable(self, name: str) -> Instance:
        instance = self._running(name)
        if not instance.adapter.capabilities.pause:
            raise OperationFailed(
                f"{name} cannot be paused: {instance.adapter.type} has no such command.",
                suggestion="Stop it instead.",
                code="CANNOT_PAUSE",
            )
        if not instance.state.alive:
            raise OperationFailed(
                f"{name} does not run: it is {instance.state.value}.",
                suggestion="Restart it.",
                code="MINER_NOT_RUNNING",
            )
        return instance


def _saved(instance: Instance, **changes: object) -> bool:
    """Write down what is wanted, if the disk takes it: that it does not must not keep a miner from being stopped."""
    try:
        instance.save(**changes)
    except OSError as error:
        log.warning("that %s is stopped could not be written: %s", instance.record.name, error.strerror)
        return False
    return True
