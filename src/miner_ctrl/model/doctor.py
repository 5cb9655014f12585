"""What ``doctor`` finds, and what ``GET /info`` answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.values import Count, Sentence, ShortText


class Severity(StrEnum):
    """``problem``: something does not work, or will be lost; ``warning``: it works badly; ``hint``: there is more to
    have; ``ok``: looked at, and well."""

    PROBLEM = "problem"
    WARNING = "warning"
    HINT = "hint"
    OK = "ok"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was looked at. ``what`` is how it is, ``gain`` what the remedy would bring, ``fix`` the remedy:
    command lines, or sentences where no command does it."""

    id: ShortText
    severity: Severity
    title: ShortText
    what: Sentence = ""
    gain: Sentence = ""
    fix: Annotated[tuple[Sentence, ...], Meta(max_length=16)] = ()


class MinerProgram(msgspec.Struct, frozen=True, kw_only=True):
    """One miner program, as clients of the first ``miner-ctrl`` know it. ``config_path`` is empty: each running miner
    has a configuration of its own."""

    type: ShortText
    is_installed: bool
    version: ShortText = ""
    path: ShortText = ""
    miner_binary: ShortText = ""
    config_path: ShortText = ""
    source: ShortText = ""

    @classmethod
    def of(cls, miner: InstalledMiner) -> MinerProgram:
        """Return what is known of ``miner``'s program."""
        folder, _, name = miner.path.replace("\\", "/").rpartition("/")
        return cls(
            type=miner.type,
            is_installed=miner.installed,
            version=miner.version,
            path=folder,
            miner_binary=miner.path if name else "",
            source=miner.source,
        )


class MachineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /info``: this machine, and the miner programs it has."""

    os: ShortText
    architecture: ShortText
    available_cpu_cores: Count
    total_system_ram_gb: float
    timestamp: str
    version: ShortText
    cpu: ShortText = ""
    installed_miners_info: tuple[MinerProgram, ...] = ()


class Diagnosis(MachineInfo, frozen=True, kw_only=True):
    """``POST /doctor``: the same after a live check, with what was found, the worst first."""

    findings: tuple[Finding, ...] = ()
