"""All miners of this rig: started, watched, stopped, and taken over again by the next agent."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import socket
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, NotFound, OperationFailed, StateDamaged
from miner_ctrl.miners.contract import Adapter, LaunchPlan, MinerApi
from miner_ctrl.miners.instance import RECORD_FILE, Instance, Record
from miner_ctrl.miners.keeper_link import start_keeper
from miner_ctrl.miners.log_file import LogFile, LogPart
from miner_ctrl.model.miners import MAX_MINERS, InstalledMiner, MinerState, MinerStats
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.storage.atomic import write_atomic
from miner_ctrl.storage.directories import make_private

STOP_GRACE_S = 10.0
SETTLES_WITHIN_S = 0.5
"""A miner that ends this soon after its start was not started."""
MAX_INPUT_CHARS = 256
KEPT_LOGS = 50
"""Folders of miners that were stopped, kept for their logs; the oldest go."""
_NAME = re.compile(r"([a-z0-9-]{1,40})-(\d{1,9})")


class Miners:
    """The miners of one rig.

    Each has a folder in ``data_dir`` and a keeper process that outlives this object; ``socket_for`` names the keeper's
    socket. ``on_change`` is called when any miner's state has changed. ``now_ms`` is Unix time.
    """

    def __init__(
        self,
        *,
        adapters: Sequence[Adapter],
        data_dir: Path,
        socket_for: Callable[[str], Path],
        rig_name: str,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._adapters = {adapter.type: adapter for adapter in adapters}
        self._data_dir = data_dir
        self._socket_for = socket_for
        self._rig_name = rig_name
        self._now_ms = now_ms
        self._instances: dict[str, Instance] = {}
        self._launching = 0
        self._log_reader = ThreadPoolExecutor(1, "logs")
        """Ten thousand lines take a third of a second to read and clean: too long for everybody else to wait."""
        self.on_change: Callable[[], None] | None = None
        self.on_sampled: Callable[[tuple[MinerStats, ...]], None] | None = None

    async def start(self) -> None:
        """Take over the miners that run, and find out how the others ended.

        Raises:
            StateDamaged: an instance's record is not what was written.
        """
        make_private(self._data_dir)
        await asyncio.to_thread(self.installed)  # adapters ask programs for their versions, once, and that blocks
        for folder in self._folders():
            record = _read_record(folder / RECORD_FILE)
            adapter = self._adapters.get(record.profile.miner_type)
            if not record.stopped and adapter is not None:
                instance = self._instance(folder, record, adapter)
                await instance.attach()
                if instance.state is not MinerState.STOPPED:
                    self._instances[record.name] = instance

    async def close(self) -> None:
        """Let go of all miners; they go on."""
        self._log_reader.shutdown(wait=False, cancel_futures=True)
        for instance in self._instances.values():
            await instance.detach()

    # --- reading ----------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return the names of the miners that run or have crashed."""
        return tuple(self._instances)

    def latest(self) -> tuple[MinerStats, ...]:
        """Return every miner as it was when it was last asked."""
        return tuple(instance.stats() for instance in self._instances.values())

    async def sample(self) -> tuple[MinerStats, ...]:
        """Ask every miner now, all at once and in bounded time; one that fails says so in its state."""
        await asyncio.gather(*(instance.sample() for instance in tuple(self._instances.values())))
        stats = self.latest()
        if self.on_sampled is not None:
            self.on_sampled(stats)
        return stats

    def installed(self) -> tuple[InstalledMiner, ...]:
        """Return what each adapter finds on this machine, and what can be done with it."""
        return tuple(
            msgspec.structs.replace(
                adapter.locate(),
                description=adapter.description,
                capabilities=adapter.capabilities.names,
                fields=tuple(sorted(adapter.fields)),
            )
            for adapter in self._adapters.values()
        )

    async def tail(self, name: str, lines: int) -> tuple[list[str], int]:
        """Return the last lines of a miner's log, also of one that was stopped, and the cursor after them.

        Raises:
            NotFound: no such miner.
        """
        log, ended = self._log(name)
        part = await self._read_log(lambda: log.tail(lines, ended=ended))
        return part.lines, part.cursor

    async def follow(self, name: str, *, lines: int, cursor: int | None) -> AsyncGenerator[LogPart, None]:
        """Yield a miner's log as it grows: after its last ``lines``, or after ``cursor``; ends when the miner has.

        Raises:
            NotFound: no such miner.
        """
        log, ended = self._log(name)
        part = await self._read_log(
            lambda: log.tail(lines, ended=ended) if cursor is None else log.after(cursor, ended=ended)
        )
        yield part
        instance = self._instances.get(name)
        if instance is None:
            return
        grown = instance.follow()
        try:
            while True:
                grown.clear()
                ended = not instance.state.alive
                while (part := await self._read_log(partial(log.after, part.cursor, ended=ended))).lines:
                    yield part
                if ended:
                    return
                await grown.wait()
        finally:
            instance.unfollow(grown)

    # --- commands ---------------------------------------------------------------------------------------

    async def launch(self, profile: Profile, config: MinerConfig, *, by: str = "") -> str:
        """Start a miner and return its name; it has lived for ``SETTLES_WITHIN_S`` then.

        Raises:
            NotFound: there is no adapter or no program for its type.
            Conflict: there are ``MAX_MINERS`` already.
            OperationFailed: it does not accept its configuration, or ended at once; in its own words.
        """
        adapter = self._adapter(profile.miner_type)
        if len(self._instances) + self._launching >= MAX_MINERS:
            raise Conflict(
                f"This rig has {MAX_MINERS} miners already.", suggestion="Stop some first.", code="TOO_MANY_MINERS"
            )
        self._launching += 1
        try:
            return await self._launch(adapter, profile, config)
        finally:
            self._launching -= 1

    async def _launch(self, adapter: Adapter, profile: Profile, config: MinerConfig) -> str:
        name, folder = self._new_folder(adapter.type)
        record = Record(name=name, profile=profile, api=_new_api(), socket=str(self._socket_for(name)))
        instance = self._instance(folder, record, adapter)
        try:
            async with instance.busy:
                await self._run(instance, config)
        except BaseException:
            await instance.stop(0.0)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._instances[name] = instance
        self._told()
        return name

    async def stop(self, name: str, *, grace_s: float = STOP_GRACE_S, by: str = "") -> None:
        """End a miner (SIGTERM; SIGKILL after ``grace_s``) and take it off the list. Its log stays.

        Raises:
            NotFound: no such miner.
        """
        instance = self._running(name)
        async with instance.busy:
            if self._instances.get(name) is not instance:
                return  # somebody else's stop came first
            await instance.stop(grace_s)
            instance.save(stopped=True)
            self._instances.pop(name, None)
        self._forget_old_logs()
        self._told()

    async def restart(self, name: str, config: MinerConfig | None = None, *, by: str = "") -> None:
        """End a miner, if it runs, and start it again with the same profile, name and log.

        Raises:
            NotFound, OperationFailed: as ``launch``; the miner is then listed as crashed.
        """
        instance = self._running(name)
        config = config or instance.record.config
        if config is None:
            raise OperationFailed(f"Nobody knows what {name} was started with.", suggestion="Start it anew.")
        await self._again(instance, instance.record.profile, config)

    async def switch(self, name: str, profile: Profile, config: MinerConfig, *, by: str = "") -> bool:
        """Have a miner run another profile from now on; whether it took it without a restart. Raises as ``restart``."""
        await self._again(self._running(name), profile, config)
        return False

    async def adopt(self, miner_type: str, api: MinerApi, *, name: str | None = None, by: str = "") -> str:
        """Watch a miner that somebody else started.

        Raises:
            OperationFailed: it cannot be.
        """
        raise OperationFailed("This rig cannot adopt miners yet.", code="CANNOT_ADOPT")

    async def release(self, name: str, *, by: str = "") -> None:
        """Let go of an adopted miner. Raises ``NotFound``, ``Conflict``."""
        raise Conflict(f"{name} was not adopted.", suggestion="Stop it instead.", code="NOT_ADOPTED")

    async def _again(self, instance: Instance, profile: Profile, config: MinerConfig) -> None:
        name = instance.record.name
        async with instance.busy:
            if self._instances.get(name) is not instance:  # stopped for good meanwhile: it would run unseen
                raise _no_such_miner(name, self.names())
            await instance.stop(STOP_GRACE_S)
            instance.record = msgspec.structs.replace(instance.record, profile=profile, api=_new_api())
            try:
                await self._run(instance, config)
            except MinerCtrlError as error:
                if not instance.state.alive:
                    instance.not_started(error.message)
                raise
        self._told()

    async def pause(self, name: str, *, resume_after_s: float | None = None, by: str = "") -> None:
        """Have a miner stop hashing and keep its process.

        Raises:
            NotFound: no such miner.
            OperationFailed: this miner cannot be paused, or did not answer.
        """
        instance = self._pausable(name)
        await instance.adapter.pause(instance.record.api)
        await instance.sample()

    async def resume(self, name: str, *, by: str = "") -> None:
        """Have a paused miner go on. Raises as ``pause``."""
        instance = self._pausable(name)
        await instance.adapter.resume(instance.record.api)
        await instance.sample()

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

    async def _run(self, instance: Instance, config: MinerConfig) -> None:
        adapter, folder = instance.adapter, instance.folder
        plan = adapter.plan(config, folder=folder, rig_name=self._rig_name, api=instance.record.api)
        for file_name, data in plan.files.items():
            write_atomic(folder / file_name, data)
        await adapter.check(plan, folder)
        instance.save(config=config)
        await self._start_kept(instance, plan)
        await instance.attach()
        if await instance.ended_within(SETTLES_WITHIN_S):
            raise OperationFailed(
                f"{instance.record.name} ended at once: {instance.stats().reason or 'it was stopped.'}",
                suggestion="Mend its profile, or see whether the miner runs on this machine at all.",
                code="MINER_ENDED_AT_ONCE",
            )
        await instance.sample()

    async def _start_kept(self, instance: Instance, plan: LaunchPlan) -> None:
        """Start keeper and miner. A caller that gives up meanwhile waits for it: what was begun must be known, or
        nobody could end it."""
        starting = asyncio.get_running_loop().create_task(
            start_keeper(plan, instance.folder, Path(instance.record.socket)), name=f"start-{instance.record.name}"
        )
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait((starting,))
            if starting.exception() is None:
                await instance.attach()
            raise

    def _instance(self, folder: Path, record: Record, adapter: Adapter) -> Instance:
        return Instance(folder, record, adapter, now_ms=self._now_ms, changed=self._told)

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
            raise _no_such_miner(name, self.names())
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

    async def _read_log(self, read: Callable[[], LogPart]) -> LogPart:
        return await asyncio.get_running_loop().run_in_executor(self._log_reader, read)

    def _log(self, name: str) -> tuple[LogFile, bool]:
        instance = self._instances.get(name)
        if instance is not None:
            return instance.log, not instance.state.alive
        if _NAME.fullmatch(name) and (self._data_dir / name / RECORD_FILE).is_file():
            return LogFile(self._data_dir / name), True
        raise _no_such_miner(name, self.names())

    def _folders(self) -> list[Path]:
        found = [path for path in self._data_dir.iterdir() if _NAME.fullmatch(path.name)]
        whole = [path for path in found if (path / RECORD_FILE).is_file()]
        return sorted(whole, key=lambda path: _number(path.name))

    def _new_folder(self, miner_type: str) -> tuple[str, Path]:
        numbers = (_number(path.name) for path in self._data_dir.iterdir() if _NAME.fullmatch(path.name))
        name = f"{miner_type}-{max(numbers, default=0) + 1}"
        folder = self._data_dir / name
        folder.mkdir(mode=0o700)
        return name, folder

    def _forget_old_logs(self) -> None:
        stopped = [folder for folder in self._folders() if folder.name not in self._instances]
        for folder in stopped[:-KEPT_LOGS]:
            shutil.rmtree(folder, ignore_errors=True)


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _new_api() -> MinerApi:
    """Return a free loopback port, and a new token. Somebody may take the port first; the miner then says so."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return MinerApi(port=probe.getsockname()[1], token=secrets.token_hex(16))


def _read_record(path: Path) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StateDamaged(
            f"The miner record {path} cannot be read.",
            suggestion="Move its folder away and start that miner again; a miner that runs goes on meanwhile.",
        ) from None


def _no_such_miner(name: str, names: Sequence[str]) -> NotFound:
    there = f"There are: {', '.join(names)}." if names else "No miner runs here."
    return NotFound(f"No miner is called {name[:80]!r} on this rig.", suggestion=there, code="MINER_NOT_FOUND")
