"""What every miner adapter is: how its program is found, started and asked. Nothing here runs a process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from miner_ctrl.model.miners import Hashrates, InstalledMiner, MinerState
from miner_ctrl.model.profiles import MinerConfig


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a miner can do from afar; said, not pretended."""

    pause: bool


class MinerApi(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running miner answers: a loopback port and the bearer token made for it."""

    port: int
    token: str

    def __repr__(self) -> str:
        return f"MinerApi(port={self.port})"


class LaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to start a miner. ``argv`` holds no secret: what is secret stands in ``files``, written with mode 0600
    into the instance's folder, which is the working directory. ``env`` is added to the environment."""

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
    accepted: int = 0
    rejected: int = 0
    uptime_s: int = 0
    pool: str = ""
    pool_ping_ms: int | None = None
    pool_failures: int = 0
    algorithm: str = ""
    difficulty: float | None = None
    reason: str = ""


class Adapter(Protocol):
    """One miner type. Stateless: everything about an instance is passed in."""

    @property
    def type(self) -> str:
        """The type's name, as profiles have it: ``xmrig``."""

    @property
    def description(self) -> str:
        """One line for people."""

    @property
    def capabilities(self) -> Capabilities: ...

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

    async def read(self, api: MinerApi) -> Reading:
        """Ask a running miner.

        Raises:
            Unreachable, RequestTimedOut: it does not answer.
            OperationFailed: it answers, but not as this miner does.
        """

    async def pause(self, api: MinerApi) -> None:
        """Stop hashing, keep the process. Raises as ``read``; ``OperationFailed`` where it cannot."""

    async def resume(self, api: MinerApi) -> None:
        """Go on hashing. Raises as ``pause``."""
