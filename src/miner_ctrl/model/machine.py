"""The machine a node runs on: what it is, and how it is. What cannot be known is ``None`` or empty, never a 0."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.values import Count, ShortText

MAX_GPUS = 64


class GpuStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One GPU as its driver reports it. Clocks in MHz, memory in bytes."""

    index: Count
    name: ShortText = ""
    uuid: ShortText = ""
    driver: ShortText = ""
    temperature_c: float | None = None
    fan_percent: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    core_mhz: float | None = None
    memory_mhz: float | None = None
    memory_used_bytes: Count | None = None
    memory_total_bytes: Count | None = None
    load_percent: float | None = None


class MachineStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The machine at one moment. ``uptime_s`` is the machine's; ``disk_*`` are of the disk that holds the node's data;
    ``huge_pages_*`` count 2 MB pages."""

    uptime_s: Count = msgspec.field(default=0, name="uptime")
    load_1m: float | None = None
    cpu_percent: float | None = None
    cpu_temperature_c: float | None = None
    """The hottest sensor of the CPU."""
    memory_total_bytes: Count | None = None
    memory_available_bytes: Count | None = None
    disk_total_bytes: Count | None = None
    disk_free_bytes: Count | None = None
    huge_pages_total: Count | None = None
    huge_pages_free: Count | None = None
    gpus: Annotated[tuple[GpuStats, ...], Meta(max_length=MAX_GPUS)] = ()


class Hardware(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the machine is made of. ``cores`` are physical, ``threads`` logical CPUs; caches in bytes, all of a level
    together."""

    cpu: ShortText = ""
    packages: Count | None = None
    cores: Count | None = None
    threads: Count | None = None
    numa_nodes: Count | None = None
    l2_cache_bytes: Count | None = None
    l3_cache_bytes: Count | None = None
    features: Annotated[tuple[ShortText, ...], Meta(max_length=32)] = ()
    """Those that miners care about: ``aes``, ``avx2``, ``avx512f``, ``pdpe1gb``, ``vaes``."""
    memory_total_bytes: Count | None = None
    gpus: Annotated[tuple[GpuStats, ...], Meta(max_length=MAX_GPUS)] = ()
    """Without what changes: index, name, uuid, driver, memory."""
