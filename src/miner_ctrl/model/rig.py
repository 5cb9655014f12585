"""What a rig's owner decides: settings, schedule, lock. And what is offered to a rig: programs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.values import Count, Sentence, ShortText

LAST_MS = 253_402_300_799_000
"""The end of the year 9999 (Unix, ms): a later time has no form in which it is shown."""
Seconds = Annotated[float, Meta(gt=0, le=30 * 86400)]


class WatchdogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ladder: restart, after a pause that doubles from ``backoff_first_s`` to ``backoff_last_s``; after
    ``restarts_at_most`` within ``restarts_within_s`` stop trying, and say so; then ``reboot_command``, if there is one.

    What starts it: the miner has exited; its API is silent for ``silent_for_s``; its hashrate is under ``low_share`` of
    its own baseline for ``low_for_s``; no share was accepted for ``no_share_factor`` times the time that difficulty and
    hashrate predict, and for ``no_share_at_least_s``; a temperature is over its limit (then it pauses until
    ``cool_by_c`` below, and counts as one rung too).
    """

    enabled: bool = True
    restarts_at_most: Annotated[int, Meta(ge=0, le=1000)] = 5
    restarts_within_s: Seconds = 3600.0
    backoff_first_s: Seconds = 5.0
    backoff_last_s: Seconds = 300.0
    silent_for_s: Seconds = 30.0
    low_share: Annotated[float, Meta(ge=0, lt=1)] = 0.5
    """0 switches this rule off."""
    low_for_s: Seconds = 600.0
    learn_for_s: Seconds = 900.0
    """How long a miner must have run well before its hashrate counts as its baseline."""
    no_share_factor: Annotated[float, Meta(ge=0, le=1000)] = 12.0
    """0 switches this rule off; 12: by chance once in 160,000 times."""
    no_share_at_least_s: Seconds = 600.0
    cpu_limit_c: Annotated[float, Meta(gt=20, le=150)] | None = 95.0
    gpu_limit_c: Annotated[float, Meta(gt=20, le=150)] | None = 90.0
    cool_by_c: Annotated[float, Meta(ge=0, le=50)] = 10.0
    reboot_command: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    """A program and its arguments, absolute path first. Run once, when the ladder has ended."""


class RigSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``<config>/rig.toml``, written by the rig's owner and by nobody else."""

    sample_every_s: Annotated[float, Meta(ge=1, le=600)] = 10.0
    keep_journal_days: Annotated[float, Meta(gt=0, le=366)] = 7.0
    disk_reserve_bytes: Count = 256 * 1024 * 1024
    """Less free than this is a problem, and no program is taken that would leave less."""
    watchdog: WatchdogSettings = WatchdogSettings()


class ScheduleRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """From ``start_minute`` up to ``end_minute`` (of the day, the rig's local time; an end not after the start is on
    the next day) on ``days`` (0 is Monday): ``run``, ``pause`` or ``profile:NAME``. Of rules that overlap the last
    counts."""

    days: Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(min_length=1, max_length=7)]
    start_minute: Annotated[int, Meta(ge=0, lt=1440)]
    end_minute: Annotated[int, Meta(ge=0, le=1440)]
    do: Annotated[str, Meta(pattern=r"^(run|pause|profile:[A-Za-z0-9._-]{1,63})\Z")]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A week. Where no rule holds, ``otherwise`` does. Without rules and with ``run`` there is no schedule."""

    rules: Annotated[tuple[ScheduleRule, ...], Meta(max_length=100)] = ()
    otherwise: Annotated[str, Meta(pattern=r"^(run|pause|profile:[A-Za-z0-9._-]{1,63})\Z")] = "run"


class ScheduleState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A rig's schedule, and what it asks for now (``run``, ``pause``, ``profile:NAME``), until when (Unix, ms;
    ``None``: it does not change). ``local_time`` is the rig's clock on the wall, as ``wed 15:40``; ``problem`` one
    sentence for people where the schedule cannot be kept."""

    schedule: Schedule
    now: ShortText
    until_ms: Annotated[int, Meta(ge=0, le=LAST_MS)] | None = None
    local_time: ShortText = ""
    problem: Sentence = ""


class BundleOffer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A miner program as it is offered to a rig: an archive, what is in it, and who says so.

    ``sha256`` (64 hex digits) and ``size_bytes`` are the archive's; ``unpacked_bytes`` and ``files`` bound what it may
    hold. ``program`` is the program's path in it. ``signature`` is Ed25519 by ``signing_key`` over
    "miner-ctrl/1 bundle\\0" and the canonical JSON of every other field.
    """

    miner_type: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
    version: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")]
    system: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")] = "linux"
    architecture: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")] = "x86_64"
    archive: Annotated[str, Meta(pattern=r"^(tar|tar\.gz|tar\.xz|tar\.bz2|zip)\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size_bytes: Annotated[int, Meta(ge=1, le=4 * 2**30)]
    unpacked_bytes: Annotated[int, Meta(ge=0, le=16 * 2**30)]
    files: Annotated[int, Meta(ge=1, le=100_000)]
    program: ShortText
    signing_key: Annotated[bytes, Meta(min_length=32, max_length=32)] = b"\0" * 32
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)] = b"\0" * 64


class Lock(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which wallets and pools a rig may mine to. Empty lists allow nothing of their kind; no lock allows all.

    ``wallets`` are whole addresses, without the worker's name. ``pools`` are ``host``, ``host:port`` or ``*.domain``.
    ``keys`` (Ed25519, public) may change the lock from afar, and sign programs while it holds; ``serial`` grows with
    each change, so that an old one cannot be said again.
    """

    wallets: Annotated[tuple[ShortText, ...], Meta(max_length=100)] = ()
    pools: Annotated[tuple[ShortText, ...], Meta(max_length=100)] = ()
    keys: Annotated[tuple[Annotated[bytes, Meta(min_length=32, max_length=32)], ...], Meta(max_length=8)] = ()
    serial: Count = 0
