"""Miners: state, statistics, log lines. The one type that travels from the adapter to the page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.machine import Hardware, MachineStats
from miner_ctrl.model.nodes import Name
from miner_ctrl.model.rig import ScheduleState
from miner_ctrl.model.values import Count, Sentence, ShortText

LogLine = Annotated[str, Meta(max_length=4096)]
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


class DeviceStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One GPU as its miner reports it. ``index`` is the miner's own number for it; ``None``: not known."""

    index: Count
    name: ShortText = ""
    kind: ShortText = ""
    """``opencl``, ``cuda`` or empty."""
    hashrate_hps: float | None = msgspec.field(default=None, name="hashrate")
    temperature_c: float | None = None
    fan_percent: float | None = None
    power_w: float | None = None


class HugePages(msgspec.Struct, frozen=True):
    """Huge pages that a miner got, of those it wanted."""

    got: Count
    wanted: Count


class WatchStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What supervision has done for a miner and knows of it.

    ``restarts`` counts those of the watchdog since the miner was started by a command; ``gave_up``: it will not try
    again by itself. ``next_try_at_ms``: when it will. ``baseline_hps``: the hashrate learned as this miner's own.
    ``share_expected_every_s`` follows from difficulty and hashrate; ``last_share_at_ms`` is when one was last accepted.
    """

    restarts: Count = 0
    gave_up: bool = False
    last_reason: Sentence = ""
    last_at_ms: int | None = None
    next_try_at_ms: int | None = None
    baseline_hps: float | None = None
    share_expected_every_s: float | None = None
    last_share_at_ms: int | None = None


MAX_DEVICES = 64
MAX_PROBLEMS = 16


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
    stale: Count = 0
    invalid: Count = 0
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
    devices: Annotated[tuple[DeviceStats, ...], Meta(max_length=MAX_DEVICES)] = ()
    huge_pages: HugePages | None = None
    msr: bool | None = None
    """Whether the miner could set the CPU's model-specific registers (about 10 % on RandomX)."""
    adopted: bool = False
    """Somebody else started it: it is watched, and obeys as far as its API lets it."""
    part: ShortText = ""
    """``cpu`` or ``gpu`` where one profile makes two miners."""
    wanted: ShortText = ""
    """What it should be doing: ``running`` or ``paused``."""
    resume_at_ms: int | None = None
    """When a pause ends by itself (Unix, ms, the rig's clock)."""
    watch: WatchStats | None = None


class NodeStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a worker reports of itself. ``uptime_s`` is the agent's; ``at_ms`` the rig's clock (Unix, ms)."""

    node_id: ShortText
    node_name: ShortText
    at_ms: int
    uptime_s: Count = msgspec.field(default=0, name="uptime")
    version: ShortText = ""
    miners: Annotated[tuple[MinerStats, ...], Meta(max_length=MAX_MINERS)] = ()
    machine: MachineStats | None = None
    problems: Annotated[tuple[Sentence, ...], Meta(max_length=MAX_PROBLEMS)] = ()
    """What is wrong with the rig itself, each one sentence: a full disk, a schedule that names a lost profile."""
    schedule: ShortText = ""
    """What the schedule asks for now: ``run``, ``pause`` or ``profile:NAME``; empty without a schedule."""
    locked: bool = False
    """The owner has pinned wallets and pools here."""


class InstalledMiner(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A miner program this machine has, or could have."""

    type: ShortText
    installed: bool
    version: ShortText = ""
    path: ShortText = ""
    simulated: bool = False
    description: Sentence = ""
    capabilities: Annotated[tuple[ShortText, ...], Meta(max_length=32)] = ()
    """What this type can do from afar, by name (``Capabilities`` in the miners' contract)."""
    fields: Annotated[tuple[ShortText, ...], Meta(max_length=64)] = ()
    """The profile fields it heeds."""
    source: ShortText = ""
    """Where the program comes from: ``deployed``, ``path``, ``named`` or ``package``."""
    previous: ShortText = ""
    """The version that a rollback would go back to."""


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
    hardware: Hardware | None = None
    miners: Annotated[tuple[InstalledMiner, ...], Meta(max_length=MAX_MINERS)] = ()
    profiles: Annotated[tuple[ProfileRef, ...], Meta(max_length=1000)] = ()
    schedule: ScheduleState | None = None
    """``None``: it has none (or is of a version that knew none)."""
