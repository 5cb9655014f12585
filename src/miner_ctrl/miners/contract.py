"""What every miner adapter is: how its program is found, started and asked. Nothing here runs a process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Protocol

import msgspec

from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.model.miners import DeviceStats, Hashrates, HugePages, InstalledMiner, MinerState
from miner_ctrl.model.profiles import MinerConfig


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a miner can do from afar, and what it tells; said, not pretended."""

    pause: bool
    reload: bool = False
    """Takes another configuration while it runs."""
    per_thread: bool = False
    per_device: bool = False
    difficulty: bool = False
    """Tells the job's difficulty in hashes a share, so that the time to the next share can be predicted."""
    pool_state: bool = False
    """Tells whether it is connected to its pool."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those it has."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name))


class MinerApi(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running miner answers: a loopback port and the bearer token made for it (empty: it takes none)."""

    port: int
    token: str

    def __repr__(self) -> str:
        return f"MinerApi(port={self.port})"


class LaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to start a miner. ``argv`` holds no secret (a wallet's address is none, where a miner takes it only there):
    what is secret stands in ``files``, written with mode 0600 into the instance's folder, which is the working
    directory. ``env`` is added to the environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    files: Mapping[str, bytes]
    api: MinerApi


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a miner said of itself; fields as in ``MinerStats``. ``state`` is starting, mining or paused."""

    state: MinerState
    version: str = ""
    hashrates_hps: Hashrates = Hashrates()
    threads_hps: tuple[float | None, ...] = ()
    devices: tuple[DeviceStats, ...] = ()
    accepted: int = 0
    rejected: int = 0
    stale: int = 0
    invalid: int = 0
    huge_pages: HugePages | None = None
    msr: bool | None = None
    uptime_s: int = 0
    pool: str = ""
    pool_connected: bool | None = None
    """``None``: it does not tell."""
    pool_ping_ms: int | None = None
    pool_failures: int = 0
    algorithm: str = ""
    difficulty: float | None = None
    reason: str = ""


class Adapter(Protocol):
    """One miner type. Everything about an instance is passed in; what an adapter remembers it can do without."""

    @property
    def type(self) -> str:
        """The type's name, as profiles have it: ``xmrig``."""

    @property
    def description(self) -> str:
        """One line for people."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def fields(self) -> frozenset[str]:
        """The profile fields (names as in JSON) that it heeds; ``plan`` refuses a config that sets another one."""

    def locate(self) -> InstalledMiner:
        """Return the program this machine has, or that it has none."""

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how to start the miner in ``folder``.

        Raises:
            NotFound: the program is not on this machine; says how to get it.
            BadInput: the config cannot be had with this miner.
        """

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        """See whether the miner accepts the plan, whose files are written.

        Raises:
            OperationFailed: it does not; in its own words.
        """

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        """Ask a running miner; ``log`` is what it has written, for those that tell nothing otherwise.

        Raises:
            Unreachable, RequestTimedOut: it does not answer.
            OperationFailed: it answers, but not as this miner does.
        """

    async def pause(self, api: MinerApi) -> None:
        """Stop hashing, keep the process. Raises as ``read``; ``OperationFailed`` where it cannot."""

    async def resume(self, api: MinerApi) -> None:
        """Go on hashing. Raises as ``pause``."""

    async def reload(self, plan: LaunchPlan) -> bool:
        """Have the running miner of ``plan.api`` take over ``plan``'s configuration; whether it did. ``False``: it
        cannot, or not this change, and has to be restarted. Raises as ``read``; ``OperationFailed`` if it refuses."""


class DraftingAdapter(Adapter, Protocol):
    """An adapter that can say what it would do without the machine that it would do it on: every one there is."""

    def refuse(self, config: MinerConfig) -> None:
        """Return if ``config`` sets nothing that this miner does not heed, or must not be told.

        Raises:
            BadInput: it does; names the field.
        """

    def draft(self, config: MinerConfig, *, folder: PurePath, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how the miner would be started in ``folder``, with the name of its program in the place of its path:
        ``plan`` without looking at this machine, or at what ``refuse`` looks at.

        Raises:
            BadInput: the config cannot be had with this miner.
        """
