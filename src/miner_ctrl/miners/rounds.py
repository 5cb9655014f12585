"""The rounds of supervision: every miner is asked every so often, and what its guard says is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from miner_ctrl.errors import MinerCtrlError, OperationFailed, Refused
from miner_ctrl.miners.guard import Guard
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.launching import STOP_GRACE_S, Launcher
from miner_ctrl.miners.process import boot_age_s
from miner_ctrl.miners.reboot import reboot
from miner_ctrl.miners.record import PAUSED, RUNNING
from miner_ctrl.miners.watchdog import Action, Cause
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.storage.disk import DISK_FULL

log = logging.getLogger(__name__)

ASKED_AGAIN_AFTER_S = 2.0
"""After a miss, and while a miner starts: nothing tells of its first hashrate but itself."""
NO_REBOOT_BEFORE_S = 3600.0
"""A machine that was started less than this ago is not rebooted: it might do nothing else."""

Note = Callable[[str, str, str, str], None]
"""Takes an event's kind, miner, who asked, and what happened."""


class Rounds:
    """Asks the ``instances``, judges them, and acts. ``clock`` is monotonic, in seconds; ``now_ms`` Unix time;
    ``sampled`` is called when all have been asked."""

    def __init__(
        self,
        instances: Mapping[str, Instance],
        launcher: Launcher,
        *,
        settings: RigSettings,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
        note: Note,
        sampled: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._instances = instances
        self._launcher = launcher
        self._settings = settings
        self._clock = clock
        self._now_ms = now_ms
        self._note = note
        self._sampled = sampled
        self._changed = changed
        self._guards: dict[str, Guard] = {}
        self._pause_ends_s: dict[str, float] = {}
        self._missed: set[str] = set()
        self._next_sample_s = clock()
        self._sampling: asyncio.Task[None] | None = None
        self._acts: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._rebooted = False
        self.sampled_s = float("-inf")

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop().create_task(self._go_round(), name="miners-rounds")

    async def close(self) -> None:
        """Stop asking and acting; miners go on."""
        tasks = [task for task in (self._loop, self._sampling, *self._acts.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what commands tell -----------------------------------------------------------------------------

    def watch_over(self, instance: Instance, guard: Guard | None) -> None:
        """Have a miner looked after from now on; one that was adopted has no guard."""
        name = instance.record.name
        if guard is not None:
            self._guards[name] = guard
            guard.describe()
        self.pause_changed(instance)

    def forget(self, name: str) -> None:
        """Look after a miner no longer."""
        self._guards.pop(name, None)
        self._pause_ends_s.pop(name, None)

    def commanded(self, instance: Instance) -> None:
        """A command came for a miner: its ladder begins anew."""
        guard = self._guards.get(instance.record.name)
        if guard is not None:
            guard.commanded()
        self.pause_changed(instance)
        self.wake()

    def pause_changed(self, instance: Instance) -> None:
        """Reckon anew when a miner's pause ends: from here on the monotonic clock counts."""
        left_s = instance.record.pause_left_s(self._now_ms())
        if left_s is None:
            self._pause_ends_s.pop(instance.record.name, None)
        else:
            self._pause_ends_s[instance.record.name] = self._clock() + left_s

    def start_again(self, instance: Instance) -> None:
        """Have a miner started that should run and does not, through no fault of its own."""
        self._act(instance, lambda: self._start_again(instance))

    def wake(self) -> None:
        """Something happened: look now."""
        self._wake.set()

    async def sample(self) -> None:
        """Ask every miner, once for all who want to know."""
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.get_running_loop().create_task(self._ask_all(), name="miners-sample")
        await asyncio.shield(self._sampling)

    # --- asking -----------------------------------------------------------------------------------------

    async def _go_round(self) -> None:
        while True:
            self._wake.clear()
            try:
                if self._clock() >= self._next_sample_s:
                    await self.sample()
                else:
                    self._look_at_all()
            except Exception:  # the boundary of this task: miners must not be left alone for what nobody foresaw
                log.exception("a round of the miners failed")
                self._next_sample_s = self._clock() + self._settings.sample_every_s
            await self._until_next()

    async def _until_next(self) -> None:
        times = [self._next_sample_s, *self._pause_ends_s.values()]
        times += [
            guard.next_look_s for name, guard in self._guards.items() if guard.next_look_s and name not in self._acts
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.05, min(times) - self._clock())):
                await self._wake.wait()

    async def _ask_all(self) -> None:
        began_s = self._clock()
        await asyncio.gather(*(instance.sample() for instance in tuple(self._instances.values())))
        self.sampled_s = self._clock()
        every_s = self._settings.sample_every_s
        missed = {name for name, each in self._instances.items() if each.state is MinerState.UNRESPONSIVE}
        starting = any(each.state is MinerState.STARTING for each in self._instances.values())
        soon = starting or bool(missed - self._missed)
        self._missed = missed
        self._next_sample_s = max(
            began_s + (min(every_s, ASKED_AGAIN_AFTER_S) if soon else every_s), self.sampled_s + 0.5
        )
        self._look_at_all()
        self._sampled()

    # --- acting -----------------------------------------------------------------------------------------

    def _look_at_all(self) -> None:
        now_s = self._clock()
        for name, instance in tuple(self._instances.items()):
            if name in self._acts or instance.busy.locked():
                continue
            if self._pause_ends_s.get(name, now_s + 1) <= now_s:
                del self._pause_ends_s[name]
                self._act(instance, lambda instance=instance: self._end_pause(instance))  # type: ignore[misc]
            elif not instance.record.settled and instance.is_up:
                self._act(instance, lambda instance=instance: self._settle(instance))  # type: ignore[misc]
            elif name in self._guards:
                self._obey(self._guards[name], self._guards[name].look)

    def _obey(self, guard: Guard, ask: Callable[[], Action]) -> None:
        before = guard.instance.remark
        action = ask()
        instance, memory = guard.instance, guard.memory
        match action:
            case Action.RESTART:
                self._act(instance, lambda: self._restart(guard))
            case Action.COOL:
                self._act(instance, lambda: self._cool(guard))
            case Action.GO_ON:
                self._act(instance, lambda: self._go_on(guard))
            case Action.GIVE_UP:
                self._given_up(guard)
            case Action.NOTHING:
                pass
        if action is Action.COOL and memory.gave_up is Cause.HOT:
            self._tell(instance, "gave_up", memory.reason)
        if instance.remark != before:
            self._changed()

    def _act(self, instance: Instance, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that takes time, one thing at a time for each miner, while nobody else is at it."""
        name = instance.record.name

        async def run() -> None:
            try:
                async with instance.busy:
                    if self._instances.get(name) is instance:
                        await work()
            except Exception:
                log.exception("what should have been done about %s failed", name)
            finally:
                self._acts.pop(name, None)
                self._changed()
                self.wake()

        if name not in self._acts:
            self._acts[name] = asyncio.get_running_loop().create_task(run(), name=f"act-{name}")

    def _tell(self, instance: Instance, kind: str, text: str, by: str = "watchdog") -> None:
        self._note(kind, instance.record.name, by, text)

    async def _restart(self, guard: Guard) -> None:
        self._tell(guard.instance, "watchdog", f"Restarted: {guard.memory.reason}")
        await self._bring_up(guard, guard.instance)

    async def _start_again(self, instance: Instance) -> None:
        guard = self._guards.get(instance.record.name)
        reason = instance.reason
        if await self._bring_up(guard, instance):
            self._tell(instance, "started", f"It should run and did not: {reason}", by="")

    async def _bring_up(self, guard: Guard | None, instance: Instance) -> bool:
        """End a miner, if it lives, and start it by its record; whether it runs."""
        if await instance.found():
            return True
        config = instance.record.config
        try:
            await instance.stop(STOP_GRACE_S)
            if config is None:
                raise OperationFailed("It was started by an earlier version: start it once by a command.")
            await self._launcher.start(instance, config)
        except MinerCtrlError as error:
            if not instance.state.alive:
                instance.not_started(error.message)
            if guard is not None and isinstance(error, Refused):
                guard.give_up(error.message)
                self._tell(instance, "refused", error.message)
            elif guard is not None and error.code == DISK_FULL:
                guard.postponed(error.message)
            elif guard is not None and not instance.state.alive:
                self._obey_failure(guard, error.message)
            return False
        return True

    def _obey_failure(self, guard: Guard, why: str) -> None:
        if guard.failed(why) is Action.GIVE_UP:
            self._given_up(guard)

    def _given_up(self, guard: Guard) -> None:
        self._tell(guard.instance, "gave_up", guard.instance.remark)
        command = self._settings.watchdog.reboot_command
        age_s = boot_age_s()
        if not command or self._rebooted:
            return
        if age_s is None or age_s < NO_REBOOT_BEFORE_S:
            log.warning("%s: no reboot, for the machine was started less than an hour ago", guard.instance.record.name)
            return
        self._rebooted = True
        guard.rebooting()
        self._tell(guard.instance, "watchdog", f"Had the machine rebooted: {guard.memory.reason}")
        self._acts["*reboot"] = asyncio.get_running_loop().create_task(reboot(command), name="reboot")

    async def _cool(self, guard: Guard) -> None:
        instance = guard.instance
        self._tell(instance, "watchdog", guard.instance.remark)
        if instance.adapter.capabilities.pause:
            try:
                await instance.adapter.pause(instance.record.api)
            except MinerCtrlError as error:
                log.warning("%s could not be paused, so it is stopped: %s", instance.record.name, error.message)
            else:
                await instance.sample()
                return
        await instance.stop(STOP_GRACE_S)

    async def _go_on(self, guard: Guard) -> None:
        instance = guard.instance
        self._tell(instance, "watchdog", "Cooler: it goes on.")
        if instance.is_up:
            with contextlib.suppress(MinerCtrlError):
                await instance.adapter.resume(instance.record.api)
                await instance.sample()
                return
        await self._bring_up(guard, instance)

    async def _end_pause(self, instance: Instance) -> None:
        with contextlib.suppress(OSError):  # a full disk must not keep it from going on
            instance.save(wanted=RUNNING, resume_at_ms=None, paused_at_ms=None, settled=not instance.is_up)
        self._tell(instance, "resumed", "The pause was over.", by=instance.record.by)
        if instance.is_up:
            await self._settle(instance)
        elif not instance.record.adopted:
            await self._bring_up(self._guards.get(instance.record.name), instance)

    async def _settle(self, instance: Instance) -> None:
        guard = self._guards.get(instance.record.name)
        if guard is not None and guard.memory.hot and instance.record.wanted != PAUSED:
            instance.save(settled=True)  # it goes on when it is cooler
            return
        await self._launcher.settle(instance)
