"""Miners: state, statistics, log lines. The one type that travels from the adapter to the page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.nodes import Name

ShortText = Annotated[str, Meta(max_length=255)]
Sentence = Annotated[str, Meta(max_length=1000)]
LogLine = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
MAX_MINERS = 64
MAX_LOG_LINES = 10_000


class MinerState(StrEnum):
    """What a miner instance is doing."""

    STARTING = "starting"
    MINING = "mining"
    PAUSED = "paused"
    UNRESPONSIVE = "unresponsive"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CRASHED = "crashed"

    @property
    def alive(self) -> bool:
        """Whether a process of the miner's exists."""
        return self not in (MinerState.STOPPED, MinerState.CRASHED)


class Hashrates(msgspec.Struct, frozen=True, omit_defaults=True):
    """Hashrate in H/s over three windows; ``None`` until a window is full."""

    s10: float | None = None
    s60: float | None = None
    m15: float | None = None


class MinerStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One miner instance at one moment.

    ``hashrate_hps`` is the 10-second hashrate in H/s (``None``: not known), ``uptime_s`` the miner process's
    age in seconds, ``sampled_at_ms`` the sampling time on the rig's clock (Unix, ms), ``reason`` one sentence
    for people when something is wrong.
    """

    name: Name
    type: ShortText
    state: MinerState
    sampled_at_ms: int = 0
    version: ShortText = ""
    hashrate_hps: float | None = msgspec.field(default=None, name="hashrate")
    hashrates_hps: Hashrates | None = msgspec.field(default=None, name="hashrates")
    threads_hps: Annotated[tuple[float | None, ...], Meta(max_length=1024)] = msgspec.field(default=(), name="threads")
    accepted: Count = msgspec.field(default=0, name="shares")
    rejected: Count = 0
    uptime_s: Count = msgspec.field(default=0, name="uptime")
    pool: ShortText = ""
    pool_ping_ms: Count | None = None
    pool_failures: Count = 0
    algorithm: ShortText = ""
    difficulty: float | None = None
    profile_id: ShortText = ""
    profile_name: ShortText = ""
    profile_hash: ShortText = ""
    pid: Count | None = None
    exit_code: int | None = None
    reason: Sentence = ""


class NodeStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a worker reports of itself. ``uptime_s`` is the agent's; ``at_ms`` the rig's clock (Unix, ms)."""

    node_id: ShortText
    node_name: ShortText
    at_ms: int
    uptime_s: Count = msgspec.field(default=0, name="uptime")
    version: ShortText = ""
    miners: Annotated[tuple[MinerStats, ...], Meta(max_length=MAX_MINERS)] = ()


class InstalledMiner(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A miner program this machine has, or could have."""

    type: ShortText
    installed: bool
    version: ShortText = ""
    path: ShortText = ""
    simulated: bool = False


class ProfileRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A profile that a node holds, by name and content hash."""

    id: ShortText
    name: ShortText
    hash: ShortText


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A node's machine and software. ``ram_bytes`` in bytes."""

    node_id: ShortText
    node_name: ShortText
    version: ShortText
    os: ShortText = ""
    architecture: ShortText = ""
    cpu: ShortText = ""
    cpu_cores: Count = 0
    ram_bytes: Count = 0
    miners: Annotated[tuple[InstalledMiner, ...], Meta(max_length=MAX_MINERS)] = ()
    profiles: Annotated[tuple[ProfileRef, ...], Meta(max_length=1000)] = ()
