"""The miners there are: how each is made, found by its name, held while it is changed, and told of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.adopted import Adopted, not_ours
from miner_ctrl.miners.contract import Adapter
from miner_ctrl.miners.guard import Baselines, Guard
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.log_reading import no_such_miner
from miner_ctrl.miners.not_described import NotDescribed
from miner_ctrl.miners.record import Record
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.model.text import one_line


class Roster:
    """``instances`` are those that run or have crashed, by name. Arguments as ``Miners``; ``changed`` is called when
    any miner's state has changed."""

    def __init__(
        self,
        baselines: Baselines,
        *,
        settings: RigSettings,
        note: Callable[[RigEvent], None],
        machine: Callable[[], MachineStats | None],
        now_ms: Callable[[], int],
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self.instances: dict[str, Instance] = {}
        self._states: dict[str, MinerState] = {}
        self._baselines = baselines
        self._watchdog = settings.watchdog
        self._note = note
        self._machine = machine
        self._now_ms = now_ms
        self._clock = clock
        self._changed = changed
        self.wake: Callable[[], None] = lambda: None
        """Has supervision look now."""
        self.forget: Callable[[str], None] = lambda _name: None
        """Has supervision look after a miner no longer."""

    @asynccontextmanager
    async def held(self, instance: Instance) -> AsyncIterator[None]:
        """Hold a miner for oneself.

        Raises:
            NotFound: it was stopped for good meanwhile: it would run unseen.
        """
        async with instance.busy:
            if self.instances.get(instance.record.name) is not instance:
                raise no_such_miner(instance.record.name, self.instances)
            yield

    def drop(self, instance: Instance) -> None:
        """Take a miner off the list."""
        name = instance.record.name
        if self.instances.get(name) is instance:
            del self.instances[name]
            self._states.pop(name, None)
            self.forget(name)

    def guard_for(self, instance: Instance) -> Guard | None:
        """Return who watches over it; nobody does over one that could not be started again."""
        if instance.record.adopted or isinstance(instance.adapter, NotDescribed):
            return None
        guard = Guard(
            instance, self._watchdog, self._baselines,
            machine=self._machine, clock=self._clock, now_ms=self._now_ms,
        )  # fmt: skip
        guard.load()
        return guard

    def make(self, folder: Path, record: Record, adapter: Adapter) -> Instance:
        """Return a miner that is not on the list yet."""
        kind = Adopted if record.adopted else Instance
        return kind(folder, record, adapter, now_ms=self._now_ms, changed=lambda: self._state_changed(record.name))

    def _state_changed(self, name: str) -> None:
        instance = self.instances.get(name)
        if instance is not None:
            before, self._states[name] = self._states.get(name), instance.state
            if instance.state is MinerState.CRASHED and before is not MinerState.CRASHED:
                by_itself = "ended" if instance.fell_unseen or instance.stats().exit_code == 0 else "crashed"
                self.happened(by_itself, name, "", instance.reason)
        self._changed()
        self.wake()

    def happened(self, kind: str, miner: str, by: str, text: str) -> None:
        """Note an event of a miner's, and who wanted it."""
        self._note(RigEvent(at_ms=self._now_ms(), kind=kind, miner=miner, by=by, text=one_line(text, 1000)))

    def running(self, name: str) -> Instance:
        """Return a miner by its name.

        Raises:
            NotFound: no such miner.
        """
        instance = self.instances.get(name)
        if instance is None:
            raise no_such_miner(name, self.instances)
        return instance

    def own(self, name: str, done: str) -> Instance:
        """Return a miner that this rig started, which is to be ``done``.

        Raises:
            NotFound: no such miner.
            OperationFailed: it was adopted.
        """
        instance = self.running(name)
        if instance.record.adopted:
            raise not_ours(name, done)
        return instance

    def pausable(self, name: str) -> Instance:
        """Return a miner that runs and can be paused.

        Raises:
            NotFound: no such miner.
            OperationFailed: it cannot, or does not run.
        """
        instance = self.running(name)
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
